"""Rules over the plant: processes, devices, disk, time. A table of small pure functions; refuses to know files.

To add one: write a function from facts to samples, add a row here, and its settings to `RulesSettings`.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import isinf

from monitor.alarms.clock_watch import duration, step_words
from monitor.alarms.samples import PlantFacts, ProcessFacts, Rule, Sample
from monitor.store import gigabytes

STORE = "store"
WELL = ("ready", "off")
TEMPERATURES = "temperatures_c"
"""Fact of a process's heartbeat: temperature in °C by camera."""
NOTICES = "notices"
"""Fact of the worker's heartbeat: what a person must know of bundles, in words."""
FULL_GB = 1e-3
"""Less than this is nothing: not even a layer's records fit."""
NEVER_FULL_H = 24.0 * 365


def late_layer(facts: PlantFacts) -> Iterator[Sample]:
    """Time since the last layer, in usual times per layer; nothing before a usual time is known."""
    if facts.build and facts.usual_s and facts.since_layer_s is not None:
        times = facts.since_layer_s / facts.usual_s
        yield Sample("layer", times, f"last layer {duration(facts.since_layer_s)} ago, one takes {facts.usual_s:.3g} s")


def stuck_laser(facts: PlantFacts) -> Iterator[Sample]:
    """For how long the laser has been on; unsure while acquisition gives no sign of life."""
    acquire = facts.process("acquire")
    if acquire is None or not acquire.watched:
        return
    on_s = facts.laser_on_s
    if on_s is None or not acquire.fresh(facts.silent_s):
        yield Sample("laser", None, "nobody tells whether the laser is on")
    else:
        yield Sample("laser", on_s, f"on for {duration(on_s)} without a pause" if on_s else "the laser pauses")


def backlog(facts: PlantFacts) -> Iterator[Sample]:
    """Committed layers of the running build without products."""
    if facts.backlog is not None:
        yield Sample("layers", float(facts.backlog), f"{facts.backlog} layers wait for their products")


def disk_free(facts: PlantFacts) -> Iterator[Sample]:
    """Free space of the store."""
    if facts.free_gb is None:
        yield Sample(STORE, None, "the free space of the store cannot be read")
    else:
        full = facts.free_gb < FULL_GB
        yield Sample(STORE, facts.free_gb, "the disk is full" if full else f"{gigabytes(facts.free_gb * 1e9)} free")


def disk_forecast(facts: PlantFacts) -> Iterator[Sample]:
    """Hours until the store is full; unsure while too little is known."""
    hours = facts.full_in_h
    if hours is None:
        yield Sample(STORE, None, "how fast the store fills is not known yet")
    elif isinf(hours) or hours >= NEVER_FULL_H:
        yield Sample(STORE, NEVER_FULL_H, "the store does not fill")
    else:
        yield Sample(STORE, hours, f"the store is full in {hours:.1f} h if it goes on as in the last hour")


def camera_temperature(facts: PlantFacts) -> Iterator[Sample]:
    """Temperature of each camera that tells; unsure where its process gives no sign of life."""
    for process in facts.processes:
        told = process.status.facts.get(TEMPERATURES) if process.status and process.watched else None
        for camera, value in told.items() if isinstance(told, dict) else ():
            known = process.fresh(facts.silent_s) and isinstance(value, int | float)
            yield Sample(camera, float(value), f"{camera} {value:.0f} °C") if known else Sample(
                camera, None, f"{camera}: temperature not known"
            )  # fmt: skip


def device_down(facts: PlantFacts) -> Iterator[Sample]:
    """1 for each device that is not ready; unsure while its process gives no sign of life."""
    for process, device in facts.devices():
        if not process.fresh(facts.silent_s):
            yield Sample(device.name, None, f"{device.name}: not known, {process.name} gives no sign of life")
        else:
            said = ": ".join(filter(None, (device.state, device.detail)))
            yield Sample(device.name, float(device.state not in WELL), f"{device.name}: {said}")


def process_silent(facts: PlantFacts) -> Iterator[Sample]:
    """Time since the last sign of life of each process that should be alive; unsure where it cannot be read."""
    for process in facts.processes:
        if process.status is None:
            yield Sample(process.name, None, f"{process.name}: its heartbeat cannot be read")
        elif process.watched:
            yield Sample(process.name, process.age_s, _life(process, facts.silent_s))


def _life(process: ProcessFacts, silent_s: float) -> str:
    if process.fresh(silent_s):
        return f"{process.name} gives signs of life"
    return f"{process.name} has given no sign of life for {duration(process.age_s)}"


def process_failed(facts: PlantFacts) -> Iterator[Sample]:
    """1 for each process that says that it cannot go on; unsure while it says nothing."""
    for process in facts.processes:
        if not process.watched:
            continue
        if process.status is None or not process.fresh(facts.silent_s):
            yield Sample(process.name, None, f"{process.name} says nothing")
        else:
            failed = process.status.state == "failed"
            yield Sample(process.name, float(failed), f"{process.name}: {process.status.detail or 'at work'}")


def way_stuck(facts: PlantFacts) -> Iterator[Sample]:
    """Age of the oldest event that a way out did not take."""
    for way, (age_s, why) in facts.ways.items():
        waits = f"an event has waited for {duration(age_s)}: {why}"
        yield Sample(way, age_s, f"{way}: {waits if why else 'all sent'}")


def bundle_refused(facts: PlantFacts) -> Iterator[Sample]:
    """1 while a refused bundle lies in the store or the last activation failed."""
    for process in facts.processes:
        mine = process.name == "worker" and process.watched  # acquisition notes its cameras by the same name
        told = process.status.facts.get(NOTICES) if process.status and mine else None
        if isinstance(told, list):
            yield Sample("bundles", float(bool(told)), "; ".join(map(str, told)) or "no bundle was refused")


def clock_set(facts: PlantFacts) -> Iterator[Sample]:
    """How far the wall clock was set, ahead or back; shown for a minute."""
    step_s = facts.clock_step_s
    yield Sample("clock", abs(step_s), step_words(step_s) if step_s else "the clock runs evenly")


PLANT_RULES: tuple[Rule[PlantFacts], ...] = (
    Rule("late_layer", "Layer is late", "layers", late_layer),
    Rule("stuck_laser", "Laser does not pause", "s", stuck_laser),
    Rule("backlog", "Products fall behind", "layers", backlog),
    Rule("disk_free", "Disk nearly full", "GB", disk_free),
    Rule("disk_forecast", "Disk will be full", "h", disk_forecast),
    Rule("camera_temperature", "Camera too hot", "°C", camera_temperature),
    Rule("device_down", "Device not ready", "1", device_down),
    Rule("process_silent", "Process gives no sign of life", "s", process_silent),
    Rule("process_failed", "Process cannot go on", "1", process_failed),
    Rule("way_stuck", "Alarm does not get out", "s", way_stuck),
    Rule("clock_set", "Clock was set", "s", clock_set),
    Rule("bundle_refused", "Bundle refused", "1", bundle_refused),
)
