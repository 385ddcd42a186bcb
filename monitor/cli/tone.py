"""`lpbf-monitor calibrate tone`: the numbers that lead from the webcam's picture to the high-resolution camera's."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import cv2
import numpy as np
import typer

from monitor.cli.common import ConfigOption, err, out, settings_of, told


def tone(
    build: Annotated[str, typer.Option(help="Build whose layers are looked at; none takes the newest.")] = "",
    layers: Annotated[int, typer.Option(help="At most so many of its layers.", min=1)] = 8,
    picture: Annotated[
        Path,
        typer.Option(help="Write webcam, webcam in the tone, drawn picture and high-resolution camera here (PNG)."),
    ] = Path("tone.png"),
    config: ConfigOption = None,
) -> None:
    """By layers that both cameras saw: tone, and how much of the drawn detail; prints the configuration's lines."""
    from monitor.inference import Bundle
    from monitor.upscale import Upscaler
    from monitor.worker import configured, measure_look

    with told():
        settings = settings_of(config)
        bundle = Bundle.load(configured(settings, "upscale"))
        found = measure_look(settings.store.root, Upscaler.load(bundle, settings.upscale), build, layers)
        picture.write_bytes(cv2.imencode(".png", np.hstack(found.pictures))[1].tobytes())
    out.print("[upscale]", markup=False)
    for name, numbers in (("tone", found.look.tone), ("detail", found.look.detail)):
        out.print(f"{name} = [{', '.join(f'{number:.4f}' for number in numbers)}]", markup=False, highlight=False)
    err.print(
        f"measured on {len(found.layers)} layers of {found.build}: the cameras differ by {found.before:.4f} grey, "
        f"in this tone by {found.after:.4f}; {picture}\n"
        f"Put the lines into the configuration. The tone holds until exposure or lamps change, the detail for bundle "
        f"{bundle.label}.",
        highlight=False, soft_wrap=True,
    )  # fmt: skip
