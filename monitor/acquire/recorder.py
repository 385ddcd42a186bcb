"""The signal of a layer, while it lasts: cut, coded, thinned, spooled, and mapped. Owns what one layer's commit gets.

Runs in a thread of its own, fed by the trigger's. Refuses to let a full disk, one that stands still, a lost sample or a
saturated mirror cost the layer or delay the trigger: each costs the signal or its map, and says so.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Self

import numpy as np
import structlog

from monitor.acquire.feeding import Fed, Feed, Reopened
from monitor.config import Settings
from monitor.domain import Codes, LayerEnd, SampleBlock, SignalFacts, StoreError
from monitor.store import LayerSignal, SignalRecord, SignalSpool, SpooledLayer
from monitor.trigger import LaserMapper
from monitor.trigger.codes import Coder
from monitor.trigger.decimation import Decimator
from monitor.trigger.layer_samples import Broken, Forgotten, LayerCutter

log = structlog.get_logger("acquire")

MADE = "the samples were made again from recorded layer ends: nothing was measured"
OFF = "the configuration keeps no signal"
NO_MAP = "the configuration keeps no laser-on map"
NO_MIRRORS = "no mirrors x and y that are scaled to mm"
STALLED = "the disk was too slow for the signal: samples were dropped"
LATE = "the disk was too slow for the signal: it was not there in time"
DIED = "the recorder stopped by an error that is in the log"
LOST = "the trigger was lost within the layer"
WAIT_S, PATIENT_S = 5.0, 60.0
"""Real seconds for which a commit waits for its signal; longer where the trigger waits as well."""
JOIN_S = 5.0


class SignalRecorder:
    """Makes each layer's signal out of the trigger's blocks, behind a queue with a bound.

    Args:
        facts: what the trigger says of its signal.
        settings: the whole configuration.
        rate_hz: samples per second of the trigger.
        spool: where samples wait for their commit.
    """

    def __init__(self, facts: SignalFacts, settings: Settings, rate_hz: float, spool: SignalSpool) -> None:
        self._plan = _Plan(facts, settings, rate_hz)
        self._spool = spool
        self._none = _never(facts, settings)
        self._cutter = self._new_cutter()
        self._layer: _Layer | None = None
        self._broken = ""
        patient = settings.trigger.device != "ni9223"
        self._wait_s = PATIENT_S if patient else WAIT_S
        self._feed = Feed(patient=patient)
        self._done: dict[LayerEnd, LayerSignal] = {}
        self._due: set[LayerEnd] = set()
        self._changed = threading.Condition()
        self._over = False
        self._thread = threading.Thread(target=self._run, name="signal", daemon=True)
        self._thread.start()

    @property
    def held_bytes(self) -> int:
        """Size of the samples that wait to be recorded."""
        return self._feed.held_bytes

    def feed(self, block: SampleBlock, ends: Sequence[LayerEnd], laser_seen: bool, shift_v: float = 0.0) -> None:
        """Take the next block with what the detector found in it, before anybody is told of the layer ends.

        Never waits for the disk, but for a trigger that can wait itself.

        Args:
            block: the samples.
            ends: layer ends in it.
            laser_seen: whether the laser came on since the last layer end.
            shift_v: by so much the detector's thresholds are moved, in V.
        """
        if self._none:
            return
        with self._changed:
            self._due.update(ends)
        if not self._feed.put(block, ends, laser_seen, shift_v):
            for end in ends:
                self._give(end, _gap(DIED if self._over else STALLED))

    def take(self, end: LayerEnd) -> LayerSignal:
        """The signal of the layer that ended so, once; waits a while for it. Any thread may ask."""
        if self._none:
            return _gap(self._none)
        with self._changed:
            self._changed.wait_for(lambda: end in self._done or end not in self._due, self._wait_s)
            if end in self._due:
                self._due.discard(end)
                log.warning("signal not kept", what=LATE)
                return _gap(LATE)
            return self._done.pop(end, LayerSignal())

    def restart(self) -> None:
        """The trigger was opened again: samples are missing, and they are counted anew."""
        if not self._none:
            self._feed.reopened()

    def close(self) -> None:
        """Remove what no commit took; does not wait long for a disk that stands still."""
        self._feed.close()
        self._thread.join(JOIN_S)
        self._spool.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _run(self) -> None:
        try:
            while (item := self._feed.get()) is not None:
                if isinstance(item, Reopened):
                    self._reopened(item)
                else:
                    self._take_in(item)
        finally:
            self._break("")
            self._over = True
            self._feed.close()  # whatever ends this thread, nobody waits for it

    def _reopened(self, item: Reopened) -> None:
        if self._layer:
            self._break(LOST)
        elif item.torn:
            self._broken = self._broken or STALLED
        self._cutter = self._new_cutter()

    def _take_in(self, fed: Fed) -> None:
        if fed.dropped:
            log.error("signal not kept", what=STALLED, cure="look at the disk's speed, or lower signals.rate_hz")
            self._break(STALLED if fed.torn else "")
            self._cutter = self._new_cutter()
        for cut in self._cutter.feed(fed.block, fed.ends, fed.laser_seen, fed.shift_v):
            if isinstance(cut, SampleBlock):
                self._add(cut, fed.shift_v)
            elif isinstance(cut, LayerEnd):
                self._finish(cut)
            elif isinstance(cut, Broken):
                self._break(cut.reason)
            elif isinstance(cut, Forgotten):
                self._break("")

    def _new_cutter(self) -> LayerCutter:
        return LayerCutter(self._plan.settings.trigger.detector, self._plan.margin)

    def _add(self, block: SampleBlock, shift_v: float) -> None:
        if self._broken:
            return
        try:
            self._layer = self._layer or _Layer(self._plan, self._spool)
            self._layer.add(block, shift_v)
        except StoreError as error:
            log.error("signal not kept", what=error.what, cure=error.cure)
            self._break(error.what)

    def _finish(self, end: LayerEnd) -> None:
        layer, self._layer = self._layer, None
        try:
            signal = layer.finish() if layer else _gap(self._broken or "no sample of it was read")
        except StoreError as error:
            log.error("signal not kept", what=error.what, cure=error.cure)
            if layer:
                layer.spooled.discard()
            signal = _gap(error.what)
        self._broken = ""
        self._give(end, signal)

    def _give(self, end: LayerEnd, signal: LayerSignal) -> None:
        """Hand a signal over; one that its commit does not wait for any more is removed."""
        with self._changed:
            wanted = end in self._due
            self._due.discard(end)
            if wanted:
                self._done[end] = signal
            self._changed.notify_all()
        if not wanted:
            signal.discard()

    def _break(self, reason: str) -> None:
        """The layer at hand gets no signal for this reason; "" where it is no layer."""
        if self._layer:
            self._layer.spooled.discard()
        self._layer, self._broken = None, reason


@dataclass(frozen=True)
class _Plan:
    """What is kept of every layer."""

    facts: SignalFacts
    settings: Settings
    rate_hz: float

    @property
    def margin(self) -> int:
        return max(1, round(self.settings.signals.margin_ms * 1e-3 * self.rate_hz))

    @property
    def factor(self) -> int:
        """Samples of the trigger that become one."""
        kept = self.settings.signals.rate_hz
        return max(1, round(self.rate_hz / kept)) if kept else 1

    @property
    def rows(self) -> list[int]:
        """Rows that are kept; the gate always is."""
        names = self.settings.signals.channels
        return [row for row, c in enumerate(self.facts.channels) if row == 0 or not names or c.name in names]

    def mapper(self) -> LaserMapper | None:
        """What adds up the laser-on map; None where it is not wanted or cannot be made."""
        if not self.settings.signals.laser_map or self.facts.mirrors() is None:
            return None
        return LaserMapper(self.facts, self.settings.plate.grid(), self.settings.trigger.detector, self.rate_hz)

    @property
    def no_map(self) -> str:
        """Why there is no laser-on map."""
        return NO_MIRRORS if self.settings.signals.laser_map else NO_MAP


class _Layer:
    """The layer at hand."""

    def __init__(self, plan: _Plan, spool: SignalSpool) -> None:
        channels = plan.facts.channels
        self._plan = plan
        self._coder = Coder(channels)
        self._decimator = Decimator(plan.factor, len(plan.rows))
        self._mapper = plan.mapper()
        self._invalid = np.zeros(len(channels), np.int64)
        self._saturated = np.zeros(len(channels), np.int64)
        self._error_v = 0.0
        self._time_s: float | None = None
        self._end_s = 0.0
        self.spooled: SpooledLayer = spool.begin(len(plan.rows))

    def add(self, block: SampleBlock, shift_v: float) -> None:
        self._time_s = block.time_s if self._time_s is None else self._time_s
        self._end_s = block.end_s
        coded = self._coder.code(block.volts)
        self._invalid += coded.invalid
        self._saturated += coded.saturated
        self._error_v = max(self._error_v, coded.error_v)
        if self._mapper:
            self._mapper.add(coded.codes, coded.bad, shift_v)
        self._keep(self._decimator.push(coded.codes[self._plan.rows]))

    def finish(self) -> LayerSignal:
        self._keep(self._decimator.flush())
        self.spooled.finish()
        exposed = self._mapper.finish() if self._mapper else None
        return LayerSignal(self._record(), self.spooled.path, "", exposed, "" if exposed else self._plan.no_map)

    def _keep(self, codes: Codes) -> None:
        if codes.shape[1]:
            self.spooled.append(codes)

    def _record(self) -> SignalRecord:
        rows, plan, spooled = self._plan.rows, self._plan, self.spooled
        return SignalRecord(
            tuple(plan.facts.channels[row] for row in rows),
            spooled.samples,
            plan.rate_hz / plan.factor,
            self._time_s or 0.0,
            self._end_s,
            spooled.chunk,
            tuple(spooled.digests),
            tuple(int(n) for n in self._invalid[rows]),
            tuple(int(n) for n in self._saturated[rows]),
            self._error_v,
            plan.factor,
            plan.facts.to_plate,
        )


def _never(facts: SignalFacts, settings: Settings) -> str:
    """Why no layer has a signal; "" where each has."""
    return MADE if facts.made else "" if settings.signals.record else OFF


def _gap(reason: str) -> LayerSignal:
    return LayerSignal(gap=reason, laser_map_gap=reason)
