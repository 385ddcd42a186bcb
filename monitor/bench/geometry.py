"""How true are parts seen by a webcam alone? Owns the comparison of three ways with the truth; refuses to choose one.

Layers of virtual builds are made into parts from the webcam's own picture, from its super-resolved ones and from the
high-resolution camera's (asked as the webcam's own), by the same segmenter in one run. All are held against what was
really melted. Numbers are of layers that all three ways believe: the others have no part in a volume, and are counted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from statistics import fmean
from typing import Literal

import numpy as np
from skimage.measure import find_contours

from monitor.bench.virtual import VirtualLayer, known_errors, segmented, stored, webcam_only
from monitor.config import Settings
from monitor.devices.simulated import SceneSpec
from monitor.domain import Image, Mask, PartInLayer, PlateGrid, ProductState
from monitor.inference import find_certainty
from monitor.metrics import contour_distances, height_map, pixel_floor, roughness_of
from monitor.metrics.part import ANGLES, WINDOW
from monitor.metrics.roughness import Heights
from monitor.metrics.shape import Contour
from monitor.volume import fused, layers_beside, track
from monitor.volume.pyramid import UNKNOWN
from monitor.volume.tracking import Ids, Tracked
from monitor.worker import Models
from monitor.worker.measuring import Basis, measured, outline_of
from monitor.worker.parts import REACH_MM

Look = Literal["demo", "random"]
WEBCAM, SUPER, HIGH, TRUTH = "webcam", "super-resolved", "high-resolution", "truth"
WAYS = (WEBCAM, SUPER, HIGH)
LAYERS = 200
"""A build begins at one of so many."""
LEAST_LAYERS = 3
"""A part has a roughness where so many layers of it have a contour."""
Told = Callable[[int], None]


@dataclass(frozen=True, slots=True)
class Seen:
    """One layer, in one way or as it is.

    Attributes:
        build, layer: which.
        believed: whether it has a part in the volume.
        mask: bool (rows, columns).
        grey: uint8 (rows, columns), the probability of metal.
        outlines: of each part that is whole in the picture: its outer outline in pixels, and radii if it has them.
        parts: their numbers.
    """

    build: int
    layer: int
    believed: bool
    mask: Mask
    grey: Image
    outlines: Mapping[int, tuple[Contour, Heights | None]]
    parts: tuple[PartInLayer, ...]


@dataclass(frozen=True, slots=True)
class Row:
    """One way's line of the table; lengths in µm, mean over parts and layers.

    Attributes:
        way: of `WAYS`.
        believed: layers that are believed.
        iou: of the volume with the truth.
        fused_iou: the same where layers within a pixel's height speak for each other.
        wider: how far the edge of metal stands outside the true one (negative: inside), mean along all edges.
        hausdorff, hd95, assd: of outer outlines, from the true ones.
        sa, true_sa: mean over parts of the height maps of their side walls.
        sa_error: mean |Sa − true Sa|.
        sa_within: parts whose Sa is within a tenth of the true one or the pixel floor of it, and parts compared.
        inside: numbers whose 90 % interval holds the truth, and numbers that have an interval.
    """

    way: str
    believed: int
    iou: float
    fused_iou: float
    wider: float
    hausdorff: float
    hd95: float
    assd: float
    sa: float
    true_sa: float
    sa_error: float
    sa_within: tuple[int, int]
    inside: tuple[int, int]


@dataclass
class Compared:
    """All layers of all builds, by way, in one order."""

    um_per_px: float
    layer_um: float
    seen: dict[str, list[Seen]] = field(default_factory=lambda: {way: [] for way in (*WAYS, TRUTH)})

    @property
    def layers(self) -> int:
        """Layers that were looked at."""
        return len(self.seen[TRUTH])

    @property
    def shared(self) -> list[int]:
        """Places of those that every way believes."""
        return [k for k in range(self.layers) if all(self.seen[way][k].believed for way in WAYS)]

    def rows(self) -> list[Row]:
        """The table."""
        return [self._row(way) for way in WAYS]

    def _row(self, way: str) -> Row:
        believed = sum(one.believed for one in self.seen[way])
        pairs = [(self.seen[way][k], self.seen[TRUTH][k]) for k in self.shared]
        union = sum(int(np.count_nonzero(a.mask | b.mask)) for a, b in pairs)
        shared = sum(int(np.count_nonzero(a.mask & b.mask)) for a, b in pairs)
        extra = sum(int(np.count_nonzero(a.mask)) - int(np.count_nonzero(b.mask)) for a, b in pairs)
        edges = sum(_edge_px(b.mask) for _, b in pairs)
        far = [contour_distances(a.outlines[part][0], b.outlines[part][0]) for a, b in pairs
               for part in a.outlines.keys() & b.outlines.keys()]  # fmt: skip
        hausdorff, hd95, assd = (_mean([getattr(d, key) for d in far]) for key in ("hausdorff", "hd95", "assd"))
        um = self.um_per_px
        return Row(
            way, believed, shared / union if union else np.nan, self._fused_iou(way),
            um * extra / edges if edges else np.nan, um * hausdorff, um * hd95, um * assd,
            *_roughness(pairs, um), _inside(pairs),
        )  # fmt: skip

    def _fused_iou(self, way: str) -> float:
        """Of stretches of layers, one above the other, that every way believes."""
        beside, union, shared = layers_beside(self.um_per_px, self.layer_um), 0, 0
        for places in _stretches([self.seen[TRUTH][k] for k in self.shared], self.shared):
            made = fused(np.stack([self.seen[way][k].grey for k in places]), beside) > UNKNOWN
            true = np.stack([self.seen[TRUTH][k].mask for k in places])
            union += int(np.count_nonzero(made | true))
            shared += int(np.count_nonzero(made & true))
        return shared / union if union else np.nan


def _stretches(layers: Sequence[Seen], places: Sequence[int]) -> list[list[int]]:
    """The places of layers, together where one lies upon the other."""
    out: list[list[int]] = []
    for before, one, place in zip((None, *layers), layers, places, strict=False):
        if before is None or (one.build, one.layer) != (before.build, before.layer + 1):
            out.append([])
        out[-1].append(place)
    return out


def measure_geometry(
    settings: Settings, models: Models, builds: int, layers: int, edge_px: int, seed: int, look: Look = "demo",
    told: Told = lambda done: None,
) -> Compared:  # fmt: skip
    """Make parts of virtual builds in three ways.

    Args:
        settings: plate scale, ensemble and segmentation as they will be used.
        models: the bundles.
        builds: how many.
        layers: of each, one above the other.
        edge_px: edge of the square that is looked at, in pixels.
        seed: of the first build; the others follow.
        look: demo, the parts and cameras of the configuration's own plate; random, widely varied scenes.
        told: called with the number of layers done.
    """
    found = Compared(settings.plate.um_per_px, settings.acquire.layer_height_um)
    for build in range(seed, seed + builds):
        spec, grid = _scene(settings, build, edge_px, look)
        first = int(np.random.default_rng(build).integers(LAYERS))
        below, last = None, 0
        for index in range(first, first + layers):
            layer = VirtualLayer.of(spec, index, grid, build + index)
            below, last = _add(found, settings, models, layer, (build, index), below, last)
            told(found.layers)
    return found


def _scene(settings: Settings, seed: int, edge_px: int, look: Look) -> tuple[SceneSpec, PlateGrid]:
    """A build and the square that is looked at: of the demo's, a quarter of the plate to the left of its middle."""
    um, half = settings.plate.um_per_px, (edge_px - 1) / 2 * settings.plate.um_per_px / 1000
    if look == "random":
        grid = PlateGrid((-half, -half), um, (edge_px, edge_px))
        return SceneSpec.random(seed, grid=grid), grid
    other = settings.simulation.model_copy(update={"seed": seed})
    spec = SceneSpec.from_settings(settings.model_copy(update={"simulation": other}))
    plate = settings.plate.grid()
    x, y = (origin + (edge - plate.mm_per_px) / 2 for origin, edge in zip(plate.origin_mm, plate.size_mm, strict=True))
    return spec, PlateGrid((x - plate.size_mm[0] / 4 - half, y - half), um, (edge_px, edge_px))


