"""`lpbf-monitor calibrate tone`: the two numbers that lead from the webcam's grey to the high-resolution camera's."""

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
        Path, typer.Option(help="Write webcam, webcam in the tone, and high-resolution camera here (PNG).")
    ] = Path("tone.png"),
    config: ConfigOption = None,
) -> None:
    """By layers that both cameras saw: how the webcam's grey becomes the other's; prints the configuration's line."""
    from monitor.worker import measure_tone

    with told():
        found = measure_tone(settings_of(config).store.root, build, layers)
        picture.write_bytes(cv2.imencode(".png", np.hstack(found.pictures))[1].tobytes())
    out.print("[upscale]", markup=False)
    out.print(f"tone = [{found.gain:.4f}, {found.offset:.4f}]", markup=False, highlight=False)
    err.print(
        f"measured on {len(found.layers)} layers of {found.build}: the cameras differ by {found.before:.4f} grey, "
        f"in this tone by {found.after:.4f}; {picture}\n"
        "Put the line into the configuration; it holds until exposure or lamps change.",
        highlight=False, soft_wrap=True,
    )  # fmt: skip
