"""`builds parts`: from the command line to files, and what it says of orders that cannot be."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.in_process import invoke
from tests.store.test_part_export import made


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("parts")
    made(root / "store")
    file = root / "monitor.toml"
    file.write_text(f'[store]\nroot = "{root / "store"}"\n', encoding="utf-8")
    return file


def test_parts_become_files(config: Path, tmp_path: Path) -> None:
    """One file a part, and a table that is shown."""
    found = invoke("builds", "parts", "b", "--out", str(tmp_path / "out"), "--format", "3mf", "-c", str(config))
    assert found.exit_code == 0, found.output
    assert {file.name for file in (tmp_path / "out").iterdir()} == {"parts.csv", "part_0001.3mf", "part_0002.3mf"}


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--format", "step"), "stl, 3mf, vtk, ply, zarr"),
        (("--at", "left"), "write X,Y"),
        (("--part", "9"), "no part 9"),
        (("--nominal", "/nowhere/part.stl"), "cannot be read as CAD"),
    ],
)
def test_what_cannot_be_is_said(config: Path, tmp_path: Path, options: tuple[str, ...], words: str) -> None:
    """A wrong format, place, part or CAD file: an error with what to do, and no files."""
    if options[0] == "--at":  # it is looked at with a CAD file only
        options = (*options, "--nominal", str(config))
    found = invoke("builds", "parts", "b", "--out", str(tmp_path / "out"), *options, "-c", str(config))
    assert found.exit_code != 0
    assert words in found.words
