"""A build on disk through its writer and reader."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
import zarr

from monitor.domain import Calibration, Frame, Gap, NotInStore, StoreCorrupt, StoreError, StoreLocked, StoreVersion
from monitor.store import BuildManifest, BuildReader, BuildWriter, list_builds, new_build_id, replace_reference, verify
from monitor.store.arrays import GROW
from monitor.store.records import FORMAT
from tests.store.small import BASLER, GRID, WEBCAM, assert_layer, frame, layer, make_build, manifest, mask


@pytest.fixture
def writer(tmp_path: Path) -> Iterator[BuildWriter]:
    with BuildWriter.create(tmp_path, manifest()) as held:
        yield held


def reseal(path: Path, **changes: object) -> None:
    """Change a record so that its seal holds again, as another program would."""
    from monitor.store.records import _seal

    data = json.loads(path.read_text())
    data.pop("seal")
    data |= changes
    path.write_text(json.dumps(data | {"seal": _seal(data)}))


def test_layers_come_back_as_they_went(tmp_path: Path, writer: BuildWriter) -> None:
    """Frames bit for bit, with times, heights, trigger facts and reasons of gaps."""
    writer.commit(layer(0))
    writer.commit(layer(1, "basler"))
    writer.commit(layer(2, "webcam", "basler"))
    reader = BuildReader.open(tmp_path, "b")
    assert reader.layers() == (0, 1, 2)
    for index, gaps in ((0, ()), (1, ("basler",)), (2, ("webcam", "basler"))):
        assert_layer(reader, index, *gaps)
    assert reader.manifest == manifest()
    assert reader.facts == (WEBCAM, BASLER)
    assert reader.ended is None
    assert verify(tmp_path, "b").problems == ()


def test_a_picture_in_the_plate_grid_needs_a_frame_and_a_calibration(tmp_path: Path, writer: BuildWriter) -> None:
    """A camera whose pixels are the grid's gives its own grey back; a gap or no calibration, nothing."""
    writer.commit(layer(0))
    writer.commit(layer(1, "basler"))
    reader = BuildReader.open(tmp_path, "b")
    per_mm = 1 / GRID.mm_per_px
    shift = tuple(-origin * per_mm for origin in GRID.origin_mm)
    same = Calibration((per_mm, 0, shift[0], 0, per_mm, shift[1], 0, 0, 1), BASLER.shape[:2], "identity")
    calibrated = replace(BASLER, calibration=same)
    picture, stored = reader.rectified(0, calibrated), reader.capture(0, "basler")
    assert picture is not None
    assert isinstance(stored, Frame)
    assert picture.shape == GRID.shape
    rows, columns = BASLER.shape[:2]
    seen, true = picture[: rows - 1, : columns - 1].astype(int), stored.image[: rows - 1, : columns - 1] >> 4
    assert np.abs(seen - true).max() <= 1
    assert not picture[rows + 1 :].any()
    assert reader.rectified(1, calibrated) is None
    assert reader.rectified(0, BASLER) is None


def test_a_reader_follows_a_build_beyond_its_first_room(tmp_path: Path, writer: BuildWriter) -> None:
    """Arrays grow in steps; a reader that was open before sees the layers after the step too."""
    writer.commit(layer(0))
    reader = BuildReader.open(tmp_path, "b")
    assert_layer(reader, 0)
    for index in range(1, GROW + 2):
        writer.commit(layer(index, "basler") if index < GROW - 1 else layer(index))
    for index in (GROW - 1, GROW, GROW + 1):
        assert_layer(reader, index)
    assert zarr.open_array(tmp_path / "b/raw/webcam", mode="r").shape == (2 * GROW, *WEBCAM.shape)
    assert len(reader.layers()) == GROW + 2


def test_a_frame_whose_file_is_lost_is_found(tmp_path: Path) -> None:
    """An array reads a lost chunk as zeros without a word; the digest does not."""
    make_build(tmp_path, 2)
    (tmp_path / "b/raw/basler/c.1.0.0").unlink()
    (problem,) = verify(tmp_path, "b").problems
    assert "the frame of 'basler' in layer 1 of build b" in problem


def test_a_black_frame_is_stored_and_not_left_out(tmp_path: Path, writer: BuildWriter) -> None:
    """A frame of zeros has bytes of its own, as every frame has."""
    black = Frame("basler", np.zeros(BASLER.shape, np.uint16), 0.0)
    writer.commit(replace(layer(0), captures={"webcam": frame(WEBCAM, 0), "basler": black}))
    reader = BuildReader.open(tmp_path, "b")
    stored = reader.capture(0, "basler")
    assert isinstance(stored, Frame)
    assert not stored.image.any()
    assert (tmp_path / "b/raw/basler/c.0.0.0").stat().st_size > 0


