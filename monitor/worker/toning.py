"""How the webcam's picture becomes the high-resolution camera's, measured on layers that both saw. Owns which layers.

The tone holds for a pair of cameras as long as nobody changes their exposure or the lamps, the strength of the drawn
detail for a bundle as well.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from monitor.domain import CalibrationError, CameraRole, Image, NotInStore
from monitor.store import BuildReader, list_builds
from monitor.upscale import Look, Upscaler, grounded, toned

WHITE = np.float32(255)
LEAST_LIKENESS = 0.3
"""Correlation below which the two cameras do not show the same plate, or one is not calibrated."""


@dataclass(frozen=True, slots=True)
class MeasuredLook:
    """A look, and what shows that it is right.

    Attributes:
        look: tone, restoration and strength of the detail.
        build: whose layers were looked at.
        layers: these.
        before, after, restored: mean absolute difference of the two cameras without the tone, with it, and with the
            webcam's picture restored as well, grey in [0, 1].
        pictures: of the last of these layers: the webcam's, the same in the tone, the drawn one with this look, the
            high-resolution camera's.
    """

    look: Look
    build: str
    layers: tuple[int, ...]
    before: float
    after: float
    restored: float
    pictures: tuple[Image, Image, Image, Image]


def measure_look(root: Path, upscaler: Upscaler, build: str = "", most: int = 8) -> MeasuredLook:
    """Measure the look on at most so many layers of a build, evenly out of those that both cameras saw.

    Args:
        root: directory of all builds.
        upscaler: what draws the detail.
        build: its id; the newest one that has such layers by default.
        most: layers.

    Raises:
        NotInStore: there is no such build, or no layer that both cameras saw.
        CalibrationError: the cameras do not show the same.
    """
    names = [build] if build else [found.manifest.id for found in reversed(list_builds(root)) if found.layers]
    for name in names:
        reader = BuildReader.open(root, name)
        pairs = dict(_pairs(reader, most))
        if pairs:
            return _measured(name, pairs, upscaler)
    raise NotInStore(
        f"no layer of {build or 'any build'} was seen by both a calibrated webcam and a calibrated "
        "high-resolution camera",
        cure="record one with both cameras, or name another build",
    )


def _measured(build: str, pairs: dict[int, tuple[Image, Image]], upscaler: Upscaler) -> MeasuredLook:
    webcam, hr = (np.concatenate([pair[k] for pair in pairs.values()]).astype(np.float32) / WHITE for k in (0, 1))
    if np.corrcoef(webcam.ravel(), hr.ravel())[0, 1] < LEAST_LIKENESS:
        raise CalibrationError(
            f"in build {build} the webcam and the high-resolution camera do not show the same plate",
            cure="check both calibrations (`lpbf-monitor calibrate list`), or name a build with melted parts",
        )
    look = upscaler.look_between(list(pairs.values()))
    seen, true = pairs[max(pairs)]
    shown = np.rint(toned(seen.astype(np.float32) / WHITE, look.tone) * WHITE).astype(np.uint8)
    grounds = [(grounded(one.astype(np.float32) / WHITE, look), other / WHITE) for one, other in pairs.values()]
    drawn = replace(upscaler, look=look, samples=1).upscale(seen, 0).image
    before = float(np.abs(webcam - hr).mean())
    after, restored = (
        float(np.mean([np.abs(getattr(ground, kind) - other).mean() for ground, other in grounds]))
        for kind in ("toned", "restored")
    )
    return MeasuredLook(look, build, tuple(pairs), before, after, restored, (seen, shown, drawn, true))


def _pairs(reader: BuildReader, most: int) -> Iterator[tuple[int, tuple[Image, Image]]]:
    """Layers with the rectified pictures of both cameras."""
    layers = reader.layers()
    for k in np.unique(np.linspace(0, len(layers) - 1, min(most, len(layers))).astype(int)) if layers else ():
        found = (_seen(reader, layers[k], CameraRole.WEBCAM), _seen(reader, layers[k], CameraRole.BASLER))
        if found[0] is not None and found[1] is not None:
            yield layers[k], (found[0], found[1])


def _seen(reader: BuildReader, index: int, role: CameraRole) -> Image | None:
    pictures = (reader.rectified(index, facts) for facts in reader.facts if facts.role is role)
    return next((picture for picture in pictures if picture is not None), None)
