"""Alarms on disk: one folder each, one small sealed file for each thing that happened to it.

<root>/alarms/<id>/raised.json         what was read; written last, after why.png: its presence *is* the alarm
<root>/alarms/<id>/why.png             the picture that shows why, where there is one
<root>/alarms/<id>/condition.json      whether the trouble is there, replaced when that changes
<root>/alarms/<id>/acknowledged.json   who has seen it; the first one counts
<root>/alarms/<id>/sent/<way>.<event>  receipt: this way out has taken this event

The evaluating process alone writes raised, condition and receipts, a person's acknowledgement alone its own file: no
two processes write the same file, so none waits for another. Owns these files; refuses to judge and to send.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import ClassVar

import structlog
from pydantic import ConfigDict

from monitor import __version__
from monitor.domain import (
    Acknowledgement,
    Alarm,
    AlarmClosed,
    AlarmState,
    Cause,
    Condition,
    NotInStore,
    Reading,
    Severity,
    StoreCorrupt,
    StoreError,
)
from monitor.store.disk import disk_errors, make_folder, put_file, sync_folder, write_durable
from monitor.store.layout import alarms_folder
from monitor.store.records import FORMAT, read_record, to_json
from monitor.store.reserve import from_reserve

log = structlog.get_logger("store")

_ID = re.compile(r"\d{8}T\d{12}Z-[a-z0-9_-]{1,80}")
_CLOSED = ConfigDict(extra="forbid")


@dataclass(frozen=True)
class RaisedRecord:
    """An alarm as it was raised; see `Alarm`."""

    id: str
    reading: Reading
    cause: Cause
    severity: Severity
    latched: bool
    raised: str
    picture: bool
    software: str = __version__
    format: int = FORMAT
    __pydantic_config__: ClassVar[ConfigDict] = _CLOSED


@dataclass(frozen=True)
class ConditionRecord:
    """Whether the trouble is there; see `Condition`."""

    condition: Condition
    format: int = FORMAT
    __pydantic_config__: ClassVar[ConfigDict] = _CLOSED


@dataclass(frozen=True)
class AcknowledgedRecord:
    """Who has seen it; see `Acknowledgement`."""

    acknowledgement: Acknowledgement
    format: int = FORMAT
    __pydantic_config__: ClassVar[ConfigDict] = _CLOSED


class AlarmBook:
    """Every alarm of one store. Any process may read and acknowledge; one raises and clears.

    Closed alarms never change, so each is read once.

    Args:
        root: directory of all builds.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._folder = alarms_folder(root)
        self._closed: dict[str, Alarm] = {}

    def all(self) -> tuple[Alarm, ...]:
        """Every alarm, oldest first. One whose record is damaged is logged once and left out."""
        return tuple(self._readable())

    def open(self) -> tuple[Alarm, ...]:
        """The alarms that are not closed, oldest first."""
        return tuple(alarm for alarm in self._readable() if alarm.state is not AlarmState.CLOSED)

    def alarm(self, alarm: str) -> Alarm:
        """One alarm.

        Raises:
            NotInStore: there is no such alarm.
            StoreCorrupt: its record is damaged.
        """
        if alarm in self._closed:
            return self._closed[alarm]
        found = self._read(self._existing(alarm))
        if found.state is AlarmState.CLOSED:
            self._closed[alarm] = found
        return found

    def picture(self, alarm: str) -> bytes:
        """The PNG that shows why.

        Raises:
            NotInStore: there is no such alarm, or it has no picture.
        """
        path = self._existing(alarm) / "why.png"
        if not path.is_file():
            raise NotInStore(f"alarm {alarm} has no picture", cure="see the layer that it names")
        with disk_errors(f"picture of alarm {alarm}"):
            return path.read_bytes()

    def keep(self, alarm: Alarm, picture: bytes | None = None) -> Alarm:
        """Keep a new alarm, with the PNG that shows why; durable on return.

        Raises:
            StoreError: an alarm of this id is there already, or the disk failed.
        """
        kept = replace(alarm, picture=picture is not None)
        folder = self._folder / alarm.id
        if not _ID.fullmatch(alarm.id) or (folder / "raised.json").exists():
            raise StoreError(f"alarm '{alarm.id}' cannot be kept: it is there, or not an id", cure="use `alarm_id`")
        record = RaisedRecord(
            kept.id, kept.reading, kept.cause, kept.severity, kept.latched, kept.raised, kept.picture
        )  # fmt: skip

        def write() -> None:
            make_folder(folder, self._root)
            if picture is not None:
                put_file(folder / "why.png", picture)
            write_durable(folder / "raised.json", to_json(record))

        from_reserve(self._root, f"alarm {alarm.id}", write)
        return kept

    def set_condition(self, alarm: str, condition: Condition) -> None:
        """Say that the trouble went or came back; durable on return.

        Raises:
            NotInStore: there is no such alarm.
            StoreError: the disk failed.
        """
        path, data = self._existing(alarm) / "condition.json", to_json(ConditionRecord(condition))
        from_reserve(self._root, f"alarm {alarm}", lambda: write_durable(path, data))

    def acknowledge(self, alarm: str, user: str, comment: str) -> Alarm:
        """Write down that a person has seen it; durable on return. The first one counts.

        Raises:
            NotInStore: there is no such alarm.
            AlarmClosed: it is acknowledged already, or closed.
            StoreError: no user or comment was given, or the disk failed.
        """
        if not user.strip() or not comment.strip():
            raise StoreError("an acknowledgement needs a person and a comment", cure="give both")
        known = self.alarm(alarm)
        self._refuse_second(known)
        said = Acknowledgement(user.strip(), datetime.now(UTC).isoformat(timespec="milliseconds"), comment.strip())
        path = self._folder / alarm / "acknowledged.json"

        def write() -> None:
            put_file(path, to_json(AcknowledgedRecord(said)), exclusive=not _damaged(path))
            sync_folder(path.parent)

        try:
            from_reserve(self._root, f"acknowledgement of alarm {alarm}", write)
        except StoreError:
            self._refuse_second(self.alarm(alarm))  # somebody was faster
            raise
        return self.alarm(alarm)

    def sent(self, alarm: str) -> frozenset[str]:
        """What was sent of it: "<way>.<event>"."""
        try:
            return frozenset(path.name for path in (self._existing(alarm) / "sent").iterdir() if path.name[0] != ".")
        except FileNotFoundError:
            return frozenset()

    def mark_sent(self, alarm: str, way: str, event: str) -> None:
        """Keep the receipt that a way out has taken an event; durable on return.

        Raises:
            StoreError: the disk failed.
        """
        folder = self._existing(alarm) / "sent"

        def write() -> None:
            make_folder(folder, self._root)
            write_durable(folder / f"{way}.{event}", b"")

        from_reserve(self._root, f"receipt of alarm {alarm}", write)

    def _readable(self) -> Iterator[Alarm]:
        try:
            names = sorted(path.name for path in self._folder.iterdir() if _ID.fullmatch(path.name))
        except FileNotFoundError:
            return
        for name in names:
            try:
                yield self.alarm(name)
            except NotInStore:  # being raised at this moment, or its process died while raising it
                continue
            except StoreError as error:
                _warn_once(error.what, error.cure)

    def _existing(self, alarm: str) -> Path:
        folder = self._folder / alarm
        if not _ID.fullmatch(alarm) or not (folder / "raised.json").is_file():
            shown = alarm if _ID.fullmatch(alarm) else "of that name"
            raise NotInStore(f"there is no alarm {shown}", cure="see `lpbf-monitor alarms list` for what is there")
        return folder

    def _read(self, folder: Path) -> Alarm:
        said = read_record(RaisedRecord, folder / "raised.json")
        condition = Condition(True, said.raised, said.reading.layer)
        try:
            condition = read_record(ConditionRecord, folder / "condition.json").condition
        except NotInStore:
            pass
        except StoreCorrupt as error:  # nobody can tell, so the trouble is there
            _warn_once(error.what, error.cure)
        return Alarm(
            said.id, said.reading, said.cause, said.severity, said.latched, said.raised, condition,
            _acknowledgement(folder / "acknowledged.json"), said.picture,
        )  # fmt: skip

    def _refuse_second(self, alarm: Alarm) -> None:
        seen = alarm.acknowledgement
        if seen:
            raise AlarmClosed(
                f"alarm {alarm.id} was acknowledged by {seen.user} at {seen.time}: {seen.comment}",
                cure="nothing is left to do",
            )
        if alarm.state is AlarmState.CLOSED:
            raise AlarmClosed(f"alarm {alarm.id} is closed", cure="nothing is left to do")


def alarm_id(rule: str, subject: str, cause: Cause, now: datetime) -> str:
    """An id that sorts by time, e.g. "20260718T141503120000Z-missing_frame-webcam-bad"."""
    slug = re.sub(r"[^a-z0-9_]+", "-", f"{rule}-{subject}".lower()).strip("-")[:70]
    return f"{now.astimezone(UTC):%Y%m%dT%H%M%S%f}Z-{slug}-{cause}"


def _acknowledgement(path: Path) -> Acknowledgement | None:
    try:
        return read_record(AcknowledgedRecord, path).acknowledgement
    except NotInStore:
        return None
    except StoreCorrupt as error:  # nobody can tell who saw it, so nobody did
        _warn_once(error.what, error.cure)
        return None


def _damaged(path: Path) -> bool:
    return path.exists() and _acknowledgement(path) is None


@cache
def _warn_once(what: str, cure: str) -> None:
    log.warning("alarm record is damaged", what=what, cure=cure)
