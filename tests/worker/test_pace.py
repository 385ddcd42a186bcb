"""The quality of a layer follows the pauses of its build and what the work was seen to take."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from monitor.config import UpscaleSettings
from monitor.upscale import Quality, ladder
from monitor.worker.pace import Pace

FULL = Quality(4, 2)


@dataclass
class End:
    recoat_s: float | None


@dataclass
class Record:
    end: End


class Build:
    """A build whose every layer began after the same pause."""

    def __init__(self, pause_s: float | None) -> None:
        self.pause_s = pause_s

    def record(self, index: int) -> Record:
        return Record(End(self.pause_s))


def after(pause_s: float | None, waiting: int = 0, pace: str = "cadence") -> Quality:
    """The quality of a fourth layer, when three took 9 s (8 calls) beside 2 s for all else."""
    known = Pace(UpscaleSettings(pace=pace), ladder(FULL), Build(pause_s))  # type: ignore[arg-type]
    for index in range(3):
        known.quality(index, 0)
        known.learn(FULL, {"read": 0.5, "upscale": 9.0, "segment": 1.5})
    return known.quality(3, waiting)


def test_a_long_pause_leaves_the_full_quality() -> None:
    """Eleven seconds of work fit a pause of fifteen."""
    assert after(15.0) == FULL


def test_a_short_pause_sheds_quality_not_layers() -> None:
    """With half the time there is one sample, with hardly any one step of one."""
    assert after(8.0) == Quality(4, 1)
    assert after(0.5) == Quality(1, 1)


def test_waiting_layers_shed_more_and_an_unknown_pause_nothing() -> None:
    """One that waits costs a step; where the pauses are not known, nothing is shed."""
    assert after(15.0, waiting=1) == Quality(4, 1)
    assert after(None, waiting=9) == FULL


def test_full_means_full() -> None:
    """Where the configuration does not ask for the cadence, every layer gets everything."""
    assert after(0.5, waiting=9, pace="full") == FULL


@pytest.mark.parametrize(("pace", "waiting", "rounds"), [("cadence", 0, 10), ("cadence", 2, 2), ("full", 9, 10)])
def test_layers_that_wait_shed_rounds(pace: str, waiting: int, rounds: int) -> None:
    """Each layer that waits halves how often parts are asked for again; full means full."""
    known = Pace(UpscaleSettings(pace=pace), ladder(FULL), Build(9.0))  # type: ignore[arg-type]
    assert known.rounds(10, waiting) == rounds
