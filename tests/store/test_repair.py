"""Damage of every kind: found, named, and repaired without losing anything that was known."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.domain import StoreCorrupt, StoreLocked
from monitor.store import BuildReader, BuildWriter, ProductReader, ProductWriter, repair, repair_notes, verify
from tests.store.small import assert_layer, assert_product, layer, make_build, mask, product

LAYERS = 3
UNCHECKED = ("lock", "end-request.json", "thinned.json")


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A whole build with everything in it: never changed, only copied."""
    root = tmp_path_factory.mktemp("good")
    make_build(root, LAYERS)
    with BuildWriter.open(root, "b") as writer, ProductWriter.open(root, "b") as products:
        for index in range(LAYERS):
            writer.set_reference(index, mask(index))
            products.commit(product(index))
        writer.end("done")
    return root


@pytest.fixture
def root(good: Path, tmp_path: Path) -> Path:
    """The build, to be damaged."""
    shutil.copytree(good, tmp_path / "root")
    return tmp_path / "root"


def everything(folder: Path) -> dict[str, bytes]:
    """Every file below a folder, but for what repairs add."""
    files = [path for path in folder.rglob("*") if path.is_file() and "set-aside" not in path.parts]
    return {str(p.relative_to(folder)): p.read_bytes() for p in files if "repairs" not in p.parts}


def test_a_whole_build_needs_no_repair(root: Path) -> None:
    """Nothing is found and nothing is changed, with and without --apply."""
    before = everything(root)
    assert repair(root, "b") == ()
    assert repair(root, "b", apply=True) == ()
    assert everything(root) == before


@given(data=st.data())
@settings(max_examples=80)
def test_any_flipped_bit_is_found(good: Path, data: st.DataObject) -> None:
    """In any file of a build: a problem that names it, or content that is read and is the same as before."""
    files = sorted(p for p in (good / "b").rglob("*") if p.is_file() and p.stat().st_size and p.name not in UNCHECKED)
    path = data.draw(st.sampled_from(files))
    whole = path.read_bytes()
    bit = data.draw(st.integers(0, 8 * len(whole) - 1))
    flipped = bytearray(whole)
    flipped[bit // 8] ^= 1 << bit % 8
    path.write_bytes(flipped)
    try:
        assert found(good) or same(good), f"bit {bit} of {path.name} changed what is read and was not found"
    finally:
        path.write_bytes(whole)


def found(root: Path) -> bool:
    try:
        return bool(verify(root, "b").problems)
    except StoreCorrupt:
        return True  # the manifest


def same(root: Path) -> bool:
    """Whether every reader gets what was committed, as after a change of white space or of padding."""
    reader, products = BuildReader.open(root, "b"), ProductReader.open(root, "b")
    for index in range(LAYERS):
        assert_layer(reader, index)
        assert_product(products, product(index))
        np.testing.assert_array_equal(reader.reference(index), mask(index))
    return reader.ended == "done"


def test_a_damaged_frame_is_named_with_its_file_and_marked(root: Path) -> None:
    """Build, layer, camera and file; the note stays when the repair runs again, and nothing else changes."""
    chunk = root / "b/raw/basler/c.1.0.0"
    data = bytearray(chunk.read_bytes())
    data[len(data) // 2] ^= 1
    chunk.write_bytes(data)
    before = everything(root)
    (problem,) = verify(root, "b").problems
    assert problem.startswith("the frame of 'basler' in layer 1 of build b ")
    assert "raw/basler/c.1.0.0" in problem
    (step,) = repair(root, "b")
    assert (step.what, step.done) == (problem, "layer 1 is marked in repairs/000001.json")
    assert repair_notes(root, "b") == {}
    repair(root, "b", apply=True)
    assert repair_notes(root, "b") == {1: (problem,)}
    assert repair(root, "b", apply=True) == ()
    assert everything(root) == before


def test_further_damage_is_added_to_what_was_known(root: Path) -> None:
    """The earlier note is set aside, not lost."""
    (root / "b/raw/basler/c.1.0.0").unlink()
    repair(root, "b", apply=True)
    first = (root / "b/repairs/000001.json").read_bytes()
    (root / "b/raw/webcam/c.1.0.0.0").write_bytes(b"short")
    repair(root, "b", apply=True)
    assert len(repair_notes(root, "b")[1]) == 2
    assert (root / "b/set-aside/repairs/000001.json").read_bytes() == first
    assert repair(root, "b", apply=True) == ()


@pytest.mark.parametrize("damage", ["missing", "cut off", "of another kind"])
@pytest.mark.parametrize("meta", [
    "", "raw", "raw/basler", "raw/webcam", "reference/mask", "products/live", "products/live/mask",
    "products/live/volume", "products/live/volume/0",
])  # fmt: skip
def test_lost_metadata_is_made_again_from_the_records(root: Path, meta: str, damage: str) -> None:
    """Byte for byte what it was, so that this program and any other reads the build as before."""
    path = root / "b" / meta / "zarr.json"
    before = json.loads(path.read_bytes())
    if damage == "missing":
        path.unlink()
    else:
        path.write_bytes(path.read_bytes()[:40] if damage == "cut off" else b"[1, 2]")
    (step,) = repair(root, "b", apply=True)
    assert str(path.relative_to(root / "b")) in step.what
    assert json.loads(path.read_bytes()) == before
    assert verify(root, "b").problems == ()
    assert same(root)
    assert repair(root, "b", apply=True) == ()
    if damage != "missing":
        assert (root / "b/set-aside" / meta / "zarr.json").is_file()


def test_a_changed_scale_of_the_volume_is_found(root: Path) -> None:
    """What other programs believe of the volume is checked too, and made again."""
    path = root / "b/products/live/volume/zarr.json"
    text = path.read_text()
    assert "0.03" in text
    path.write_text(text.replace("0.03", "0.04", 1))
    (problem,) = verify(root, "b").problems
    assert problem == "the metadata products/live/volume/zarr.json of build b is not what the records say"
    repair(root, "b", apply=True)
    assert json.loads(path.read_bytes()) == json.loads(text)


def test_partial_files_are_set_aside_and_not_deleted(root: Path) -> None:
    """Under their own paths, and never over one another."""
    partial = root / "b/raw/basler/.c.3.0.0.partial"
    for content in (b"first", b"second"):
        partial.write_bytes(content)
        (step,) = repair(root, "b", apply=True)
        assert "when a process died" in step.what
        assert not partial.exists()
    aside = root / "b/set-aside/raw/basler"
    assert {path.read_bytes() for path in aside.iterdir()} == {b"first", b"second"}
    assert same(root)


def test_a_lost_record_is_marked(root: Path) -> None:
    """Its frames have no digest any more, so that they are not believed; the hole is known."""
    (root / "b/commits/000001.json").unlink()
    repair(root, "b", apply=True)
    assert any("lost its commit record" in word for word in repair_notes(root, "b")[1])
    assert repair(root, "b", apply=True) == ()


def test_a_build_that_is_written_is_not_repaired(tmp_path: Path) -> None:
    """The writer's files are not a dead process's files."""
    make_build(tmp_path, 1)
    with BuildWriter.open(tmp_path, "b") as writer:
        with pytest.raises(StoreLocked):
            repair(tmp_path, "b", apply=True)
        writer.commit(layer(1))
    assert repair(tmp_path, "b") == ()
