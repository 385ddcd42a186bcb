"""A recorded build with its trigger samples: the replay hears what the monitor heard, and finds the same in it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from monitor.cli.replay import replay_settings
from monitor.config import Settings
from monitor.domain import Signal
from monitor.store import BuildReader
from tests.acquire.tiny import acquired, digests, tiny_settings


def heard(root: Path, **changes: Any) -> Settings:
    """A tiny virtual printer whose signal is kept, with a map."""
    made = tiny_settings(root, layers=3, seed=4)
    return made.model_copy(update={"signals": made.signals.model_copy(update={"record": True} | changes)})


def replayed(settings: Settings, recorded: BuildReader) -> BuildReader:
    return acquired(replay_settings(settings, recorded.manifest), recording=recorded, speed=0.0)


def signal(build: BuildReader, index: int) -> Signal:
    found = build.signal(index)
    assert isinstance(found, Signal)
    return found


def test_samples_ends_and_maps_come_out_equal(tmp_path: Path) -> None:
    """Every code, every layer end to the sample, its gap and doubt, and the laser-on map to the last bit."""
    settings = heard(tmp_path)
    recorded = acquired(settings)
    again = replayed(settings, recorded)
    assert digests(again) == digests(recorded)
    step = 1.0 / settings.trigger.rate_hz
    for index in recorded.layers():
        old, new = recorded.end(index), again.end(index)
        assert np.array_equal(signal(again, index).codes, signal(recorded, index).codes)
        assert signal(again, index).channels == signal(recorded, index).channels
        for name in ("first_on_s", "detected_s"):
            assert new.off_s - getattr(new, name) == pytest.approx(old.off_s - getattr(old, name), abs=step)
        assert (new.on_time_s, new.inner_pause_s, new.gap, new.unsure) == (
            old.on_time_s, old.inner_pause_s, old.gap, old.unsure,
        )  # fmt: skip
        if index:
            assert new.recoat_s == pytest.approx(old.recoat_s, abs=2 * step)
        first, second = recorded.laser_map(index), again.laser_map(index)
        assert first is not None
        assert second is not None
        assert np.array_equal(second.exposure_us, first.exposure_us)
        assert (second.outside_us, second.unknown_us) == (first.outside_us, first.unknown_us)


def test_the_detector_is_the_one_that_heard_them(tmp_path: Path) -> None:
    """A gap that is configured shorter meanwhile does not cut the recorded layers, and a threshold misses none."""
    settings = heard(tmp_path)
    recorded = acquired(settings)
    detector = settings.trigger.detector.model_copy(update={"quiet_gap_ms": 20.0, "on_volts": 9.0})
    changed = settings.model_copy(update={"trigger": settings.trigger.model_copy(update={"detector": detector})})
    again = replayed(changed, recorded)
    assert len(again.layers()) == len(recorded.layers())
    assert Settings.model_validate(again.manifest.config).trigger.detector == settings.trigger.detector


def test_a_thinned_signal_keeps_the_recorded_map(tmp_path: Path) -> None:
    """The ends are found within a thinned sample; the map of all samples is not made worse by fewer of them."""
    settings = heard(tmp_path, rate_hz=2000.0)
    recorded = acquired(settings)
    assert signal(recorded, 0).decimation == 5
    again = replayed(settings, recorded)
    for index in recorded.layers():
        old, new = recorded.end(index), again.end(index)
        assert new.off_s - new.first_on_s == pytest.approx(old.off_s - old.first_on_s, abs=2.1 / 2000.0)
        assert np.array_equal(signal(again, index).codes[0], signal(recorded, index).codes[0])
        assert again.record(index).laser_map == recorded.record(index).laser_map


def test_without_all_samples_the_gate_is_made_again_and_it_says_so(tmp_path: Path) -> None:
    """A build that kept no signal: the same layers, each with the reason why it has no signal, and the recorded map."""
    settings = heard(tmp_path, record=False)
    recorded = acquired(settings)
    again = replayed(settings, recorded)
    assert digests(again) == digests(recorded)
    assert {again.record(index).signal_gap for index in again.layers()} == {
        "the samples were made again from recorded layer ends: nothing was measured"
    }


def test_damaged_samples_cost_the_mirrors_and_no_layer(tmp_path: Path) -> None:
    """A flipped byte in one layer's samples: every layer is found again; that one's samples are told as invalid."""
    settings = heard(tmp_path)
    recorded = acquired(settings)
    file = next((tmp_path / recorded.manifest.id / "signals").glob("000001/c.*"))
    data = bytearray(file.read_bytes())
    data[len(data) // 3] ^= 0xFF
    file.write_bytes(data)
    again = replayed(settings, recorded)
    assert digests(again) == digests(recorded)
    spans = [again.signal_span(index) for index in again.layers()]
    assert [span is not None and any(span.invalid) for span in spans] == [False, True, False]


def test_a_replay_of_a_replay_hears_the_same(tmp_path: Path) -> None:
    """Samples and ends do not change any more."""
    settings = heard(tmp_path)
    first = replayed(settings, acquired(settings))
    second = replayed(settings, first)
    for index in first.layers():
        assert np.array_equal(signal(second, index).codes, signal(first, index).codes)
