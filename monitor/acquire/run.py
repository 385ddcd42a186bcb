"""From settings to a running acquisition. Owns putting devices, threads, lock and heartbeat together, and the end."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace

import structlog

from monitor.acquire.builds import continued, replayed, running_build
from monitor.acquire.capturing import opened
from monitor.acquire.control import Control
from monitor.acquire.events import Events
from monitor.acquire.keeper import Keeper
from monitor.acquire.listener import Listener
from monitor.acquire.machine import WORK, Acquisition, Bench
from monitor.acquire.space import SpaceWatch
from monitor.acquire.status import Snapshot
from monitor.config import Settings
from monitor.devices import Camera, Rig, Trigger, make_rig
from monitor.domain import (
    DeviceError,
    DeviceNotFound,
    DeviceStatus,
    JumpingClock,
    MonitorError,
    ProcessStatus,
    StoreError,
)
from monitor.domain.memory import give_back_large
from monitor.store import BuildReader, BuildSummary, BuildWriter, Heart, SignalSpool, hold_acquisition

log = structlog.get_logger("acquire")

AHEAD = 4
"""Layer ends that a trigger as fast as possible may be ahead of the cameras."""
CONNECT_S = 60.0


def run_acquire(
    settings: Settings,
    stop: threading.Event,
    *,
    build_name: str = "",
    recording: BuildReader | None = None,
    speed: float = 1.0,
    on_start: Callable[[str], None] | None = None,
    rig: Rig | None = None,
) -> str:
    """Acquire until `stop`, or until the trigger signal is over for good (a virtual or recorded build is finished).

    A build begins at once where it is named or recorded, otherwise at the first laser-on. A live build that did not end
    goes on, whatever stopped it. Devices that fail later cost frames, never layers; at a start without a build to go on
    with, every device must be there.

    Args:
        settings: the whole configuration.
        stop: set it to end in order, after the layer at hand.
        build_name: begin a build of this name, or go on with it.
        recording: play this build; `settings` must name its cameras, recorded.
        speed: of the replay; recorded seconds per real second, 0 as fast as possible.
        on_start: called with the id of each build that begins or goes on.
        rig: devices in place of the configured ones.

    Returns:
        Id of the last build, "" for none.

    Raises:
        StoreLocked: another process acquires into this store.
        DeviceError: a device is not there.
        StoreError: the store cannot be written.
        ConfigError: the configured devices do not go together.
    """
    give_back_large()
    asked = _Asked(stop, build_name, recording, speed, on_start, rig)
    with ExitStack() as stack:
        if recording is None:
            stack.callback(hold_acquisition(settings.store.root).release)
        said = _Said("replay" if recording else "acquire")
        heart = stack.enter_context(Heart(settings.store.root, said))
        try:
            running = None if recording else running_build(settings, build_name)
            settings = replayed(continued(settings, running), recording)
            acquisition, bench = _put_together(stack, settings, asked, said, heart)
            _open(bench, need_cameras=running is None)
            _begin(acquisition, settings, running, at_once=bool(build_name or recording))
            bench.listener.start()
            heart.ready()
            acquisition.run()
            heart.pulse.rest(WORK)
        except MonitorError as error:
            said.fail(error)
            raise
        said.stop()
        return acquisition.build


def check_rig(rig: Rig) -> dict[str, MonitorError]:
    """Open and close every device of a rig; what failed, by the device's name."""
    devices: list[Trigger | Camera] = [rig.trigger, *rig.cameras]
    problems: dict[str, MonitorError] = {}
    for device in devices:
        try:
            device.open()
        except DeviceError as error:
            problems[device.name] = error
        finally:
            device.close()
    return problems


@dataclass(frozen=True)
class _Asked:
    """What `run_acquire` was asked for."""

    stop: threading.Event
    build_name: str
    recording: BuildReader | None
    speed: float
    on_start: Callable[[str], None] | None
    rig: Rig | None


