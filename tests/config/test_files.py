"""Files that the settings name, and that are not there."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from monitor.config import Settings
from monitor.config.files import absent_files

NOBODY = 65534


@contextmanager
def _as_nobody() -> Iterator[None]:
    """As root may look everywhere, root becomes nobody here; any other user stays itself."""
    root = os.geteuid() == 0
    if root:
        os.seteuid(NOBODY)
    try:
        yield
    finally:
        if root:
            os.seteuid(0)


def _naming(path: Path) -> Settings:
    return Settings.model_validate({"segment": {"cad": [{"path": path}]}})


def test_what_this_user_may_not_look_for_counts_as_there(tmp_path: Path) -> None:
    """A check by a person who may not enter the service's folder neither fails nor claims that its files are gone."""
    locked = tmp_path / "locked"
    locked.mkdir()
    locked.chmod(0)
    with _as_nobody():
        assert absent_files(_naming(locked / "bar.stl")) == ()
    locked.chmod(0o700)
    assert absent_files(_naming(locked / "bar.stl")) == (("segment.cad.0.path", locked / "bar.stl"),)


def test_a_name_that_no_file_can_have_is_absent(tmp_path: Path) -> None:
    """A name too long for the disk is told like any other that is not there."""
    path = tmp_path / ("a" * 300)
    assert absent_files(_naming(path)) == (("segment.cad.0.path", path),)
