"""From samples to events, whatever the blocks."""

from __future__ import annotations

import threading
import time
from itertools import pairwise
from pathlib import Path

import numpy as np
import numpy.typing as npt
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.acquire.events import Event, Events, LaserOn, SignalEnded, Silence
from monitor.acquire.listener import Listener
from monitor.config import Settings
from monitor.domain import Channel, ChannelRole, DeviceLost, LayerEnd, SampleBlock, SignalFacts
from tests.acquire.tiny import tiny_settings

RATE = 1000.0
QUIET = 100  # samples


class Played:
    """A trigger that plays a gate signal in blocks of given lengths."""

    name = "played"
    facts = SignalFacts((Channel("laser", ChannelRole.GATE),))
    rate_hz = RATE

    def __init__(self, gate: npt.NDArray[np.float64], cuts: list[int]) -> None:
        edges = [0, *sorted(cut for cut in cuts if 0 < cut < gate.size), gate.size]
        self._blocks = [(a, gate[None, a:b]) for a, b in pairwise(edges) if b > a]

    def open(self) -> None:
        """Nothing to connect."""

    def read(self, timeout_s: float) -> SampleBlock | None:
        if not self._blocks:
            return None
        first, volts = self._blocks.pop(0)
        return SampleBlock(volts, RATE, first, first / RATE)

    def close(self) -> None:
        """Nothing to release."""


def configured(silence_s: float) -> Settings:
    base = tiny_settings(Path("unused"), acquire={"end_after_silence_s": silence_s})
    detector = base.trigger.detector.model_copy(
        update={"quiet_gap_ms": 1000 * QUIET / RATE, "min_pulse_us": 0.0, "min_on_ms": 5.0}
    )
    return base.model_copy(update={"trigger": base.trigger.model_copy(update={"detector": detector})})


def heard(pulses: list[tuple[int, int]], cuts: list[int], silence_s: float = 1e6) -> list[Event]:
    """Events of a signal of (samples off, samples on) and a long rest."""
    parts = [part for off, on in pulses for part in (np.zeros(off), np.full(on, 5.0))]
    gate = np.concatenate([*parts, np.zeros(2 * QUIET)])
    events = Events()
    listener = Listener(Played(gate, cuts), configured(silence_s), events)
    listener.open()
    listener.start()
    said: list[Event] = []
    while not said or not isinstance(said[-1], SignalEnded):
        event = events.get(20.0)
        assert event is not None
        said.append(event)
    listener.stop()
    return said


@settings(max_examples=60, deadline=None)
@given(
    pulses=st.lists(st.tuples(st.integers(1, 3 * QUIET), st.integers(1, 50)), max_size=8),
    cuts=st.lists(st.integers(1, 2000), max_size=30),
)
def test_events_do_not_depend_on_the_blocks(pulses: list[tuple[int, int]], cuts: list[int]) -> None:
    """The laser coming on is told before its layer end, once a layer, and the layer ends are the same in one block."""
    said = heard(pulses, cuts)
    ends = [event.off_sample for event in said if isinstance(event, LayerEnd)]
    assert ends == [event.off_sample for event in heard(pulses, []) if isinstance(event, LayerEnd)]
    before: Event | None = None
    for event in said:
        if isinstance(event, LayerEnd):
            assert isinstance(before, LaserOn)
            assert before.time_s <= event.first_on_s
        before = event


def test_silence_is_told_from_the_last_laser_off(tmp_path: Path) -> None:
    """Half a second of silence after a layer that ended at 0.12 s; a long rest tells it again."""
    said = heard([(100, 20), (900, 20)], list(range(50, 2000, 50)), silence_s=0.4)
    silences = [event.time_s for event in said if isinstance(event, Silence)]
    assert silences[0] == 0.55
    assert all(later - earlier >= 0.4 for earlier, later in pairwise(silences))


class Flapping:
    """A trigger that can always be opened and never be read, until it is well."""

    name = "flapping"
    rate_hz = RATE
    facts = SignalFacts((Channel("laser", ChannelRole.GATE),))

    def __init__(self) -> None:
        self.opened = 0
        self.well = threading.Event()
        self._next = 0

    def open(self) -> None:
        self.opened += 1
        self._next = 0

    def read(self, timeout_s: float) -> SampleBlock:
        if not self.well.wait(0.001):
            raise DeviceLost("flapping: samples were lost", cure="none")
        first, self._next = self._next, self._next + 100
        return SampleBlock(np.zeros((1, 100)), RATE, first, first / RATE)

    def close(self) -> None:
        """Nothing to release."""


def test_a_trigger_that_is_lost_again_and_again_is_tried_in_growing_pauses() -> None:
    """Opening it is no proof: it counts as ready, and as recovered, only after it was read for a while."""
    base = configured(1e6)
    reconnect = base.acquire.reconnect.model_copy(update={"first_s": 0.1, "longest_s": 30.0})
    made = base.model_copy(update={"acquire": base.acquire.model_copy(update={"reconnect": reconnect})})
    trigger = Flapping()
    listener = Listener(trigger, made, Events())
    listener.open()
    listener.start()
    try:
        time.sleep(1.0)
        assert listener.status.state == "reconnecting"
        assert 2 <= trigger.opened <= 6, "0.1, 0.2, 0.4, 0.8 s, not as fast as possible"
        trigger.well.set()
        deadline = time.monotonic() + 30
        while listener.status.state != "ready":
            assert time.monotonic() < deadline
            time.sleep(0.01)
        assert listener.outage is not None
        listener.settle(range(4, 6))
        assert (listener.outage.first, listener.outage.layers, listener.outage.back is not None) == (4, 2, True)
    finally:
        listener.stop()


def test_a_reader_as_fast_as_possible_waits_for_the_captures() -> None:
    """A queue with a limit holds the reader back; closing it lets the reader go."""
    events = Events(limit=1)
    end = LayerEnd(0, 0.0, 0.0, 1.0, 1.0)
    events.put(end)
    thread = threading.Thread(target=events.put, args=(end,))
    thread.start()
    thread.join(0.1)
    assert thread.is_alive()
    assert events.layers == 1
    assert events.get(0.0) is end
    thread.join(10)
    assert not thread.is_alive()
    events.close()
    events.put(end)
    assert events.layers == 1
