"""Pictures of a layer as files for a browser. Owns size, format and what white means; refuses to know HTTP.

A picture is found by kind: a product ("rectified", "upscaled", "mask", …), "reference", a camera by its role (the first
one of that role) or name, the same with "-recoat" for the fresh powder before the laser, "hr": the first Basler's
frame, seen in the plate grid, or "laser": where the laser was on.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import cv2
import numpy as np
import numpy.typing as npt

from monitor.domain import CameraRole, Frame, NotInStore, StoreError
from monitor.optics import rectify
from monitor.store import ArrayRecord
from monitor.web.library import Build

Format = Literal["png", "jpeg", "webp"]
Array = npt.NDArray[Any]

PRODUCTS = ("rectified", "upscaled", "mask", "probability", "spread", "inconsistency", "trust")
MASKS = ("mask", "reference")
HR, LASER = "hr", "laser"
RECOAT = "-recoat"
GAIN = 4.0
"""Spread and inconsistency are stored as value × 255 × 4: white is a quarter of the grey scale."""
FULL_SCALE = {"probability": 1.0, "spread": 1.0 / GAIN, "inconsistency": 1.0 / GAIN, "trust": 1.0}
MASK_WHITE = 128
_QUALITY = {
    "png": [cv2.IMWRITE_PNG_COMPRESSION, 3],
    "jpeg": [cv2.IMWRITE_JPEG_QUALITY, 92],
    "webp": [cv2.IMWRITE_WEBP_QUALITY, 92],
}
_SUFFIX = {"png": ".png", "jpeg": ".jpg", "webp": ".webp"}


@dataclass(frozen=True, slots=True)
class Picture:
    """One stored picture, not read yet.

    Attributes:
        kind: what it shows.
        digest: "sha256:…" of its pixels.
        shape: (rows, columns) or (rows, columns, 3).
        bits: significant bits per sample.
        read: gives the pixels; raises StoreCorrupt where they are damaged.
    """

    kind: str
    digest: str
    shape: tuple[int, ...]
    bits: int
    read: Callable[[], Array]

    @property
    def in_grid(self) -> bool:
        """Whether it lies in the plate grid."""
        return self.kind in PRODUCTS or self.kind in MASKS or self.kind in (HR, LASER)

    @property
    def default_format(self) -> Format:
        """JPEG for photographs; PNG for what must not be smeared."""
        return "png" if self.kind in MASKS or self.kind in FULL_SCALE or self.kind == LASER else "jpeg"


def pictures(build: Build, index: int) -> dict[str, Picture]:
    """Every picture of one layer, by kind.

    Raises:
        NotInStore: the layer is not committed.
    """
    found = _stored(build, index)
    reference = _reference(build, index)
    return found | ({"reference": reference} if reference else {})


def picture(build: Build, index: int, kind: str) -> Picture:
    """One picture of one layer.

    Raises:
        NotInStore: the layer is not committed, or has no such picture.
    """
    found = _stored(build, index)
    wanted = _reference(build, index) if kind == "reference" else found.get(kind)
    if wanted:
        return wanted
    what = f"layer {index} of build {build.manifest.id} has no picture '{kind[:40]}'{_why(build, index, kind)}"
    raise NotInStore(what, cure=f"pictures there: {', '.join(found) or 'none'}")


def _why(build: Build, index: int, kind: str) -> str:
    """Why a camera gave no frame, where `kind` is a camera's role or name."""
    record = build.reader.record(index)
    gaps, camera = (record.recoat_gaps if kind.endswith(RECOAT) else record.gaps), kind.removesuffix(RECOAT)
    reasons = [gaps[f.name] for f in build.manifest.cameras if camera in (f.name, f.role) and f.name in gaps]
    return f": {reasons[0]}" if reasons else ""


def recoat_gaps(build: Build, index: int) -> dict[str, str]:
    """Why pictures of the fresh powder that were wanted are not there, by kind.

    Raises:
        NotInStore: the layer is not committed.
    """
    gaps = build.reader.record(index).recoat_gaps
    return {f"{kind}{RECOAT}": gaps[name] for name, kind in _kinds(build).items() if name in gaps}


def _stored(build: Build, index: int) -> dict[str, Picture]:
    found = {
        picture.kind: picture
        for picture in (*_frames(build, index), *_straightened(build, index), *_laser(build, index))
    }
    try:
        arrays = build.products.record(index).arrays
    except NotInStore:
        return found
    return found | {kind: _product(build, index, kind, arrays[kind]) for kind in PRODUCTS if kind in arrays}


