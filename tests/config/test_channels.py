"""The channels of the trigger signal in the configuration file, and what of them is kept."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from monitor.config import FieldSettings, Settings, TriggerSettings, load_settings
from monitor.domain import ChannelRole, ConfigError

HEAD = '[[cameras]]\nname = "webcam"\nrole = "webcam"\ndevice = "opencv"\n'


def wire(name: str, physical: str, role: str = "other", more: str = "") -> str:
    return f'[[trigger.channels]]\nname = "{name}"\nphysical = "{physical}"\nrole = "{role}"\n{more}\n'


def load(folder: Path, text: str) -> Settings:
    path = folder / "monitor.toml"
    path.write_text(f'trigger.device = "ni9223"\n{HEAD}{text}', encoding="utf-8")
    return load_settings(path)


def test_physical_names_alone_mean_gate_and_mirrors() -> None:
    """The short form of three wires and more: laser gate, galvanometer x and y, others, all in volts."""
    channels = TriggerSettings.model_validate({"channels": [f"cDAQ1Mod1/ai{k}" for k in range(4)]}).channels
    assert [channel.role for channel in channels] == ["gate", "x", "y", "other"]
    assert {channel.unit for channel in channels} == {"V"}
    assert TriggerSettings.model_validate({"channels": ["a/ai0", "a/ai1"]}).channels[1].role is ChannelRole.OTHER


def test_twelve_channels_of_three_cards(tmp_path: Path) -> None:
    """Every wire with its name, role and scale, in any order: the gate comes first, the others keep theirs."""
    text = wire("galvo-x", "cDAQ1Mod1/ai1", "x", 'unit = "mm"\nscale = 7.0\noffset = -0.5')
    text += wire("galvo-y", "cDAQ1Mod1/ai2", "y", 'unit = "mm"\nscale = -7.0') + wire("laser", "cDAQ1Mod1/ai0", "gate")
    text += "".join(wire(f"aux-{k}", f"cDAQ1Mod{1 + k // 4}/ai{k % 4}") for k in range(3, 12))
    channels = load(tmp_path, text).trigger.channels
    assert [channel.name for channel in channels] == [
        "laser",
        "galvo-x",
        "galvo-y",
        *(f"aux-{k}" for k in range(3, 12)),
    ]
    x = channels[1].channel()
    assert (x.scale, x.offset, x.unit, x.physical) == (7.0, -0.5, "mm", "cDAQ1Mod1/ai1")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (wire("a", "m/ai0", "gate") + wire("b", "m/ai1", "gate"), r"trigger.channels: .*2: \['a', 'b'\]"),
        (wire("a", "m/ai0"), "trigger.channels: exactly one channel must have the role gate"),
        (wire("a", "m/ai0", "gate") + wire("b", "m/ai1", "x"), "one channel of role x and one of role y"),
        (wire("a", "m/ai0", "gate") + wire("a", "m/ai1"), "the name 'a' is given twice"),
        (wire("a", "m/ai0", "gate") + wire("b", "m/ai0"), "the physical 'm/ai0' is given twice"),
        (wire("a", "c1Mod1/ai0", "gate") + wire("b", "c2Mod1/ai0"), r"one chassis.*\['c1', 'c2'\]"),
        (wire("a", "m/ai0", "gate", "scale = 0"), r"monitor.toml:10: trigger.channels\[0\].scale = 0"),
        (wire("a", "m/ai0", "gate", "scale = nan"), r"trigger.channels\[0\].scale"),
        (wire("a", "m/ai0", "laser"), r"trigger.channels\[0\].role = 'laser'"),
        ('[signals]\nchannels = ["galvo-z"]', "signals.channels names 'galvo-z'.*galvo-x"),
        ("[signals]\nrate_hz = 30000", "30000 does not divide trigger.rate_hz = 100000; 33333.3 does"),
        ("[trigger.field]\nrotation_deg = 2\naffine = [1, 0, 0, 0, 1, 0]", "either rotation_deg or affine"),
        ("[trigger.field]\naffine = [1, 1, 0, 1, 1, 0]", "on one line"),
    ],
)
def test_what_cannot_be_meant_is_refused(tmp_path: Path, text: str, says: str) -> None:
    """Each mistake is told with its key."""
    with pytest.raises(ConfigError, match=says):
        load(tmp_path, text)


@pytest.mark.parametrize(
    ("device", "known", "strange", "says"),
    [
        (
            "simulated",
            "galvo-y",
            "galvo-z",
            r"'galvo-z', but the virtual printer has \['laser', 'galvo-x', 'galvo-y'\]",
        ),
        ("ni9223", "galvo-x", "meltpool", r"'meltpool', but trigger.channels are \['laser', 'galvo-x', 'galvo-y'\]"),
    ],
)
def test_only_channels_of_the_source_can_be_kept(
    tmp_path: Path, device: str, known: str, strange: str, says: str
) -> None:
    """Whatever gives the signal: a name that it has is kept, any other is refused with those that there are."""

    def names(name: str) -> Settings:
        path = tmp_path / "monitor.toml"
        path.write_text(f'[trigger]\ndevice = "{device}"\n[signals]\nchannels = ["{name}"]\n')
        return load_settings(path)

    assert names(known).signals.channels == (known,)
    with pytest.raises(ConfigError, match=says):
        names(strange)


def test_the_field_turns_from_x_to_y() -> None:
    """Rotation is about the mirrors' zero; an affine map is taken as it is."""
    a, b, c, d, e, f = FieldSettings(rotation_deg=90).to_plate()
    np.testing.assert_allclose([a * 2 + b * 3 + c, d * 2 + e * 3 + f], [-3, 2], atol=1e-12)
    assert FieldSettings(affine=(2, 0, 1, 0, 2, -1)).to_plate() == (2, 0, 1, 0, 2, -1)
