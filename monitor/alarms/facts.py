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
from monitor.store import BuildReader, LayerRecord, ProductReader

log = structlog.get_logger("alarms")

PROVIDERS = {"cpu": "CPUExecutionProvider", "cuda": "CUDAExecutionProvider", "tensorrt": "TensorrtExecutionProvider"}
MAP_SCALE = 255.0 * 4
"""Guard and spread are stored as value × 255 × 4."""
T = TypeVar("T")


def layer_facts(record: LayerRecord) -> LayerFacts:
    """What the rules see of one committed layer."""
    return LayerFacts(record.index, (*record.frames, *record.gaps), record.gaps)


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
    return ProductFacts(
        index,
        record.state,
        reason=record.reason,
        device=record.device,
        asked_device=PROVIDERS[settings.upscale.provider],
        measures={measure.name: measure for measure in record.measures},
        centre_mm=None if mask is None else centre_mm(mask, grid),
        reference_area_mm2=None if reference is None else np.count_nonzero(reference) * grid.mm_per_px**2,
        reference_centre_mm=None if reference is None else centre_mm(reference, grid),
        inconsistency=_inconsistency(products, index) if "inconsistency" in record.arrays else None,
        upscaled=_is_webcam(reader, settings.worker.source),
        usual=usual,
    )


def centre_mm(mask: Mask, grid: PlateGrid) -> tuple[float, float] | None:
    """Middle (x, y) of a mask on the plate, in mm; None where it is empty.

    Args:
        mask: bool (rows, columns) of the plate grid.
        grid: the plate grid.
    """
    moments = cv2.moments(mask.astype(np.uint8), binaryImage=True)
    if not moments["m00"]:
        return None
    column, row = moments["m10"] / moments["m00"], moments["m01"] / moments["m00"]
    return grid.origin_mm[0] + column * grid.mm_per_px, grid.origin_mm[1] + row * grid.mm_per_px


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
