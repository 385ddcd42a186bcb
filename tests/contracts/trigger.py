"""What every trigger keeps, whoever makes it. Inherit, and give the fixture `bench`."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pytest

from monitor.config import DetectorSettings
from monitor.devices import Trigger
from monitor.domain import Clock, DeviceError, DeviceLost, DeviceTimeout, LayerEnd, SampleBlock
from monitor.trigger import LaserOffDetector

PATIENCE_S = 20.0


@dataclass(frozen=True)
class TriggerBench:
    """A trigger and what its signal holds.

    Attributes:
        trigger: not open.
        clock: of the trigger.
        detector: finds the layers in the signal.
        ends_s: when each layer's laser goes off, in s after `open`.
        finite: whether the signal ends.
        late_s: by how much times may be wrong.
    """

    trigger: Trigger
    clock: Clock
    detector: DetectorSettings
    ends_s: tuple[float, ...]
    finite: bool
    late_s: float


def blocks(trigger: Trigger, count: int) -> list[SampleBlock]:
    """The next blocks."""
    out: list[SampleBlock] = []
    while len(out) < count and (block := trigger.read(PATIENCE_S)) is not None:
        out.append(block)
    return out


def impatient(trigger: Trigger, read: list[SampleBlock]) -> None:
    """Ask for blocks without waiting; on a busy machine some may be due already, and are read."""
    for _ in range(50):
        if (block := trigger.read(0.001)) is not None:
            read.append(block)


class TriggerContract:
    """Tests of `Trigger`."""

    @pytest.fixture
    def bench(self) -> TriggerBench:
        """A trigger and what its signal holds."""
        raise NotImplementedError

    def test_blocks_are_gapless(self, bench: TriggerBench) -> None:
        """Blocks follow one another without a gap, in samples and in time."""
        bench.trigger.open()
        read = blocks(bench.trigger, 8)
        assert read[0].first_sample == 0
        for before, after in pairwise(read):
            assert after.first_sample == before.first_sample + before.samples
            assert after.time_s == pytest.approx(before.end_s, abs=bench.late_s)
        bench.trigger.close()

    def test_blocks_are_what_the_trigger_says(self, bench: TriggerBench) -> None:
        """Every block has a row for each channel, the trigger's rate, and volts of a ±10 V module."""
        bench.trigger.open()
        for block in blocks(bench.trigger, 3):
            assert block.volts.shape == (len(bench.trigger.facts.channels), block.samples)
            assert block.volts.dtype == np.float64
            assert block.rate_hz == bench.trigger.rate_hz
            assert np.abs(block.volts).max() <= 10
        bench.trigger.close()

    def test_blocks_come_after_their_samples(self, bench: TriggerBench) -> None:
        """No block is given before its last sample was taken."""
        bench.trigger.open()
        opened = bench.clock.now()
        for block in blocks(bench.trigger, 3):
            assert opened - bench.late_s <= block.time_s
            assert block.end_s <= bench.clock.now() + bench.late_s
        bench.trigger.close()

    def test_the_detector_finds_every_layer(self, bench: TriggerBench) -> None:
        """The one detector finds exactly the layers that the signal holds: by sample, and about by time."""
        before = bench.clock.now()
        bench.trigger.open()
        opened = bench.clock.now()
        detector = LaserOffDetector(bench.detector, bench.trigger.rate_hz)
        found: list[LayerEnd] = []
        while (bench.finite or len(found) < len(bench.ends_s)) and (block := bench.trigger.read(PATIENCE_S)):
            found += detector.feed(block)
        bench.trigger.close()
        rate_hz = bench.trigger.rate_hz
        assert [end.off_sample / rate_hz for end in found] == pytest.approx(list(bench.ends_s), abs=2 / rate_hz)
        for end, true_s in zip(found, bench.ends_s, strict=True):  # the samples begin while the trigger opens
            assert before - bench.late_s <= end.off_s - true_s <= opened + bench.late_s
        assert all(end.first_on_s < end.off_s < end.detected_s and end.on_time_s > 0 for end in found)

    def test_a_block_that_is_not_due_is_a_timeout_and_nothing_is_lost(self, bench: TriggerBench) -> None:
        """Too short a time is a DeviceTimeout; the next block follows the last one all the same."""
        bench.trigger.open()
        read = blocks(bench.trigger, 1)
        with pytest.raises(DeviceTimeout, match="→"):
            impatient(bench.trigger, read)
        read += blocks(bench.trigger, 1)
        assert read[-1].first_sample == read[-2].first_sample + read[-2].samples
        bench.trigger.close()

    def test_a_trigger_that_is_not_open_is_lost(self, bench: TriggerBench) -> None:
        """Reading before `open` and after `close` is a DeviceLost with a cure."""
        with pytest.raises(DeviceLost, match="→"):
            bench.trigger.read(1)
        bench.trigger.open()
        bench.trigger.close()
        with pytest.raises(DeviceLost):
            bench.trigger.read(1)

    def test_close_is_idempotent_and_open_works_again(self, bench: TriggerBench) -> None:
        """A trigger may be closed before it was open, twice, and opened again; samples count from zero again."""
        bench.trigger.close()
        bench.trigger.open()
        blocks(bench.trigger, 2)
        bench.trigger.close()
        bench.trigger.close()
        bench.trigger.open()
        assert blocks(bench.trigger, 1)[0].first_sample == 0
        bench.trigger.close()

    def test_close_from_another_thread(self, bench: TriggerBench) -> None:
        """Closing while another thread reads ends that thread with a DeviceError or the signal's end."""
        bench.trigger.open()
        began = threading.Event()
        ends: list[object] = []

        def read() -> None:
            try:
                while bench.trigger.read(1.0) is not None:
                    began.set()
                ends.append("over")
            except DeviceError as error:
                ends.append(error)
            finally:
                began.set()

        thread = threading.Thread(target=read)
        thread.start()
        began.wait(PATIENCE_S)
        bench.trigger.close()
        thread.join(PATIENCE_S)
        assert not thread.is_alive()
        assert len(ends) == 1
