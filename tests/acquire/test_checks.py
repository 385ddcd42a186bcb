"""What is wrong with a frame: black, over-exposed, glaring, blurred; and what acquisition does about it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.acquire import run as module
from monitor.acquire.checks import LEARNT, Usual, flaw, looks, unusable
from monitor.cli.replay import replay_settings
from monitor.config import FrameCheckSettings, Settings
from monitor.devices import Camera, make_rig
from monitor.domain import CameraFacts, Frame
from monitor.store import BuildReader
from tests.acquire.tiny import acquired, digests, gaps, tiny_settings

CHECKS = FrameCheckSettings()
BLACK = "the frame is black (its brightest pixels reach 0.0% of full scale)"
Spoil = Callable[[Frame], Frame]


def powder(seed: int, level: float = 0.4, bits: int = 8) -> np.ndarray[Any, Any]:
    """Rough grey, (128, 160)."""
    grey = level + 0.08 * np.random.default_rng(seed).standard_normal((128, 160))
    return np.asarray(np.clip(grey, 0, 1) * (2**bits - 1), np.uint16 if bits > 8 else np.uint8)


def usual() -> Usual:
    known = Usual()
    for seed in range(LEARNT):
        known.accept(looks(powder(seed), 8))
    return known


@given(seed=st.integers(0, 2**32 - 1), level=st.floats(0.15, 0.7), bits=st.sampled_from([8, 10, 12, 16]))
@settings(max_examples=40, deadline=None)
def test_powder_in_any_light_has_no_flaw(seed: int, level: float, bits: int) -> None:
    """Neither exposure nor depth of the pixels makes a frame suspicious."""
    found = looks(powder(seed, level, bits), bits)
    assert not unusable(found, CHECKS)
    assert not flaw(found, usual(), CHECKS)


@given(seed=st.integers(0, 2**32 - 1), sigma=st.floats(1.0, 20.0))
@settings(max_examples=40, deadline=None)
def test_blur_is_a_flaw_once_the_build_is_known(seed: int, sigma: float) -> None:
    """The first frames of a build are never compared: nobody knows yet how sharp they can be."""
    found = looks(cv2.GaussianBlur(powder(seed), (0, 0), sigma), 8)
    assert flaw(found, usual(), CHECKS).startswith("blurred (")
    assert not flaw(found, Usual(), CHECKS)


@given(row=st.integers(0, 100), col=st.integers(0, 130), side=st.integers(12, 28))
@settings(max_examples=40, deadline=None)
def test_one_bright_blob_is_a_flaw_wherever_it_is(row: int, col: int, side: int) -> None:
    """The laser, or a glare that the other layers do not have."""
    image = powder(1)
    image[row : row + side, col : col + side] = 255
    assert "one bright blob" in flaw(looks(image, 8), usual(), CHECKS)


@given(level=st.floats(0.0, 0.03), bits=st.sampled_from([8, 12]))
@settings(max_examples=20, deadline=None)
def test_a_black_frame_is_not_usable(level: float, bits: int) -> None:
    """A lamp that is off, a cap on the lens: a few hot pixels do not make it a picture."""
    image = np.full((128, 160), level * (2**bits - 1), np.uint16)
    image[5, 5] = 2**bits - 1
    assert unusable(looks(image, bits), CHECKS).startswith("the frame is black")


@given(level=st.floats(0.1, 0.9), share=st.floats(0.3, 1.0), bits=st.sampled_from([8, 12, 16]))
@settings(max_examples=40, deadline=None)
def test_a_frame_that_arrived_in_part_is_not_usable(level: float, share: float, bits: int) -> None:
    """Where a JPEG breaks off or a transfer has a hole, there would be no metal: it is not taken for a picture."""
    image = np.tile(powder(2, 0.4, bits), (2, 2))
    image[round((1 - share) * len(image)) :] = round(level * (2**bits - 1))
    assert unusable(looks(image, bits), CHECKS).startswith("a part of the frame did not arrive (")


@given(quality=st.integers(20, 95), grain=st.floats(0.3, 6.0))
@settings(max_examples=40, deadline=None)
def test_a_picture_that_jpeg_made_flat_is_usable(quality: int, grain: float) -> None:
    """Blocks without any grain are usual in a webcam's stream; light that slopes gives each another grey."""
    slope = np.linspace(60, 180, 640)[None] + np.linspace(0, 40, 480)[:, None]
    noisy = slope + grain * np.random.default_rng(3).standard_normal((480, 640))
    coded = cv2.imencode(".jpg", noisy.astype(np.uint8), [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
    assert not unusable(looks(cv2.imdecode(coded, cv2.IMREAD_COLOR), 8), CHECKS)


def test_an_over_exposed_frame_is_a_flaw_from_the_first_layer() -> None:
    """White is white in any build."""
    assert flaw(looks(np.full((128, 160, 3), 255, np.uint8), 8), Usual(), CHECKS) == (
        "over-exposed (100.0% of it saturated)"
    )


class Spoilt:
    """A camera in front of the virtual one that spoils the frames of some layers, each time that they are asked for.

    Args:
        camera: the virtual one.
        spoil: what becomes of a frame, by layer and by how often it was asked for.
    """

    def __init__(self, camera: Camera, spoil: Callable[[int, int], Spoil | None]) -> None:
        self.name = camera.name
        self._camera = camera
        self._spoil = spoil
        self._layer, self._asked, self._last_s = -1, 0, 0.0

    def open(self) -> CameraFacts:
        return self._camera.open()

    def capture(self, after_s: float, timeout_s: float) -> Frame:
        frame = self._camera.capture(after_s, timeout_s)
        new = frame.time_s - self._last_s > 2.0  # a recoat lies between two layers
        self._layer, self._asked = (self._layer + 1, 1) if new else (self._layer, self._asked + 1)
        self._last_s = frame.time_s
        spoil = self._spoil(self._layer, self._asked)
        return spoil(frame) if spoil else frame

    def close(self) -> None:
        self._camera.close()


@pytest.fixture
def spoilt(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., BuildReader]:
    """A virtual build whose webcam spoils frames."""

    def build(spoil: Callable[[int, int], Spoil | None], layers: int = 8) -> BuildReader:
        def made(settings: Settings, **options: Any) -> Any:
            rig = make_rig(settings, **options)
            cameras = tuple(Spoilt(c, spoil) if c.name == "webcam" else c for c in rig.cameras)
            return SimpleNamespace(clock=rig.clock, trigger=rig.trigger, cameras=cameras, height_mm=rig.height_mm)

        with monkeypatch.context() as patch:
            patch.setattr(module, "make_rig", made)
            return acquired(tiny_settings(tmp_path, layers=layers))

    return build


def black(frame: Frame) -> Frame:
    return replace(frame, image=np.zeros_like(frame.image))


def blurred(frame: Frame) -> Frame:
    return replace(frame, image=np.asarray(cv2.GaussianBlur(frame.image, (0, 0), 3.0), np.uint8))


def stale(frame: Frame) -> Frame:
    """A buffer of long before, as a driver's queue gives it."""
    return replace(frame, time_s=frame.time_s - 5.0)


def flaws(reader: BuildReader, camera: str = "webcam") -> dict[int, str]:
    records = {index: reader.record(index) for index in reader.layers()}
    return {i: r.frames[camera].flaw for i, r in records.items() if camera in r.frames and r.frames[camera].flaw}


@pytest.mark.parametrize(
    ("spoil", "reason"), [(black, BLACK), (stale, "the frame is older than the layer end")], ids=["black", "stale"]
)
def test_an_unusable_frame_is_tried_again_else_a_gap(
    spoilt: Callable[..., BuildReader], spoil: Spoil, reason: str
) -> None:
    """Bad once, and the second try is the layer's; bad for ever, and the gap says why. The other camera goes on."""
    reader = spoilt(lambda layer, asked: spoil if (layer == 1 and asked == 1) or layer == 3 else None, layers=5)
    assert gaps(reader, "webcam") == {3: reason}
    assert not gaps(reader, "basler")
    assert not flaws(reader)


def test_a_blurred_frame_is_tried_again_else_kept_with_its_flaw_and_a_replay_says_the_same(
    spoilt: Callable[..., BuildReader], tmp_path: Path
) -> None:
    """Layer 6 is sharp at the second try; layer 7 stays blurred; a replay judges nothing and carries the flaw."""
    reader = spoilt(lambda layer, asked: blurred if (layer == 6 and asked == 1) or layer == 7 else None)
    assert list(flaws(reader)) == [7]
    assert flaws(reader)[7].startswith("blurred (")
    assert not gaps(reader, "webcam")
    again = replay_settings(tiny_settings(tmp_path / "replay"), reader.manifest)
    replayed = acquired(again, recording=reader, speed=0.0)
    assert digests(replayed) == digests(reader)
    assert flaws(replayed) == flaws(reader)