def _put_together(
    stack: ExitStack, settings: Settings, asked: _Asked, said: _Said, heart: Heart
) -> tuple[Acquisition, Bench]:
    """Devices, threads and loop, not yet opened; the stack closes them in the right order."""
    root, recording = settings.store.root, asked.recording
    control = Control(root, recording, asked.speed)
    rig = asked.rig or make_rig(settings, recording=recording, speed=asked.speed, control=control)
    bench = _bench(settings, rig, recording is not None, stack.enter_context(SignalSpool.open(root)), heart)
    stack.callback(_close, bench)
    acquisition = Acquisition(
        settings,
        bench,
        asked.stop,
        name=asked.build_name,
        recording=recording,
        on_start=asked.on_start,
        beat=heart.beat,
        pulse=heart.pulse,
    )
    control.build = lambda: acquisition.running
    space = stack.enter_context(SpaceWatch(settings, lambda: acquisition.running))
    said.status = lambda: _with(acquisition.status(), {**space.facts, **control.facts()})
    stack.callback(acquisition.close)
    return acquisition, bench


def _with(status: ProcessStatus, facts: Mapping[str, object]) -> ProcessStatus:
    return replace(status, facts={**status.facts, **facts})


class _Said:
    """The status of the process through its life: starting, as acquisition says, failed or stopped."""

    def __init__(self, process: str) -> None:
        self.status: Callable[[], ProcessStatus] = lambda: Snapshot().status(process, (), {}, ended="starting")

    def __call__(self) -> ProcessStatus:
        return self.status()

    def fail(self, error: MonitorError) -> None:
        self._last("failed", f"{error.what}; {error.cure}")

    def stop(self) -> None:
        self._last("stopped", "stopped in order")

    def _last(self, state: str, detail: str) -> None:
        before = self.status()
        off = tuple(
            DeviceStatus(d.name, d.kind, "off" if state == "stopped" else d.state, d.detail) for d in before.devices
        )
        last = ProcessStatus(
            before.process, before.pid, state, detail, "", before.build, before.layer, off, dict(before.facts)
        )
        self.status = lambda: last


def _bench(settings: Settings, rig: Rig, replayed: bool, spool: SignalSpool, heart: Heart) -> Bench:
    """The devices with their threads, not yet opened."""
    kinds = {camera.name: camera.device for camera in settings.cameras}
    events = Events(AHEAD if replayed or isinstance(rig.clock, JumpingClock) else None)
    reconnect = settings.acquire.reconnect
    keepers = [Keeper(camera, kinds[camera.name], reconnect, heart.beat) for camera in rig.cameras]
    return Bench(rig, Listener(rig.trigger, settings, events, spool, heart.pulse), keepers, events)


def _open(bench: Bench, *, need_cameras: bool) -> None:
    """Open all devices, cameras first: a virtual build begins when its trigger is opened.

    Raises:
        DeviceError: naming every device that is not there, with its cure. A camera that is missing is no reason to
            leave a running build alone.
    """
    problems = opened(bench.keepers, CONNECT_S)
    for name, error in problems.items():
        log.error("camera missing", camera=name, what=error.what, cure=error.cure)
    if not need_cameras:
        problems = {}
    try:
        bench.listener.open()
    except DeviceError as error:
        problems[bench.rig.trigger.name] = error
    if problems:
        raise _told(problems)


def _close(bench: Bench) -> None:
    bench.listener.stop()
    for keeper in bench.keepers:
        keeper.close()


def _told(problems: dict[str, DeviceError]) -> DeviceError:
    """One error for all devices that are not there."""
    if len(problems) == 1:
        return next(iter(problems.values()))
    tree = "".join(f"\n  {name}: {error.what}\n    → {error.cure}" for name, error in problems.items())
    return DeviceNotFound(
        f"{len(problems)} devices cannot be used:{tree}", cure="see to each; `lpbf-monitor doctor` looks again"
    )


def _begin(acquisition: Acquisition, settings: Settings, running: BuildSummary | None, *, at_once: bool) -> None:
    """Go on with the running build, or begin one where it is not left to the laser."""
    if running is not None:
        try:
            acquisition.begin(BuildWriter.open(settings.store.root, running.manifest.id))
        except StoreError as error:
            log.error("build cannot go on", build=running.manifest.id, what=error.what, cure=error.cure)
            raise
    elif at_once:
        acquisition.begin()
