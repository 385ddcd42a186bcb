"""Which devices a configuration means. The one place where real, simulated and recorded devices are chosen.

Owns the rule that all devices of a rig share one clock. Refuses to talk to devices: making a rig connects nothing.

    trigger     cameras                  clock
    ni9223      opencv, pylon            of the machine
    simulated   simulated                scaled by simulation.speed; jumping at 0
    simulated   also opencv, pylon       of the machine, at simulation.speed = 1: real cameras tried without a printer
    recorded    recorded                 scaled by the replay's speed; jumping at 0
"""

from __future__ import annotations

from monitor.config import Settings
from monitor.devices.protocols import Recording, Rig
from monitor.devices.recorded import RecordedRig
from monitor.domain import Clock, ConfigError, JumpingClock, ScaledClock


def make_rig(settings: Settings, *, recording: Recording | None = None, speed: float = 1.0) -> Rig:
    """Choose the devices.

    Args:
        settings: the whole configuration.
        recording: the build to play, for recorded devices.
        speed: recorded seconds per real second, 0 as fast as possible; for recorded devices only.

    Raises:
        ConfigError: the devices cannot share one clock, a recording is missing, or a part cannot be read.
    """
    if settings.trigger.device == "recorded":
        return _recorded(settings, recording, speed)
    _only(settings, ("simulated",))
    from monitor.devices.simulated import VirtualPrinter

    return VirtualPrinter(settings, _scaled(settings.simulation.speed))


def _recorded(settings: Settings, recording: Recording | None, speed: float) -> Rig:
    _only(settings, ("recorded",))
    if recording is None:
        raise ConfigError(
            'trigger.device: "recorded" needs a recorded build', cure="give it one: lpbf-monitor replay BUILD"
        )
    return RecordedRig(settings, recording, _scaled(speed))


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
