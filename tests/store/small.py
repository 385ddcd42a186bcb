"""Small builds with content that is known from the layer's index alone."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from monitor.domain import (
    CameraFacts,
    CameraRole,
    Frame,
    Gap,
    Image,
    Layer,
    LayerEnd,
    LayerProduct,
    Mask,
    Measure,
    PlateGrid,
    ProductState,
)
from monitor.store import BuildManifest, BuildReader, BuildWriter, ProductReader

GRID = PlateGrid((-1.5, -2.5), 100.0, (150, 131))
WEBCAM = CameraFacts("webcam", CameraRole.WEBCAM, "C920", "usb-1", (24, 32, 3), "uint8", "simulated")
BASLER = CameraFacts("basler", CameraRole.BASLER, "acA5472", "4711", (30, 40), "uint16", "simulated")
HEIGHT_MM = 0.03


def manifest(build: str = "b", grid: PlateGrid = GRID) -> BuildManifest:
    """A build of two cameras."""
    return BuildManifest(build, "small", "2026-01-02T03:04:05+00:00", "simulated", grid, HEIGHT_MM, (WEBCAM, BASLER))


def frame(facts: CameraFacts, index: int) -> Frame:
    """A frame whose pixels follow from the camera and the layer."""
    rng = np.random.default_rng([index, len(facts.name)])
    image = rng.integers(0, 4096 if facts.dtype == "uint16" else 256, facts.shape, facts.dtype)
    return Frame(facts.name, image, 10.0 * index, 8000.0, None, 12 if facts.dtype == "uint16" else 8)


def layer(index: int, *gaps: str) -> Layer:
    """A layer; the cameras named in `gaps` have no frame."""
    end = LayerEnd(1000 * index + 7, 10.0 * index, 10.0 * index - 4.0, 2.5, 10.0 * index + 3.0)
    captures = {f.name: Gap(f.name, "no frame in 5 s") if f.name in gaps else frame(f, index) for f in (WEBCAM, BASLER)}
    return Layer(index, HEIGHT_MM * (index + 1), end, f"2026-01-02T03:{index % 60:02d}:00+00:00", captures)


def mask(index: int, grid: PlateGrid = GRID) -> Mask:
    """A bar that moves with the layer."""
    values = np.zeros(grid.shape, np.bool_)
    values[20:60, 10 + index % 40 : 50 + index % 40] = True
    return values


def product(index: int, state: ProductState = ProductState.OK, grid: PlateGrid = GRID) -> LayerProduct:
    """Products of a layer; a MISSING one has none."""
    if state is ProductState.MISSING:
        return LayerProduct(index, state, reason="no frame in 5 s")
    rng = np.random.default_rng(index)

    def picture() -> Image:
        return rng.integers(0, 256, grid.shape, np.uint8)

    return LayerProduct(
        index,
        state,
        reason="" if state is ProductState.OK else "half of the plate is metal",
        rectified=picture(),
        upscaled=picture(),
        spread=picture(),
        inconsistency=picture(),
        mask=mask(index, grid),
        probability=picture(),
        prompts=np.array([[12.5, 30.0], [40.0, 41.25]], np.float32),
        measures=(Measure("area", 16.0, "mm²", 100.0, "mask", 0.5),),
        timings_s={"upscale": 1.25},
        bundles={"upscale": "latent@0123456789ab"},
        device="CPUExecutionProvider",
        seed=index,
    )


def mask_product(index: int, grid: PlateGrid = GRID) -> LayerProduct:
    """The least that a product can be: a mask."""
    return LayerProduct(index, ProductState.OK, mask=mask(index, grid))


def make_build(root: Path, layers: int, build: str = "b") -> None:
    """A build that runs."""
    with BuildWriter.create(root, manifest(build)) as writer:
        for index in range(layers):
            writer.commit(layer(index))


def assert_layer(reader: BuildReader, index: int, *gaps: str) -> None:
    """Every capture, time and height of a layer is the one that was committed."""
    expected = layer(index, *gaps)
    assert reader.end(index) == expected.end
    assert reader.height_mm(index) == expected.height_mm
    for name, capture in expected.captures.items():
        stored = reader.capture(index, name)
        if isinstance(capture, Gap):
            assert stored == capture
            continue
        assert isinstance(stored, Frame)
        assert stored.image.dtype == capture.image.dtype
        np.testing.assert_array_equal(stored.image, capture.image)
        assert (stored.time_s, stored.exposure_us, stored.bits) == (capture.time_s, capture.exposure_us, capture.bits)


def assert_product(reader: ProductReader, expected: LayerProduct) -> None:
    """Everything of a layer's products is what was committed."""
    stored = reader.load(expected.index)
    for name in ("rectified", "upscaled", "spread", "inconsistency", "mask", "probability", "prompts"):
        ours, theirs = getattr(expected, name), getattr(stored, name)
        assert (ours is None) == (theirs is None)
        if ours is not None:
            assert ours.dtype == theirs.dtype
            np.testing.assert_array_equal(theirs, ours)
    for name in ("index", "state", "reason", "measures", "timings_s", "bundles", "device", "seed"):
        assert getattr(stored, name) == getattr(expected, name)
