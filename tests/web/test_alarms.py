"""Alarms over the API: list, history, picture, acknowledge, and the live state."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from monitor.domain import Alarm, Cause, Condition, Reading, Severity
from monitor.store import AlarmBook, Readings, alarm_id, write_readings
from monitor.web import routes_alarms
from monitor.web.access import Person, Role, current_user
from monitor.web.errors import install_errors
from monitor.web.library import Library
from monitor.web.live import Lookout
from tests.web.synthetic import small_settings

START = datetime(2026, 7, 18, 14, 0, tzinfo=UTC)
READING = Reading("area", "Area out of tolerance", "layer", 31.0, 20.0, "%", "bad", "area 27.6 mm²", "b", 12)
UNSURE = replace(READING, value=None, state="unsure", reason="no mask")
PNG = b"\x89PNG\r\n\x1a\n and the rest"


def kept(book: AlarmBook, minute: int, *, reading: Reading = READING, severity: Severity = Severity.WARNING) -> str:
    time = START + timedelta(minutes=minute)
    said = time.isoformat(timespec="milliseconds")
    identity = alarm_id(reading.rule, reading.subject, Cause.BAD, time)
    alarm = Alarm(identity, reading, Cause.BAD, severity, True, said, Condition(True, said, reading.layer))
    return book.keep(alarm, PNG).id


def close(book: AlarmBook, alarm: str) -> None:
    book.acknowledge(alarm, "grace", "done")
    book.set_condition(alarm, Condition(False, START.isoformat(timespec="milliseconds"), 20))


@dataclass
class Asker:
    """Asks the alarm routes alone, as one person; who may ask what is the gate's to know."""

    app: FastAPI

    def ask(self, method: str, path: str, **options: Any) -> httpx.Response:
        async def once() -> httpx.Response:
            transport = httpx.ASGITransport(self.app)
            async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
                return await client.request(method, path, **options)

        return asyncio.run(once())

    def get(self, path: str, **params: Any) -> httpx.Response:
        return self.ask("GET", path, params=params)

    def post(self, path: str, body: object) -> httpx.Response:
        return self.ask("POST", path, json=body)

    def as_(self, person: Person | None) -> None:
        self.app.dependency_overrides[current_user] = lambda: person


@pytest.fixture
def client(tmp_path: Path) -> Asker:
    app = FastAPI()
    app.state.settings = small_settings(tmp_path)
    app.state.library, app.state.alarms = Library(tmp_path, "live"), AlarmBook(tmp_path)
    install_errors(app)
    app.include_router(routes_alarms.router)
    asker = Asker(app)
    asker.as_(Person("ada", Role.OPERATOR, "session"))
    return asker


def test_what_needs_a_person_stands_first(client: Asker, tmp_path: Path) -> None:
    """Unacknowledged before acknowledged, the severe before the rest, the newest first; closed ones are history."""
    book = AlarmBook(tmp_path)
    plain, severe, seen, old = kept(book, 3), kept(book, 1, severity=Severity.ALARM), kept(book, 4), kept(book, 0)
    book.acknowledge(seen, "grace", "on my way")
    close(book, old)
    said = client.get("/api/v1/alarms").json()
    assert [alarm["id"] for alarm in said["open"]] == [severe, plain, seen]
    assert [alarm["state"] for alarm in said["open"]] == ["unacknowledged", "unacknowledged", "acknowledged"]
    assert [alarm["id"] for alarm in said["history"]] == [old]
    assert said["history"][0]["acknowledgement"] == said["history"][0]["acknowledgement"] | {"user": "grace"}


def test_history_comes_in_pages_and_by_build(client: Asker, tmp_path: Path) -> None:
    """Newest first, so many at a time; of one build and of the plant, not of another build."""
    book = AlarmBook(tmp_path)
    for minute in range(5):
        close(book, kept(book, minute))
    other = kept(book, 9, reading=replace(READING, build="other"))
    first = client.get("/api/v1/alarms", most=3).json()
    rest = client.get("/api/v1/alarms", most=3, before=first["history"][-1]["raised"]).json()
    assert [len(first["history"]), len(rest["history"]), first["more"], rest["more"]] == [3, 2, True, False]
    assert [alarm["id"] for alarm in first["open"]] == [other]
    assert client.get("/api/v1/alarms", build="b").json()["open"] == []


def test_an_acknowledgement_keeps_who_and_what(client: Asker, tmp_path: Path) -> None:
    """The named user and the comment are in the answer and in the store; a second person is told who was first."""
    alarm = kept(AlarmBook(tmp_path), 0)
    said = client.post(f"/api/v1/alarms/{alarm}/acknowledge", {"comment": "  cable was loose "})
    assert said.status_code == 200
    assert said.json()["state"] == "acknowledged"
    assert (said.json()["acknowledgement"]["user"], said.json()["acknowledgement"]["comment"]) == (
        "ada", "cable was loose",
    )  # fmt: skip
    client.as_(Person("grace", Role.ENGINEER, "session"))
    again = client.post(f"/api/v1/alarms/{alarm}/acknowledge", {"comment": "me too"})
    assert again.status_code == 409
    assert "ada" in again.json()["what"]


@pytest.mark.parametrize("comment", ["", "   ", "x" * 1001])
def test_an_acknowledgement_needs_a_comment(client: Asker, tmp_path: Path, comment: str) -> None:
    """Blank or endless is 422 and leaves the alarm as it was."""
    alarm = kept(AlarmBook(tmp_path), 0)
    assert client.post(f"/api/v1/alarms/{alarm}/acknowledge", {"comment": comment}).status_code == 422
    assert AlarmBook(tmp_path).alarm(alarm).acknowledgement is None


@pytest.mark.parametrize("alarm", ["nothing", "20260718T141503120000Z-area-layer-bad", "..%2F..%2Fmanifest"])
def test_an_alarm_that_is_not_there_is_said(client: Asker, alarm: str) -> None:
    """404 or 422 with what and cure, for every verb; never a path into the store."""
    for answer in (
        client.get(f"/api/v1/alarms/{alarm}"),
        client.get(f"/api/v1/alarms/{alarm}/picture"),
        client.post(f"/api/v1/alarms/{alarm}/acknowledge", {"comment": "seen"}),
    ):
        assert answer.status_code in (404, 422)
        assert answer.json()["what"]
        assert answer.json()["cure"]


def test_the_picture_is_the_one_that_was_kept(client: Asker, tmp_path: Path) -> None:
    """Its address is in the alarm, and it may be kept for ever."""
    alarm = kept(AlarmBook(tmp_path), 0)
    address = client.get(f"/api/v1/alarms/{alarm}").json()["picture"]
    answer = client.get(address)
    assert (answer.content, answer.headers["content-type"]) == (PNG, "image/png")
    assert "immutable" in answer.headers["cache-control"]


def test_the_live_state_has_open_alarms_and_what_is_unsure(client: Asker, tmp_path: Path) -> None:
    """As in the list; a reading that is old is no reading."""
    book = AlarmBook(tmp_path)
    alarm = kept(book, 0)
    close(book, kept(book, 1))
    write_readings(tmp_path, Readings(datetime.now(UTC).isoformat(), (READING, UNSURE)))
    lookout = Lookout(client.app.state.library, client.app.state.alarms, 10.0)
    said = lookout.look().alarms
    assert [view.id for view in said.open] == [alarm]
    assert [(view.state, view.reason) for view in said.unsure] == [("unsure", "no mask")]
    write_readings(tmp_path, Readings("2026-01-01T00:00:00+00:00", (UNSURE,)))
    assert lookout.look().alarms.unsure == ()
