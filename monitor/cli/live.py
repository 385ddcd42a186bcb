"""One picture from a configured camera, now. Owns its opening and closing; refuses to take it from acquisition."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from monitor.cli.machine_checks import running
from monitor.config import Settings
from monitor.domain import ConfigError, DeviceError

if TYPE_CHECKING:
    from monitor.store.calibrating import Shot


def shot_of_camera(settings: Settings, name: str) -> Shot:
    """Take a picture to calibrate by, before there is any build.

    Args:
        settings: the whole configuration.
        name: of the camera in it.

    Raises:
        ConfigError: there is no such camera, or the devices do not fit each other.
        DeviceError: acquisition has the camera, or it cannot be opened or gives no frame.
    """
    from monitor.devices import make_rig
    from monitor.store.calibrating import Shot

    if "acquire" in running(settings):
        raise DeviceError(
            f"camera '{name}' is held by acquisition, which is running",
            cure="stop it for the moment, or leave out --live: a layer's picture is taken then",
        )
    rig = make_rig(settings)
    camera = next((one for one in rig.cameras if one.name == name), None)
    if camera is None:
        raise ConfigError(
            f"the configuration has no camera '{name}' (it has: {', '.join(one.name for one in rig.cameras)})",
            cure="give one of these names",
        )
    try:
        facts = camera.open()
        frame = camera.capture(rig.clock.now(), settings.acquire.capture_timeout_s)
    finally:
        camera.close()
    now = datetime.now().astimezone().isoformat(sep=" ", timespec="seconds")
    return Shot(frame, facts, settings.plate.grid(), f"a picture taken at {now}")
