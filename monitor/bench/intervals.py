"""Do nine tenths of the truth lie in the 90 % intervals? Owns virtual builds as a yardstick; refuses to train.

Each build is one layer of a random virtual scene, seen by the webcam. Layers that are not believed count for nothing,
as they have no part in the volume. Factors are found on some builds and judged on others. What they cover is what these
scenes show: not a real machine's lens, smoke or spatter.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from monitor.bench.virtual import VirtualLayer, known_errors, segmented, stored, webcam_only
from monitor.config import Settings
from monitor.devices.simulated import SceneSpec
from monitor.domain import FloatImage, Mask, PartInLayer, PlateGrid, ProductState, Segmentation
from monitor.inference import Certainty
from monitor.metrics import factors
from monitor.volume import track
from monitor.worker import Models
from monitor.worker.measuring import Basis, measured
from monitor.worker.parts import REACH_MM

NUMBER_OF = {"centre y": "row", "centre x": "column"}
"""Measures that have another name than their number."""
NUMBERS = (
    "area", "perimeter", "equivalent diameter", "Feret diameter", "least Feret diameter", "wall thickness",
    "circularity", "iou", "hausdorff", "hd95", "assd", "Sa", "Sq", "Sz", "row", "column",
)  # fmt: skip
LAYERS = 200
"""A scene's layer is drawn from so many."""
Told = Callable[[int], None]


@dataclass(frozen=True, slots=True)
class Compared:
    """One number of one part: its name, error (measured − true) and scale, all in the number's unit."""

    build: int
    name: str
    error: float
    scale: float


@dataclass(frozen=True, slots=True)
class Yardstick:
    """What was found.

    Attributes:
        found: factors with what they were found on, to be kept beside the bundles.
        covered: share of the other builds' truth inside the intervals, and how many numbers that is, by number.
        parts: parts that were compared, and those of which no metal was found.
    """

    found: Certainty
    covered: Mapping[str, tuple[float, int]]
    parts: tuple[int, int]

    @property
    def overall(self) -> float:
        """Share of all the other builds' numbers that lie inside their intervals."""
        counts = list(self.covered.values())
        return sum(share * count for share, count in counts) / max(1, sum(count for _, count in counts))


def measure_intervals(
    settings: Settings, models: Models, fit: int, judge: int, edge_px: int, seed: int, told: Told = lambda done: None
) -> Yardstick:
    """Find factors on some virtual builds and judge them on others.

    Args:
        settings: plate scale, ensemble and segmentation as they will be used.
        models: the bundles.
        fit: builds on which factors are found.
        judge: builds on which they are judged.
        edge_px: edge of each build's plate, in pixels.
        seed: of the first build; the others follow.
        told: called with the number of builds done.
    """
    rows: list[Compared] = []
    whole = lost = 0
    for k in range(fit + judge):
        errors, missed = _build(settings, models, seed + k, edge_px)
        rows += errors
        whole, lost = whole + sum(one.name == "area" for one in errors), lost + missed
        told(k + 1)
    known = factors((one.name, one.error, one.scale) for one in rows if one.build < seed + fit)
    covered = _covered([one for one in rows if one.build >= seed + fit], known)
    source = f"what was found on {fit} virtual layers (seeds {seed} to {seed + fit - 1})"
    certainty = known_errors(settings, models).model_copy(update={"factors": known, "source": source})
    result = Yardstick(certainty, covered, (whole, lost))
    believed = len({one.build for one in rows if one.build >= seed + fit})
    words = (
        f"of {judge} other virtual layers {believed} were believed: {100 * result.overall:.0f} % of the truth inside"
    )
    return Yardstick(certainty.model_copy(update={"measured": words}), covered, (whole, lost))


def _covered(rows: Sequence[Compared], known: Mapping[str, float]) -> dict[str, tuple[float, int]]:
    inside: dict[str, list[bool]] = {}
    for one in rows:
        if one.name in known:
            inside.setdefault(one.name, []).append(abs(one.error) <= known[one.name] * one.scale)
    return {name: (float(np.mean(values)), len(values)) for name, values in sorted(inside.items())}


def _build(settings: Settings, models: Models, seed: int, edge_px: int) -> tuple[list[Compared], int]:
    """The errors of one build's parts, and how many of them were not found."""
    half = (edge_px - 1) / 2 * settings.plate.um_per_px / 1000
    grid = PlateGrid((-half, -half), settings.plate.um_per_px, (edge_px, edge_px))
    spec, index = SceneSpec.random(seed, grid=grid), int(np.random.default_rng(seed).integers(LAYERS))
    layer = VirtualLayer.of(spec, index, grid, seed)
    found, members = segmented(settings, models, webcam_only(settings, models, layer), layer)
    if found.state is not ProductState.OK:
        return [], 0
    ours = {part.id: part for part in _parts(found.probability, members, found.mask, layer)}
    theirs = _parts(layer.coverage, (), layer.coverage >= 0.5, layer)
    lost = sum(part.lost or part.id not in ours or ours[part.id].lost for part in theirs)
    pairs = ((ours[part.id], part) for part in theirs if part.id in ours)
    return [one for pair in pairs for one in _compared(seed, *pair)], lost


def _parts(
    probability: FloatImage, members: Sequence[Segmentation], mask: Mask, layer: VirtualLayer
) -> tuple[PartInLayer, ...]:
    """The parts of a layer, told apart by the nominal outline; each interval is one scale."""
    grid = layer.grid
    found = track(mask, None, 0, least_px=50, reference=layer.nominal, reach_px=REACH_MM / grid.mm_per_px)
    basis = Basis(grid, dict.fromkeys(NUMBERS, 1.0))
    return measured(stored(probability), [stored(one.probability) for one in members], found, basis)[0]


def _compared(build: int, ours: PartInLayer, theirs: PartInLayer) -> Iterator[Compared]:
    true = {measure.name: measure.value for measure in theirs.measures}
    for measure in ours.measures:
        if measure.name in true and measure.spread:
            name = NUMBER_OF.get(measure.name, measure.name)
            yield Compared(build, name, measure.value - true[measure.name], measure.spread)
