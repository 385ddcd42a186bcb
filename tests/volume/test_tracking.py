"""Parts as instances with ids that last through the layers."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.domain import Mask
from monitor.volume import seen_below, track
from monitor.volume.tracking import NOT_KNOWN, Ids, Tracked


def plate(*boxes: tuple[int, int, int, int]) -> Mask:
    """Metal in boxes (top, left, bottom, right) of a plate of 40 × 60 pixels."""
    mask = np.zeros((40, 60), np.bool_)
    for top, left, bottom, right in boxes:
        mask[top:bottom, left:right] = True
    return mask


def build(*masks: Mask | None, reference: Mask | None = None) -> list[Tracked | None]:
    """Track layer after layer; None is a missing layer."""
    below: list[Ids] = []
    found: list[Tracked | None] = []
    last = 0
    for mask in masks:
        if mask is None:
            found.append(None)
            continue
        one = track(mask, seen_below(below), last, least_px=4, reference=reference, reach_px=3)
        last = one.last
        below.insert(0, one.ids)
        found.append(one)
    return found


LEFT, RIGHT = (10, 5, 30, 20), (10, 30, 30, 45)
BRIDGED = (15, 5, 25, 45)


def ids_of(found: Tracked | None) -> set[int]:
    assert found is not None
    return set(np.unique(found.ids).tolist()) - {0}


def test_ids_stay_while_parts_lean() -> None:
    """Parts that move a little from layer to layer keep their ids."""
    layers = [plate((10, 5 + k, 30, 20 + k), (10, 30 - k, 30, 45)) for k in range(8)]
    for one, mask in zip(build(*layers), layers, strict=True):
        assert one is not None
        assert np.array_equal(one.ids > 0, mask)
        assert one.ids[20, 15] == 1
        assert one.ids[20, 40] == 2


def test_a_part_that_appears_is_new_and_one_that_ends_is_not_reused() -> None:
    """An id is given once in a build: a part that begins later gets the next one."""
    found = build(plate(LEFT), plate(LEFT, RIGHT), plate(RIGHT), plate(RIGHT, (2, 50, 8, 58)))
    assert [ids_of(one) for one in found] == [{1}, {1, 2}, {2}, {2, 3}]
    assert found[1] is not None
    assert found[1].born == (2,)


def test_missing_layers_do_not_end_a_part() -> None:
    """Neither a layer without a mask nor one in which a part was not found gives it another id."""
    found = build(plate(LEFT, RIGHT), None, plate(RIGHT), None, plate(LEFT, RIGHT))
    assert found[4] is not None
    assert found[4].ids[20, 10] == 1
    assert found[4].ids[20, 40] == 2


def test_touching_parts_stay_two() -> None:
    """One piece over two parts is divided between them, says so, and they part again under their ids."""
    found = build(plate(LEFT, RIGHT), plate(LEFT, RIGHT, BRIDGED), plate(LEFT, RIGHT))
    middle = found[1]
    assert middle is not None
    assert middle.touching == {1: (2,), 2: (1,)}
    assert np.array_equal(middle.ids > 0, plate(LEFT, RIGHT, BRIDGED))
    assert (middle.ids[10:30, 5:20] == 1).all()
    assert (middle.ids[10:30, 30:45] == 2).all()
    assert middle.ids[20, 23] == 1
    assert middle.ids[20, 27] == 2
    assert ids_of(found[2]) == {1, 2}
    assert found[2] is not None
    assert found[2].touching == {}


def test_a_part_in_pieces_is_one_part() -> None:
    """A part that splits upwards keeps its one id."""
    found = build(plate((10, 5, 30, 45)), plate(LEFT, RIGHT))
    assert [ids_of(one) for one in found] == [{1}, {1}]


def test_the_reference_tells_parts_apart() -> None:
    """Metal belongs to the nearest reference piece, also where the mask runs together; far metal is another part."""
    mask = plate(LEFT, RIGHT, BRIDGED, (34, 50, 38, 56))
    (one,) = build(mask, reference=plate(LEFT, RIGHT))
    assert one is not None
    assert one.nominal is not None
    assert ids_of(one) == {1, 2, 3, 4}, "the bridge's middle is nobody's, and the far piece as well"
    assert (one.nominal[10:30, 5:20] == 1).all()
    assert one.ids[20, 10] == 1
    assert one.ids[20, 40] == 2


def test_specks_are_no_parts() -> None:
    """What is smaller than a part and over none has no id."""
    (one,) = build(plate(LEFT, (0, 0, 1, 2)))
    assert one is not None
    assert ids_of(one) == {1}


def test_layers_that_are_not_known_say_nothing() -> None:
    """A plane of unknown ids below is no part."""
    below = seen_below([np.full((40, 60), NOT_KNOWN, np.uint16), track(plate(LEFT), None, 0).ids])
    assert below is not None
    assert set(np.unique(below).tolist()) == {0, 1}


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_every_piece_of_metal_has_one_id_at_least(seed: int) -> None:
    """Whatever the layers: no metal without an id, no id without metal, and none above the last."""
    rng = np.random.default_rng(seed)
    masks = [rng.random((12, 12)) < 0.4 for _ in range(4)]
    below: list[Ids] = []
    last = 0
    for mask in masks:
        one = track(mask, seen_below(below), last)
        assert np.array_equal(one.ids > 0, mask)
        assert int(one.ids.max()) <= one.last
        assert one.last - last == len(one.born)
        last = one.last
        below.insert(0, one.ids)
