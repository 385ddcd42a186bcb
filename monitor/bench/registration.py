"""How well the reference masks of a recorded build lie on its pictures. Owns the figures; refuses to move masks."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from monitor.domain import CalibrationError
from monitor.optics import part_offsets
from monitor.store import BuildReader


@dataclass(frozen=True, slots=True)
class LayerRegistration:
    """One layer.

    Attributes:
        index: the layer.
        parts: number of parts with outline enough.
        mean_um: mean distance at which the picture shows a part beside its mask, in µm.
        worst_um: the greatest, in µm.
        growth_um: by how much melt is greater than its mask, median over the parts, in µm; no registration changes it.
    """

    index: int
    parts: int
    mean_um: float
    worst_um: float
    growth_um: float


def registration_of(reader: BuildReader, camera: str, *, bright: bool) -> Iterator[LayerRegistration]:
    """Compare each layer that has a reference mask and a frame.

    Args:
        reader: the build.
        camera: whose pictures are compared.
        bright: whether part is brighter than powder.

    Raises:
        CalibrationError: the build does not say where the plate is in this camera's pictures.
    """
    facts = next((facts for facts in reader.facts if facts.name == camera), None)
    if facts is None or facts.calibration is None:
        raise CalibrationError(
            f"build {reader.manifest.id} has no calibrated camera '{camera}'",
            cure=f"name one of its cameras: {', '.join(facts.name for facts in reader.facts)}",
        )
    grid = reader.manifest.grid
    for index in reader.layers():
        image, mask = reader.rectified(index, facts), reader.reference(index)
        if image is not None and mask is not None:
            found = part_offsets(image, mask, bright=bright)
            if found:
                far = grid.um_per_px * np.array([np.hypot(*part.offset) for part in found])
                growth = grid.um_per_px * float(np.median([part.growth for part in found]))
                yield LayerRegistration(index, len(found), float(far.mean()), float(far.max()), growth)