def test_layers_out_of_order_are_refused(tmp_path: Path, writer: BuildWriter) -> None:
    """No hole and no second commit of a layer; nothing that was refused leaves a trace."""
    writer.commit(layer(0))
    for wrong in (0, 2, 7):
        with pytest.raises(StoreError, match="layer 1 is next") as caught:
            writer.commit(layer(wrong))
        assert "layer of gaps" in caught.value.cure
    assert BuildReader.open(tmp_path, "b").layers() == (0,)
    assert writer.next_index == 1


def test_a_layer_needs_every_camera_and_only_its_frames(writer: BuildWriter) -> None:
    """A camera without frame or gap, a changed shape and a swapped name are each told."""
    good = layer(0)
    with pytest.raises(StoreError, match="cameras"):
        writer.commit(replace(good, captures={"webcam": frame(WEBCAM, 0)}))
    small = Frame("webcam", np.zeros((12, 16, 3), np.uint8), 0.0)
    with pytest.raises(StoreError, match=r"uint8 \(12, 16, 3\).*uint8 \(24, 32, 3\)"):
        writer.commit(replace(good, captures={**good.captures, "webcam": small}))
    with pytest.raises(StoreError, match="says it is of 'webcam'"):
        writer.commit(replace(good, captures={**good.captures, "basler": Gap("webcam", "lost")}))
    assert writer.next_index == 0
    writer.commit(good)


def test_a_number_that_is_not_finite_is_refused(tmp_path: Path, writer: BuildWriter) -> None:
    """JSON cannot hold NaN; the layer is not committed and can be committed well afterwards."""
    with pytest.raises(StoreError, match="cannot be written"):
        writer.commit(replace(layer(0), height_mm=float("nan")))
    assert BuildReader.open(tmp_path, "b").layers() == ()
    writer.commit(layer(0))
    assert_layer(BuildReader.open(tmp_path, "b"), 0)


def test_a_second_writer_is_refused_and_told_who_writes(tmp_path: Path, writer: BuildWriter) -> None:
    """One build, one writer; readers are never refused."""
    writer.commit(layer(0))
    for attempt in (lambda: BuildWriter.open(tmp_path, "b"), lambda: BuildWriter.create(tmp_path, manifest())):
        with pytest.raises(StoreLocked, match=f"process {os.getpid()} on"):
            attempt()
    assert_layer(BuildReader.open(tmp_path, "b"), 0)
    writer.close()
    writer.close()
    with pytest.raises(StoreError, match="closed"):
        writer.commit(layer(1))
    with BuildWriter.open(tmp_path, "b") as again:
        again.commit(layer(1))


HOLDER = """
import os, sys, time
from pathlib import Path
from monitor.store import BuildWriter
writer = BuildWriter.open(Path(sys.argv[1]), "b")
if os.fork() == 0:
    os.close(1)
    time.sleep(60)
print("held", flush=True)
os.kill(os.getpid(), 9)
"""


def test_a_dead_writers_children_do_not_keep_its_lock(tmp_path: Path) -> None:
    """A process that the writer forked (a data loader, a shell) lives on; the next writer need not wait for it."""
    make_build(tmp_path, 1)
    with subprocess.Popen([sys.executable, "-c", HOLDER, tmp_path], stdout=subprocess.PIPE, process_group=0) as holder:
        try:
            assert holder.stdout
            assert holder.stdout.read() == b"held\n"
            assert holder.wait(30) == -signal.SIGKILL
            with BuildWriter.open(tmp_path, "b") as writer:
                writer.commit(layer(1))
        finally:
            os.killpg(holder.pid, signal.SIGKILL)


def test_a_build_goes_on_after_it_was_ended_only_as_another(tmp_path: Path, writer: BuildWriter) -> None:
    """After its end no layer follows, from this writer or from a new one."""
    writer.commit(layer(0))
    writer.end("silence")
    assert BuildReader.open(tmp_path, "b").ended == "silence"
    with pytest.raises(StoreError, match="has ended"):
        writer.commit(layer(1))
    writer.close()
    with pytest.raises(StoreError, match="has ended"):
        BuildWriter.open(tmp_path, "b")
    with pytest.raises(StoreError, match="exists already"):
        BuildWriter.create(tmp_path, manifest())
    assert list_builds(tmp_path)[0].ended == "silence"


