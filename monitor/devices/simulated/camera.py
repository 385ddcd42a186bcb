"""From the plate to a camera's pixels, and back to the plate grid. Owns the optics and electronics of virtual cameras.

Not modelled: lens distortion beyond perspective, rolling shutter, depth of field across the plate, chromatic
aberration, video compression between frames, hot pixels.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import cast

import cv2
import numpy as np
import numpy.typing as npt

from monitor.devices.simulated.geometry import to_grid
from monitor.devices.simulated.plate import Plate, light_at, light_field, render_plate
from monitor.devices.simulated.raster import Window, rng_for
from monitor.devices.simulated.scene import CameraSpec, SceneSpec
from monitor.domain import CameraRole, FloatImage, Image, Mask, PlateGrid

_BAND_ROWS = 608
CameraImage = npt.NDArray[np.uint8] | npt.NDArray[np.uint16]


@dataclass(frozen=True, slots=True)
class Pair:
    """What both cameras see of one layer, rectified to the same grid.

    Attributes:
        lr: uint8 (rows, columns), the webcam's.
        hr: uint8 (rows, columns), the Basler's.
        mask: bool (rows, columns), where metal is.
    """

    lr: Image
    hr: Image
    mask: Mask


@dataclass(frozen=True, slots=True)
class _View:
    """A rectangle of a camera's image."""

    row: int
    col: int
    shape: tuple[int, int]


@dataclass(frozen=True, slots=True)
class _Seen:
    """Light from the plate towards a camera, and where it comes from: a homography from its pixels to plate mm."""

    light: FloatImage
    to_mm: npt.NDArray[np.float64]


def render_camera(spec: SceneSpec, index: int, camera: str, plate: Plate | None = None) -> CameraImage:
    """Take the picture of one layer.

    Args:
        spec: the build.
        index: the layer.
        camera: the camera's name.
        plate: the rendered plate, where it is at hand already.

    Returns:
        uint8 (rows, columns, 3) RGB, uint8 (rows, columns), or uint16 (rows, columns) with 12 significant bits.

    Raises:
        KeyError: no such camera.
    """
    found = spec.camera(camera)
    seen = _seen(spec, found, plate or render_plate(spec, index))
    rows, cols = found.shape
    # JPEG needs the whole image; others go band by band: twenty million float pixels at once take half a gigabyte.
    height = rows if found.jpeg else _BAND_ROWS
    seam = int(4 * found.blur_px) + 8
    bands: list[CameraImage] = []
    for top in range(0, rows, height):
        low, high = max(0, top - seam), min(rows, top + height + seam)
        view = _View(low, 0, (high - low, cols))
        bands.append(_expose(spec, index, found, _project(spec, found, seen, view), view)[top - low :][:height])
    return cast("CameraImage", np.concatenate(bands))


def render_pair(
    spec: SceneSpec, index: int, grid: PlateGrid | None = None, *, interpolation: int = cv2.INTER_LINEAR
) -> Pair:
    """Render one layer as both cameras show it in a plate grid (the spec's own by default).

    The webcam's image goes through its whole chain (perspective, blur, colour, noise, JPEG) and is rectified. The
    Basler's is averaged to the grid directly, with the blur and the noise that its own chain would leave: its pixels
    are several times finer than the grid's.
    """
    grid = grid or spec.grid
    pitch = spec.fine_um / 1000
    plate = render_plate(spec, index, Window.around(grid, pitch, 2.0))
    mask = to_grid(plate.contours.coverage(pitch), plate.window, grid) >= 0.5
    webcam, basler = spec.by_role(CameraRole.WEBCAM), spec.by_role(CameraRole.BASLER)
    lr = _through_chain(spec, index, webcam, plate, grid, interpolation)
    return Pair(lr, _averaged(spec, index, basler, plate, grid), mask)


