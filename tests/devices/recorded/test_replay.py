"""A recorded build through the device protocols: the same layers, frames, gaps and heights, whatever the speed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from monitor.devices import Rig, make_rig
from monitor.domain import BadFrame, DeviceError, DeviceNotFound, DeviceTimeout, Frame, LayerEnd
from monitor.store import BuildReader
from monitor.trigger import LaserOffDetector
from tests.standins.recordings import BASLER, WEBCAM, layer_end, level, record, replay_settings

SETTLE_S = 0.1
Shots = dict[str, Frame | str]


def replay(recording: BuildReader, speed: float, ahead_s: float = 0.0) -> tuple[Rig, list[tuple[LayerEnd, Shots]]]:
    """Run the way acquisition does: detector, then a capture of each camera; `ahead_s` reads the trigger on first."""
    settings = replay_settings()
    rig = make_rig(settings, recording=recording, speed=speed)
    rig.trigger.open()
    for camera in rig.cameras:
        camera.open()
    detector, ends, out = LaserOffDetector(settings.trigger.detector, rig.trigger.rate_hz), [], []
    while (block := rig.trigger.read(60.0)) is not None:
        ends += detector.feed(block)
        while ends and block.end_s >= ends[0].detected_s + ahead_s:
            end = ends.pop(0)
            out.append((end, shots(rig, end)))
    out += [(end, shots(rig, end)) for end in ends]
    return rig, out


def shots(rig: Rig, end: LayerEnd) -> Shots:
    """A frame or the reason of a gap, by camera."""
    out: Shots = {}
    for camera in rig.cameras:
        try:
            out[camera.name] = camera.capture(end.detected_s + SETTLE_S, 60.0)
        except DeviceError as error:
            out[camera.name] = error.what
    return out


def pictures(layers: list[tuple[LayerEnd, Shots]]) -> list[dict[str, object]]:
    """Grey levels or reasons, by layer."""
    return [{n: int(s.image.flat[0]) if isinstance(s, Frame) else s for n, s in shots.items()} for _, shots in layers]


@pytest.mark.parametrize(("speed", "ahead_s"), [(0.0, 0.0), (0.0, 6.0), (200.0, 0.0)])
def test_each_layer_gives_its_own_frames(tmp_path: Path, speed: float, ahead_s: float) -> None:
    """Every layer's capture is that layer's frame, at any speed and however far the trigger is read ahead."""
    _, layers = replay(record(tmp_path), speed, ahead_s)
    assert pictures(layers) == [{"webcam": level(k), "basler": level(k)} for k in range(4)]


def test_two_replays_are_the_same(tmp_path: Path) -> None:
    """As fast as possible, twice: the same layer ends, frames and times, to the last bit."""
    recording = record(tmp_path)
    (_, one), (_, two) = replay(recording, 0.0), replay(recording, 0.0)
    assert [end for end, _ in one] == [end for end, _ in two]
    for (_, a), (_, b) in zip(one, two, strict=True):
        for name in ("webcam", "basler"):
            first, second = a[name], b[name]
            assert isinstance(first, Frame)
            assert isinstance(second, Frame)
            assert first.time_s == second.time_s
            assert np.array_equal(first.image, second.image)


def test_frames_keep_what_was_known_of_them(tmp_path: Path) -> None:
    """Exposure, gain, bits and the time since the layer end are those of the recording."""
    _, layers = replay(record(tmp_path), 0.0)
    for end, shot in layers:
        frame = shot["basler"]
        assert isinstance(frame, Frame)
        assert (frame.exposure_us, frame.gain_db, frame.bits) == (8000.0, 1.5, 12)
        assert frame.time_s - end.off_s == pytest.approx(3.4, abs=2e-3)


def test_facts_are_the_recorded_cameras(tmp_path: Path) -> None:
    """A recorded camera says what the recorded one said, and that it is a recording."""
    rig = make_rig(replay_settings(), recording=record(tmp_path), speed=0)
    facts = [camera.open() for camera in rig.cameras]
    assert [f.origin for f in facts] == ["recorded", "recorded"]
    assert [(f.name, f.model, f.serial, f.shape, f.dtype) for f in facts] == [
        (f.name, f.model, f.serial, f.shape, f.dtype) for f in (WEBCAM, BASLER)
    ]


def test_a_gap_is_a_gap_again(tmp_path: Path) -> None:
    """A missing frame is missing again in its place, for the recorded reason, also where it was the layer's last."""
    gaps = {(1, "webcam"): "no frame in 5 s", (2, "webcam"): "unplugged", (2, "basler"): "incomplete"}
    _, layers = replay(record(tmp_path, gaps=gaps), 0.0)
    assert pictures(layers) == [
        {"webcam": level(0), "basler": level(0)},
        {"webcam": "no frame in 5 s", "basler": level(1)},
        {"webcam": "unplugged", "basler": "incomplete"},
        {"webcam": level(3), "basler": level(3)},
    ]


