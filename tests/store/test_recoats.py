"""Frames of the fresh powder in the store: committed with the layer, checked, exported and compared like any other."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from monitor.domain import Frame, Gap, Layer, StoreCorrupt, StoreError
from monitor.store import BuildReader, BuildWriter, verify
from monitor.store.differing import Side, diff_builds
from monitor.store.exporting import ExportOrder, export_build
from monitor.store.records import FORMAT, _seal
from monitor.store.repairing import repair
from tests.store.small import BASLER, WEBCAM, assert_layer, frame, layer, make_build, manifest

REASON = "the laser came on before the recoat frame"


def recoated(index: int, shift: int = 1000) -> Layer:
    """A layer with a recoat frame of the Basler and a gap of the webcam; its pixels are those of another layer."""
    shot = replace(frame(BASLER, index + shift), time_s=10.0 * index - 4.5, flaw="blurred (40% of the usual sharpness)")
    return replace(layer(index), recoats={"basler": shot, "webcam": Gap("webcam", REASON)})


def make(root: Path, build: str = "b", shift: int = 1000) -> BuildReader:
    """Three layers; the first has no recoat frames."""
    with BuildWriter.create(root, manifest(build)) as writer:
        writer.commit(layer(0))
        writer.commit(recoated(1))
        writer.commit(recoated(2, shift))
    return BuildReader.open(root, build)


def test_recoat_frames_come_back_as_they_went_beside_the_layers_own(tmp_path: Path) -> None:
    """Bit for bit with time and flaw; a gap keeps its reason; a layer without any says None."""
    reader = make(tmp_path)
    assert reader.recoat(0, "basler") is None
    expected, stored = recoated(1).recoats["basler"], reader.recoat(1, "basler")
    assert isinstance(stored, Frame)
    assert isinstance(expected, Frame)
    np.testing.assert_array_equal(stored.image, expected.image)
    assert (stored.time_s, stored.flaw, stored.bits) == (expected.time_s, expected.flaw, expected.bits)
    assert reader.recoat(1, "webcam") == Gap("webcam", REASON)
    for index in range(3):
        assert_layer(reader, index)
    report = verify(tmp_path, "b")
    assert (report.frames, report.problems) == (8, ())


def test_a_flipped_bit_in_a_recoat_frame_is_found_and_named(tmp_path: Path) -> None:
    """The layer's own frames still read."""
    reader = make(tmp_path)
    chunk = tmp_path / "b/recoat/basler/c.1.0.0"
    data = bytearray(chunk.read_bytes())
    data[len(data) // 2] ^= 0x10
    chunk.write_bytes(data)
    (problem,) = verify(tmp_path, "b").problems
    assert "the recoat frame of 'basler' in layer 1 of build b" in problem
    with pytest.raises(StoreCorrupt, match="the recoat frame"):
        reader.recoat(1, "basler")
    assert_layer(reader, 1)


def test_lost_metadata_of_the_recoat_array_is_made_again(tmp_path: Path) -> None:
    """As of any other array: from the records."""
    make(tmp_path)
    for name in ("recoat/zarr.json", "recoat/basler/zarr.json"):
        (tmp_path / "b" / name).unlink()
    assert verify(tmp_path, "b").problems
    repair(tmp_path, "b", apply=True)
    assert verify(tmp_path, "b").problems == ()


def test_frames_of_no_camera_or_of_another_shape_are_refused(tmp_path: Path) -> None:
    """Before anything is written: the same layer can be committed without them."""
    with BuildWriter.create(tmp_path, manifest()) as writer:
        with pytest.raises(StoreError, match=r"recoat frames of \['nobody'\]"):
            writer.commit(replace(layer(0), recoats={"nobody": Gap("nobody", REASON)}))
        wrong = replace(frame(WEBCAM, 0), camera="basler")
        with pytest.raises(StoreError, match="the frame of 'basler' is uint8"):
            writer.commit(replace(layer(0), recoats={"basler": wrong}))
        writer.commit(layer(0))


def test_an_export_has_them_in_a_folder_of_their_own(tmp_path: Path) -> None:
    """With a column for the file and one for the reason; a build without any has neither."""
    reader = make(tmp_path)
    with export_build(reader, tmp_path / "out", ExportOrder()).open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [row["basler_recoat"] for row in rows] == ["", *(f"recoat/basler/layer_00000{i}.tif" for i in (1, 2))]
    assert [row["webcam_recoat_missing"] for row in rows] == ["", REASON, REASON]
    stored = reader.recoat(2, "basler")
    assert isinstance(stored, Frame)
    pixels = cv2.imread(str(tmp_path / "out" / rows[2]["basler_recoat"]), cv2.IMREAD_UNCHANGED)
    np.testing.assert_array_equal(pixels, stored.image)
    make_build(tmp_path, 1, "plain")
    plain = export_build(BuildReader.open(tmp_path, "plain"), tmp_path / "other", ExportOrder())
    assert "recoat" not in plain.read_text(encoding="utf-8")


def test_a_difference_in_recoat_frames_is_named(tmp_path: Path) -> None:
    """Other pixels are a difference; frames that one side never wanted are none."""
    make(tmp_path, "a")
    make(tmp_path, "b", shift=2000)
    make_build(tmp_path, 3, "c")
    sides = {name: Side.open(tmp_path, name, "live") for name in "abc"}
    found = diff_builds(sides["a"], sides["b"]).differences
    assert [(d.layer, d.what, d.how) for d in found] == [(2, "recoat frame of basler", "other pixels")]
    assert diff_builds(sides["a"], sides["c"]).differences == ()


def test_a_build_of_the_format_before_opens_and_goes_on(tmp_path: Path) -> None:
    """Its records have neither recoat frames nor flaws; new layers are written beside them."""
    make_build(tmp_path, 2)
    for path in (tmp_path / "b/manifest.json", *sorted((tmp_path / "b/commits").iterdir())):
        data = json.loads(path.read_text(encoding="utf-8")) | {"format": 2}
        for key in ("seal", "recoats", "recoat_gaps"):
            data.pop(key, None)
        for shot in data.get("frames", {}).values():
            del shot["flaw"]
        path.write_text(json.dumps(data | {"seal": _seal(data)}), encoding="utf-8")
    with BuildWriter.open(tmp_path, "b") as writer:
        writer.commit(recoated(2))
    reader = BuildReader.open(tmp_path, "b")
    assert [reader.record(index).format for index in reader.layers()] == [2, 2, FORMAT]
    assert reader.recoat(1, "basler") is None
    assert isinstance(reader.recoat(2, "basler"), Frame)
    assert_layer(reader, 1)
    assert verify(tmp_path, "b").problems == ()
