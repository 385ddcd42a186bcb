"""How processes are judged: by their last sign of life, in words for an operator."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from monitor.domain import DeviceStatus, ProcessStatus
from monitor.web.schema import ProcessView
from monitor.web.status import judge

NOW = datetime(2026, 7, 18, 14, 2, 30, tzinfo=UTC)


def _judged(state: str, age_s: float, detail: str = "", devices: tuple[DeviceStatus, ...] = ()) -> ProcessView:
    beat = (NOW - timedelta(seconds=age_s)).isoformat()
    return judge([ProcessStatus("acquire", 1, state, detail, beat, devices=devices)], NOW, 10.0).processes[0]


def test_a_process_that_never_ran_is_off_and_in_its_place() -> None:
    """All three are said even when none ever wrote a status."""
    views = judge([], NOW, 10.0).processes
    assert [(v.process, v.light, v.words) for v in views] == [
        (name, "off", "never started here") for name in ("acquire", "worker", "alarms", "web")
    ]


@pytest.mark.parametrize(
    ("state", "light"),
    [("armed", "good"), ("starting", "warn"), ("reconnecting", "warn"), ("failed", "bad"), ("stopped", "off")],
)
def test_a_state_has_a_light(state: str, light: str) -> None:
    """Working is good, trouble that may pass is a warning, what stays is bad, what was ended is off."""
    assert _judged(state, 1.0).light == light


def test_silence_is_bad_and_says_since_when() -> None:
    """A process that stopped writing is not believed to work on."""
    view = _judged("armed", 60.0, "laser is on")
    assert (view.state, view.light) == ("silent", "bad")
    assert view.words.startswith("not responding since ")


def test_a_process_that_said_goodbye_is_never_silent() -> None:
    """A stopped process may be quiet for ever."""
    assert _judged("stopped", 1e6).light == "off"


def test_devices_of_a_silent_process_are_unknown_not_ready() -> None:
    """What a dead process last said of its camera is not shown as present."""
    ready = DeviceStatus("webcam", "opencv", "ready")
    (device,) = _judged("armed", 60.0, devices=(ready,)).devices
    assert (device.light, device.words) == ("off", "unknown: acquisition does not run")
    (device,) = _judged("armed", 1.0, devices=(ready,)).devices
    assert (device.light, device.words) == ("good", "ready")


def test_a_device_in_trouble_says_so_in_words() -> None:
    """State and detail become one line."""
    (device,) = _judged("armed", 1.0, devices=(DeviceStatus("webcam", "opencv", "reconnecting", "third try"),)).devices
    assert (device.light, device.words) == ("warn", "reconnecting: third try")


@pytest.mark.parametrize("beat", ["", "yesterday", "2026-07-18T14:02:30"])
def test_a_time_that_cannot_be_read_is_long_ago_and_one_without_zone_is_utc(beat: str) -> None:
    """A damaged status never breaks the page."""
    view = judge([ProcessStatus("worker", 1, "idle", "", beat)], NOW, 10.0).processes[1]
    assert view.light == ("good" if beat.startswith("2026") else "bad")
