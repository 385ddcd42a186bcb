"""Processes and devices in words. Owns the judgement whether a heart still beats; refuses to restart anything.

A process writes its status about once a second. An old status is a process that hangs, died or lost its disk, unless it
said that it stopped.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from monitor.domain import DeviceStatus, ProcessStatus
from monitor.plant.state import temperatures_c
from monitor.web.schema import DeviceView, Light, ProcessView, ReplayView, Status

PROCESSES = ("acquire", "worker", "alarms", "web")
_CALLED = {"acquire": "acquisition", "worker": "processing", "alarms": "alarms", "web": "the page"}
_BAD = ("failed", "missing", "lost", "error")
_WARN = ("reconnecting", "starting", "degraded", "stopping")
_OFF = ("off", "stopped")


def judge(statuses: Sequence[ProcessStatus], now: datetime, stale_after_s: float) -> Status:
    """Say how the processes are.

    Args:
        statuses: what the processes wrote last.
        now: aware time at which it is said.
        stale_after_s: age above which a process counts as not responding, in s.

    Returns:
        acquire, worker, alarms and web in this order, each present even if it never ran.
    """
    known = {status.process: status for status in statuses}
    views = tuple(_process(name, known.get(name), now, stale_after_s) for name in PROCESSES)
    return Status(now=now.astimezone(UTC).isoformat(timespec="milliseconds"), processes=views)


def replay_view(statuses: Sequence[ProcessStatus], now: datetime, stale_after_s: float) -> ReplayView | None:
    """The replay that runs; None where none gives a sign of life."""
    for status in statuses:
        facts = status.facts.get("replay")
        alive = status.process == "replay" and status.state not in (*_OFF, "failed") and status.build
        if alive and isinstance(facts, dict) and is_fresh(status, now, stale_after_s):
            return ReplayView(build=status.build, layer=status.layer, **facts)
    return None


def is_fresh(status: ProcessStatus, now: datetime, stale_after_s: float) -> bool:
    """Whether the process gave a sign of life lately."""
    return status.age_s(now) <= stale_after_s


def _process(name: str, status: ProcessStatus | None, now: datetime, stale_after_s: float) -> ProcessView:
    if status is None:
        words = "never started here"
        return ProcessView(
            process=name, state="unknown", light="off", words=words, heartbeat=None, build="", layer=None, devices=(),
            facts={},
        )  # fmt: skip
    silent = not is_fresh(status, now, stale_after_s) and status.state not in _OFF
    light, words = _words(status, now, silent)
    return ProcessView(
        process=name,
        state="silent" if silent else status.state,
        light=light,
        words=words,
        heartbeat=status.heartbeat,
        build=status.build,
        layer=status.layer,
        devices=tuple(
            _device(device, None if light != "off" and not silent else name, temperatures_c(status))
            for device in status.devices
        ),
        facts=dict(status.facts),
    )


def _words(status: ProcessStatus, now: datetime, silent: bool) -> tuple[Light, str]:
    since = clock_words(status.time, now)
    if silent:
        return "bad", f"not responding since {since}"
    if status.state in _OFF:
        return "off", f"stopped at {since}"
    said = ": ".join(filter(None, (status.state, status.detail)))
    return _light(status.state), said


def _device(device: DeviceStatus, silent_owner: str | None, warm: Mapping[str, float]) -> DeviceView:
    if silent_owner:
        return DeviceView(
            name=device.name, kind=device.kind, state="unknown", light="off",
            words=f"unknown: {_CALLED.get(silent_owner, silent_owner)} does not run",
        )  # fmt: skip
    words = ": ".join(filter(None, (device.state, device.detail)))
    return DeviceView(
        name=device.name, kind=device.kind, state=device.state, light=_light(device.state), words=words,
        temperature_c=warm.get(device.name),
    )  # fmt: skip


def _light(state: str) -> Light:
    if state in _BAD:
        return "bad"
    if state in _WARN:
        return "warn"
    return "off" if state in _OFF else "good"


def clock_words(then: datetime, now: datetime) -> str:
    """Local time of day, with the date where it was not today."""
    local, today = then.astimezone(), now.astimezone()
    return local.strftime("%H:%M:%S" if local.date() == today.date() else "%Y-%m-%d %H:%M")
