"""What virtual cameras see: the part where the truth has it, moments of a layer, dropped frames, repeatability."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from monitor.devices import Camera
from monitor.devices.simulated import (
    SceneSpec,
    VirtualPrinter,
    layer_truth,
    render_camera,
    render_pair,
    render_plate,
)
from monitor.domain import DeviceTimeout, Frame, JumpingClock, PlateGrid, ScaledClock
from tests.devices.simulated.small import small_settings

Grey = npt.NDArray[np.float64]


def opened(**simulation: Any) -> VirtualPrinter:
    """A virtual printer whose build has begun and whose cameras are open; its clock jumps."""
    printer = VirtualPrinter(small_settings(**simulation), JumpingClock())
    printer.trigger.open()
    for camera in printer.cameras:
        camera.open()
    return printer


def rectified(image: npt.NDArray[Any], spec: SceneSpec, camera: str) -> Grey:
    """A camera's image in the plate grid, in [0, 1]."""
    grey = image.mean(axis=2) if image.ndim == 3 else image
    to_image = spec.camera(camera).calibration.matrix @ spec.grid.to_mm()
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    out = cv2.warpPerspective(grey.astype(np.float32), to_image, spec.grid.shape[::-1], flags=flags)
    return np.asarray(out, np.float64) / (4095 if image.dtype == np.uint16 else 255)


def contrast(picture: Grey, spec: SceneSpec, index: int) -> float:
    """Relative brightness of metal against the powder near it."""
    metal = layer_truth(spec, index).astype(np.uint8)
    core = cv2.erode(metal, np.ones((5, 5), np.uint8)) > 0
    near = (cv2.dilate(metal, np.ones((15, 15), np.uint8)) > 0) & ~(cv2.dilate(metal, np.ones((7, 7), np.uint8)) > 0)
    return float(np.median(picture[core]) / np.median(picture[near]) - 1)


@pytest.mark.parametrize("camera", ["webcam", "basler"])
def test_dark_melt_is_dark_and_bright_melt_is_bright(camera: str) -> None:
    """Both looks show the part exactly where the calibration and the truth have it, in both cameras."""
    for melt, low, high in (("dark", -0.6, -0.05), ("bright", 0.2, 3.0)):
        spec = SceneSpec.from_settings(small_settings(melt=melt))
        picture = rectified(render_camera(spec, 1, camera), spec, camera)
        assert low < contrast(picture, spec, 1) < high


def test_the_calibration_is_exact() -> None:
    """Moved by half a millimetre, the truth fits the picture worse, in each of four directions."""
    spec = SceneSpec.from_settings(small_settings(melt="bright"))
    picture = rectified(render_camera(spec, 0, "basler"), spec, "basler")
    metal = layer_truth(spec, 0)

    def fit(rows: int, cols: int) -> float:
        return float(np.corrcoef(np.roll(metal, (rows, cols), (0, 1)).ravel(), picture.ravel())[0, 1])

    assert fit(0, 0) > max(fit(5, 0), fit(-5, 0), fit(0, 5), fit(0, -5))
    assert fit(0, 0) > 0.5


def test_frames_have_their_cameras_type() -> None:
    """RGB8 is colour in 8 bits; Mono12 uses its 12 bits in 16; a Mono8 webcam is grey."""
    printer = opened()
    webcam, basler = (camera.capture(10.0, 50.0) for camera in printer.cameras)
    assert (webcam.image.shape, webcam.image.dtype, webcam.bits) == ((144, 192, 3), np.uint8, 8)
    assert np.ptp(webcam.image.astype(int), axis=2).max() > 0
    assert (basler.image.shape, basler.image.dtype, basler.bits) == ((480, 640), np.uint16, 12)
    assert len(np.unique(basler.image)) > 256
    assert int(basler.image.max()) <= 4095
    assert (basler.image % 16).any()


def test_after_the_layer_end_the_finished_layer_is_seen() -> None:
    """A capture after a layer's end is the picture of exactly that layer."""
    printer = opened()
    for index in range(printer.layers):
        times = printer.timeline.times(index)
        for camera in printer.cameras:
            frame = camera.capture(times.off_s + 3.1, 50.0)
            assert np.array_equal(frame.image, render_camera(printer.spec, index, camera.name))