@pytest.mark.parametrize("file", ["manifest.json", "commits/000000.json"])
def test_a_newer_format_is_refused_with_the_cure(tmp_path: Path, file: str) -> None:
    """A newer program's build is never half understood: whoever reads it is told to update."""
    make_build(tmp_path, 1)
    reseal(tmp_path / "b" / file, format=FORMAT + 1, software="9.0", meaning="unknown today")
    told = rf"format {FORMAT + 1} \(written by 9.0\), this program reads up to {FORMAT}"
    with pytest.raises(StoreVersion, match=told) as caught:
        BuildReader.open(tmp_path, "b").capture(0, "webcam")
    assert "update lpbf-monitor" in caught.value.cure


@pytest.mark.parametrize("damage", [lambda b: b[:-20], lambda b: b"", lambda b: b"[]", lambda b: b.replace(b"7", b"8")])
def test_a_damaged_record_is_corrupt_and_never_believed(tmp_path: Path, damage: object) -> None:
    """Cut off, empty, of another kind or with a changed digit: the seal does not hold."""
    make_build(tmp_path, 2)
    record = tmp_path / "b/commits/000001.json"
    record.write_bytes(damage(record.read_bytes()))  # type: ignore[operator]
    reader = BuildReader.open(tmp_path, "b")
    with pytest.raises(StoreCorrupt, match=r"000001\.json is damaged") as caught:
        reader.end(1)
    assert "restore" in caught.value.cure
    assert_layer(reader, 0)
    assert any("000001.json" in problem for problem in verify(tmp_path, "b").problems)


def test_a_record_with_a_key_too_many_or_too_few_is_corrupt(tmp_path: Path) -> None:
    """Even with a good seal: what this format does not know is not read."""
    make_build(tmp_path, 1)
    reseal(tmp_path / "b/commits/000000.json", mood="good")
    with pytest.raises(StoreCorrupt):
        BuildReader.open(tmp_path, "b").record(0)


