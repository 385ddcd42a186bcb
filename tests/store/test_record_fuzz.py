"""Commit records that anybody may have written over: read, or an error for a person; never a crash."""

from __future__ import annotations

import json
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.domain import MonitorError, ProductState
from monitor.store.model_events import ModelEvent
from monitor.store.records import BuildManifest, LayerRecord, ProductRecord, from_json, to_json

KINDS = st.sampled_from([LayerRecord, ProductRecord, BuildManifest, ModelEvent])
GOOD = ProductRecord(3, ProductState.OK, "", {}, ("blake3:0",), ((1.0, 2.0),), (), {"read": 0.1}, {}, "cpu", 7, "now")
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=10,
)


@settings(max_examples=150)
@given(kind=KINDS, data=st.binary(max_size=200) | json_values.map(lambda value: json.dumps(value).encode()))
def test_any_bytes_are_no_record_but_an_error(kind: type, data: bytes) -> None:
    """Not JSON, not an object, no seal: each is told with the file's name."""
    try:
        from_json(kind, data, "the file")
    except MonitorError as error:
        told = error.what
    else:
        raise AssertionError("taken for a record")
    assert "the file" in told


@settings(max_examples=200)
@given(at=st.integers(0, 2000), piece=st.binary(min_size=1, max_size=6))
def test_a_record_that_was_written_over_is_refused_or_the_same(at: int, piece: bytes) -> None:
    """The seal sees any change that means something."""
    data = bytearray(to_json(GOOD))
    start = at % len(data)
    data[start : start + len(piece)] = piece
    try:
        read = from_json(ProductRecord, bytes(data), "the file")
    except MonitorError:
        return
    assert read == GOOD


@settings(max_examples=100)
@given(key=st.sampled_from(sorted(json.loads(to_json(GOOD)))), value=json_values)
def test_a_sealed_record_with_any_value_is_read_or_refused(key: str, value: object) -> None:
    """Even where the seal was made anew, a value of another type never gets through as one of its own."""
    from monitor.store.records import _seal

    data = json.loads(to_json(GOOD)) | {key: value}
    data.pop("seal", None)
    try:
        data["seal"] = _seal(data)
        read = from_json(ProductRecord, json.dumps(data).encode(), "the file")
    except (MonitorError, ValueError):  # a value that JSON cannot hold is not written at all
        return
    assert isinstance(read, ProductRecord)
    assert read.index == data["index"]


def test_a_journal_with_a_damaged_entry_is_read_without_it(tmp_path: Path) -> None:
    """What stands follows from the entries that can be read; the next entry gets a new number."""
    from monitor.store import ModelBook

    book = ModelBook(tmp_path)
    first = book.add("asked", "a@1", "upscale", by="t", why="t")
    book.add("activated", "a@1", "upscale", by="t", why="t", of=first.number)
    third = book.add("asked", "b@2", "upscale", by="t", why="t")
    path = tmp_path / "models" / "journal" / f"{third.number:06d}.json"
    path.write_bytes(path.read_bytes()[:-30])
    fresh = ModelBook(tmp_path)
    assert fresh.standing("upscale").active == "a@1"
    assert fresh.standing("upscale").pending is None
    assert fresh.add("imported", "c@3", None, by="t", why="t").number == third.number + 1
