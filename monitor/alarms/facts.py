"""What the rules over layers see, read from the store. Owns the figures of masks and maps; refuses to judge them.

What cannot be read is absent from the facts, and the rule over it is unsure.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import cv2
import numpy as np
import structlog

from monitor.alarms.samples import LayerFacts, ProductFacts, Usual
from monitor.config import Settings
from monitor.domain import CameraRole, Mask, PlateGrid, ProductState, StoreError
from monitor.store import BuildReader, LayerRecord, ProductReader, ProductRecord
from monitor.volume.intended import nominal_pixels

log = structlog.get_logger("alarms")

PROVIDERS = {"cpu": "CPUExecutionProvider", "cuda": "CUDAExecutionProvider", "tensorrt": "TensorrtExecutionProvider"}
MAP_SCALE = 255.0 * 4
"""Guard and spread are stored as value × 255 × 4."""
_SIDE_PX = 256
_LEAST_LIKENESS = 0.1
"""Peak of the phase correlation: 0.55 to 0.7 between layers of the same parts."""
T = TypeVar("T")


def layer_facts(record: LayerRecord) -> LayerFacts:
    """What the rules see of one committed layer."""
    flaws = {name: frame.flaw for name, frame in record.frames.items() if frame.flaw}
    return LayerFacts(record.index, (*record.frames, *record.gaps), record.gaps, flaws)


def product_facts(
    settings: Settings, reader: BuildReader, products: ProductReader, index: int, usual: Usual
) -> ProductFacts:
    """What the rules see of one layer's products.

    Raises:
        NotInStore: the products are not committed.
        StoreError: their record cannot be read.
    """
    record = products.record(index)
    grid = reader.manifest.grid
    mask = _tried(lambda: products.array(index, "mask")) if record.state is ProductState.OK else None
    reference = _tried(lambda: reader.reference(index))
    compared_with, anchor = _anchor(reader, products, index, usual)
    return ProductFacts(
        index,
        record.state,
        reason=record.reason,
        device=record.device,
        asked_device=_asked(settings.upscale.provider, record.device),
        measures={measure.name: measure for measure in record.measures},
        parts=record.parts,
        nominal_mm2=_nominal(products, record, reference, grid),
        reference_area_mm2=None if reference is None else np.count_nonzero(reference) * grid.mm_per_px**2,
        compared_with=compared_with,
        shift_mm=None if mask is None or anchor is None else shift_mm(anchor, mask, grid),
        inconsistency=_inconsistency(products, index) if "inconsistency" in record.arrays else None,
        upscaled=_is_webcam(reader, settings.worker.source),
        usual=usual,
    )


def shift_mm(before: Mask, now: Mask, grid: PlateGrid) -> tuple[float, float] | None:
    """How far (x, y) one mask stands beside another, in mm; None where they are too unlike to tell.

    By phase correlation, which a part that is missing or torn hardly moves; a mask's middle would run after it.

    Args:
        before: bool (rows, columns) of the plate grid.
        now: bool (rows, columns) of the plate grid.
        grid: the plate grid.
    """
    side = min(_SIDE_PX, *grid.shape)
    first, second = (
        cv2.resize(mask.astype(np.float32), (side, side), interpolation=cv2.INTER_AREA) for mask in (before, now)
    )
    window = cv2.createHanningWindow((side, side), cv2.CV_32F)
    (x, y), likeness = cv2.phaseCorrelate(first, second, window)
    if likeness < _LEAST_LIKENESS:
        return None
    width, height = grid.size_mm
    return x * width / side, y * height / side


def _nominal(
    products: ProductReader, record: ProductRecord, reference: Mask | None, grid: PlateGrid
) -> dict[int, float]:
    """Area of each part's reference, mm²."""
    if reference is None or "part_id" not in record.arrays:
        return {}
    ids = _tried(lambda: products.array(record.index, "part_id"))
    if ids is None:
        return {}
    found = nominal_pixels(ids, reference, record.parts)
    return {part: pixels * grid.mm_per_px**2 for part, (pixels, _) in found.items()}


def _anchor(reader: BuildReader, products: ProductReader, index: int, usual: Usual) -> tuple[str, Mask | None]:
    """What a layer's place is compared with: its reference, else the layer that the usual names."""
    reference = _tried(lambda: reader.reference(index))
    if reference is not None:
        return "its reference mask", reference
    anchor = usual.anchor
    if anchor is None:
        return "", None
    return f"layer {anchor}", _tried(lambda: products.array(anchor, "mask"))


def _asked(provider: str, found: str) -> str:
    """The device that was asked for, in the words of what runs the model: ONNX Runtime or torch."""
    return f"torch {provider}" if found.startswith("torch ") else PROVIDERS[provider]


def _inconsistency(products: ProductReader, index: int) -> float | None:
    found = _tried(lambda: products.array(index, "inconsistency"))
    return None if found is None else float(found.mean()) / MAP_SCALE


def _is_webcam(reader: BuildReader, source: str) -> bool:
    return any(facts.name == source and facts.role is CameraRole.WEBCAM for facts in reader.facts)


def _tried(read: Callable[[], T]) -> T | None:
    try:
        return read()
    except StoreError as error:
        log.warning("left out of what is judged", what=error.what)
        return None
