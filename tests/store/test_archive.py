"""A build as one file: the same build again, or nothing at all."""

from __future__ import annotations

import io
import os
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.domain import MonitorError, NotInStore, StoreCorrupt, StoreError
from monitor.store import BuildReader, BuildWriter, ProductReader, ProductWriter, list_builds, verify
from monitor.store.archiving import LIST, ArchivedFile, ArchiveRecord, archive_build
from monitor.store.records import to_json
from monitor.store.restoring import restore_build
from tests.store.small import assert_layer, assert_product, make_build, product

LAYERS = 2


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with an ended build; never changed."""
    root = tmp_path_factory.mktemp("source")
    make_build(root, LAYERS)
    with BuildWriter.open(root, "b") as writer, ProductWriter.open(root, "b") as products:
        for index in range(LAYERS):
            products.commit(product(index))
        writer.end("done")
    return root


@pytest.fixture(scope="module")
def archive(source: Path) -> Path:
    """Its archive; never changed."""
    archive_build(source, "b", source / "b.tar")
    return source / "b.tar"


def nothing_in(root: Path) -> bool:
    """Whether a store holds no build and nothing half made."""
    return not root.exists() or list(root.iterdir()) == []


def crafted(path: Path, *entries: tuple[tarfile.TarInfo, bytes]) -> Path:
    """An archive whose list fits its entries, whatever they are."""
    with tarfile.open(path, "w") as tar:
        for entry, data in entries:
            entry.size = len(data)
            tar.addfile(entry, io.BytesIO(data))
        files = {entry.name: ArchivedFile(len(data), "blake3:0") for entry, data in entries}
        text = to_json(ArchiveRecord("b", files))
        last = tarfile.TarInfo(LIST)
        last.size = len(text)
        tar.addfile(last, io.BytesIO(text))
    return path


def test_a_restored_build_is_the_same_build(archive: Path, tmp_path: Path) -> None:
    """Every layer and product, every digest; the same files but for the locks; progress to the end."""
    done: list[tuple[int, int]] = []
    root = tmp_path / "there"
    assert restore_build(root, archive, lambda *numbers: done.append(numbers)) == "b"
    assert verify(root, "b").problems == ()
    reader = BuildReader.open(root, "b")
    assert reader.ended == "done"
    for index in range(LAYERS):
        assert_layer(reader, index)
        assert_product(ProductReader.open(root, "b"), product(index))
    assert done[-1][0] == done[-1][1] == len(done)
    assert [path.name for path in root.iterdir()] == ["b"]


def test_the_same_build_gives_the_same_archive(source: Path, archive: Path, tmp_path: Path) -> None:
    """Bit for bit, whoever makes it and when; and any tar can list it."""
    archive_build(source, "b", tmp_path / "again.tar")
    assert (tmp_path / "again.tar").read_bytes() == archive.read_bytes()
    with tarfile.open(archive, "r:") as tar:
        assert tar.getnames()[-1] == LIST


def test_nothing_is_overwritten(source: Path, archive: Path) -> None:
    """Neither a build of the same id nor a file where the archive should go."""
    before = {path: path.read_bytes() for path in (source / "b").rglob("*") if path.is_file()}
    with pytest.raises(StoreError, match="is there already"):
        restore_build(source, archive)
    assert {path: path.read_bytes() for path in (source / "b").rglob("*") if path.is_file()} == before
    with pytest.raises(StoreError, match="is there already"):
        archive_build(source, "b", archive)


def test_a_running_build_is_not_archived(tmp_path: Path) -> None:
    """It would go on growing; the error names the cure, and no file is left."""
    make_build(tmp_path, 1)
    with pytest.raises(StoreError, match="is running") as refused:
        archive_build(tmp_path, "b", tmp_path / "b.tar")
    assert "builds end b" in refused.value.cure
    assert not list(tmp_path.glob("*.tar*"))
    with pytest.raises(NotInStore):
        archive_build(tmp_path, "absent", tmp_path / "b.tar")


def test_what_is_no_file_of_a_build_is_not_archived(tmp_path: Path) -> None:
    """A link, and a name that a restoration would refuse: both are named."""
    make_build(tmp_path, 1)
    with BuildWriter.open(tmp_path, "b") as writer:
        writer.end("done")
    strange = (tmp_path / "b" / "raw" / "shadow", tmp_path / "b" / "a name with spaces")
    strange[0].symlink_to("/etc/passwd")
    strange[1].touch()
    for path in strange:
        with pytest.raises(StoreError, match="no plain file"):
            archive_build(tmp_path, "b", tmp_path / "b.tar")
        path.unlink()
    assert not list(tmp_path.glob("*.tar*"))
    archive_build(tmp_path, "b", tmp_path / "b.tar")


def test_an_archive_that_was_cut_off_anywhere_gives_nothing(archive: Path, tmp_path: Path) -> None:
    """At every tenth of its length, and one byte before its list ends."""
    whole = archive.read_bytes()
    with tarfile.open(archive, "r:") as tar:
        last = tar.getmember(LIST)
    for size in [len(whole) * tenth // 10 for tenth in range(10)] + [last.offset_data + last.size - 1]:
        (tmp_path / "cut.tar").write_bytes(whole[:size])
        with pytest.raises(StoreCorrupt):
            restore_build(tmp_path / "there", tmp_path / "cut.tar")
        assert nothing_in(tmp_path / "there")


@given(data=st.data())
@settings(max_examples=60)
def test_an_archive_with_a_flipped_bit_gives_nothing_or_the_same_build(
    archive: Path, tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    """No other error than the store's, and never other content."""
    folder = tmp_path_factory.mktemp("flipped")
    whole = bytearray(archive.read_bytes())
    bit = data.draw(st.integers(0, 8 * len(whole) - 1))
    whole[bit // 8] ^= 1 << bit % 8
    (folder / "b.tar").write_bytes(whole)
    root = folder / "there"
    try:
        restore_build(root, folder / "b.tar")
    except StoreError:
        assert nothing_in(root)
    else:  # in the padding or in a header's time or owner
        assert verify(root, "b").problems == ()


def _link(kind: bytes) -> tarfile.TarInfo:
    entry = tarfile.TarInfo("raw")
    entry.type, entry.linkname = kind, "/etc"
    return entry


@pytest.mark.parametrize(
    "make",
    [
        lambda: tarfile.TarInfo("../outside.json"),
        lambda: tarfile.TarInfo("/tmp/outside.json"),
        lambda: tarfile.TarInfo("raw/../../outside.json"),
        lambda: tarfile.TarInfo("raw//outside.json"),
        lambda: tarfile.TarInfo(".hidden"),
        lambda: tarfile.TarInfo("a\\b\x00c"),
        lambda: tarfile.TarInfo("/".join(["deep"] * 50)),
        lambda: _link(tarfile.SYMTYPE),
        lambda: _link(tarfile.LNKTYPE),
        lambda: _link(tarfile.FIFOTYPE),
        lambda: _link(tarfile.CHRTYPE),
        lambda: _link(tarfile.DIRTYPE),
        lambda: _link(tarfile.GNUTYPE_SPARSE),
    ],
)
def test_what_could_reach_outside_is_refused(make: Callable[[], tarfile.TarInfo], tmp_path: Path) -> None:
    """Ways upwards, absolute and hidden names, links, devices, folders and sparse files: nothing is written at all."""
    path = crafted(tmp_path / "evil.tar", (make(), b""))
    with pytest.raises(StoreCorrupt):
        restore_build(tmp_path / "there", path)
    assert nothing_in(tmp_path / "there")
    assert [found.name for found in tmp_path.iterdir() if found.name != "there"] == ["evil.tar"]


def test_an_archive_of_no_build_or_of_another_one_is_refused(source: Path, tmp_path: Path) -> None:
    """A list without a manifest, and a manifest of another id than the list's."""
    with pytest.raises(StoreCorrupt):
        restore_build(tmp_path / "there", crafted(tmp_path / "a.tar", (tarfile.TarInfo("x.json"), b"{}")))
    os.rename(archive_build_as(source, tmp_path, "other"), tmp_path / "c.tar")
    with pytest.raises(StoreCorrupt, match="holds 'b'"):
        restore_build(tmp_path / "there", tmp_path / "c.tar")
    assert nothing_in(tmp_path / "there")


def archive_build_as(source: Path, folder: Path, name: str) -> Path:
    """An archive of the build under another id: everything right but that."""
    (folder / "moved").mkdir()
    (folder / "moved" / name).symlink_to(source / "b")
    archive_build(folder / "moved", name, folder / "moved.tar")
    return folder / "moved.tar"


def test_a_compressed_bomb_is_not_unpacked(tmp_path: Path) -> None:
    """A gzip of zeros is no archive: nothing is decompressed."""
    path = tmp_path / "bomb.tar.gz"
    with tarfile.open(path, "w:gz") as tar:
        entry = tarfile.TarInfo("manifest.json")
        entry.size = 32 << 20
        tar.addfile(entry, io.BytesIO(bytes(entry.size)))
    assert path.stat().st_size < 1 << 20
    with pytest.raises(StoreCorrupt):
        restore_build(tmp_path / "there", path)
    assert nothing_in(tmp_path / "there")


def test_what_a_dead_process_left_is_taken_over(archive: Path, tmp_path: Path) -> None:
    """A restoration that was killed is done anew; its half is no build meanwhile."""
    (tmp_path / ".restoring-b" / "raw").mkdir(parents=True)
    (tmp_path / ".restoring-b" / "manifest.json").write_text("{")
    assert list_builds(tmp_path) == ()
    assert restore_build(tmp_path, archive) == "b"
    assert verify(tmp_path, "b").problems == ()
    assert [path.name for path in tmp_path.iterdir()] == ["b"]


def test_a_missing_archive_is_a_clear_error(tmp_path: Path) -> None:
    """It names the file."""
    with pytest.raises(MonitorError, match=r"absent\.tar"):
        restore_build(tmp_path, tmp_path / "absent.tar")
