"""What was found of a model's errors where the truth is known. Owns the file beside the bundles; refuses to measure.

A factor holds for the very bundles, ensemble and scale that it was found with: other ones have no intervals until they
are measured too (`lpbf-monitor bench intervals`).
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from monitor.domain import BundleError
from monitor.inference.locate import default_models_dir

FILE = "intervals.toml"


class Certainty(BaseModel):
    """How far the numbers of one way of making products are from the truth."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True, allow_inf_nan=False)

    upscale: str
    """Bundle name@digest, "" where what is segmented is not super-resolved."""
    segment: str
    """Bundle name@digest."""
    samples: int
    """Members of the ensemble."""
    um_per_px: float
    """Scale of the plate grid, in µm."""
    source: str
    """What it was found on, in words."""
    measured: str
    """How much of other such builds the intervals then held, in words."""
    factors: Mapping[str, float]
    """By number: scales that hold nine tenths of the errors."""

    @property
    def words(self) -> str:
        """What an interval rests on, for a person."""
        return f"90 % intervals from the ensemble of {self.samples}, widened by {self.source}; {self.measured}"


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid")

    calibration: list[Certainty] = []


def read_certainties(models: Path | None) -> tuple[Certainty, ...]:
    """All that is known, from the directory of bundles (None: of those that came with the program).

    Raises:
        BundleError: the file is damaged.
    """
    path = (models if models is not None else default_models_dir()) / FILE
    if not path.is_file():
        return ()
    try:
        return tuple(_File.model_validate(tomllib.loads(path.read_text(encoding="utf-8"))).calibration)
    except (OSError, ValueError, ValidationError) as error:
        raise BundleError(
            f"{path}: cannot be used: {str(error).splitlines()[0]}",
            cure="make it again: `lpbf-monitor bench intervals`",
        ) from error


def find_certainty(models: Path | None, upscale: str, segment: str, samples: int, um_per_px: float) -> Certainty | None:
    """The one that holds for these bundles, ensemble and scale (to a tenth); None where nothing was measured."""
    for one in read_certainties(models):
        same = (one.upscale, one.segment, one.samples) == (upscale, segment, samples)
        if same and abs(one.um_per_px / um_per_px - 1) <= 0.1:
            return one
    return None


def write_certainty(models: Path, found: Certainty) -> Path:
    """Put one in the file, in place of an older one for the same bundles, ensemble and scale."""

    def key(one: Certainty) -> tuple[str, str, int, float]:
        return one.upscale, one.segment, one.samples, one.um_per_px

    kept = [one for one in read_certainties(models) if key(one) != key(found)]
    path = models / FILE
    path.write_text("\n".join(map(_toml, [*kept, found])), encoding="utf-8")
    return path


def _toml(one: Certainty) -> str:
    words = ("upscale", "segment", "source", "measured")
    lines = ["[[calibration]]", *(f'{key} = "{getattr(one, key)}"' for key in words)]
    lines += [f"samples = {one.samples}", f"um_per_px = {one.um_per_px}", "[calibration.factors]"]
    lines += [f'"{name}" = {value:.4g}' for name, value in one.factors.items()]
    return "\n".join(lines) + "\n"
