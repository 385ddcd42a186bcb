"""The exact truth of virtual layers: parts of every kind, heights, roughness, STL slices."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import trimesh

from monitor.devices.simulated import SceneSpec, layer_coverage, layer_height, layer_truth
from monitor.domain import ConfigError, Mask
from tests.devices.simulated.small import small_settings

PX_MM2 = 0.01  # pixels of 0.1 mm


def truth(part: dict[str, Any], index: int = 0, **simulation: Any) -> Mask:
    """The truth of a layer of one part."""
    spec = SceneSpec.from_settings(small_settings(parts=[part], **simulation))
    return layer_truth(spec, index)


def area_mm2(mask: Mask) -> float:
    """Area of a mask on the small plate."""
    return float(mask.sum()) * PX_MM2


def extent_mm(mask: Mask) -> tuple[float, float]:
    """Width and height of what is in a mask."""
    rows, cols = np.nonzero(mask)
    return (np.ptp(cols) + 1) * 0.1, (np.ptp(rows) + 1) * 0.1


@pytest.mark.parametrize(
    ("part", "box_mm", "expected_mm2"),
    [
        ({"kind": "disc", "size_mm": [8, 8]}, (8, 8), math.pi * 16),
        ({"kind": "ring", "size_mm": [8, 8], "wall_mm": 2}, (8, 8), math.pi * (16 - 4)),
        ({"kind": "bar", "size_mm": [9, 4]}, (9, 4), 36.0),
        # Open by a quarter towards +x, so that it ends at 4 mm × cos 45°.
        ({"kind": "arc", "size_mm": [8, 8], "wall_mm": 2}, (4 + 4 * math.sqrt(0.5), 8), math.pi * 12 * 0.75),
        ({"kind": "tensile", "size_mm": [4, 10]}, (4, 10), None),
        ({"kind": "lattice", "size_mm": [9, 9], "wall_mm": 0.8}, (9, 9), None),
    ],
)
def test_every_kind_of_part_has_its_size(
    part: dict[str, Any], box_mm: tuple[float, float], expected_mm2: float | None
) -> None:
    """A part fills its box (±0.3 mm of roughness), and its area where that has a formula."""
    mask = truth(part)
    assert extent_mm(mask) == pytest.approx(box_mm, abs=0.35)
    box = box_mm[0] * box_mm[1]
    assert 0.1 * box < area_mm2(mask) <= 1.05 * box
    if expected_mm2:
        assert area_mm2(mask) == pytest.approx(expected_mm2, rel=0.06)


def test_parts_stand_where_they_are_put() -> None:
    """Plate coordinates of a part's centre are those of its pixels' middle; angles turn it."""
    mask = truth({"kind": "bar", "size_mm": [6, 2], "center_mm": [2.0, -1.5], "angle_deg": 90.0})
    rows, cols = np.nonzero(mask)
    assert (cols.mean() * 0.1 - 6.35, rows.mean() * 0.1 - 6.35) == pytest.approx((2.0, -1.5), abs=0.05)
    assert extent_mm(mask) == pytest.approx((2, 6), abs=0.35)


def test_the_truth_is_half_covered_pixels() -> None:
    """A pixel is metal where the melt covers at least half of it."""
    spec = SceneSpec.from_settings(small_settings())
    coverage = layer_coverage(spec, 1)
    assert np.array_equal(layer_truth(spec, 1), coverage >= 0.5)
    edge = (coverage > 0.02) & (coverage < 0.98)
    assert 0 < edge.sum() < 0.2 * (coverage > 0.5).sum()


def test_layers_differ_but_only_at_the_contour() -> None:
    """From layer to layer the melt contour wanders a little; the inside stays."""
    spec = SceneSpec.from_settings(small_settings())
    one, two = layer_truth(spec, 0), layer_truth(spec, 1)
    changed = (one ^ two).sum() / one.sum()
    assert 0 < changed < 0.05


def test_a_taper_grows_with_height() -> None:
    """An outline that grows 0.5 mm per mm is 0.5 mm wider on each side 1 mm up."""
    part = {"kind": "disc", "size_mm": [6, 6], "taper": 0.5}
    low, high = truth(part, 0, layers=40), truth(part, 33, layers=40)
    assert area_mm2(high) - area_mm2(low) == pytest.approx(math.pi * (3.5**2 - 3.0**2), rel=0.15)


def test_heights_count_layers() -> None:
    """The top of layer k is k + 1 layer heights above the plate."""
    spec = SceneSpec.from_settings(small_settings())
    assert [layer_height(spec, k) for k in range(3)] == pytest.approx([0.03, 0.06, 0.09])


def test_the_same_seed_is_the_same_build() -> None:
    """Seeds decide everything: equal ones agree to the bit, others do not."""

    def of(seed: int) -> Mask:
        return layer_truth(SceneSpec.from_settings(small_settings(seed=seed)), 2)

    assert np.array_equal(of(1), of(1))
    assert not np.array_equal(of(1), of(2))


@pytest.mark.parametrize("seed", range(4))
def test_random_builds_have_metal_and_powder(seed: int) -> None:
    """Every random build has parts within its plate, and leaves powder between them."""
    spec = SceneSpec.random(seed)
    share = layer_truth(spec, 3).mean()
    assert 0.005 < share < 0.6
    assert spec == SceneSpec.random(seed)
    assert spec != SceneSpec.random(seed + 100)


@pytest.fixture
def tube_stl(tmp_path: Path) -> Path:
    """A tube of 8 mm outer and 4 mm inner diameter, 0.5 mm high, away from the origin."""
    tube = trimesh.creation.annulus(r_min=2.0, r_max=4.0, height=0.5, sections=64)
    tube.apply_translation([20.0, -7.0, 9.0])
    path = tmp_path / "tube.stl"
    tube.export(path)
    return path


def test_an_stl_part_is_sliced(tube_stl: Path) -> None:
    """A mesh is centred, put on the plate and cut at each layer's height, holes and all; above it there is nothing."""
    part = {"kind": "stl", "path": str(tube_stl)}
    mask = truth(part)
    assert extent_mm(mask) == pytest.approx((8, 8), abs=0.35)
    assert area_mm2(mask) == pytest.approx(math.pi * (16 - 4), rel=0.04)
    assert not mask[56:72, 56:72].any()  # the hole
    assert not truth(part, 20, layers=30).any()


@pytest.mark.parametrize("content", [None, b"", b"solid nothing\nendsolid nothing\n", b"\x00" * 50, b"no mesh at all"])
def test_an_stl_file_that_cannot_be_used_is_refused(tmp_path: Path, content: bytes | None) -> None:
    """A missing, empty or damaged STL file is an error of the configuration that names the file."""
    path = tmp_path / "part.stl"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ConfigError, match=r"part\.stl"):
        truth({"kind": "stl", "path": str(path)})
