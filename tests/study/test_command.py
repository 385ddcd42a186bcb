"""The command of the study, as an engineer types it."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from monitor.cli.main import app


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["painting"], "choose one of patch, part"),
        (["patch", "--size", "huge"], "choose one of cpu, full, smoke"),
        (["patch", "--provider", "tpu"], "choose cpu, cuda or tensorrt"),
        (["patch", "--data", "nowhere"], "there is no such directory"),
        (["patch", "--bundle", "magic=x"], "regression, pixel, latent, default, segmenter"),
    ],
)
def test_a_wrong_argument_is_refused_with_what_would_be_right(arguments: list[str], told: str, tmp_path: Path) -> None:
    """Nothing is computed and nothing written; the answer names what there is."""
    result = CliRunner().invoke(app, ["study", *arguments, "--out", str(tmp_path / "out")])
    assert result.exit_code == 2
    assert told in result.stderr.replace("\n", " ")
    assert not (tmp_path / "out").exists()
