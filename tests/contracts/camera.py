"""What every camera keeps, whoever makes it. Inherit, and give the fixtures `camera` and `bench`."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

from monitor.devices import Camera
from monitor.domain import Clock, DeviceLost, DeviceTimeout

PATIENCE_S = 20.0


@dataclass(frozen=True)
class CameraBench:
    """How to ask a camera.

    Attributes:
        clock: of the camera.
        after_s: a time on the clock from which on frames can be had; None means the present.
    """

    clock: Clock
    after_s: float | None = None

    def moment(self) -> float:
        """A time after which a frame can be had."""
        return self.clock.now() if self.after_s is None else self.after_s


class CameraContract:
    """Tests of `Camera`."""

    @pytest.fixture
    def camera(self) -> Camera:
        """A camera that is not open."""
        raise NotImplementedError

    @pytest.fixture
    def bench(self) -> CameraBench:
        """How to ask it."""
        raise NotImplementedError

    def test_a_frame_is_what_the_facts_say(self, camera: Camera, bench: CameraBench) -> None:
        """Name, shape, type and bits of a frame agree with what `open` said."""
        facts = camera.open()
        frame = camera.capture(bench.moment(), PATIENCE_S)
        assert (frame.camera, frame.image.shape, str(frame.image.dtype)) == (facts.name, facts.shape, facts.dtype)
        assert facts.name == camera.name
        assert int(frame.image.max()) < 2**frame.bits
        assert frame.bits <= 8 * frame.image.itemsize
        camera.close()

    def test_a_frame_is_fresh(self, camera: Camera, bench: CameraBench) -> None:
        """The exposure began after the time that was asked for, and not in the future."""
        camera.open()
        for _ in range(3):
            after = bench.moment()
            frame = camera.capture(after, PATIENCE_S)
            assert after < frame.time_s <= max(bench.clock.now(), after + PATIENCE_S)
        camera.close()

    def test_a_frame_waits_for_its_time(self, camera: Camera, bench: CameraBench) -> None:
        """Asked for a time a little ahead, a camera waits for it."""
        camera.open()
        after = bench.moment() + 0.1
        assert camera.capture(after, PATIENCE_S).time_s > after
        camera.close()

    def test_frames_own_their_pixels(self, camera: Camera, bench: CameraBench) -> None:
        """A later capture does not change an earlier frame."""
        camera.open()
        first = camera.capture(bench.moment(), PATIENCE_S).image
        kept = first.copy()
        for _ in range(4):
            camera.capture(bench.moment(), PATIENCE_S)
        assert np.array_equal(first, kept)
        assert first.flags.c_contiguous
        camera.close()

    def test_a_frame_that_is_not_due_in_time_is_a_timeout(self, camera: Camera, bench: CameraBench) -> None:
        """No fresh frame within the time is a DeviceTimeout, and the camera goes on afterwards."""
        camera.open()
        with pytest.raises(DeviceTimeout):
            camera.capture(bench.clock.now() + 1000, 0.1)
        camera.capture(bench.moment(), PATIENCE_S)
        camera.close()

    def test_a_camera_that_is_not_open_is_lost(self, camera: Camera, bench: CameraBench) -> None:
        """Capturing before `open` and after `close` is a DeviceLost with a cure."""
        with pytest.raises(DeviceLost, match="→"):
            camera.capture(bench.moment(), 1)
        camera.open()
        camera.close()
        with pytest.raises(DeviceLost):
            camera.capture(bench.moment(), 1)

    def test_close_is_idempotent_and_open_works_again(self, camera: Camera, bench: CameraBench) -> None:
        """A camera may be closed before it was open, twice, and opened again with the same facts."""
        camera.close()
        facts = camera.open()
        camera.close()
        camera.close()
        assert camera.open() == facts
        camera.capture(bench.moment(), PATIENCE_S)
        camera.close()
