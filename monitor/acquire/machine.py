"""The acquisition loop: one event of the trigger after the other becomes a build, a layer, an end.

    WAIT ──laser on, or by command──► ARM ──layer end──► CAPTURE ──frames and gaps──► COMMIT
      ▲                                │ ▲                                              │
      └──silence, command, signal over─┘ └──────────────────committed───────────────────┘

Owns the states, their order, and that a layer is never skipped: what cannot be photographed is committed as gaps, what
cannot be stored is held until there is room, while later ones are photographed. Refuses to know how frames are taken
and how layers are stored.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TypeVar

import structlog

from monitor.acquire.builds import RHYTHM, absence, new_build, origin_of
from monitor.acquire.capturing import HANG_S, Capturing, Window
from monitor.acquire.events import Event, Events, LaserOn, SignalEnded, SignalLost, Silence
from monitor.acquire.held import Held, fits
from monitor.acquire.keeper import Keeper
from monitor.acquire.listener import Listener
from monitor.acquire.missed import missed, on_one_clock, reckoned, unseen
from monitor.acquire.recoating import KEPT, Recoating, Shots, recorded_recoats
from monitor.acquire.recorded import recorded_layer, with_recorded_map
from monitor.acquire.spent import Spent
from monitor.acquire.status import Snapshot, State
from monitor.config import Settings
from monitor.devices import Rig
from monitor.domain import Frame, Layer, LayerEnd, ProcessStatus, StoreFull
from monitor.store import BuildReader, BuildWriter, LayerSignal, Pulse, end_requested
from monitor.trigger import WINDOW

log = structlog.get_logger("acquire")

LOOK_S = 0.2
WORK = "acquisition"
STEP_S = 120.0
"""Real seconds that a step of the loop may take before it counts as stuck: the slowest is a commit on a busy disk."""
ROOM_S = 1.0
"""Real seconds between two tries to store a layer on a full disk."""
AWAY = "the layer ended while acquisition was away"
LOST = "the layer ended while the trigger was lost"
PATIENT = ("simulated", "recorded")
"""Cameras that are never given up: they may be slow, but they do not hang."""
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Bench:
    """What the loop works with: the devices, and the threads that keep them."""

    rig: Rig
    listener: Listener
    keepers: Sequence[Keeper]
    events: Events


class Acquisition:
    """Makes builds out of events, until the signal is over or `stop`.

    Args:
        settings: the whole configuration.
        bench: opened devices.
        stop: ends the loop after the layer at hand; a live build goes on at the next start.
        name: of the next build.
        recording: the build that is replayed, None for a live one.
        on_start: called with the id of each build that begins or goes on.
        beat: writes the status at once.
        pulse: where the loop says that it is alive.
    """

    def __init__(
        self,
        settings: Settings,
        bench: Bench,
        stop: threading.Event,
        *,
        name: str = "",
        recording: BuildReader | None = None,
        on_start: Callable[[str], None] | None = None,
        beat: Callable[[], None] = lambda: None,
        pulse: Pulse | None = None,
    ) -> None:
        self._settings = settings
        self._bench = bench
        self._stop = stop
        self._name = name
        self._recording = recording
        self._on_start = on_start
        self._beat = beat
        self._pulse = pulse or Pulse()
        self._origin = origin_of(settings)
        self._writer: BuildWriter | None = None
        self._capturing: Capturing | None = None
        self._recoating: Recoating | None = None
        self._laser_seen = False
        self._spent = Spent()  # on the layer at hand
        self._held: deque[Held] = deque()  # photographed and not committed yet: more than one where the disk is full
        self._unwatched = ""  # why layers may have ended unseen since the last one
        self._doubt = ""
        self._snapshot = Snapshot(detail="for the laser")

    def status(self) -> ProcessStatus:
        """The present status; any thread may ask."""
        bench = self._bench
        devices = (bench.listener.status, *(keeper.status for keeper in bench.keepers))
        troubles = (bench.listener.outage, *(keeper.outage for keeper in bench.keepers))
        outages = [outage.facts for outage in troubles if outage]
        notices = [notice for keeper in bench.keepers for notice in keeper.notices]
        notices += [self._doubt] if self._doubt else []
        facts = {
            "laser_on": bench.listener.laser_on,
            "backlog": bench.events.layers + max(0, len(self._held) - 1),
            "outages": outages,
            "notices": notices,
            "temperatures_c": {k.name: t for k in bench.keepers if (t := k.temperature_c) is not None},
        }
        return self._snapshot.status("replay" if self._recording else "acquire", devices, facts)

    @property
    def build(self) -> str:
        """Id of the build at hand or of the last one; "" before the first."""
        return self._snapshot.build

    @property
    def running(self) -> str:
        """Id of the build at hand, "" for none."""
        writer = self._writer
        return writer.manifest.id if writer else ""

    def begin(self, writer: BuildWriter | None = None) -> BuildWriter:
        """Begin a new build now, or go on with one that is held; waits for room on the disk."""
        self._writer = writer or self._when_there_is_room(self._new_build, "no build can begin")
        self._name = ""
        for facts in self._writer.manifest.cameras:
            for keeper in self._bench.keepers:
                keeper.expect(facts)
        build, index = self._writer.manifest.id, self._writer.next_index
        structlog.contextvars.bind_contextvars(build=build)
        log.info("build goes on" if index else "build begun", layer=index)
        self._laser_seen = index > 0
        past = BuildReader.open(self._settings.store.root, build)
        if writer:
            self._bench.listener.learn([past.end(index) for index in past.layers()[-WINDOW:]])
        self._recoating = self._new_recoating(self._writer)
        away = absence(past) if writer and self._origin == "live" else ""
        self._unwatched, self._doubt = AWAY if writer and self._origin == "live" else "", ""
        self._say(State.ARM, f"layer {index} is next{away}", build=build, layer=index - 1 if index else None)
        if self._on_start:
            self._on_start(build)
        return self._writer

    def run(self) -> None:
        """Handle events until the signal is over or `stop`.

        Raises:
            StoreFull: stopped while a layer was held for want of room; the layer is lost.
            StoreError: the store cannot be written.
        """
        while not self._stop.is_set():
            self._pulse.expect(WORK, STEP_S)
            self._tend()
            alive = self._bench.listener.alive  # before looking: what it said last is in the queue by then
            event = self._bench.events.get(LOOK_S)
            if event is not None:
                self._handle(event)
            elif not alive:
                raise RuntimeError("the trigger's thread died")
            if isinstance(event, SignalEnded):
                return
        if self._recording:
            self._end("the replay was stopped")

    def close(self) -> None:
        """Give the build back as it is."""
        if self._recoating:
            self._recoating.close()
            self._recoating = None
        if self._capturing:
            self._capturing.close()
            self._capturing = None
        if self._writer:
            self._writer.close()
            self._writer = None

    def _handle(self, event: Event) -> None:
        if isinstance(event, LaserOn):
            if self._writer is None:
                self.begin()
            self._laser_seen = True
            if self._recoating:
                self._recoating.laser_on()
        elif isinstance(event, LayerEnd):
            writer = self._writer or self.begin()
            lost, first = self._unwatched == LOST, writer.next_index
            self._make_up(writer, event)
            if lost:
                self._bench.listener.settle(range(first, writer.next_index))
            self._layer(writer, event)
        elif isinstance(event, SignalLost):
            self._unwatched = self._unwatched or LOST
        elif isinstance(event, Silence):
            if self._laser_seen:  # a build begun by command may wait for its first layer
                self._end(f"the laser was off for {self._settings.acquire.end_after_silence_s:g} s")
        else:
            self._end("the trigger signal is over")

    def _make_up(self, writer: BuildWriter, end: LayerEnd) -> None:
        """Commit the layers that ended unseen before this one, as gaps; say so where nobody can tell how many."""
        why, self._unwatched = self._unwatched, ""
        if not why or not writer.next_index:
            return
        reader = BuildReader.open(self._settings.store.root, writer.manifest.id)
        records = [reader.record(index) for index in reader.layers()[-RHYTHM:]]
        seen, now = [record.end.off_s for record in records], end.off_s
        if why == AWAY:  # the devices' clock may have begun anew; the machine's goes on
            seen, now = on_one_clock(records, self._wall_time(writer.next_index, end), self._age_s(end))
        found = missed(seen, now)
        self._doubt = f"from layer {writer.next_index} on: {found.doubt}" if found.doubt else self._doubt
        if self._recoating and (found.layers or found.doubt):
            self._recoating.forget(why)
        if found.layers or found.doubt:
            log.warning("layers ended unseen", why=why, layers=found.layers, doubt=found.doubt)
        for number in range(1, found.layers + 1):
            index, then = writer.next_index, reckoned(end.off_s - (now - seen[-1]), end, number, found.layers)
            at = (then, self._wall_time(index, then))
            layer = unseen(index, self._height_mm(writer, index), at, writer.manifest.cameras, why)
            layer = replace(layer, recoats=self._recoating.gaps(why) if self._recoating else {})
            self._when_there_is_room(lambda layer=layer: writer.commit(layer, LayerSignal(gap=why)), f"layer {index}")  # type: ignore[misc]
            self._say(State.COMMIT, f"layer {index}", layer=index, gaps=self._snapshot.gaps + len(layer.captures))

    def _height_mm(self, writer: BuildWriter, index: int) -> float:
        height = self._bench.rig.height_mm(index)
        return (index + 1) * writer.manifest.layer_height_mm if height is None else height

    def _layer(self, writer: BuildWriter, end: LayerEnd) -> None:
        """CAPTURE and COMMIT one layer, and those that end while it waits for room on the disk."""
        self._held.append(self._shot(writer, end))
        while self._held:
            self._commit(writer, self._held[0])
            self._held.popleft()

    def _shot(self, writer: BuildWriter, end: LayerEnd) -> Held:
        """CAPTURE the layer after those that are held."""
        spent, index = Spent(), writer.next_index + len(self._held)
        self._spent = spent
        self._say(State.CAPTURE, f"layer {index}")
        layer = self._photographed(writer, index, end)
        for keeper in self._bench.keepers:
            if keeper.name in layer.captures:
                keeper.settle(index, layer.captures[keeper.name])
        spent.judge()
        signal = self._bench.listener.signal(end)
        signal = with_recorded_map(self._settings, self._recording, index, signal)
        held = Held(layer, signal, spent, self._capturing.looking_s if self._capturing else 0.0)
        for gap in held.gaps:
            log.warning("frame missing", layer=index, camera=gap.camera, reason=gap.reason)
        self._say(State.COMMIT, f"layer {index}", gaps=self._snapshot.gaps + len(held.gaps))
        return held

    def _commit(self, writer: BuildWriter, held: Held) -> None:
        index = held.layer.index
        self._when_there_is_room(lambda: self._store(writer, held.layer, held.signal), f"layer {index} is held")
        spent = held.spent.facts(held.judging_core_s)
        log.info("layer committed", layer=index, gaps=len(held.gaps), seconds=round(spent["capture_and_commit_s"], 3))
        self._say(State.ARM, f"layer {index + 1} is next", layer=index, spent=spent)

    def _photographed(self, writer: BuildWriter, index: int, end: LayerEnd) -> Layer:
        window = Window.of(end, self._settings.acquire)
        self._pulse.expect(WORK, window.timeout_s + HANG_S + STEP_S)
        bench = self._bench
        self._capturing = self._capturing or self._new_capturing(writer)
        recoats = self._recoats(writer, index, end)
        for frame in recoats.values():
            if isinstance(frame, Frame):
                writer.prepare(frame, recoat=True)
        captures = self._capturing.take(window, bench.events.next_laser_on)
        if self._recoating:
            self._recoating.plan(end)
        return Layer(index, self._height_mm(writer, index), end, self._wall_time(index, end), captures, recoats)

    def _new_capturing(self, writer: BuildWriter, *, spare: bool = False) -> Capturing:
        facts = {facts.name: facts for facts in writer.manifest.cameras}
        may_hang = any(camera.device not in PATIENT for camera in self._settings.cameras)
        checks = self._settings.acquire.checks

        def arrived(frame: Frame) -> None:
            self._spent.arrive()
            writer.prepare(frame)

        if spare:
            return Capturing(self._bench.keepers, facts, checks, may_hang=may_hang, spare=True)
        return Capturing(self._bench.keepers, facts, checks, may_hang=may_hang, arrived=arrived)

    def _new_recoating(self, writer: BuildWriter) -> Recoating | None:
        """None where nobody wants the fresh powder, and for a replay, which has what was recorded."""
        if self._settings.acquire.recoat.when == "off" or self._recording:
            return None
        reader = BuildReader.open(self._settings.store.root, writer.manifest.id)
        ends = [reader.end(index) for index in reader.layers()[-KEPT:]]
        capturing, names = self._new_capturing(writer, spare=True), [facts.name for facts in writer.manifest.cameras]
        bench = self._bench
        return Recoating(self._settings, capturing, bench.rig.clock, bench.events.next_laser_on, names, ends)

    def _recoats(self, writer: BuildWriter, index: int, end: LayerEnd) -> Shots:
        """The frames of this layer's powder; empty where nobody wants them."""
        if self._recording:
            names = [facts.name for facts in writer.manifest.cameras]
            wanted = self._settings.acquire.recoat.when != "off"
            return recorded_recoats(self._recording, recorded_layer(self._recording, index), names, end, wanted=wanted)
        return self._recoating.collect(end) if self._recoating else {}

    def _wall_time(self, index: int, end: LayerEnd) -> str:
        """UTC of the layer end: recorded, measured, or simply now where time is virtual."""
        recorded = recorded_layer(self._recording, index)
        if self._recording and recorded is not None:
            return self._recording.record(recorded).wall_time
        return (datetime.now(UTC) - timedelta(seconds=self._age_s(end))).isoformat(timespec="milliseconds")

    def _age_s(self, end: LayerEnd) -> float:
        """Seconds since the layer end; 0 where time is virtual."""
        return self._bench.rig.clock.now() - end.off_s if self._origin == "live" else 0.0

    def _store(self, writer: BuildWriter, layer: Layer, signal: LayerSignal) -> None:
        """The reference first: who sees the layer sees what it should be."""
        recorded = recorded_layer(self._recording, layer.index)
        if self._recording and recorded is not None:
            reference = self._recording.reference(recorded)
            if reference is not None:
                writer.set_reference(layer.index, reference)
        writer.commit(layer, signal)

    def _new_build(self) -> BuildWriter:
        cameras = tuple(keeper.facts for keeper in self._bench.keepers if keeper.facts)
        return new_build(self._settings, cameras, self._name, self._recording)

    def _when_there_is_room(self, action: Callable[[], T], held: str) -> T:
        """Do it, again and again while the disk is full. Layers that end meanwhile are photographed, and wait."""
        while True:
            self._pulse.expect(WORK, STEP_S)
            try:
                done = action()
            except StoreFull as error:
                log.error("disk full", held=held, what=error.what, cure=error.cure)
                more = f" and {len(self._held) - 1} after it" if len(self._held) > 1 else ""
                alarm = f"the disk is full: {held}{more}; free space"
                self._say(self._snapshot.state, self._snapshot.detail, alarm=alarm)
                if self._wait_for_room():
                    raise
            else:
                self._snapshot = replace(self._snapshot, alarm="")
                return done

    def _wait_for_room(self) -> bool:
        """Wait a while, and photograph what ends while a layer is held; True where `stop` is set."""
        until = time.monotonic() + ROOM_S
        while (left := until - time.monotonic()) > 0 and not self._stop.is_set():
            for keeper in self._bench.keepers:
                keeper.tend()
            if self._writer is None or not self._held or not fits(self._held):
                self._stop.wait(left)
                continue
            event = self._bench.events.get(min(LOOK_S, left), (LaserOn, LayerEnd))
            if isinstance(event, LayerEnd):
                self._held.append(self._shot(self._writer, event))
            elif event is not None:
                self._handle(event)
        return self._stop.is_set()

    def _tend(self) -> None:
        """What is due at any time: reconnecting cameras, and a person's wish to end the build."""
        for keeper in self._bench.keepers:
            keeper.tend()
        if self._writer and not self._recording:
            reason = end_requested(self._settings.store.root, self._writer.manifest.id)
            if reason is not None:
                self._end(reason)

    def _end(self, reason: str) -> None:
        if self._writer is None:
            return
        writer = self._writer
        self._when_there_is_room(lambda: writer.end(reason), "the build cannot end")
        self.close()
        log.info("build ended", reason=reason)
        structlog.contextvars.unbind_contextvars("build")
        self._say(State.WAIT, "for the laser")

    def _say(self, state: State, detail: str, **changes: object) -> None:
        self._snapshot = replace(self._snapshot, state=state, detail=detail, **changes)  # type: ignore[arg-type]
        self._beat()
