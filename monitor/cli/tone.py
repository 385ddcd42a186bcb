"""`lpbf-monitor calibrate tone`: the numbers that lead from the webcam's picture to the high-resolution camera's."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import cv2
import numpy as np
import typer

from monitor.cli.common import ConfigOption, err, out, settings_of, told

if TYPE_CHECKING:
    from monitor.upscale import Look


def tone(
    build: Annotated[str, typer.Option(help="Build whose layers are looked at; none takes the newest.")] = "",
    layers: Annotated[int, typer.Option(help="At most so many of its layers.", min=1)] = 8,
    picture: Annotated[
        Path,
        typer.Option(help="Write webcam, webcam in the tone, drawn picture and high-resolution camera here (PNG)."),
    ] = Path("tone.png"),
    config: ConfigOption = None,
) -> None:
    """By layers that both cameras saw: tone, the webcam's blur, and how much detail; prints configuration lines."""
    from monitor.inference import Bundle
    from monitor.upscale import Upscaler
    from monitor.worker import configured, measure_look

    with told():
        settings = settings_of(config)
        bundle = Bundle.load(configured(settings, "upscale"))
        with err.status("drawing layers and comparing them with the high-resolution camera's"):
            found = measure_look(settings.store.root, Upscaler.load(bundle, settings.upscale), build, layers)
        picture.write_bytes(cv2.imencode(".png", np.hstack(found.pictures))[1].tobytes())
    for line in configuration_of(found.look):
        out.print(line, markup=False, highlight=False, soft_wrap=True)
    err.print(
        f"measured on {len(found.layers)} layers of {found.build}: the cameras differ by {found.before:.4f} grey, "
        f"in this tone by {found.after:.4f}, restored by {found.restored:.4f}; {picture}\n"
        "Put the lines into the configuration, the last table behind all other keys of [upscale]. Tone and restoration "
        f"hold until exposure, lamps or focus change, the detail for bundle {bundle.label}.",
        markup=False, highlight=False, soft_wrap=True,
    )  # fmt: skip


def configuration_of(look: Look) -> list[str]:
    """The lines of a configuration that say this look."""

    def row(name: str, numbers: Sequence[float]) -> str:
        return f"{name} = [{', '.join(f'{number:.4f}' for number in numbers)}]"

    lines = ["[upscale]", row("tone", look.tone), row("detail", look.detail)]
    if look.restoration is not None:
        lines += ["[upscale.restore]", row("gains", look.restoration.gains), f"noise = {look.restoration.noise:.6f}"]
    return lines
