"""Frames that are written before their layer's commit: the commit alone makes them count, and nothing else is left."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from monitor.domain import Frame, Gap, StoreError
from monitor.store import BuildReader, BuildWriter, arrays, verify
from tests.store.small import BASLER, WEBCAM, assert_layer, frame, layer, manifest


@pytest.fixture
def writer(tmp_path: Path) -> Iterator[BuildWriter]:
    with BuildWriter.create(tmp_path, manifest()) as made:
        yield made


def litter(root: Path) -> list[Path]:
    """Temporary files that are left."""
    return sorted(root.rglob("*.partial"))


def test_a_prepared_layer_is_the_same_layer(tmp_path: Path, writer: BuildWriter) -> None:
    """Prepared or not, by one camera or both, with a flaw found meanwhile: what is read is what was committed."""
    for index, prepared in enumerate([(), ("webcam",), ("basler", "webcam")]):
        whole = layer(index)
        for name in prepared:
            capture = whole.captures[name]
            assert isinstance(capture, Frame)
            writer.prepare(capture)
            whole = replace(whole, captures={**whole.captures, name: replace(capture, flaw="blurred")})
        writer.commit(whole)
        reader = BuildReader.open(tmp_path, "b")
        assert_layer(reader, index)
        flaws = {name for name, shot in reader.record(index).frames.items() if shot.flaw}
        assert flaws == set(prepared)
    assert verify(tmp_path, "b").problems == ()
    assert litter(tmp_path) == []


def test_before_the_commit_nobody_sees_it(tmp_path: Path, writer: BuildWriter) -> None:
    """A prepared frame is no layer, and is gone when the build is closed without its commit."""
    writer.commit(layer(0))
    writer.prepare(frame(WEBCAM, 1))
    writer.close()
    assert BuildReader.open(tmp_path, "b").layers() == (0,)
    assert litter(tmp_path) == []
    with BuildWriter.open(tmp_path, "b") as again:
        again.commit(layer(1))
    assert_layer(BuildReader.open(tmp_path, "b"), 1)


def test_the_commit_decides_which_frame_it_is(tmp_path: Path, writer: BuildWriter) -> None:
    """Several tries of one camera and a frame that became a gap: the layer has what it was committed with."""
    last = frame(WEBCAM, 0)
    for shot in (frame(WEBCAM, 7), frame(WEBCAM, 8), last, frame(BASLER, 9)):
        writer.prepare(shot)
    writer.prepare(replace(last, image=np.zeros((2, 2, 3), np.uint8)))  # of no camera of this build
    writer.commit(layer(0, "basler"))
    assert_layer(BuildReader.open(tmp_path, "b"), 0, "basler")
    writer.prepare(frame(WEBCAM, 7))
    writer.commit(layer(1))
    assert_layer(BuildReader.open(tmp_path, "b"), 1)
    assert litter(tmp_path) == []


def test_a_recoat_frame_is_prepared_beside_the_layers_own(tmp_path: Path, writer: BuildWriter) -> None:
    """One camera has both frames under way at once."""
    powder, melted = frame(WEBCAM, 5), layer(0)
    writer.prepare(powder, recoat=True)
    capture = melted.captures["webcam"]
    assert isinstance(capture, Frame)
    writer.prepare(capture)
    writer.commit(replace(melted, recoats={"webcam": powder, "basler": Gap("basler", "too late")}))
    reader = BuildReader.open(tmp_path, "b")
    assert_layer(reader, 0)
    recoat = reader.recoat(0, "webcam")
    assert isinstance(recoat, Frame)
    np.testing.assert_array_equal(recoat.image, powder.image)


def test_a_disk_that_fails_early_is_told_by_the_commit(
    tmp_path: Path, writer: BuildWriter, monkeypatch: pytest.MonkeyPatch
) -> None:
    """To prepare raises nothing; the commit says what failed, and the same layer can be committed again."""
    whole = layer(0)
    with monkeypatch.context() as patch:
        patch.setattr(arrays, "write_partial", _broken)
        for capture in whole.captures.values():
            assert isinstance(capture, Frame)
            writer.prepare(capture)
        with pytest.raises(StoreError, match="layer 0 of build b: Input/output error"):
            writer.commit(whole)
    writer.commit(whole)
    assert_layer(BuildReader.open(tmp_path, "b"), 0)
    assert litter(tmp_path) == []


def _broken(path: Path, pieces: object) -> Path:
    raise OSError(5, "Input/output error", str(path))