def test_one_flipped_bit_is_found_and_named(tmp_path: Path) -> None:
    """The check says which camera and layer; reading the frame refuses, its neighbours still read."""
    make_build(tmp_path, 3)
    chunk = tmp_path / "b/raw/basler/c.1.0.0"
    data = bytearray(chunk.read_bytes())
    data[len(data) // 2] ^= 0x10
    chunk.write_bytes(data)
    report = verify(tmp_path, "b")
    assert (report.layers, report.frames) == (3, 5)
    (problem,) = report.problems
    assert "the frame of 'basler' in layer 1 of build b" in problem
    reader = BuildReader.open(tmp_path, "b")
    with pytest.raises(StoreCorrupt, match="the frame of 'basler' in layer 1"):
        reader.capture(1, "basler")
    assert_layer(reader, 0)
    assert isinstance(reader.capture(1, "webcam"), Frame)


def test_a_good_frame_of_another_layer_is_not_this_layers_frame(tmp_path: Path) -> None:
    """Chunks that changed places decode well; only the digest tells."""
    make_build(tmp_path, 2)
    first, second = (tmp_path / f"b/raw/webcam/c.{i}.0.0.0" for i in (0, 1))
    first.write_bytes(second.read_bytes())
    with pytest.raises(StoreCorrupt, match="does not match its digest"):
        BuildReader.open(tmp_path, "b").capture(0, "webcam")
    unverified = BuildReader.open(tmp_path, "b").capture(0, "webcam", verify=False)
    assert isinstance(unverified, Frame)
    np.testing.assert_array_equal(unverified.image, frame(WEBCAM, 1).image)


def test_a_lost_or_misplaced_record_is_found(tmp_path: Path) -> None:
    """A hole in the records and a record under another layer's name are each a problem."""
    make_build(tmp_path, 4)
    commits = tmp_path / "b/commits"
    (commits / "000001.json").unlink()
    (commits / "000002.json").write_bytes((commits / "000003.json").read_bytes())
    problems = "\n".join(verify(tmp_path, "b").problems)
    assert "layer 1 of build b has lost its commit record" in problems
    assert "000002.json is the record of layer 3" in problems


def test_what_is_not_there_is_said_to_be_not_there(tmp_path: Path) -> None:
    """Builds, layers and cameras, with a path as a name among them."""
    make_build(tmp_path, 1)
    for name in ("nothing", "../b", "b/../b", "", ".", "status"):
        with pytest.raises(NotInStore, match="no build"):
            BuildReader.open(tmp_path, name)
    reader = BuildReader.open(tmp_path, "b")
    with pytest.raises(NotInStore, match="layer 1 of build b is not committed"):
        reader.capture(1, "webcam")
    with pytest.raises(NotInStore, match="no camera 'front'") as caught:
        reader.capture(0, "front")
    assert "webcam, basler" in caught.value.cure
    for name in ("../outside", "b\n", "", ".hidden", "status", "x" * 101):
        with pytest.raises(StoreError, match="cannot be the id"):
            BuildWriter.create(tmp_path, manifest(name))
    assert sorted(path.name for path in tmp_path.iterdir()) == [".reserve", "b"]


def test_a_build_without_manifest_is_no_build(tmp_path: Path) -> None:
    """The manifest is written last: a folder without it was never a build, and can be made again."""
    (tmp_path / "b" / "commits").mkdir(parents=True)
    assert list_builds(tmp_path) == ()
    make_build(tmp_path, 1)
    assert [(summary.manifest.id, summary.layers) for summary in list_builds(tmp_path)] == [("b", 1)]


def test_builds_are_listed_oldest_first_without_the_unreadable(tmp_path: Path) -> None:
    """One damaged build does not hide the others."""
    assert list_builds(tmp_path / "absent") == ()
    for name, day in (("late", 3), ("early", 1), ("broken", 2)):
        made = replace(manifest(name), created=f"2026-01-0{day}T00:00:00+00:00")
        BuildWriter.create(tmp_path, made).close()
    (tmp_path / "broken/manifest.json").write_text("{}")
    assert [summary.manifest.id for summary in list_builds(tmp_path)] == ["early", "late"]


def test_ids_say_when_and_what() -> None:
    """An id sorts by time and holds nothing but what a folder's name may hold."""
    start = datetime(2026, 7, 18, 14, 15, 3, tzinfo=UTC)
    assert new_build_id("Rings / Ø 20 mm", start) == "20260718-141503-rings-20-mm"
    assert new_build_id("", start) == "20260718-141503"


def test_reference_masks_are_set_replaced_and_checked(tmp_path: Path, writer: BuildWriter) -> None:
    """Also of a layer that is not committed, and of a running build."""
    writer.set_reference(0, mask(0))
    writer.set_reference(2, mask(2))
    replace_reference(tmp_path, "b", 0, mask(5))
    reader = BuildReader.open(tmp_path, "b")
    np.testing.assert_array_equal(reader.reference(0), mask(5))
    assert reader.reference(1) is None
    np.testing.assert_array_equal(reader.reference(2), mask(2))
    assert verify(tmp_path, "b").references == 2
    with pytest.raises(StoreError, match="the plate grid is bool"):
        writer.set_reference(1, np.zeros((3, 3), np.bool_))
    with pytest.raises(StoreError, match="uint8"):
        writer.set_reference(1, np.zeros(GRID.shape, np.uint8))  # type: ignore[arg-type]
    next((tmp_path / "b/reference/mask").glob("c.2.*")).write_bytes(b"nothing")
    with pytest.raises(StoreCorrupt, match="reference mask of layer 2"):
        reader.reference(2)
    assert len(verify(tmp_path, "b").problems) == 1


def test_a_manifest_keeps_the_settings_as_plain_json(tmp_path: Path) -> None:
    """What a build ran under is read back as it was, and what is not plain JSON is refused."""
    config = {"trigger": {"rate_hz": 1e5}, "cameras": [{"name": "webcam"}], "worker": None}
    BuildWriter.create(tmp_path, replace(manifest(), config=config)).close()
    read: BuildManifest = BuildReader.open(tmp_path, "b").manifest
    assert read.config == config
    with pytest.raises(StoreError, match="plain JSON"):
        BuildWriter.create(tmp_path, replace(manifest("c"), config={"value": object()}))
    BuildWriter.create(tmp_path, manifest("c")).close()


def test_a_store_may_be_anywhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A relative folder, one whose parents are not there yet, and one that was removed and made again."""
    monkeypatch.chdir(tmp_path)
    for root in (Path("builds"), Path("a/b/builds"), tmp_path / "c" / ".." / "d" / "builds"):
        for _ in range(2):
            make_build(root, 2)
            assert_layer(BuildReader.open(root, "b"), 1)
            shutil.rmtree(root)


def test_a_store_below_a_folder_that_cannot_be_listed(tmp_path: Path) -> None:
    """A home that others may pass but not read is no reason to refuse a build in it."""
    if os.geteuid() == 0:
        pytest.skip("root may list every folder")
    home = tmp_path / "home"
    (home / "builds").mkdir(parents=True)
    home.chmod(0o311)
    try:
        make_build(home / "builds", 1)
    finally:
        home.chmod(0o755)
    assert_layer(BuildReader.open(home / "builds", "b"), 0)
