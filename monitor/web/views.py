"""From the store's records to what the API says. Owns the addresses that answers carry; refuses to know requests."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import cv2
import numpy as np

from monitor.domain import CameraFacts, Measure, NotInStore, PlateGrid
from monitor.store import BuildManifest, LayerRecord, ProductRecord, latency_s
from monitor.web.deviation import Kind, values_digest
from monitor.web.library import Build, Row
from monitor.web.pictures import FULL_SCALE, GAIN, Picture, pictures, recoat_gaps
from monitor.web.schema import (
    BuildView,
    CameraView,
    DetectorView,
    FrameView,
    GapView,
    GeneratedView,
    GridView,
    LayerView,
    MeasureView,
    MeshView,
    PictureView,
    Rows,
    SlabView,
)
from monitor.web.surface import Plan, Slab

VERSION_CHARS = 16


def build_view(build: Build, product_sets: Mapping[str, int]) -> BuildView:
    """Say what a build is, and how many layers each of its product sets has."""
    manifest = build.manifest
    address = _address(build)
    return BuildView(
        id=manifest.id,
        name=manifest.name,
        created=manifest.created,
        origin=manifest.origin,
        source=manifest.source,
        layers=len(build.reader.layers()),
        ended=build.reader.ended,
        grid=_grid(manifest.grid),
        layer_height_mm=manifest.layer_height_mm,
        planned_layers=_planned(manifest),
        cameras=tuple(_camera(facts) for facts in manifest.cameras),
        software=manifest.software,
        product_set=build.products.product_set,
        processed=len(build.products.layers()),
        product_sets=dict(product_sets),
        layers_url=f"{address}/layers{_set(build, '?')}",
        mesh_url=f"{address}/mesh{_set(build, '?')}",
    )


def rows_view(rows: Iterable[Row]) -> Rows:
    """Say many layers in short, with what their measures mean."""
    rows = list(rows)
    basis = {name: facts for row in rows for name, facts in row.basis.items()}
    return Rows(rows=tuple(row.view for row in rows), measures=basis)


def layer_view(build: Build, index: int) -> LayerView:
    """Say everything of one layer.

    Raises:
        NotInStore: the layer is not committed.
    """
    record = build.reader.record(index)
    try:
        product = build.products.record(index)
    except NotInStore:
        product = None
    found = pictures(build, index)
    return LayerView(
        index=index,
        height_mm=record.height_mm,
        wall_time=record.wall_time,
        on_time_s=record.end.on_time_s,
        unsure=record.end.unsure,
        detector=detector_view(record),
        committed=record.committed,
        state=product.state.value if product else "pending",
        reason=product.reason if product else "",
        gaps=dict(record.gaps),
        recoat_gaps=recoat_gaps(build, index),
        frames=_frames(record),
        measures=_measures(product),
        timings_s=dict(product.timings_s) if product else {},
        latency_s=latency_s(build.manifest.origin, record, product),
        bundles=dict(product.bundles) if product else {},
        device=product.device if product else "",
        seed=product.seed if product else None,
        calibration=product.calibration if product else "",
        prompts=(product.prompts or ()) if product else (),
        pictures={kind: _picture(build, index, picture) for kind, picture in found.items()},
        generated=_generated(found),
    )


def detector_view(record: LayerRecord) -> DetectorView | None:
    """Say how a layer's end was found."""
    gap = record.end.gap
    if gap is None:
        return None
    return DetectorView(gap_s=gap.gap_s, layers=gap.layers, false_end=gap.false_end, miss=gap.miss)


def mesh_view(build: Build, plan: Plan) -> MeshView:
    """Say where the surface is and which slabs it has."""
    grid = build.manifest.grid
    (x, y), (width, height), half = grid.origin_mm, grid.size_mm, grid.mm_per_px / 2
    layers = plan.slabs[-1].stop if plan.slabs else 0
    nominal = build.reader.references()
    spread = [row.view.index for row in build.rows() if row.spread]
    step = build.manifest.layer_height_mm
    bottom = plan.grid.first_height_mm - step if plan.grid else 0.0
    return MeshView(
        slabs=tuple(_slab(build, plan, slab, nominal, spread) for slab in plan.slabs),
        gaps=tuple(
            GapView(first=gap.first, last=gap.last, state=gap.state, bottom_mm=gap.bottom_mm, top_mm=gap.top_mm)
            for gap in plan.gaps
        ),
        um_per_px=grid.um_per_px * 2**plan.level,
        layers_per_plane=plan.count,
        bottom_mm=bottom,
        top_mm=bottom + layers * step,
        x_mm=(x - half, x - half + width),
        y_mm=(y - half, y - half + height),
    )