def test_each_moment_of_a_layer_looks_its_own() -> None:
    """Powder, the laser at work (outshining everything), the finished layer, and the blade over it all differ."""
    printer = opened(scan_speed_mm_s=200.0)
    basler, times = printer.cameras[1], printer.timeline.times(0)

    def seen(time_s: float) -> Grey:
        return rectified(basler.capture(time_s, 500.0).image, printer.spec, "basler")

    powder, half, done = seen(0.1), seen((times.start_s + times.off_s) / 2), seen(times.off_s + 0.5)
    blade = seen((times.blade_s + times.bare_s) / 2)
    assert contrast(done, printer.spec, 0) < contrast(powder, printer.spec, 0) - 0.1
    assert abs(contrast(powder, printer.spec, 0)) < 0.06  # the light is uneven
    assert half.mean() > 1.1 * max(done.mean(), powder.mean())
    assert np.abs(blade - done).mean() > 3 * np.abs(seen(times.off_s + 0.6) - done).mean()


def test_on_a_running_clock_a_frame_is_never_from_the_past() -> None:
    """With a clock that runs, a camera exposes now, also where it was asked for earlier."""
    printer = VirtualPrinter(small_settings(speed=30.0), ScaledClock(30.0))
    printer.trigger.open()
    printer.cameras[1].open()
    printer.clock.sleep_until(3.0)
    assert printer.cameras[1].capture(0.0, 1000.0).time_s >= 3.0


def dropped(camera: Camera, index: int, time_s: float) -> bool:
    """Whether the frame of a layer is dropped; the error must say so."""
    try:
        camera.capture(time_s, 50.0)
    except DeviceTimeout as error:
        return f"layer {index} was dropped" in error.what
    return False


def drops(**simulation: Any) -> list[tuple[bool, ...]]:
    """Which layers' frames are dropped, by camera."""
    printer = opened(**simulation)
    ends = [printer.timeline.times(index).off_s + 3.1 for index in range(printer.layers)]
    return [tuple(dropped(camera, k, end) for camera in printer.cameras) for k, end in enumerate(ends)]


def test_dropped_frames_are_the_same_ones_every_time() -> None:
    """With faults some frames are dropped, independently for each camera, and the same ones in every run."""
    some = drops(layers=6, fault_rate=0.5)
    assert some == drops(layers=6, fault_rate=0.5)
    assert len(set(some)) > 2
    assert drops(layers=1) == [(False, False)]
    assert drops(layers=2, fault_rate=1.0) == [(True, True)] * 2


def test_two_threads_see_the_same_plate() -> None:
    """Both cameras asked at once, from threads of their own, see what they see one after the other."""
    alone, together = opened(), opened()
    expected = [camera.capture(6.0, 50.0).image for camera in alone.cameras]

    def shoot(number: int) -> Frame:
        return together.cameras[number].capture(6.0, 50.0)

    with ThreadPoolExecutor(2) as pool:
        frames = list(pool.map(shoot, (0, 1)))
    assert all(np.array_equal(a, b.image) for a, b in zip(expected, frames, strict=True))


def test_pictures_are_the_same_every_time() -> None:
    """The same seed gives the same pixels; another seed, and the next layer, do not."""

    def picture(seed: int, index: int) -> npt.NDArray[Any]:
        return render_camera(SceneSpec.from_settings(small_settings(seed=seed)), index, "webcam")

    assert np.array_equal(picture(3, 0), picture(3, 0))
    assert not np.array_equal(picture(3, 0), picture(4, 0))
    assert not np.array_equal(picture(3, 0), picture(3, 1))


def test_a_pair_is_both_cameras_in_one_grid() -> None:
    """LR and HR show the same metal; HR has more detail; the mask is the truth of that grid."""
    grid = PlateGrid((-6.35, -6.35), 100.0, (128, 128))
    spec = SceneSpec.from_settings(small_settings(melt="bright"))
    pair = render_pair(spec, 2, grid)
    assert pair.lr.shape == pair.hr.shape == pair.mask.shape == grid.shape
    assert (pair.lr.dtype, pair.hr.dtype, pair.mask.dtype) == (np.uint8, np.uint8, np.bool_)
    assert np.array_equal(pair.mask, layer_truth(spec, 2))
    sharp = [
        float(np.abs(cv2.Laplacian(p.astype(np.float32), cv2.CV_32F)).mean() / p.std()) for p in (pair.lr, pair.hr)
    ]
    assert sharp[1] > sharp[0]
    for picture in (pair.lr, pair.hr):
        assert np.median(picture[pair.mask]) > 1.2 * np.median(picture[~pair.mask])


def test_a_plate_has_light_everywhere() -> None:
    """A rendered plate is finite and not negative, brighter where points shine."""
    plate = render_plate(SceneSpec.from_settings(small_settings()), 0)
    assert np.isfinite(plate.diffuse).all()
    assert plate.diffuse.min() >= 0
    assert plate.glints.min() >= 0
    assert plate.glints.max() > 0.1
