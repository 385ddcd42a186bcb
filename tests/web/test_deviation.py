"""Numbers on the surface, and the parts of a layer: signs, units and what is not known."""

from __future__ import annotations

from typing import Any

import numpy as np

from monitor.config import AlarmsSettings
from monitor.domain import PartInLayer
from monitor.store import ProductReader
from monitor.volume.intended import nominal_pixels
from monitor.web.deviation import signed_distance_mm
from monitor.web.parts import split
from tests.web.conftest import Site


def _disc(
    radius: float, centre: tuple[float, float] = (50, 50), side: int = 120
) -> np.ndarray[Any, np.dtype[np.bool_]]:
    rows, columns = np.indices((side, side))
    return np.hypot(rows - centre[0], columns - centre[1]) <= radius


def test_the_distance_from_a_discs_outline_is_its_radius_difference() -> None:
    """Positive outside, negative inside, in mm, within half a pixel; without an outline there is none."""
    found = signed_distance_mm(_disc(30.0), 0.1)
    assert found is not None
    rows, columns = np.indices(found.shape)
    assert np.abs(found - (np.hypot(rows - 50, columns - 50) - 30.0) * 0.1).max() < 0.06
    assert signed_distance_mm(np.zeros((4, 4), np.bool_), 0.1) is None


def test_a_grown_surface_deviates_outwards_and_says_so_for_every_vertex(site: Site) -> None:
    """The slab's numbers match its vertices in count; walls lie near the nominal outline, and some are known."""
    slab: Any = site.json(f"{site.base}/mesh")["slabs"][0]  # type: ignore[index]
    mesh = site.client.get(slab["url"]).content
    vertices = int.from_bytes(mesh[4:8], "little")
    for kind, most in (("deviation", 1.0), ("uncertainty", 1.0)):
        answer = site.client.get(slab[f"{kind}_url"])
        assert "immutable" in answer.headers["cache-control"]
        values = np.frombuffer(answer.content, "<f4")
        assert len(values) == vertices
        known = values[~np.isnan(values)]
        assert len(known) > vertices / 4
        assert np.abs(known).max() <= most
    assert site.client.get(slab["url"].replace("?", "/colour?")).status_code == 422


def test_parts_are_those_of_the_nominal_mask_and_stray_metal_belongs_to_none() -> None:
    """A part that is too small keeps its number and its nominal size; metal far away is in no part."""
    nominal = _disc(20, (30, 30)) | _disc(10, (30, 90))
    mask = _disc(18, (30, 30)) | _disc(10, (30, 90)) | _disc(6, (100, 60))
    left, right = split(mask, nominal, 0.1)
    assert left.area_px == int(_disc(18, (30, 30)).sum())
    assert left.nominal_px == int(_disc(20, (30, 30)).sum())
    assert right.area_px == right.nominal_px


def test_a_part_that_is_not_there_is_said_with_area_zero() -> None:
    """What should be melted and is not is a part without metal, not a part less."""
    (part,) = split(np.zeros((120, 120), np.bool_), _disc(20), 0.1)
    assert (part.area_px, part.filled_px) == (0, 0)


def test_a_rings_diameter_counts_its_hole(site: Site) -> None:
    """The shared build's ring of 8 mm has one part of about that diameter, with less area than its disc."""
    answer: Any = site.json(f"{site.base}/layers/0/parts")
    (part,) = answer["parts"]
    assert answer["nominal"] is True
    assert answer["area_tolerance_percent"] == AlarmsSettings().rules.area.limit
    assert abs(part["nominal_diameter_mm"] - 8.0) < 0.3
    assert abs(part["diameter_mm"] - 8.0) < 0.8
    assert part["area_mm2"] < 0.9 * np.pi * 16
    assert site.client.get(f"{site.base}/layers/2/parts").status_code == 404


def test_a_part_is_said_as_the_worker_measured_it(site: Site) -> None:
    """Its lasting number, area and diameter with what they rest on, and why there is no interval yet."""
    answer: Any = site.json(f"{site.base}/layers/1/parts")
    (part,) = answer["parts"]
    stored = ProductReader.open(site.served.settings.store.root, site.build).record(1).parts[0]
    assert part["number"] == stored.id == 1
    assert [m["name"] for m in part["measures"]] == [m.name for m in stored.measures]
    assert part["area_mm2"] == next(m.value for m in stored.measures if m.name == "area")
    assert all(m["spread"] is None and m["unit"] and m["basis"] for m in part["measures"])
    assert "no intervals" in answer["intervals"]


def test_what_a_part_should_be_follows_its_number() -> None:
    """Each part has the reference's pixels under it, with holes counted apart; a lost one has those in its box."""
    ring = _disc(20, (30, 30)) & ~_disc(8, (30, 30))
    ids = np.where(ring, np.uint16(7), np.uint16(0))
    lost = PartInLayer(9, (80, 80, 101, 101), (), lost=True)
    reference = ring | _disc(10, (90, 90))
    found = nominal_pixels(ids, reference, (PartInLayer(7, (10, 10, 51, 51), ()), lost))
    assert found[7] == (int(ring.sum()), int(_disc(20, (30, 30)).sum()))
    assert found[9][0] == int(_disc(10, (90, 90)).sum())
    assert nominal_pixels(ids, ring, (PartInLayer(7, (10, 10, 51, 51), ()),)).keys() == {7}