def _slab(build: Build, plan: Plan, slab: Slab, nominal: Sequence[int], spread: Sequence[int]) -> SlabView:
    address = f"{_address(build)}/mesh/{slab.number}"

    def values(kind: Kind, layers: Sequence[int]) -> str | None:
        if not any(slab.first <= index < slab.stop for index in layers):
            return None
        return f"{address}/{kind}?v={values_digest(plan, slab, kind, nominal)[:VERSION_CHARS]}{_set(build)}"

    return SlabView(
        url=f"{address}?v={slab.digest[:VERSION_CHARS]}{_set(build)}",
        deviation_url=values("deviation", nominal),
        uncertainty_url=values("uncertainty", spread),
        first=slab.first,
        last=slab.stop - 1,
        closed=slab.closed,
    )


def _planned(manifest: BuildManifest) -> int | None:
    """How many layers there will be: as the configuration says, or as the virtual printer does."""
    layers = manifest.config.get("store", {}).get("planned_layers")
    if layers is None and manifest.origin == "simulated":
        layers = manifest.config.get("simulation", {}).get("layers")
    return layers if isinstance(layers, int) else None


def _address(build: Build) -> str:
    return f"/api/v1/builds/{build.manifest.id}"


def _set(build: Build, mark: str = "&") -> str:
    """What an address says of the product set, behind "?" or "&"."""
    return f"{mark}set={build.named_set}" if build.named_set else ""


def _grid(grid: PlateGrid) -> GridView:
    return GridView(origin_mm=grid.origin_mm, um_per_px=grid.um_per_px, shape=grid.shape, size_mm=grid.size_mm)


def _camera(facts: CameraFacts) -> CameraView:
    return CameraView(
        name=facts.name,
        role=facts.role.value,
        model=facts.model,
        shape=facts.shape,
        origin=facts.origin,
        calibrated=facts.calibration is not None,
    )


def _frames(record: LayerRecord) -> tuple[FrameView, ...]:
    return tuple(
        FrameView(camera=name, exposure_us=frame.exposure_us, gain_db=frame.gain_db, bits=frame.bits, flaw=frame.flaw)
        for name, frame in record.frames.items()
    )


def _measures(product: ProductRecord | None) -> tuple[MeasureView, ...]:
    return tuple(measure_view(measure) for measure in (product.measures if product else ()))


def measure_view(m: Measure) -> MeasureView:
    """Say one number with everything that it rests on."""
    return MeasureView(
        name=m.name, value=m.value, unit=m.unit, um_per_px=m.um_per_px, basis=m.basis, spread=m.spread,
        floor=m.floor, window_um=m.window_um,
    )  # fmt: skip


def _picture(build: Build, index: int, picture: Picture) -> PictureView:
    version = picture.digest.partition(":")[2][:VERSION_CHARS]
    return PictureView(
        url=f"{_address(build)}/layers/{index}/pictures/{picture.kind}?v={version}{_set(build)}",
        width=picture.shape[1],
        height=picture.shape[0],
        um_per_px=build.manifest.grid.um_per_px if picture.in_grid else None,
        full_scale=FULL_SCALE.get(picture.kind),
    )


def _generated(found: dict[str, Picture]) -> GeneratedView | None:
    """Figures of the stored maps; None where there is no super-resolved picture."""
    if "upscaled" not in found:
        return None
    spread_mean, spread_p99 = _figures(found.get("spread"))
    mean, p99 = _figures(found.get("inconsistency"))
    return GeneratedView(
        spread_mean=spread_mean,
        spread_p99=spread_p99,
        inconsistency_mean=mean,
        inconsistency_p99=p99,
        full_scale=1.0 / GAIN,
    )


def _figures(picture: Picture | None) -> tuple[float | None, float | None]:
    """Mean and 99th percentile of a stored map, as grey levels of 0 … 1."""
    if picture is None:
        return None, None
    counts = cv2.calcHist([picture.read()], [0], None, [256], [0, 256]).ravel()
    levels = np.arange(256) / (255.0 * GAIN)
    p99 = levels[np.searchsorted(np.cumsum(counts), 0.99 * counts.sum())]
    return float((counts * levels).sum() / counts.sum()), float(p99)