def test_heights_are_the_recorded_ones(tmp_path: Path) -> None:
    """Heights come from the recording, uneven as they are; after the last layer there is none."""
    recording = record(tmp_path)
    rig = make_rig(replay_settings(), recording=recording, speed=0)
    assert [rig.height_mm(k) for k in range(4)] == [recording.height_mm(k) for k in range(4)]
    assert rig.height_mm(4) is None


def test_before_the_first_layer_there_is_nothing(tmp_path: Path) -> None:
    """A frame from before the first layer end was never recorded, and is not made up."""
    rig = make_rig(replay_settings(), recording=record(tmp_path), speed=0)
    rig.trigger.open()
    rig.cameras[0].open()
    with pytest.raises(DeviceTimeout, match="no layer has ended yet"):
        rig.cameras[0].capture(0.5, 5.0)


def test_an_unknown_camera_is_not_found(tmp_path: Path) -> None:
    """A camera that the recording lacks is named, with those that it has."""
    cameras = [{"name": "thermal", "role": "webcam", "device": "recorded"}]
    settings = replay_settings(cameras=cameras, worker={"source": "thermal"})
    rig = make_rig(settings, recording=record(tmp_path), speed=0)
    with pytest.raises(DeviceNotFound, match=r"thermal.*only webcam, basler"):
        rig.cameras[0].open()


def test_a_damaged_frame_is_a_bad_frame(tmp_path: Path) -> None:
    """A frame whose stored bytes are damaged is a BadFrame of that layer; the others play on."""
    recording = record(tmp_path)
    chunks = sorted((tmp_path / "rec" / "raw" / "webcam").rglob("*"))
    data = next(path for path in chunks if path.is_file() and path.name != "zarr.json")
    damaged = bytearray(data.read_bytes())
    damaged[len(damaged) // 2] ^= 0xFF
    data.write_bytes(damaged)
    rig, layers = replay(recording, 0.0)
    reasons = [shot["webcam"] for _, shot in layers if isinstance(shot["webcam"], str)]
    assert 1 <= len(reasons) <= 4
    assert all(isinstance(shot["basler"], Frame) for _, shot in layers)
    assert "rec" in str(reasons[0])
    bad = next(k for k, (_, shot) in enumerate(layers) if isinstance(shot["webcam"], str))
    with pytest.raises(BadFrame):
        rig.cameras[0].capture(layers[bad][0].detected_s + SETTLE_S, 60.0)


def test_an_empty_recording_ends_at_once(tmp_path: Path) -> None:
    """A build without layers plays nothing."""
    rig = make_rig(replay_settings(), recording=record(tmp_path, ends=()), speed=0)
    rig.trigger.open()
    assert rig.trigger.read(1.0) is None


def test_opened_again_it_goes_on(tmp_path: Path) -> None:
    """Closed and opened again, the replay goes on at the present: what passed meanwhile is lost, as live."""
    settings = replay_settings()
    rig = make_rig(settings, recording=record(tmp_path, ends=tuple(layer_end(k) for k in range(3))), speed=0)
    rig.trigger.open()
    rig.trigger.read(1.0)
    rig.trigger.close()
    rig.clock.sleep_until(rig.clock.now() + 10.0)
    rig.trigger.open()
    detector, found = LaserOffDetector(settings.trigger.detector, rig.trigger.rate_hz), 0
    while (block := rig.trigger.read(1.0)) is not None:
        found += len(detector.feed(block))
    assert found == 2
