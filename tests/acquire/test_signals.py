"""The signal of each layer, from the trigger to the record: whole, on the frames' clock, and where the laser was."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from monitor.acquire import recorder
from monitor.config import Settings
from monitor.devices.simulated import SceneSpec, layer_truth
from monitor.domain import ChannelRole, Signal, SignalGap
from monitor.store import BuildReader, verify
from monitor.trigger import commanded_area
from monitor.trigger.edges import find_edges
from tests.acquire.tiny import acquired, tiny_settings


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> tuple[Settings, BuildReader]:
    """A virtual build of two layers, sampled fast enough for its scan speed."""
    base = tiny_settings(tmp_path_factory.mktemp("signals"), layers=2, scan_speed_mm_s=2000.0)
    trigger = base.trigger.model_copy(update={"rate_hz": 20_000.0})
    settings = base.model_copy(update={"trigger": trigger})
    return settings, acquired(settings)


def test_every_layer_has_its_signal_and_nothing_is_damaged(built: tuple[Settings, BuildReader]) -> None:
    """Gate and mirrors of each layer, without loss; verify reads all of it."""
    settings, reader = built
    for index in reader.layers():
        found = reader.signal(index)
        assert isinstance(found, Signal)
        assert [channel.role for channel in found.channels] == [ChannelRole.GATE, ChannelRole.X, ChannelRole.Y]
        assert found.rate_hz == 20_000.0
    report = verify(settings.store.root, reader.manifest.id)
    assert (report.problems, report.signals) == ((), 2)


def test_the_signal_is_on_the_clock_of_the_frames(built: tuple[Settings, BuildReader]) -> None:
    """The gate's last edge lies at the record's laser-off to the sample, and every frame was exposed after it."""
    settings, reader = built
    detector = settings.trigger.detector
    for index in reader.layers():
        found, record = reader.signal(index), reader.record(index)
        assert isinstance(found, Signal)
        edges, high = find_edges(found.volts()[0], detector.on_volts, detector.off_volts, False)
        assert not high
        times = found.times()
        assert times[edges[-1]] == pytest.approx(record.end.off_s, abs=1e-6)
        assert times[edges[0]] == pytest.approx(record.end.first_on_s, abs=1e-6)
        assert all(frame.time_s > times[edges[-1]] for frame in record.frames.values())


def test_the_laser_on_map_shows_the_part(built: tuple[Settings, BuildReader]) -> None:
    """As wide as a melt track, where the laser was on is where the virtual printer has metal."""
    settings, reader = built
    grid = reader.manifest.grid
    for index in reader.layers():
        exposed = reader.laser_map(index)
        assert exposed is not None
        area = commanded_area(exposed, grid, 0.1)
        metal = layer_truth(SceneSpec.from_settings(settings), index)
        assert np.count_nonzero(area & metal) / np.count_nonzero(area | metal) >= 0.9
        on_us = reader.record(index).end.on_time_s * 1e6
        assert exposed.exposure_us.sum() + exposed.outside_us == pytest.approx(on_us, rel=0.01)
        assert exposed.unknown_us == 0


@pytest.mark.parametrize(
    ("signals", "why", "no_map"),
    [
        ({"record": False}, recorder.OFF, recorder.OFF),
        ({"laser_map": False}, "", recorder.NO_MAP),
    ],
)
def test_what_is_not_wanted_is_not_kept(tmp_path: Path, signals: dict[str, bool], why: str, no_map: str) -> None:
    """The record says that the configuration wanted it so."""
    base = tiny_settings(tmp_path, layers=1)
    reader = acquired(base.model_copy(update={"signals": base.signals.model_copy(update=signals)}))
    record = reader.record(0)
    assert (record.signal_gap, record.laser_map_gap) == (why, no_map)
    assert isinstance(reader.signal(0), SignalGap) == bool(why)


def test_fewer_samples_and_channels_are_kept_on_order(tmp_path: Path) -> None:
    """A tenth of the rate and one mirror; the gate is always kept, and keeps the layer's end within one kept sample."""
    base = tiny_settings(tmp_path, layers=1)
    kept = base.signals.model_copy(update={"rate_hz": 1000.0, "channels": (base_channel(base),)})
    reader = acquired(base.model_copy(update={"signals": kept}))
    found = reader.signal(0)
    assert isinstance(found, Signal)
    assert (found.decimation, found.rate_hz, len(found.channels)) == (10, 1000.0, 2)
    on = np.flatnonzero(found.volts()[0] > base.trigger.detector.on_volts)
    assert found.times()[on[-1]] == pytest.approx(reader.record(0).end.off_s, abs=2e-3)


def base_channel(settings: Settings) -> str:
    """Name of the virtual printer's mirror x."""
    from monitor.devices import make_rig

    return next(c.name for c in make_rig(settings).trigger.facts.channels if c.role is ChannelRole.X)


def test_a_full_disk_costs_the_signal_and_not_the_layer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What cannot be spooled is a gap with its reason; frames and layers are all there."""
    from monitor.domain import StoreFull
    from monitor.store import SpooledLayer

    def full(self: SpooledLayer, codes: object) -> None:
        raise StoreFull("no space is left for the signal of a layer", cure="free space")

    monkeypatch.setattr(SpooledLayer, "append", full)
    reader = acquired(tiny_settings(tmp_path, layers=2))
    assert len(reader.layers()) == 2
    gap = reader.signal(0)
    assert isinstance(gap, SignalGap)
    assert "no space is left" in gap.reason
    assert not list((tmp_path / "status" / "signals").iterdir())
