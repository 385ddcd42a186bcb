"""The recorder between the trigger and a disk that stands still: never a wait, never a layer, never memory for ever."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from monitor.acquire import feeding, recorder
from monitor.acquire.recorder import SignalRecorder
from monitor.config import Settings
from monitor.domain import Channel, ChannelRole, LayerEnd, SampleBlock, SignalFacts
from monitor.store import LayerSignal, SignalSpool, SpooledLayer

RATE = 1000.0
BLOCK = 100
FACTS = SignalFacts((Channel("laser", ChannelRole.GATE), Channel("extra", ChannelRole.OTHER)))


class Disk:
    """Stands still on order: the spool's writes wait until it goes on."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.going = threading.Event()
        self.going.set()
        self.waiting = threading.Event()
        append = SpooledLayer.append

        def slow(layer: SpooledLayer, codes: Any) -> None:
            if not self.going.is_set():
                self.waiting.set()
            self.going.wait()
            append(layer, codes)

        monkeypatch.setattr(SpooledLayer, "append", slow)


class Layers:
    """A signal of layers of one second, two blocks of pause between them, fed block by block."""

    def __init__(self, fed: SignalRecorder) -> None:
        self._fed = fed
        self._next = 0

    def blocks(self, count: int, *, quiet: bool = False) -> None:
        """Some blocks with the laser on; `quiet` waits until each is taken."""
        for _ in range(count):
            self._fed.feed(self._block(5.0), (), True)
            if quiet:
                self.rest()

    def rest(self) -> None:
        """Wait until everything is taken."""
        while self._fed.held_bytes:
            time.sleep(0.001)

    def end(self) -> LayerEnd:
        """The laser goes off, and the detector finds it."""
        off = self._next
        end = LayerEnd(off, off / RATE, 0.0, 1.0, (off + BLOCK) / RATE)
        self._fed.feed(self._block(0.0), (end,), False)
        self._fed.feed(self._block(0.0), (), False)
        return end

    def layer(self, *, quiet: bool = False) -> LayerEnd:
        """A whole layer."""
        self.blocks(10, quiet=quiet)
        return self.end()

    def _block(self, volts: float) -> SampleBlock:
        first, self._next = self._next, self._next + BLOCK
        return SampleBlock(np.full((2, BLOCK), volts), RATE, first, first / RATE)


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Iterator[Disk]:
    """The disk under the spool."""
    made = Disk(monkeypatch)
    yield made
    made.going.set()


@pytest.fixture
def fed(tmp_path: Path, disk: Disk, monkeypatch: pytest.MonkeyPatch) -> Iterator[SignalRecorder]:
    """The recorder of a real card, with room for five blocks."""
    monkeypatch.setattr(feeding, "HELD_BYTES", 5 * 2 * BLOCK * 8)
    settings = Settings.model_validate({"store": {"root": tmp_path}, "trigger": {"device": "ni9223", "rate_hz": RATE}})
    with SignalRecorder(FACTS, settings, RATE, SignalSpool.open(tmp_path)) as made:
        yield made
        disk.going.set()


def whole(signal: LayerSignal) -> bool:
    """Whether a layer has its signal."""
    return signal.record is not None and signal.file is not None and signal.file.exists()


def test_a_disk_that_stands_still_costs_the_signal_and_says_so(fed: SignalRecorder, disk: Disk) -> None:
    """Feeding goes on; the layer under way and the one that came meanwhile are gaps, the next one is whole again."""
    layers = Layers(fed)
    assert whole(fed.take(layers.layer(quiet=True)))
    disk.going.clear()
    layers.blocks(2)
    assert disk.waiting.wait(10)
    layers.blocks(8)
    torn, unseen = layers.end(), layers.layer()
    layers.blocks(3)
    disk.going.set()
    assert [fed.take(end).gap for end in (torn, unseen)] == [recorder.STALLED] * 2
    layers.rest()
    assert fed.take(layers.end()).gap == recorder.STALLED, "it had begun before"
    layers.rest()
    assert whole(fed.take(layers.layer(quiet=True)))


def test_what_waits_has_a_bound(fed: SignalRecorder, disk: Disk) -> None:
    """An hour of samples on a dead disk takes no more memory than the queue has room for."""
    layers = Layers(fed)
    disk.going.clear()
    layers.blocks(1)
    assert disk.waiting.wait(10)
    for _ in range(100):
        layers.layer()
    assert 0 < fed.held_bytes <= feeding.HELD_BYTES


def test_a_commit_waits_only_so_long(
    fed: SignalRecorder, disk: Disk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A signal that comes too late is a gap with its reason, and its file is removed."""
    monkeypatch.setattr(fed, "_wait_s", 0.2)
    layers = Layers(fed)
    disk.going.clear()
    layers.blocks(1)
    end = layers.end()
    assert fed.take(end).gap == recorder.LATE
    disk.going.set()
    monkeypatch.setattr(fed, "_wait_s", 10.0)
    assert whole(fed.take(layers.layer(quiet=True)))
    assert [file.name for file in tmp_path.rglob("*.shard")] == ["000002.shard"]


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_an_error_of_ours_costs_signals_and_no_layer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A recorder that fails stops no trigger, not even one that waits for it; layers say why they have no signal."""

    def broken(layer: SpooledLayer, codes: Any) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(SpooledLayer, "append", broken)
    monkeypatch.setattr(recorder, "PATIENT_S", 0.2)
    monkeypatch.setattr(feeding, "HELD_BYTES", 1)
    settings = Settings.model_validate({"store": {"root": tmp_path}, "trigger": {"rate_hz": RATE}})
    with SignalRecorder(FACTS, settings, RATE, SignalSpool.open(tmp_path)) as fed:
        layers = Layers(fed)
        layers.layer()
        assert fed.take(layers.layer()).gap == recorder.DIED


def test_a_virtual_trigger_waits_for_the_disk(tmp_path: Path, disk: Disk, monkeypatch: pytest.MonkeyPatch) -> None:
    """A trigger that can wait loses nothing, however slow the disk is."""
    monkeypatch.setattr(feeding, "HELD_BYTES", 1)
    settings = Settings.model_validate({"store": {"root": tmp_path}, "trigger": {"rate_hz": RATE}})
    with SignalRecorder(FACTS, settings, RATE, SignalSpool.open(tmp_path)) as fed:
        disk.going.clear()
        ends: list[LayerEnd] = []
        thread = threading.Thread(target=lambda: ends.append(Layers(fed).layer()))
        thread.start()
        assert disk.waiting.wait(10)
        thread.join(0.1)
        assert thread.is_alive()
        disk.going.set()
        thread.join(10)
        signal = fed.take(ends[0])
        assert whole(signal)
        assert signal.record is not None
        assert signal.record.samples == 10 * BLOCK + BLOCK