def _through_chain(
    spec: SceneSpec, index: int, camera: CameraSpec, plate: Plate, grid: PlateGrid, interpolation: int
) -> Image:
    to_image = camera.calibration.matrix @ grid.to_mm()
    rows, cols = grid.shape
    corners = np.array([[[-1, -1]], [[cols, -1]], [[cols, rows]], [[-1, rows]]], np.float64)
    seen = cv2.perspectiveTransform(corners, to_image)[:, 0]
    low, high = np.floor(seen.min(axis=0)).astype(int) - 8, np.ceil(seen.max(axis=0)).astype(int) + 9
    low = np.maximum(low // 16 * 16, 0)  # JPEG blocks stay where they are in the whole image
    high = np.minimum(high, camera.shape[::-1])
    shape = (max(16, int(high[1] - low[1])), max(16, int(high[0] - low[0])))
    view = _View(int(low[1]), int(low[0]), shape)
    image = _expose(spec, index, camera, _project(spec, camera, _seen(spec, camera, plate), view), view)
    luma = cv2.cvtColor(image.astype(np.uint8), cv2.COLOR_RGB2GRAY) if image.ndim == 3 else _to_8bit(image, camera)
    shift = np.array([[1, 0, -view.col], [0, 1, -view.row], [0, 0, 1]], np.float64)
    flags = interpolation | cv2.WARP_INVERSE_MAP
    out = cv2.warpPerspective(luma, shift @ to_image, grid.shape[::-1], flags=flags, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(out, np.uint8)


def _averaged(spec: SceneSpec, index: int, camera: CameraSpec, plate: Plate, grid: PlateGrid) -> Image:
    um_per_px = _um_per_px(camera, spec.grid)
    light = _lit(spec, camera, plate)
    sigma = camera.blur_px * um_per_px / spec.fine_um
    if sigma > 0.3:
        light = np.asarray(cv2.GaussianBlur(light, (0, 0), sigma), np.float32)
    signal = to_grid(light, plate.window, grid) * np.float32(camera.gain)
    signal *= _vignette(camera, grid)
    samples = max(1.0, (grid.um_per_px / um_per_px) ** 2)
    rng = rng_for(spec.seed, index, 40, len(camera.name))
    noise = rng.standard_normal(signal.shape, dtype=np.float32) / np.float32(np.sqrt(samples))
    signal += noise * np.sqrt(np.float32(camera.read**2) + np.float32(camera.shot**2) * np.maximum(signal, 0))
    return np.asarray(np.clip(_tone(signal, camera) * 255 + np.float32(0.5), 0, 255), np.uint8)


def _vignette(camera: CameraSpec, grid: PlateGrid) -> FloatImage:
    """Loss of light over the grid, as the camera's own corners have it."""
    cols, rows = np.meshgrid(np.linspace(0, grid.shape[1] - 1, 33), np.linspace(0, grid.shape[0] - 1, 33))
    points = np.stack([cols, rows], axis=-1).reshape(1, -1, 2)
    seen = cv2.perspectiveTransform(points, camera.calibration.matrix @ grid.to_mm())[0]
    half = np.array(camera.shape[::-1]) / 2
    far = (((seen - half) / half) ** 2).sum(axis=1).reshape(33, 33) / 2
    return np.asarray(cv2.resize((1 - camera.vignette * far).astype(np.float32), grid.shape[::-1]), np.float32)


def _um_per_px(camera: CameraSpec, grid: PlateGrid) -> float:
    """Size of the camera's pixel in the middle of the plate, in µm."""
    width, height = grid.size_mm
    x, y = grid.origin_mm[0] + width / 2, grid.origin_mm[1] + height / 2
    near = np.array([[[x, y]], [[x + 0.5, y]], [[x, y + 0.5]]])
    p = cv2.perspectiveTransform(near, camera.calibration.matrix)[:, 0]
    return float(500.0 / np.sqrt(abs(np.linalg.det(np.stack([p[1] - p[0], p[2] - p[0]])))))


def _lit(spec: SceneSpec, camera: CameraSpec, plate: Plate) -> FloatImage:
    """The plate under the light as this camera meets it."""
    light = plate.diffuse * light_field(camera.light, spec, plate.window)
    light += plate.glints * np.float32(camera.glint)
    return light


def _seen(spec: SceneSpec, camera: CameraSpec, plate: Plate) -> _Seen:
    """The same, averaged first where the camera's pixel covers several fine ones."""
    light, to_mm = _lit(spec, camera, plate), plate.window.to_mm()
    factor = max(1, round(_um_per_px(camera, spec.grid) / spec.fine_um))
    if factor > 1:
        rows, cols = light.shape[0] // factor, light.shape[1] // factor
        whole = light[: rows * factor, : cols * factor]
        light = np.asarray(cv2.resize(whole, (cols, rows), interpolation=cv2.INTER_AREA), np.float32)
        half = (factor - 1) / 2
        to_mm = to_mm @ np.array([[factor, 0, half], [0, factor, half], [0, 0, 1.0]])
    return _Seen(light, to_mm)


def _project(spec: SceneSpec, camera: CameraSpec, seen: _Seen, view: _View) -> FloatImage:
    """The plate in a view of the camera, blurred by its lens; float32 in units of white."""
    shift = np.array([[1, 0, -view.col], [0, 1, -view.row], [0, 0, 1]], np.float64)
    matrix = shift @ camera.calibration.matrix @ seen.to_mm
    out = _surroundings(spec, camera, view)
    cv2.warpPerspective(
        seen.light, matrix, view.shape[::-1], dst=out, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_TRANSPARENT
    )
    if camera.blur_px > 0.2:
        out = np.asarray(cv2.GaussianBlur(out, (0, 0), camera.blur_px), np.float32)
    return out


def _surroundings(spec: SceneSpec, camera: CameraSpec, view: _View) -> FloatImage:
    """What lies beyond the rendered plate: floor near it, dark walls farther away."""
    step = 16
    rows, cols = np.mgrid[0 : view.shape[0] + step : step, 0 : view.shape[1] + step : step].astype(np.float64)
    points = np.stack([cols + view.col, rows + view.row], axis=-1).reshape(1, -1, 2)
    mm = cv2.perspectiveTransform(points, np.linalg.inv(camera.calibration.matrix))[0]
    width, height = spec.grid.size_mm
    mm = mm.astype(np.float32)
    x = (mm[:, 0] - spec.grid.origin_mm[0]) / width - 0.5
    y = (mm[:, 1] - spec.grid.origin_mm[1]) / height - 0.5
    near = spec.powder.level if spec.bed.kind == "powder" else spec.bed.floor
    wall = 1 / (1 + np.exp(np.clip((np.abs(x) - 0.68) / 0.012, -50, 50))) * 0.75 + 0.25
    level = near * wall * (1 - 0.35 * np.clip(np.hypot(x, y) - 0.75, 0, 1))
    for light in (spec.light, camera.light):
        level = level * light_at(light, spec, mm[:, 0], mm[:, 1])
    small = level.reshape(rows.shape).astype(np.float32)
    big = cv2.resize(small, (small.shape[1] * step, small.shape[0] * step), interpolation=cv2.INTER_LINEAR)
    return np.ascontiguousarray(big[: view.shape[0], : view.shape[1]])


def _expose(spec: SceneSpec, index: int, camera: CameraSpec, light: FloatImage, view: _View) -> CameraImage:
    """Sensor and image processor: gain, vignette, noise, tone, colour, sharpening, quantisation, JPEG."""
    rows, cols = camera.shape
    y = (np.arange(view.shape[0], dtype=np.float32) + view.row) / (rows / 2) - 1
    x = (np.arange(view.shape[1], dtype=np.float32) + view.col) / (cols / 2) - 1
    falloff = 1 - camera.vignette / 2 * (x[None, :] ** 2 + y[:, None] ** 2)
    signal = np.asarray(light * falloff * np.float32(camera.gain), np.float32)
    rng = rng_for(spec.seed, index, 41, len(camera.name), view.row)
    signal += _noise(view.shape, rng) * np.sqrt(
        np.float32(camera.read**2) + np.float32(camera.shot**2) * np.maximum(signal, 0)
    )
    if camera.smooth_px:
        signal = np.asarray(cv2.GaussianBlur(signal, (0, 0), camera.smooth_px), np.float32)
    if camera.sharpen:
        soft = np.asarray(cv2.GaussianBlur(signal, (0, 0), 1.5), np.float32)
        signal += np.float32(camera.sharpen) * (signal - soft)
    signal = _tone(signal, camera)
    if camera.pixel_format == "Mono12":
        return np.asarray(np.clip(signal * 4095 + np.float32(0.5), 0, 4095), np.uint16)
    if camera.pixel_format == "Mono8":
        return np.asarray(np.clip(signal * 255 + np.float32(0.5), 0, 255), np.uint8)
    chroma = rng.standard_normal((view.shape[0] // 4 + 1, view.shape[1] // 4 + 1, 3), dtype=np.float32)
    chroma = cv2.resize(chroma, view.shape[::-1], interpolation=cv2.INTER_LINEAR) * np.float32(camera.read)
    rgb = (signal[:, :, None] + chroma) * np.asarray(camera.tint, np.float32) * 255
    image = np.clip(rgb + np.float32(0.5), 0, 255).astype(np.uint8)
    return _jpeg(image, camera.jpeg) if camera.jpeg else image


@lru_cache(maxsize=2)
def _noise_pool(seed: int) -> FloatImage:
    return rng_for(seed, 90).standard_normal((1024, 1024), dtype=np.float32)


def _noise(shape: tuple[int, int], rng: np.random.Generator) -> FloatImage:
    """White noise; large images take shifted copies of a pool, drawn band by band, for speed."""
    if shape[0] * shape[1] <= 1 << 20:
        return rng.standard_normal(shape, dtype=np.float32)
    pool = _noise_pool(0)
    out = np.empty(shape, np.float32)
    for top in range(0, shape[0], 256):
        for left in range(0, shape[1], 512):
            part = out[top : top + 256, left : left + 512]
            r, c = rng.integers(0, (769, 513))
            part[...] = pool[r : r + part.shape[0], c : c + part.shape[1]]
    return out


def _tone(signal: FloatImage, camera: CameraSpec) -> FloatImage:
    signal = np.clip(signal, 0, 1)
    if camera.gamma != 1.0:
        signal = np.power(signal, np.float32(camera.gamma))
    return np.float32(camera.lift) + signal * np.float32(1 - camera.lift)


def _jpeg(image: Image, quality: int) -> Image:
    done, data = cv2.imencode(".jpg", image[:, :, ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])
    back = cv2.imdecode(data, cv2.IMREAD_COLOR) if done else None
    if back is None:
        raise RuntimeError("OpenCV was built without JPEG")
    return np.ascontiguousarray(back[:, :, ::-1], dtype=np.uint8)


def _to_8bit(image: CameraImage, camera: CameraSpec) -> Image:
    shift = 4 if camera.pixel_format == "Mono12" else 0
    return np.asarray(image >> shift, np.uint8)