def _add(
    found: Compared, settings: Settings, models: Models, layer: VirtualLayer, name: tuple[int, int],
    below: Ids | None, last: int,
) -> tuple[Ids | None, int]:  # fmt: skip
    """See one layer in every way; the nominal parts below the next one, and the greatest id."""
    rectified, upscaled = (_picture(settings, name) for name in ("rectified", "upscaled"))
    high = replace(layer, webcam=layer.basler)
    ways = {
        WEBCAM: (rectified, webcam_only(rectified, models, layer)),
        SUPER: (upscaled, webcam_only(upscaled, models, layer)),
        HIGH: (rectified, webcam_only(rectified, models, high)),
    }
    reach = REACH_MM / layer.grid.mm_per_px

    def parts(mask: Mask) -> Tracked:
        return track(mask, below, last, least_px=50, reference=layer.nominal, reach_px=reach)

    truth = layer.coverage >= 0.5
    true_parts = parts(truth)
    whole = _whole(true_parts.nominal)
    for way, (as_asked, asked) in ways.items():
        result, members = segmented(as_asked, models, asked, layer)
        grey, others = stored(result.probability), [stored(one.probability) for one in members]
        believed, basis = result.state is ProductState.OK, Basis(layer.grid, _factors(as_asked, models, way))
        found.seen[way].append(_seen(name, believed, result.mask, grey, others, parts(result.mask), basis, whole))
    exact = Basis(layer.grid, {})
    found.seen[TRUTH].append(_seen(name, True, truth, stored(layer.coverage), (), true_parts, exact, whole))
    return true_parts.nominal, true_parts.last


