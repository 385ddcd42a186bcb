"""Layer images of endless variety with their exact masks. Owns the training backgrounds; refuses to be realistic.

The virtual printer resembles one machine. A segmenter must not depend on one machine's look, so these layers vary
everything: sign and strength of the contrast, texture, stripes that fade inside a part, halos, edges that glint,
illumination with steps, walls and the plate's end, shining earlier layers, supports, spatter, glare, blur, noise and
compression. Powder and metal may take their texture from pictures of real ones; nothing else in them was measured on a
real machine.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt
from scipy.special import expit

from monitor.learn.promptable.shapes import draw_parts

Field = npt.NDArray[np.float32]
Rng = np.random.Generator


@dataclass(frozen=True, slots=True)
class Texture:
    """Grey of a real surface around 1: float32 (rows, columns)."""

    field: Field

    @classmethod
    def of(cls, image: npt.NDArray[np.uint8]) -> Texture:
        """From a picture that shows nothing else."""
        grey = image.astype(np.float32)
        return cls(grey / max(1.0, float(grey.mean())))

    def over(self, rng: Rng, size: int) -> Field:
        """A field (size, size): magnified by chance, turned, continued by reflection."""
        ratio = _log(rng, 0.6, 1.8)
        larger = cv2.resize(self.field, None, fx=ratio, fy=ratio, interpolation=cv2.INTER_LINEAR)
        larger = np.rot90(larger, int(rng.integers(4)))
        rows, columns = (_wave(edge, size, int(rng.integers(2 * edge))) for edge in larger.shape)
        field = larger[rows][:, columns]
        return np.asarray(1.0 + (field - 1.0) * rng.uniform(0.5, 1.2), dtype=np.float32)


@dataclass(frozen=True)
class Textures:
    """Textures of real powder and metal; either may be none."""

    powder: Sequence[Texture] = ()
    metal: Sequence[Texture] = ()


def _wave(edge: int, size: int, start: int) -> npt.NDArray[np.intp]:
    """Indices that run to and fro over `edge` pixels."""
    turn = (np.arange(size) + start) % (2 * edge)
    return np.where(turn < edge, turn, 2 * edge - 1 - turn)


def random_layer(
    seed: int, size: int = 1024, *, empty: bool = False, textures: Textures | None = None, texture_share: float = 0.0
) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.bool_]]:
    """Draw one layer.

    Args:
        seed: of everything in it.
        size: edge in pixels.
        empty: without metal; without being asked some are.
        textures: of real surfaces.
        texture_share: probability that they are taken.

    Returns:
        uint8 image (size, size) and the mask of what is metal.
    """
    rng = np.random.default_rng((seed, 77))
    parts, _ = draw_parts(rng, size)
    if rng.random() < 0.06 or empty:
        parts[:] = 0
    beyond = _beyond_plate(rng, size) if rng.random() < 0.2 else np.zeros((size, size), np.float32)
    parts[np.isin(parts, parts[beyond > 0.01])] = 0
    mask = parts > 0
    scene, contrast = _powder(rng, size), _contrast(rng)
    grain = 1.0 + _log(rng, 0.01, 0.25) * noise(rng, size, _log(rng, 1, 4))
    if textures and rng.random() < texture_share:
        if textures.powder:
            scene = np.maximum(textures.powder[int(rng.integers(len(textures.powder)))].over(rng, size), 0.05)
        if textures.metal and rng.random() < 0.7:
            grain = textures.metal[int(rng.integers(len(textures.metal)))].over(rng, size)
        if rng.random() < 0.5:
            contrast *= rng.uniform(0.4, 1.0)  # real metal can be faint against real powder
    scene *= 1.0 + _earlier_layers(rng, size, contrast)
    scene = _melt(rng, scene, parts, contrast, grain)
    if rng.random() < 0.25:
        scene += _glints(rng, parts)
    if beyond.any():
        scene = scene * (1.0 - beyond) + _floor(rng, size) * beyond
    scene *= _light(rng, size)
    scene = _surroundings(rng, scene, mask)
    return _camera(rng, scene), mask


def noise(rng: Rng, size: int, scale: float) -> Field:
    """Smooth noise of unit spread whose blobs are about `scale` pixels wide."""
    small = max(4, int(np.ceil(size / max(1.0, scale))))
    field = rng.standard_normal((small, small), dtype=np.float32)
    if small == size:
        return field
    larger = cv2.resize(field, (size, size), interpolation=cv2.INTER_CUBIC)
    return np.asarray(larger / (larger.std() + 1e-6), dtype=np.float32)


def _log(rng: Rng, low: float, high: float) -> float:
    return float(np.exp(rng.uniform(np.log(low), np.log(high))))


def _powder(rng: Rng, size: int) -> Field:
    """Powder around 1: grain at several scales, streaks of the recoater."""
    field = 1.0 + _log(rng, 0.005, 0.12) * noise(rng, size, 1.0)
    if rng.random() < 0.7:
        field += _log(rng, 0.005, 0.10) * noise(rng, size, _log(rng, 2, 8))
    if rng.random() < 0.6:
        field += _log(rng, 0.005, 0.06) * noise(rng, size, _log(rng, 10, 60))
    if rng.random() < 0.35:
        streaks = noise(rng, size, _log(rng, 1, 12))[:1].repeat(size, 0) * _log(rng, 0.004, 0.05)
        field += streaks if rng.random() < 0.5 else streaks.T
    return np.asarray(np.maximum(field, 0.05), dtype=np.float32)


def _contrast(rng: Rng) -> float:
    """Relative brightness of metal against powder: dark or bright, faint to strong."""
    return -_log(rng, 0.10, 0.7) if rng.random() < 0.5 else _log(rng, 0.12, 3.5)


def _earlier_layers(rng: Rng, size: int, contrast: float) -> Field:
    """Traces that are not metal of this layer: shapes that shine through, and areas of rougher texture."""
    field = np.zeros((size, size), np.float32)
    if rng.random() < 0.45:
        return field
    for _ in range(int(rng.integers(1, 3))):
        drawn = (draw_parts(rng, size)[0] > 0).astype(np.float32)
        ghost = np.asarray(cv2.GaussianBlur(drawn, (0, 0), _log(rng, 0.7, 6)), dtype=np.float32)
        if rng.random() < 0.5:
            field += ghost * (abs(contrast) * rng.uniform(-0.3, 0.3))
        elif rng.random() < 0.5:  # supports: a lattice under the powder, faint beside metal
            lattice = noise(rng, size, _log(rng, 1, 3)) * 0.5 - 1.0
            field += ghost * lattice * np.sign(contrast) * min(0.15, abs(contrast) * rng.uniform(0.03, 0.3))
        else:
            field += ghost * noise(rng, size, _log(rng, 1, 4)) * min(0.15, abs(contrast) * rng.uniform(0.05, 0.35))
    return field


def _melt(rng: Rng, scene: Field, parts: npt.NDArray[np.uint8], contrast: float, grain: Field) -> Field:
    """Replace powder by metal: a tone for each part, texture, stripes, rim, halo outside, specular points."""
    size = scene.shape[0]
    tone = np.ones(256, np.float32) * contrast
    tone += contrast * rng.uniform(0, 0.5) * rng.uniform(-0.6, 0.6, 256).astype(np.float32)
    if rng.random() < 0.03:
        tone[rng.random(256) < 0.3] *= -0.8
    metal = (1.0 + tone[parts] * _inside(rng, parts, size)) * grain
    soft = cv2.GaussianBlur(_shining(rng, parts), (0, 0), _log(rng, 0.3, 1.2))
    if rng.random() < 0.5:
        scene = scene * (1.0 + _halo(rng, parts, contrast))
    out = scene * (1.0 - soft) + np.maximum(metal, 0.02) * soft
    return _sparkle(rng, out, parts)


def _depth(where: npt.NDArray[np.bool_]) -> Field:
    """Distance in pixels to the nearest pixel outside; at most the picture's edge where there is none."""
    depth = cv2.distanceTransform(where.astype(np.uint8), cv2.DIST_L2, 3)
    return np.asarray(np.minimum(depth, where.shape[0]), np.float32)


