"""Two builds compared: what differs is named with its layer, what does not is not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from monitor.domain import LayerProduct, Measure, NotInStore
from monitor.store import BuildWriter, ProductWriter
from monitor.store.differing import BuildDiff, Side, Tolerance, diff_builds
from tests.store.small import layer, make_build, manifest, mask, product

LAYERS = 3


def made(root: Path, build: str, change: Callable[[LayerProduct], LayerProduct] = lambda p: p) -> None:
    """A build whose products of layer 1 are changed."""
    make_build(root, LAYERS, build)
    with ProductWriter.open(root, build) as products:
        for index in range(LAYERS):
            products.commit(change(product(index)) if index == 1 else product(index))


EXACT = Tolerance()


def compared(root: Path, tolerance: Tolerance = EXACT) -> BuildDiff:
    return diff_builds(Side.open(root, "a", "live"), Side.open(root, "b", "live"), tolerance)


def words(found: BuildDiff) -> list[tuple[int, str, str]]:
    return [(d.layer, d.what, d.how) for d in found.differences]


def test_the_same_content_is_the_same(tmp_path: Path) -> None:
    """Two builds of the same frames and products, made at different times, under different ids."""
    done: list[int] = []
    for build in "ab":
        made(tmp_path, build)
    sides = [Side.open(tmp_path, build, "live") for build in "ab"]
    found = diff_builds(*sides, progress=lambda number, total: done.append(number))
    assert (found.layers, found.differences, found.causes) == (LAYERS, (), ())
    assert done == [1, 2, 3]


def test_each_product_that_differs_is_named_with_its_amount(tmp_path: Path) -> None:
    """A grey level, a mask's pixel with its volume, a measure: each is a difference until it is tolerated."""

    def changed(whole: LayerProduct) -> LayerProduct:
        assert whole.mask is not None
        assert whole.spread is not None
        other_mask, spread = whole.mask.copy(), whole.spread.copy()
        other_mask[0, 0] ^= True
        spread[0, 0] = spread[0, 0] + 3 if spread[0, 0] < 100 else spread[0, 0] - 3
        measures = (Measure("area", 16.1, "mm²", 100.0, "mask", 0.5),)
        return replace(whole, mask=other_mask, spread=spread, measures=measures)

    made(tmp_path, "a")
    made(tmp_path, "b", changed)
    size = mask(0).size
    assert words(compared(tmp_path)) == [
        (1, "mask", f"1 of {size} pixels"),
        (1, "spread", "up to 3 grey levels"),
        (1, "volume", "other voxels"),
        (1, "measure area", "16, 16.1"),
    ]
    assert words(compared(tmp_path, Tolerance(grey=2, share=0.5 / size, relative=0.001))) == [
        (1, "mask", f"1 of {size} pixels"),
        (1, "spread", "up to 3 grey levels"),
        (1, "volume", f"1 of {size} pixels"),
        (1, "measure area", "16, 16.1"),
    ]
    assert words(compared(tmp_path, Tolerance(grey=3, share=1 / size, relative=0.01))) == []


def test_bundles_seeds_and_devices_are_told_once_as_causes(tmp_path: Path) -> None:
    """They are no difference by themselves."""
    made(tmp_path, "a")
    made(tmp_path, "b", lambda p: replace(p, bundles={"upscale": "other@1"}, seed=p.seed + 5, device="CUDA"))
    found = compared(tmp_path)
    assert found.differences == ()
    assert [(c.what, c.a, c.b) for c in found.causes] == [
        ("bundle upscale", "latent@0123456789ab", "other@1"),
        ("seed of the first layer", "0", "5"),
        ("device", "CPUExecutionProvider", "CUDA"),
    ]


def test_settings_that_shape_layers_and_products_are_causes_and_others_are_not(tmp_path: Path) -> None:
    """The layer height of the builds and the sampler's steps of the products are told, the page's port is not."""
    for build, steps, height in (("a", 8, 30.0), ("b", 9, 40.0)):
        config = {"acquire": {"layer_height_um": height}, "web": {"port": steps}}
        with BuildWriter.create(tmp_path, replace(manifest(build), config=config)) as writer:
            for index in range(2):
                writer.commit(layer(index))
        with ProductWriter.open(tmp_path, build, recipe={"upscale": {"steps": steps, "seed": 1}}) as products:
            for index in range(2):
                products.commit(product(index))
    assert [(c.what, c.a, c.b) for c in compared(tmp_path).causes] == [
        ("setting acquire.layer_height_um", "30.0", "40.0"),
        ("setting upscale.steps", "8", "9"),
    ]


def test_frames_gaps_references_and_layers_that_differ_are_named(tmp_path: Path) -> None:
    """Another picture, a gap against a frame, another reference, a layer and products on one side only."""
    with BuildWriter.create(tmp_path, manifest("a")) as a, BuildWriter.create(tmp_path, manifest("b")) as b:
        a.set_reference(0, mask(0))
        b.set_reference(0, mask(1))
        a.set_reference(1, mask(1))
        a.commit(layer(0))
        b.commit(replace(layer(1), index=0, height_mm=layer(0).height_mm))
        a.commit(layer(1))
        b.commit(layer(1, "webcam"))
        a.commit(layer(2))
    with ProductWriter.open(tmp_path, "b") as products:
        products.commit(product(1))
    assert words(compared(tmp_path)) == [
        (0, "frame of basler", "other pixels"),
        (0, "frame of webcam", "other pixels"),
        (0, "reference mask", "other pixels"),
        (1, "frame of webcam", "a frame, missing: no frame in 5 s"),
        (1, "reference mask", "only in A"),
        (1, "products", "only in B"),
        (2, "layer", "only in A"),
    ]


def test_pictures_within_a_tolerance_are_read_only_where_they_differ(tmp_path: Path) -> None:
    """Arrays of equal digests are not read: removing them from the disk is not noticed."""
    for build in "ab":
        made(tmp_path, build)
        for chunk in (tmp_path / build / "products" / "live" / "upscaled").glob("c*"):
            chunk.unlink()
    assert compared(tmp_path, Tolerance(grey=1)).differences == ()


def test_a_build_that_is_not_there_is_a_clear_error(tmp_path: Path) -> None:
    """As everywhere."""
    with pytest.raises(NotInStore):
        Side.open(tmp_path, "absent", "live")


def test_pixels_far_apart_do_not_wrap_around(tmp_path: Path) -> None:
    """0 and 255 are 255 grey levels apart."""
    made(tmp_path, "a", lambda p: replace(p, spread=np.zeros_like(p.spread)))
    made(tmp_path, "b", lambda p: replace(p, spread=np.full_like(p.spread, 255)))
    assert words(compared(tmp_path, Tolerance(grey=254))) == [(1, "spread", "up to 255 grey levels")]
