"""Durable files, written piece by piece."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from monitor.store import disk
from monitor.store.disk import AT_ONCE, make_folder, staged


@pytest.mark.parametrize("ahead", [True, False])
def test_pieces_large_and_small_make_one_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ahead: bool) -> None:
    """In their order, whether the kernel can be told to begin with a piece or not; the temporary name is gone."""
    if not ahead:
        monkeypatch.setattr(disk, "_range", None)
    pieces = [bytes([number]) * size for number, size in enumerate((3, AT_ONCE, 7, 2 * AT_ONCE + 1, AT_ONCE - 1))]
    with staged(tmp_path / "file", pieces) as partial:
        assert not (tmp_path / "file").exists()
        partial.replace(tmp_path / "file")
    assert (tmp_path / "file").read_bytes() == b"".join(pieces)
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_a_file_that_fails_in_the_middle_leaves_nothing(tmp_path: Path) -> None:
    """Neither under its name nor under the temporary one."""

    def broken() -> Iterator[bytes]:
        yield bytes(AT_ONCE)
        raise OSError("gone")

    with pytest.raises(OSError, match="gone"), staged(tmp_path / "file", broken()):
        pass
    assert list(tmp_path.iterdir()) == []


def test_folders_that_were_made_are_not_remembered_for_ever(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A build of many layers makes a folder for each; all are there, and few are kept in memory."""
    monkeypatch.setattr(disk, "_REMEMBERED", 5)
    for number in range(40):
        make_folder(tmp_path / "signals" / f"{number:06d}", tmp_path)
    assert len(list((tmp_path / "signals").iterdir())) == 40
    assert len(disk._durable) <= 5