def _shining(rng: Rng, parts: npt.NDArray[np.uint8]) -> Field:
    """Share of each pixel that has metal's tone: often the outermost melt slopes away and shows as powder does.

    In slm-5472, whose masks have a licence, nominal edges lie 0.3 mm outside of the steepest grey on all sides.
    """
    metal = (parts > 0).astype(np.uint8)
    if rng.random() < 0.25:
        return metal.astype(np.float32)
    depth = cv2.distanceTransform(metal, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    return np.asarray(np.clip(depth - rng.uniform(0.2, 1.2), 0.0, 1.0), dtype=np.float32)


def _inside(rng: Rng, parts: npt.NDArray[np.uint8], size: int) -> Field:
    """Strength of the contrast inside parts: hatch, stripes or islands that may fade, a fading or a clearer rim."""
    strength = np.ones((size, size), np.float32)
    if rng.random() < 0.5:
        strength += _log(rng, 0.03, 0.3) * _waves(rng, size, _log(rng, 2.5, 9))
    if rng.random() < 0.4:
        fade = (_waves(rng, size, _log(rng, 12, 90)) > rng.uniform(-0.6, 0.6)).astype(np.float32)
        strength *= 1.0 - rng.uniform(0.1, 0.9) * fade
    if rng.random() < 0.4:  # spots that are as dark as powder or darker, also at the edge
        strength *= 1.0 - rng.uniform(0.1, 1.2) * (noise(rng, size, _log(rng, 2, 30)) > rng.uniform(0.2, 1.5))
    depth = _depth(parts > 0)
    if rng.random() < 0.5:  # the melt's edge is round and sends the light elsewhere: metal begins before its tone does
        strength *= 1.0 - rng.uniform(0.2, 1.0) * np.exp(-depth / _log(rng, 0.5, 3.0))
    if rng.random() < 0.3:
        strength = np.where(depth < _log(rng, 1, 4), np.maximum(strength, 1.0) * rng.uniform(0.8, 1.4), strength)
    return np.asarray(strength, dtype=np.float32)


def _waves(rng: Rng, size: int, period: float) -> Field:
    angle, phase = rng.uniform(0, np.pi), rng.uniform(0, 2 * np.pi)
    u = np.arange(size, dtype=np.float32) * (2 * np.pi / period)
    return np.sin(u[None, :] * np.float32(np.cos(angle)) + u[:, None] * np.float32(np.sin(angle)) + np.float32(phase))


def _halo(rng: Rng, parts: npt.NDArray[np.uint8], contrast: float) -> Field:
    """The denuded band around parts, brighter or darker than the powder, and soot further out."""
    far = _depth(parts == 0)
    band = np.exp(-((far / _log(rng, 1.5, 10)) ** 2)) * rng.uniform(-0.6, 0.3) * contrast
    wide = np.exp(-far / _log(rng, 10, 120)) * rng.uniform(-0.05, 0.25) * contrast
    return np.asarray(np.clip(band + wide, -0.5, 0.5), dtype=np.float32)


def _sparkle(rng: Rng, scene: Field, parts: npt.NDArray[np.uint8]) -> Field:
    """Specular points on metal, spatter on powder."""
    size = scene.shape[0]
    for where, chance, signs in ((parts > 0, 0.6, (1,)), (parts == 0, 0.5, (1, -1))):
        if rng.random() > chance:
            continue
        seeds = (rng.random((size, size), dtype=np.float32) < _log(rng, 1e-5, 8e-3)) & where
        blurred = cv2.GaussianBlur(seeds.astype(np.float32), (0, 0), _log(rng, 0.4, 1.6))
        dots = np.asarray(blurred / (blurred.max() + 1e-6), dtype=np.float32)
        scene = scene + dots * rng.choice(signs) * _log(rng, 0.1, 2.0)
    return np.maximum(scene, 0.0)


def _glints(rng: Rng, parts: npt.NDArray[np.uint8]) -> Field:
    """White bands along the edges that slope towards a lamp, broken, as wide as a raised edge is."""
    size, metal = parts.shape[0], (parts > 0).astype(np.uint8)
    width = _log(rng, 0.8, 6.0)
    soft = cv2.GaussianBlur(metal.astype(np.float32), (0, 0), max(1.0, width))
    across, down = (cv2.Sobel(soft, cv2.CV_32F, *order, ksize=3) for order in ((1, 0), (0, 1)))
    angle, length = rng.uniform(0, 2 * np.pi), np.hypot(across, down) + np.float32(1e-6)
    facing = np.clip(-(across * np.cos(angle) + down * np.sin(angle)) / length, 0.0, 1.0) ** _log(rng, 1, 12)
    depth = _depth(metal > 0)
    broken = noise(rng, size, _log(rng, 1.5, 8)) > rng.uniform(-2.0, 0.5)
    band = facing * np.exp(-((depth / width) ** 2)) * broken * metal
    return np.asarray(cv2.GaussianBlur(band.astype(np.float32), (0, 0), 0.6) * _log(rng, 0.5, 4.0), np.float32)


def _beyond_plate(rng: Rng, size: int) -> Field:
    """Share of each pixel that lies beyond the round or nearly straight end of the plate."""
    y, x = np.mgrid[:size, :size].astype(np.float32)
    radius, angle = _log(rng, 0.45, 4.0) * size, rng.uniform(0, 2 * np.pi)
    reach = rng.uniform(0.2, 0.48) * size  # from the picture's middle to the plate's end
    middle = size / 2 + (reach - radius) * np.array([np.cos(angle), np.sin(angle)])
    outside = np.hypot(x - np.float32(middle[0]), y - np.float32(middle[1])) - radius
    return np.asarray(expit(outside / _log(rng, 0.5, 6.0)), np.float32)


def _floor(rng: Rng, size: int) -> Field:
    """What the plate stands on: of another grey, stained and scratched, without metal of this build."""
    floor = 1.0 + _log(rng, 0.01, 0.3) * noise(rng, size, _log(rng, 1, 40))
    for _ in range(int(rng.integers(0, 25))):
        line = np.cumsum(rng.normal(0, 0.02 * size, (int(rng.integers(2, 8)), 2)), axis=0) + rng.uniform(0, size, 2)
        grey = rng.uniform(0.1, 0.8) if rng.random() < 0.5 else rng.uniform(1.2, 3.5)
        cv2.polylines(floor, [line.astype(np.int32)], False, float(grey), int(rng.integers(1, 4)))
    return np.asarray(_log(rng, 0.2, 2.0) * np.maximum(floor, 0.02), np.float32)


def _light(rng: Rng, size: int) -> Field:
    """Illumination: slopes, blobs, lamps and plates with steps, glare."""
    light = np.exp(_log(rng, 0.01, 0.6) * noise(rng, size, size * rng.uniform(0.3, 0.8)))
    for _ in range(int(rng.integers(0, 5))):
        shape = np.zeros((size, size), np.uint8)
        corners = rng.uniform(-0.2, 1.2, (2, 2)) * size
        if rng.random() < 0.6:
            cv2.rectangle(shape, tuple(corners[0].astype(int)), tuple(corners[1].astype(int)), 1, -1)
        else:
            axes = np.maximum(3, np.abs(corners[1]) * 0.6).astype(int)
            cv2.ellipse(shape, tuple(corners[0].astype(int)), tuple(axes), rng.uniform(0, 180), 0, 360, 1, -1)
        if rng.random() < 0.25:  # the shadow of a lamp's frame: deep, but its edge is never as sharp as a part's
            edge = cv2.GaussianBlur(shape.astype(np.float32), (0, 0), _log(rng, 2.5, 25))
            light *= 1.0 - rng.uniform(0.2, 0.75) * edge
        else:
            edge = cv2.GaussianBlur(shape.astype(np.float32), (0, 0), _log(rng, 0.8, 25))
            light *= 1.0 + rng.uniform(-0.2, 0.2) * edge
    if rng.random() < 0.12:
        y, x = np.mgrid[:size, :size].astype(np.float32)
        at, reach = rng.uniform(0, size, 2), _log(rng, 0.03, 0.3) * size
        light += rng.uniform(0.3, 2.0) * np.exp(-((x - at[0]) ** 2 + (y - at[1]) ** 2) / (2 * reach**2))
    return np.asarray(light, dtype=np.float32)


def _surroundings(rng: Rng, scene: Field, mask: npt.NDArray[np.bool_]) -> Field:
    """Chamber walls and the plate's border: strips along image edges that are not metal, where no part is."""
    for side in range(4):
        if rng.random() > 0.22:
            continue
        view, free = np.rot90(scene, side), np.rot90(~mask, side)
        width = int(_log(rng, 4, 0.12 * scene.shape[0]))
        lean = rng.uniform(-0.06, 0.06) * np.arange(view.shape[0])
        strip = np.arange(view.shape[1])[None, :] < (width + lean - lean.min())[:, None]
        strip &= np.logical_and.accumulate(free, axis=1)
        level = _log(rng, 0.1, 0.8) if rng.random() < 0.75 else _log(rng, 1.2, 2.2)
        soft = cv2.GaussianBlur(strip.astype(np.float32), (0, 0), _log(rng, 0.7, 5))
        view *= 1.0 + soft * (level - 1.0)
    return scene


def _camera(rng: Rng, scene: Field) -> npt.NDArray[np.uint8]:
    """Blur, exposure, gamma, noise, eight bits and sometimes JPEG."""
    if rng.random() < 0.8:
        scene = np.asarray(cv2.GaussianBlur(scene, (0, 0), _log(rng, 0.3, 3.0)), dtype=np.float32)
    level = _log(rng, 0.12, 0.7)
    grey = 255.0 * np.clip(level * scene, 0.0, 1.5) ** _log(rng, 0.6, 1.5)
    grey += _log(rng, 0.3, 7.0) * rng.standard_normal(grey.shape, dtype=np.float32)
    image = np.clip(np.rint(grey), 0, 255).astype(np.uint8)
    if rng.random() < 0.4:
        coded = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(35, 96))])[1]
        image = cv2.imdecode(coded, cv2.IMREAD_GRAYSCALE)
    return np.asarray(image, dtype=np.uint8)