def _picture(settings: Settings, picture: str) -> Settings:
    segment = settings.segment.model_copy(update={"picture": picture})
    return settings.model_copy(update={"segment": segment})


def _factors(settings: Settings, models: Models, way: str) -> Mapping[str, float]:
    """Factors of 90 % intervals; they are of the webcam's parts."""
    key = known_errors(settings, models)
    known = find_certainty(settings.worker.models, key.upscale, key.segment, key.samples, key.um_per_px)
    return known.factors if known and way != HIGH else {}


def _seen(
    name: tuple[int, int], believed: bool, mask: Mask, grey: Image, members: Sequence[Image], found: Tracked,
    basis: Basis, whole: Iterable[int],
) -> Seen:  # fmt: skip
    outlines = {part: outline for part in whole if (outline := outline_of(grey, found, part)) is not None}
    parts = tuple(part for part in measured(grey, members, found, basis)[0] if part.id in outlines)
    return Seen(*name, believed, mask, grey, outlines, parts)


def _whole(nominal: Ids | None) -> list[int]:
    """Parts that do not touch the border."""
    if nominal is None:
        return []
    border = np.concatenate([nominal[0], nominal[-1], nominal[:, 0], nominal[:, -1]])
    return sorted(set(np.unique(nominal).tolist()) - set(np.unique(border).tolist()) - {0})


def _edge_px(mask: Mask) -> float:
    """Length of all edges of metal, in pixels."""
    lines: list[Contour] = find_contours(mask.astype(np.float64), 0.5)  # type: ignore[no-untyped-call]
    return sum(float(np.hypot(*np.diff(line, axis=0).T).sum()) for line in lines)


def _roughness(pairs: Sequence[tuple[Seen, Seen]], um_per_px: float) -> tuple[float, float, float, tuple[int, int]]:
    """Mean Sa, mean true Sa, mean error, and how many parts are right, of how many."""
    walls: dict[tuple[int, int], list[tuple[Heights, Heights]]] = {}
    for ours, true in pairs:
        for part in ours.outlines.keys() & true.outlines.keys():
            one, other = ours.outlines[part][1], true.outlines[part][1]
            if one is not None and other is not None:
                walls.setdefault((ours.build, part), []).append((one, other))
    sa, true_sa, right = [], [], 0
    for both in walls.values():
        if len(both) < LEAST_LAYERS:
            continue
        one, other = (np.stack(each) for each in zip(*both, strict=True))
        sa.append(um_per_px * roughness_of(height_map(one, WINDOW)).sa)
        true_sa.append(um_per_px * roughness_of(height_map(other, WINDOW)).sa)
        floor = um_per_px * pixel_floor(max(2.0, float(other.mean())), WINDOW, ANGLES).sa
        right += abs(sa[-1] - true_sa[-1]) <= max(0.1 * true_sa[-1], floor)
    errors = [abs(a - b) for a, b in zip(sa, true_sa, strict=True)]
    return _mean(sa), _mean(true_sa), _mean(errors), (right, len(sa))


def _inside(pairs: Sequence[tuple[Seen, Seen]]) -> tuple[int, int]:
    held = []
    for ours, true in pairs:
        exact = {(part.id, m.name): m.value for part in true.parts for m in part.measures}
        for part in ours.parts:
            known = [m for m in part.measures if m.spread is not None and (part.id, m.name) in exact]
            held += [abs(m.value - exact[part.id, m.name]) <= (m.spread or 0.0) for m in known]
    return sum(held), len(held)


def _mean(values: Sequence[float]) -> float:
    return fmean(values) if values else float("nan")