def _reference(build: Build, index: int) -> Picture | None:
    mask = build.reader.reference(index)
    if mask is None:
        return None
    record = ArrayRecord.of(mask)
    return Picture("reference", record.digest, record.shape, 1, lambda: mask)


def _product(build: Build, index: int, kind: str, record: ArrayRecord) -> Picture:
    return Picture(kind, record.digest, record.shape, 8, lambda: build.products.array(index, kind))


def _frames(build: Build, index: int) -> list[Picture]:
    """The cameras' frames, of the finished layer and of the fresh powder."""
    record = build.reader.record(index)
    found = []
    for name, kind in _kinds(build).items():
        if frame := record.frames.get(name):
            found.append(Picture(kind, frame.array.digest, frame.array.shape, frame.bits, _frame(build, index, name)))
        if frame := record.recoats.get(name):
            read = _frame(build, index, name, recoat=True)
            found.append(Picture(f"{kind}{RECOAT}", frame.array.digest, frame.array.shape, frame.bits, read))
    return found


def _kinds(build: Build) -> dict[str, str]:
    """What each camera's picture is called: after its role where it is the first of that role, else after its name."""
    kinds: dict[str, str] = {}
    for facts in build.manifest.cameras:
        kinds[facts.name] = facts.name if facts.role.value in kinds.values() else facts.role.value
    return kinds


def _straightened(build: Build, index: int) -> list[Picture]:
    """The first Basler's frame in the plate grid, made when it is asked for."""
    record, grid = build.reader.record(index), build.manifest.grid
    facts = next((facts for facts in build.manifest.cameras if facts.role is CameraRole.BASLER), None)
    if facts is None or facts.calibration is None or facts.name not in record.frames:
        return []
    frame, calibration = record.frames[facts.name], facts.calibration
    read = _frame(build, index, facts.name)
    digest = hashlib.sha256(f"{frame.array.digest} {calibration} {grid}".encode()).hexdigest()
    return [Picture(HR, f"sha256:{digest}", grid.shape, 8, lambda: rectify(read(), calibration, grid, frame.bits))]


def _laser(build: Build, index: int) -> list[Picture]:
    """The laser-on map; white is the record's own level, so that layers of a build can be compared by eye."""
    record = build.reader.record(index).laser_map
    if record is None:
        return []

    def read() -> Array:
        found = build.reader.laser_map(index)
        assert found is not None  # noqa: S101 - its record says so
        grey: Array = np.clip(np.rint(found.exposure_us * (255.0 / record.white_us)), 0, 255).astype(np.uint8)
        return grey

    return [Picture(LASER, record.array.digest, record.array.shape, 8, read)]


def _frame(build: Build, index: int, camera: str, *, recoat: bool = False) -> Callable[[], Array]:
    def read() -> Array:
        capture = (build.reader.recoat if recoat else build.reader.capture)(index, camera)
        assert isinstance(capture, Frame)  # noqa: S101 - its record says so
        return capture.image

    return read


def encode(picture: Picture, width: int | None, form: Format) -> bytes:
    """Read, resize and encode one picture.

    Args:
        picture: which.
        width: columns wanted; a picture is never enlarged. None for all of them.
        form: "png", "jpeg" or "webp".

    Returns:
        The file's bytes. A mask becomes white with the mask as alpha (not in JPEG, which has none).

    Raises:
        StoreError: the picture is damaged or cannot be encoded.
    """
    pixels = _eight_bits(picture.read(), picture.bits)
    pixels = _resized(pixels, width)
    if picture.kind in MASKS:
        pixels = _mask(pixels, form)
    elif pixels.ndim == 3:
        pixels = pixels[..., ::-1]
    done, data = cv2.imencode(_SUFFIX[form], np.ascontiguousarray(pixels), _QUALITY[form])
    if not done:
        raise StoreError(f"the picture '{picture.kind}' cannot be encoded as {form}", cure="ask for another format")
    return data.tobytes()


def _eight_bits(pixels: Array, bits: int) -> Array:
    if pixels.dtype == np.bool_:
        return pixels.astype(np.uint8) * 255
    if pixels.dtype == np.uint16:
        return np.right_shift(pixels, max(bits - 8, 0)).astype(np.uint8)
    return pixels


def _resized(pixels: Array, width: int | None) -> Array:
    rows, columns = pixels.shape[:2]
    if width is None or width >= columns:
        return pixels
    size = (width, max(1, round(rows * width / columns)))
    return cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)


def _mask(pixels: Array, form: Format) -> Array:
    alpha = np.where(pixels >= MASK_WHITE, np.uint8(255), np.uint8(0))
    if form == "jpeg":
        return alpha
    white = np.full((*alpha.shape, 4), 255, np.uint8)
    white[..., 3] = alpha
    return white
