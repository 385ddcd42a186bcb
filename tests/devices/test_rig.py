"""Which devices a configuration means, and which mixes are refused."""

from __future__ import annotations

import re
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

from monitor.config import Settings
from monitor.devices import make_rig
from monitor.devices.simulated import VirtualPrinter
from monitor.domain import ConfigError, JumpingClock, MonotonicClock, ScaledClock
from tests.devices.simulated.small import small_settings
from tests.standins.recordings import record, replay_settings

OPENCV = {"name": "webcam", "role": "webcam", "device": "opencv", "source": "/dev/video0", "shape": [48, 64]}
PYLON = {"name": "basler", "role": "basler", "device": "pylon", "shape": [48, 64], "pixel_format": "Mono12"}
VIRTUAL = {"name": "basler", "role": "basler", "shape": [48, 64], "pixel_format": "Mono8"}
RECORDED = {"name": "basler", "role": "basler", "device": "recorded", "shape": [48, 64]}


def mixed(trigger: str, *cameras: dict[str, Any], **sections: Any) -> Settings:
    """Small settings with this trigger and these cameras."""
    data = small_settings(speed=1.0).model_dump()
    data["trigger"]["device"] = trigger
    return Settings.model_validate(data | {"cameras": cameras, "worker": {"source": cameras[0]["name"]}} | sections)


def test_the_default_configuration_is_the_virtual_printer() -> None:
    """Without a file, the virtual printer runs at real speed and tells layer heights."""
    rig = make_rig(Settings())
    assert isinstance(rig, VirtualPrinter)
    assert isinstance(rig.clock, ScaledClock)
    assert rig.height_mm(9) == pytest.approx(0.3)


def test_speed_zero_jumps() -> None:
    """simulation.speed = 0 gives a clock that never waits."""
    assert isinstance(make_rig(small_settings(speed=0.0)).clock, JumpingClock)


def test_real_devices_share_the_machines_clock() -> None:
    """NI-9223, OpenCV and pylon make a rig in the configuration's order; nothing is connected yet."""
    rig = make_rig(mixed("ni9223", PYLON, OPENCV))
    assert isinstance(rig.clock, MonotonicClock)
    assert [camera.name for camera in rig.cameras] == ["basler", "webcam"]
    assert rig.trigger.name == "ni9223"
    assert rig.height_mm(0) is None


def test_the_readmes_real_devices_make_a_rig() -> None:
    """The configuration that README.md shows for real devices is valid and chooses them."""
    readme = (Path(__file__).resolve().parents[2] / "README.md").read_text(encoding="utf-8")
    text = next(block for block in re.findall(r"```toml\n(.*?)```", readme, re.DOTALL) if "ni9223" in block)
    rig = make_rig(Settings.model_validate(tomllib.loads(text)))
    assert [type(camera).__name__ for camera in rig.cameras] == ["ChildCamera", "ChildCamera"]


def test_vendor_clients_are_not_imported_unless_configured() -> None:
    """A monitor without vendor hardware needs neither pypylon nor nidaqmx; making a rig imports neither."""
    before = {name for name in ("pypylon", "nidaqmx") if name in sys.modules}
    make_rig(small_settings())
    make_rig(mixed("ni9223", OPENCV, PYLON))
    assert {name for name in ("pypylon", "nidaqmx") if name in sys.modules} == before


def test_real_cameras_can_be_tried_without_a_printer() -> None:
    """A simulated trigger with a real camera runs on the machine's clock, the virtual camera beside it."""
    rig = make_rig(mixed("simulated", OPENCV, VIRTUAL))
    assert isinstance(rig.clock, MonotonicClock)
    assert [type(camera).__name__ for camera in rig.cameras] == ["ChildCamera", "VirtualCamera"]
    assert rig.height_mm(1) == pytest.approx(0.06)


def test_real_cameras_refuse_another_clock() -> None:
    """A real camera cannot keep up with a virtual printer at ten times the speed."""
    with pytest.raises(ConfigError, match=r"simulation\.speed"):
        make_rig(mixed("simulated", OPENCV, simulation={"speed": 10.0}))


@pytest.mark.parametrize(
    ("trigger", "camera"),
    [("ni9223", VIRTUAL), ("ni9223", RECORDED), ("simulated", RECORDED), ("recorded", VIRTUAL), ("recorded", PYLON)],
)
def test_devices_that_cannot_share_a_clock_are_refused(trigger: str, camera: dict[str, Any], tmp_path: Path) -> None:
    """The error names the camera and the trigger, and which cameras would do."""
    with pytest.raises(ConfigError, match=rf"cameras\.basler\.device.*\"{trigger}\"\n.*use "):
        make_rig(mixed(trigger, camera), recording=record(tmp_path))


def test_recorded_devices_need_a_recording() -> None:
    """Recorded devices without a build say how to give them one."""
    with pytest.raises(ConfigError, match="lpbf-monitor replay"):
        make_rig(replay_settings())


@pytest.mark.parametrize(
    ("camera", "key"),
    [
        (OPENCV | {"source": ""}, "source"),
        (OPENCV | {"pixel_format": "Mono12"}, "pixel_format"),
        (OPENCV | {"gain_db": 3.0}, "gain_db"),
        (PYLON | {"pixel_format": "RGB8"}, "pixel_format"),
        (
            OPENCV
            | {"corners": {"image_px": [[0, 0], [1, 1], [2, 2], [0, 9]], "plate_mm": [[0, 0], [1, 0], [1, 1], [0, 1]]}},
            "corners",
        ),
    ],
)
def test_settings_that_no_such_camera_has_are_refused(camera: dict[str, Any], key: str) -> None:
    """A setting that does not fit the device is an error of the configuration, named by its key."""
    with pytest.raises(ConfigError, match=rf"cameras\.{camera['name']}\.{key}"):
        make_rig(mixed("ni9223", camera))
