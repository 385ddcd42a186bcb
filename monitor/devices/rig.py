"""Which devices a configuration means. The one place where real, simulated and recorded devices are chosen.

Owns the rule that all devices of a rig share one clock, and that each real camera runs in a process of its own. Refuses
to talk to devices: making a rig connects nothing.

    trigger     cameras                  clock
    ni9223      opencv, pylon            of the machine
    simulated   simulated                scaled by simulation.speed; jumping at 0
    simulated   also opencv, pylon       of the machine, at simulation.speed = 1: real cameras tried without a printer
    recorded    recorded                 paced by the replay's speed and its control; jumping at 0
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from monitor.config import CameraSettings, Settings
from monitor.devices.protocols import Camera, Recording, Rig, Trigger
from monitor.domain import Clock, ConfigError, JumpingClock, MonotonicClock, PacedClock, ReplayControl, ScaledClock

REAL = ("opencv", "pylon")
Control = Callable[[], ReplayControl]


@dataclass(frozen=True, slots=True)
class _Chosen:
    """Devices that need nothing of each other but the clock."""

    clock: Clock
    trigger: Trigger
    cameras: tuple[Camera, ...]
    heights: Rig | None = None

    def height_mm(self, index: int) -> float | None:
        """Real devices cannot tell."""
        return self.heights.height_mm(index) if self.heights else None


def make_rig(
    settings: Settings, *, recording: Recording | None = None, speed: float = 1.0, control: Control = ReplayControl
) -> Rig:
    """Choose the devices. Vendors' clients are imported only where they are configured, when they are opened.

    Args:
        settings: the whole configuration.
        recording: the build to play, for recorded devices.
        speed: recorded seconds per real second, 0 as fast as possible; for recorded devices only.
        control: says how a replay goes on, asked before each of its layers.

    Raises:
        ConfigError: the devices cannot share one clock, a recording is missing, or a setting does not fit its device.
    """
    if settings.trigger.device == "recorded":
        return _recorded(settings, recording, speed, control)
    if settings.trigger.device == "simulated":
        return _simulated(settings)
    _only(settings, REAL)
    from monitor.devices.ni9223 import Ni9223Trigger

    cameras = tuple(_real_camera(camera) for camera in settings.cameras)
    return _Chosen(MonotonicClock(), Ni9223Trigger(settings.trigger), cameras)


def _recorded(settings: Settings, recording: Recording | None, speed: float, control: Control) -> Rig:
    _only(settings, ("recorded",))
    if recording is None:
        raise ConfigError(
            'trigger.device: "recorded" needs a recorded build', cure="give it one: lpbf-monitor replay BUILD"
        )
    from monitor.devices.recorded import Pace, RecordedRig

    clock = PacedClock(speed)
    return RecordedRig(settings, recording, clock, Pace(clock, control))


def _simulated(settings: Settings) -> Rig:
    """The virtual printer; with real cameras among its own, on their clock."""
    from monitor.devices.simulated import VirtualPrinter

    _only(settings, ("simulated", *REAL))
    if all(camera.device == "simulated" for camera in settings.cameras):
        return VirtualPrinter(settings, _scaled(settings.simulation.speed))
    if settings.simulation.speed != 1:
        raise ConfigError(
            f"simulation.speed: {settings.simulation.speed:g}, but real cameras cannot keep up with another clock",
            cure="set simulation.speed = 1, or use simulated cameras",
        )
    printer = VirtualPrinter(settings, MonotonicClock())
    virtual = {camera.name: camera for camera in printer.cameras}
    cameras = tuple(virtual[c.name] if c.name in virtual else _real_camera(c) for c in settings.cameras)
    return _Chosen(printer.clock, printer.trigger, cameras, printer)


def _real_camera(settings: CameraSettings) -> Camera:
    from monitor.devices.child import ChildCamera

    return ChildCamera(settings)


def _only(settings: Settings, allowed: tuple[str, ...]) -> None:
    """Refuse cameras that cannot share the trigger's clock."""
    for camera in settings.cameras:
        if camera.device not in allowed:
            raise ConfigError(
                f'cameras.{camera.name}.device: "{camera.device}" cannot share a clock with '
                f'trigger.device = "{settings.trigger.device}"',
                cure=f"use {' or '.join(allowed)} cameras with this trigger",
            )


def _scaled(speed: float) -> Clock:
    return ScaledClock(speed) if speed > 0 else JumpingClock()
