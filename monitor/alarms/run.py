"""The alarms process: look, judge, keep, tell. Owns its loop and its heartbeat; refuses to know devices and models.

Evaluating and telling are apart: this loop never waits for a receiver, and a receiver never for this loop.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from datetime import UTC, datetime
from functools import partial

import structlog

from monitor.alarms.builds import Builds, open_or_log
from monitor.alarms.following import Follower
from monitor.alarms.judging import Bench, Key, Verdict
from monitor.alarms.keeping import Keeper
from monitor.alarms.latch import Evidence
from monitor.alarms.picture import why_picture
from monitor.alarms.plant import OWN, Plant
from monitor.alarms.posting import Poster, make_ways
from monitor.alarms.rules_plant import PLANT_RULES
from monitor.alarms.samples import PlantFacts
from monitor.config import Settings
from monitor.domain import Alarm, Cause, ProcessStatus, Reading, StoreError, Uptime
from monitor.store import AlarmBook, AlarmNotes, Heart, Pulse, Readings, hold_alarms, refill_reserve, write_readings

log = structlog.get_logger("alarms")

LIST_S = 5.0
STEP_S = 120.0
"""Real seconds that one look at a layer or at the plant may take before it counts as stuck."""


class Evaluation:
    """One evaluating process over one store. The caller holds its lock.

    Args:
        settings: the whole configuration.
        stop: ends a round between two layers.
    """

    def __init__(self, settings: Settings, stop: threading.Event) -> None:
        root = settings.store.root
        self._settings = settings
        self._stop = stop
        self.book = AlarmBook(root)
        self.notes = AlarmNotes(root)
        self.keeper = Keeper(self.book, self._photograph)
        self.builds = Builds(settings, self.notes, _now())
        rules = settings.alarms.rules
        self._plant = Plant(root, rules.process_silent.limit, self.notes)
        self._bench: Bench[PlantFacts] = Bench(PLANT_RULES, rules, "seconds", _seeded(self.keeper.open()))
        self._readings: dict[tuple[str, str, str], Reading] = {}
        self._listed_s = self._judged_s = float("-inf")
        self.trouble = ""
        self.pulse = Pulse()
        self.posters = self._posters()

    def round(self) -> None:
        """Look at everything once."""
        self.trouble = ""
        self.pulse.expect(OWN, STEP_S)
        now_s = time.monotonic()
        if now_s - self._listed_s > LIST_S:
            refill_reserve(self._settings.store.root)
            open_or_log(self.builds)
            self._listed_s = now_s
        for follower in self.builds.followers:
            self._follow(follower)
        self._tried(partial(self.builds.close_finished, self.keeper))
        self._judge_plant(now_s)
        self._tried(lambda: write_readings(self._settings.store.root, Readings(_now(), self._said(), Uptime.now())))

    def status(self) -> ProcessStatus:
        """The heartbeat of this moment."""
        open_ = self.keeper.known_open()
        unseen = sum(alarm.acknowledgement is None for alarm in open_)
        unsure = sum(reading.state == "unsure" for reading in list(self._readings.values()))
        detail = self.trouble or _open_words(len(open_), unseen)
        ways = tuple(poster.status for poster in self.posters)
        facts = {"open": len(open_), "unacknowledged": unseen, "unsure": unsure}
        return ProcessStatus(
            OWN, os.getpid(), "failed" if self.trouble else "watching", detail, "", "", None, ways, facts
        )

    def _follow(self, follower: Follower) -> None:
        try:
            for verdicts in follower.advance():
                self.pulse.expect(OWN, STEP_S)
                self._apply(verdicts)
                if self._stop.is_set():
                    return
        except StoreError as error:
            self._say(error)

    def _judge_plant(self, now_s: float) -> None:
        elapsed = 0.0 if self._judged_s == float("-inf") else now_s - self._judged_s
        self._judged_s = now_s
        waiting = {poster.name: poster.waiting for poster in self.posters}
        try:
            facts = self._plant.look(datetime.now(UTC), now_s, self.builds.followers, waiting)
        except StoreError as error:
            self._say(error)
        else:
            self._apply(self._bench.take(facts, elapsed=elapsed))

    def _apply(self, verdicts: Iterable[Verdict]) -> None:
        """Keep what they mean; one that cannot be kept now is kept with the next reading."""
        for verdict in verdicts:
            reading = verdict.reading
            self._readings[reading.rule, reading.subject, reading.build] = reading
            self._tried(partial(self.keeper.apply, verdict))

    def _said(self) -> tuple[Reading, ...]:
        """The newest reading of each subject of the plant and of the followed builds."""
        followed = {"", *(follower.build for follower in self.builds.followers)}
        self._readings = {key: reading for key, reading in self._readings.items() if reading.build in followed}
        return tuple(self._readings.values())

    def _photograph(self, verdict: Verdict) -> bytes | None:
        reading = verdict.reading
        follower = next((f for f in self.builds.followers if f.build == reading.build), None)
        if follower is None or reading.layer is None or not verdict.picture:
            return None
        return why_picture(follower.reader, follower.products, reading.layer, verdict.picture)

    def _tried(self, action: Callable[[], None]) -> None:
        try:
            action()
        except StoreError as error:
            self._say(error)

    def _say(self, error: StoreError) -> None:
        if error.what != self.trouble:
            log.error("store", what=error.what, cure=error.cure)
        self.trouble = f"{error.what}; {error.cure}"

    def _posters(self) -> tuple[Poster, ...]:
        """One for each way; a way that is new is told nothing of the past."""
        ways = make_ways(self._settings.alarms)
        known = self.notes.read("ways") or {}
        since = {way.settings.name: str(known.get(way.settings.name, _now())) for way in ways}
        if since != known:
            self.notes.write("ways", since)
        return tuple(Poster(way, self.book, since[way.settings.name]) for way in ways)


def run_alarms(settings: Settings, stop: threading.Event) -> None:
    """Evaluate the rules and tell until `stop`.

    Raises:
        StoreLocked: another process evaluates the alarms of this store.
        StoreError: the store cannot be written at the start.
    """
    root = settings.store.root
    lock = hold_alarms(root)
    with ExitStack() as stack:
        stack.callback(lock.release)
        evaluation = Evaluation(settings, stop)
        ended = False

        def status() -> ProcessStatus:
            said = evaluation.status()
            return ProcessStatus(OWN, said.pid, "stopped", "stopped in order", "") if ended else said

        with Heart(root, status) as heart:
            evaluation.pulse = heart.pulse
            heart.ready()
            for poster in evaluation.posters:
                poster.start()
                stack.callback(poster.stop)
            while not stop.is_set():
                evaluation.round()
                stop.wait(settings.alarms.poll_s)
            evaluation.pulse.rest(OWN)
            ended = True
    log.info("alarms closed")


def _seeded(alarms: Iterable[Alarm]) -> dict[Key, Evidence]:
    """What the store's open alarms say of the plant: a restart neither raises them anew nor forgets to clear them."""
    seeds: dict[Key, Evidence] = {}
    for alarm in alarms:
        reading = alarm.reading
        if reading.layer is not None or not alarm.condition.active:
            continue
        key = (reading.rule, reading.subject)
        before = seeds.get(key, Evidence())
        bad, unsure = alarm.cause is Cause.BAD, alarm.cause is Cause.UNSURE
        seeds[key] = Evidence(beyond=before.beyond or bad, bad=before.bad or bad, unsure=before.unsure or unsure)
    return seeds


def _open_words(open_: int, unseen: int) -> str:
    if not open_:
        return "no alarm open"
    said = f"{open_} alarm{'' if open_ == 1 else 's'} open"
    return f"{said}, {unseen} not acknowledged" if unseen else f"{said}, acknowledged"


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")
