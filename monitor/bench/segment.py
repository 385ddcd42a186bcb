"""How well and how fast a segmenter bundle finds metal: in recorded builds with reference masks, and in virtual ones.

Each layer is segmented three times in one run: by the model's answer to no prompt, by its answers to prompts, by
Sauvola's threshold alone. Owns the comparison, its table and its pictures; asserts nothing and chooses no threshold.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import fmean

import cv2
import numpy as np
import numpy.typing as npt

from monitor.config import SegmentSettings, UpscaleSettings
from monitor.devices.simulated import SceneSpec, render_pair
from monitor.domain import ConfigError, Image, Mask, PlateGrid
from monitor.inference import Bundle, SegmenterModel, find_bundle
from monitor.metrics import iou
from monitor.segment import Predicted, Predictor, Unasked, initial_mask, segment_layer
from monitor.store import BuildReader, list_builds
from monitor.upscale import Upscaler

METHODS = ("automatic", "prompted", "sauvola")
BANDS_PX = np.arange(-1.5, 3.51, 0.5)
"""Widths by which a whole mask is grown, to see how much of its error is one band along all edges."""
PICTURES = {".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff"}
LONGEST_PX, POWDER_UM = 1536, 100.0
"""Pictures of powder are reduced to this edge; their scale is not known, and this is that of the default plate."""
VIRTUAL_SEED, VIRTUAL_LAYERS = 900_000, 200
"""Seed of the first virtual build (no recipe here trains on these), and the layers of which one is taken."""
VIEWS = ("high-resolution", "webcam", "super-resolved")
TRUE, FOUND = (80, 220, 80), (60, 60, 255)
COLUMNS = (
    "layers of", "method", "IoU", "least", "grown by one band", "anomalies", "not empty", "s a layer", "embedding",
    "a prompt",
)  # fmt: skip
Progress = Callable[[int], None]
Seen = tuple[Image, Mask, PlateGrid]
"""A picture, where metal is in it, and its grid."""


@dataclass
class Timed:
    """A predictor with a watch.

    Attributes:
        inner: the model.
        embedding_s: of each image.
        asked_s: of all prompts together, and their number.
    """

    inner: Predictor
    embedding_s: list[float] = field(default_factory=list)
    asked_s: float = 0.0
    prompts: int = 0

    def set_image(self, image: Image) -> None:
        """As the model."""
        start = time.perf_counter()
        self.inner.set_image(image)
        self.embedding_s.append(time.perf_counter() - start)

    def unasked(self) -> Unasked | None:
        """As the model."""
        return self.inner.unasked()

    def predict(self, points: npt.NDArray[np.float32], labels: npt.NDArray[np.int32]) -> Predicted:
        """As the model."""
        start = time.perf_counter()
        answer = self.inner.predict(points, labels)
        self.asked_s += time.perf_counter() - start
        self.prompts += len(points)
        return answer


@dataclass
class Scores:
    """One method on the layers of one build.

    Attributes:
        group: the build, or the folder of powder.
        method: of `METHODS`.
        iou: of each layer that has a reference mask; 1 where both are empty.
        grown: IoU of each layer when its mask is grown by each of `BANDS_PX`.
        seconds: wall time of each layer.
        anomalies: layers that are not believed.
        filled: layers without any reference metal of which the mask is not empty.
        empty: layers without any reference metal.
        watch: of the model.
    """

    group: str
    method: str
    watch: Timed
    iou: list[float] = field(default_factory=list)
    grown: list[list[float]] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    anomalies: int = 0
    filled: int = 0
    empty: int = 0

    def row(self) -> str:
        """Its line of the table."""
        bands = np.mean(self.grown, axis=0) if self.grown else np.zeros(0)
        best = f"{bands.max():.3f} at {BANDS_PX[int(bands.argmax())]:+g} px" if bands.size else ""
        model, watch = self.method != "sauvola", self.watch
        cells = [
            f"{fmean(self.iou):.3f}" if self.iou else "",
            f"{min(self.iou):.3f}" if self.iou else "",
            best,
            f"{self.anomalies} of {len(self.seconds)}" if model else "",
            f"{self.filled} of {self.empty}" if self.empty else "",
            f"{fmean(self.seconds):.2f}",
            f"{1e3 * sum(watch.embedding_s) / len(self.seconds):.0f} ms" if watch.embedding_s else "",
            f"{1e3 * watch.asked_s / watch.prompts:.0f} ms" if watch.prompts else "",
        ]
        return f"| {self.group} | {self.method} | {' | '.join(cells)} |"


def measure_segment(
    bundle: Path, store: Path, *, builds: Sequence[str] = (), powder: Sequence[Path] = (), every: int = 1,
    virtual: int = 0, virtual_px: int = 1024, upscaler: str = UpscaleSettings().bundle, out: Path | None = None,
    threads: int = 2, progress: Progress = lambda _: None,
) -> list[Scores]:  # fmt: skip
    """Segment every layer that has a reference mask, pictures of powder, and layers of virtual builds.

    Args:
        bundle: directory of a segmenter bundle.
        store: directory of recorded builds.
        builds: ids, or how they end; none takes all that have reference masks.
        powder: folders of pictures without metal.
        every: n, where every n-th layer of a recorded build is taken.
        virtual: number of virtual builds of which one layer is taken, as each of `VIEWS`.
        virtual_px: edge of these layers.
        upscaler: name of the bundle that makes the super-resolved view.
        out: directory of `segment.md` and, for each build, a picture of the layer that was found worst.
        threads: of the model.
        progress: told the number of layers that are done.

    Raises:
        ConfigError: the store has no such build, or no build with reference masks.
        BundleError: the bundle cannot run.
    """
    model = SegmenterModel(Bundle.load(bundle), "cpu", threads)
    found: list[Scores] = []
    done = 0
    groups = [(reader.manifest.id, _layers(reader, every)) for reader in _builds(store, builds)]
    groups += [(folder.name, _powder(folder)) for folder in powder]
    groups += _virtual(virtual, virtual_px, upscaler) if virtual else []
    for name, layers in groups:
        scores = [Scores(name, method, Timed(model)) for method in METHODS]
        worst: tuple[float, npt.NDArray[np.uint8]] | None = None
        for image, truth, grid in layers:
            masks = [_measured(score, model, image, truth, grid) for score in scores]
            if truth.any() and (worst is None or scores[0].iou[-1] < worst[0]):
                worst = scores[0].iou[-1], outlined(image, truth, masks[0])
            done += 1
            progress(done)
        found += [score for score in scores if score.seconds]
        if out and worst:
            out.mkdir(parents=True, exist_ok=True)
            cv2.imwrite(str(out / f"{name}-worst.png"), worst[1])
    if out:
        out.mkdir(parents=True, exist_ok=True)
        (out / "segment.md").write_text(table(found) + "\n", encoding="utf-8")
    return found


def table(found: Sequence[Scores]) -> str:
    """All scores as a table in Markdown."""
    lines = [f"| {' | '.join(COLUMNS)} |", "|" + " --- |" * len(COLUMNS)]
    return "\n".join(lines + [score.row() for score in found])


def _measured(score: Scores, model: SegmenterModel, image: Image, truth: Mask, grid: PlateGrid) -> Mask:
    """Segment one layer by one method and add it to its scores; the mask."""
    start = time.perf_counter()
    if score.method == "sauvola":
        mask, anomaly = initial_mask(image, grid, SegmentSettings()).mask, False
    else:
        settings = SegmentSettings.model_validate({"method": score.method})
        rng = np.random.default_rng(0)
        segmented = segment_layer(image, grid, score.watch, settings, model.thresholds, rng)
        mask, anomaly = segmented.mask, segmented.state != "ok"
    score.seconds.append(time.perf_counter() - start)
    score.anomalies += anomaly
    if truth.any():
        score.iou.append(iou(mask, truth) or 0.0)
        score.grown.append([iou(grown, truth) or 0.0 for grown in _grown(mask)])
    else:
        score.empty += 1
        score.filled += bool(mask.any())
    return mask


def _grown(mask: Mask) -> Iterator[Mask]:
    """The mask, its edges moved outwards by each of the bands."""
    if not mask.any():
        yield from (mask for _ in BANDS_PX)
        return
    inside, outside = (
        cv2.distanceTransform(each.astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE) for each in (mask, ~mask)
    )
    # Half a pixel from a pixel's centre to its edge.
    signed = np.where(mask, 0.5 - inside, outside - 0.5)
    yield from (np.asarray(signed <= band, bool) for band in BANDS_PX)


def _builds(store: Path, names: Sequence[str]) -> list[BuildReader]:
    known = [build.manifest.id for build in list_builds(store)]
    missing = [name for name in names if not any(build.endswith(name) for build in known)]
    chosen = [build for build in known if not names or any(build.endswith(name) for name in names)]
    readers = [BuildReader.open(store, build) for build in chosen]
    readers = [r for r in readers if any(r.reference(index) is not None for index in r.layers())]
    if missing or not readers:
        lack = f"no build '{missing[0]}'" if missing else "no build with reference masks"
        raise ConfigError(
            f"{store} holds {lack} (it has: {', '.join(known) or 'none'})",
            cure="import one with `lpbf-monitor builds import`, and name the store's directory of builds",
        )
    return readers


def _layers(reader: BuildReader, every: int) -> Iterator[Seen]:
    """Rectified frame of the first camera, reference mask and grid of each layer that has both."""
    facts, grid = reader.manifest.cameras[0], reader.manifest.grid
    for index in list(reader.layers())[::every]:
        image, truth = reader.rectified(index, facts), reader.reference(index)
        if image is not None and truth is not None:
            yield image, truth, grid


def _virtual(count: int, edge_px: int, upscaler: str) -> list[tuple[str, Iterator[Seen]]]:
    """One layer of each of so many virtual builds that vary in everything, as each of the views shows them."""
    half = (edge_px - 1) / 2 * POWDER_UM / 1000
    grid = PlateGrid((-half, -half), POWDER_UM, (edge_px, edge_px))
    settings = UpscaleSettings(bundle=upscaler, samples=1)
    model = Upscaler.load(Bundle.load(find_bundle(None, upscaler)), settings)
    views: dict[str, list[Seen]] = {view: [] for view in VIEWS}
    for seed in range(VIRTUAL_SEED, VIRTUAL_SEED + count):
        index = int(np.random.default_rng(seed).integers(VIRTUAL_LAYERS))
        pair = render_pair(SceneSpec.random(seed, grid=grid), index, grid)
        pictures = (pair.hr, pair.lr, model.upscale(pair.lr, seed).image)
        for view, picture in zip(VIEWS, pictures, strict=True):
            views[view].append((picture, pair.mask, grid))
    return [(f"virtual, {view}", iter(layers)) for view, layers in views.items()]


def _powder(folder: Path) -> Iterator[Seen]:
    for path in sorted(p for p in folder.iterdir() if p.suffix.lower() in PICTURES):
        image = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
        if image is None:
            continue
        ratio = min(1.0, LONGEST_PX / max(image.shape))
        grey = np.asarray(cv2.resize(image, None, fx=ratio, fy=ratio, interpolation=cv2.INTER_AREA), dtype=np.uint8)
        yield grey, np.zeros(grey.shape, bool), PlateGrid((0.0, 0.0), POWDER_UM, (grey.shape[0], grey.shape[1]))


def outlined(image: Image, truth: Mask, found: Mask) -> npt.NDArray[np.uint8]:
    """The image with the outline of the truth in green and of what was found in red, colour (rows, columns, 3)."""
    factor = max(1, LONGEST_PX // max(image.shape))
    out = cv2.cvtColor(cv2.resize(image, None, fx=factor, fy=factor), cv2.COLOR_GRAY2BGR)
    for mask, colour in ((truth, TRUE), (found, FOUND)):
        larger = cv2.resize(mask.astype(np.uint8), None, fx=factor, fy=factor, interpolation=cv2.INTER_NEAREST)
        contours, _ = cv2.findContours(larger, cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE)
        cv2.drawContours(out, contours, -1, colour, 1)
    return np.asarray(out, dtype=np.uint8)
