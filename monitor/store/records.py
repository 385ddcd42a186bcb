"""What the small JSON files say. Owns their schema, version and seal; refuses to know where they lie.

Each file holds one JSON object with its format version and a seal: the SHA-256 of everything else in it. A file of a
newer format is refused before anything else is believed of it; a file whose seal does not hold is corrupt.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, ClassVar, Literal, TypeVar

import numpy as np
import numpy.typing as npt
from blake3 import blake3
from pydantic import ConfigDict, TypeAdapter, ValidationError
from pydantic_core import PydanticSerializationError

from monitor import __version__
from monitor.domain import (
    IDENTITY,
    Affine,
    CameraFacts,
    Channel,
    LayerEnd,
    Measure,
    NotInStore,
    PartInLayer,
    PlateGrid,
    ProductState,
    StoreCorrupt,
    StoreError,
    StoreVersion,
    Uptime,
)

FORMAT = 4
"""Version of the layout and of the records. A reader accepts its own and older ones."""

_HASHES: dict[str, Callable[[memoryview], Any]] = {"blake3": blake3, "sha256": hashlib.sha256}
"""Kinds of digests. BLAKE3 is as strong as SHA-256 and takes a quarter of its time, which a commit would spend."""

T = TypeVar("T")
_CLOSED = ConfigDict(extra="forbid")
_adapters: dict[Any, TypeAdapter[Any]] = {}


@dataclass(frozen=True)
class BuildManifest:
    """What a build is, fixed when it starts.

    Attributes:
        id: name of its folder.
        name: the person's name for it.
        created: UTC time of its start, ISO 8601.
        origin: where its layers come from.
        grid: the plate grid of its products.
        layer_height_mm: nominal thickness of a layer, in mm.
        cameras: what the cameras said of themselves.
        source: id of the build that is replayed, "" otherwise.
        config: the settings under which it runs, as plain JSON.
        software: version of this program.
        format: version of the layout.
    """

    id: str
    name: str
    created: str
    origin: Literal["live", "simulated", "replay", "import"]
    grid: PlateGrid
    layer_height_mm: float
    cameras: tuple[CameraFacts, ...]
    source: str = ""
    config: Mapping[str, Any] = field(default_factory=dict)
    software: str = __version__
    format: int = FORMAT
    __pydantic_config__: ClassVar[ConfigDict] = _CLOSED


@dataclass(frozen=True)
class ArrayRecord:
    """One stored array of one layer.

    Attributes:
        shape: its shape, without the layer axis.
        dtype: "uint8", "uint16" or "bool".
        digest: "blake3:" and the hex BLAKE3 of its bytes in C order; "sha256:" in builds of earlier versions.
    """

    shape: tuple[int, ...]
    dtype: str
    digest: str
    __pydantic_config__: ClassVar[ConfigDict] = _CLOSED

    @classmethod
    def of(cls, array: npt.NDArray[Any]) -> ArrayRecord:
        """Describe an array."""
        return cls(tuple(array.shape), str(array.dtype), digest_of(array))


@dataclass(frozen=True)
class FrameRecord:
    """One stored frame: its array, and what `Frame` says of it beside the image."""

    array: ArrayRecord
    time_s: float
    exposure_us: float | None
    gain_db: float | None
    bits: int
    flaw: str = ""
    __pydantic_config__: ClassVar[ConfigDict] = _CLOSED


@dataclass(frozen=True)
class SignalRecord:
    """The stored signal of one layer: what `Signal` says of it beside the codes, and what was found while coding.

    Attributes:
        chunk: samples of each stored chunk; the last one may hold fewer.
        digests: of each chunk's codes.
        invalid: samples per channel that were not a number; each repeats the code before it.
        saturated: samples per channel at the converter's limit.
        error_v: largest difference between the trigger's volts and the codes', in V; near 0 where nothing was lost.
    """

    channels: tuple[Channel, ...]
    samples: int
    rate_hz: float
    time_s: float
    end_s: float
    chunk: int
    digests: tuple[str, ...]
    invalid: tuple[int, ...]
    saturated: tuple[int, ...]
    error_v: float
    decimation: int = 1
    to_plate: Affine = IDENTITY
    __pydantic_config__: ClassVar[ConfigDict] = _CLOSED


@dataclass(frozen=True)
class LaserMapRecord:
    """The stored laser-on map of one layer.

    Attributes:
        array: its laser-on time per pixel, in µs.
        outside_us: laser-on time beside the grid, in µs.
        unknown_us: laser-on time at unknown places, in µs.
        white_us: where a picture of it is white, in µs: a power of two, so that most layers of a build share it.
    """

    array: ArrayRecord
    outside_us: float
    unknown_us: float
    white_us: float
    __pydantic_config__: ClassVar[ConfigDict] = _CLOSED


@dataclass(frozen=True)
class LayerRecord:
    """The commit of one layer. Every camera of the build is in `frames` or in `gaps`.

    Attributes:
        index: the layer.
        height_mm: height of its top above the plate, in mm.
        wall_time: UTC time of the layer end, ISO 8601.
        end: what the trigger said.
        frames: stored frames by camera.
        gaps: reasons of missing frames by camera.
        committed: UTC time of the commit, ISO 8601.
        software: version of the program that wrote it.
        format: version of the layout.
        signal: the stored signal, None where it is missing.
        signal_gap: why it is missing.
        laser_map: the stored laser-on map, None where it is missing.
        laser_map_gap: why it is missing.
        recoats: stored frames of the fresh powder by camera; with `recoat_gaps` empty where they were not wanted.
        recoat_gaps: reasons of those that were wanted and are missing, by camera.
        calibrations: digest of each calibrated camera's calibration; empty where an older version recorded it.
        uptime: when it was committed, by a clock that nobody can set; None where an older version wrote it.
    """

    index: int
    height_mm: float
    wall_time: str
    end: LayerEnd
    frames: Mapping[str, FrameRecord]
    gaps: Mapping[str, str]
    committed: str
    software: str = __version__
    format: int = FORMAT
    signal: SignalRecord | None = None
    signal_gap: str = "recorded by a version that kept no signal"
    laser_map: LaserMapRecord | None = None
    laser_map_gap: str = "recorded by a version that kept no signal"
    recoats: Mapping[str, FrameRecord] = field(default_factory=dict)
    recoat_gaps: Mapping[str, str] = field(default_factory=dict)
    calibrations: Mapping[str, str] = field(default_factory=dict)
    uptime: Uptime | None = None
    __pydantic_config__: ClassVar[ConfigDict] = _CLOSED

    @property
    def ended(self) -> Uptime | None:
        """When the layer ended, by a clock that nobody can set; None where that is not known."""
        if self.uptime is None:
            return None
        try:
            held = datetime.fromisoformat(self.committed) - datetime.fromisoformat(self.wall_time)
        except (ValueError, TypeError):  # an imported build may have no time of day
            return None
        return Uptime(self.uptime.boot, self.uptime.seconds - max(0.0, held.total_seconds()))


@dataclass(frozen=True)
class ReferenceRecord:
    """The commit of one layer's reference mask."""

    index: int
    array: ArrayRecord
    format: int = FORMAT
    __pydantic_config__: ClassVar[ConfigDict] = _CLOSED


@dataclass(frozen=True)
class ProductRecord:
    """The commit of one layer's products: everything of `LayerProduct` but the arrays.

    Attributes:
        arrays: stored arrays by name ("rectified", "mask", ...); none when MISSING.
        plane: digests of the volume plane, finest level first.
        parts, last_part, intervals: see `LayerProduct`; none where an older version made them.
        planes: likewise of the volume's other images, "probability" and "parts"; none where an older version made them.
        recipe: the settings that these products follow from, by section; with frame, bundles and seed they are all that
            is needed to make them again. Empty where an older version made them.
        calibration: digest of the calibration by which the picture was rectified; "" where there is no picture, or an
            older version made them.
        steps, samples: see `LayerProduct`; 0 where nothing is generated, or an older version made them.
        widening: see `LayerProduct`; (1, 0) where nothing is generated, or an older version made them.
        uptime: when they were committed, by a clock that nobody can set; None where an older version wrote them.
    """

    index: int
    state: ProductState
    reason: str
    arrays: Mapping[str, ArrayRecord]
    plane: tuple[str, ...]
    prompts: tuple[tuple[float, float], ...] | None
    measures: tuple[Measure, ...]
    timings_s: Mapping[str, float]
    bundles: Mapping[str, str]
    device: str
    seed: int
    committed: str
    recipe: Mapping[str, Any] = field(default_factory=dict)
    parts: tuple[PartInLayer, ...] = ()
    last_part: int = 0
    intervals: str = ""
    planes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    calibration: str = ""
    steps: int = 0
    samples: int = 0
    widening: tuple[float, float] = (1.0, 0.0)
    uptime: Uptime | None = None
    software: str = __version__
    format: int = FORMAT
    __pydantic_config__: ClassVar[ConfigDict] = _CLOSED


@dataclass(frozen=True)
class EndRecord:
    """The end of a build: when (UTC, ISO 8601) and why."""

    reason: str
    ended: str
    format: int = FORMAT
    __pydantic_config__: ClassVar[ConfigDict] = _CLOSED


def digest_of(array: npt.NDArray[Any], kind: str = "blake3") -> str:
    """Digest of an array's bytes in C order, with its kind in front: "blake3:…" or "sha256:…"."""
    octets = np.ascontiguousarray(array).reshape(-1).view(np.uint8).data
    return f"{kind}:{_HASHES[kind](octets).hexdigest()}"


def has_digest(array: npt.NDArray[Any], digest: str) -> bool:
    """Whether an array is the one whose digest was recorded, by whichever of the known kinds."""
    kind = digest.partition(":")[0]
    return kind in _HASHES and digest_of(array, kind) == digest


def _adapter(kind: Any) -> TypeAdapter[Any]:
    if kind not in _adapters:
        _adapters[kind] = TypeAdapter(kind)
    return _adapters[kind]


def to_json(record: object) -> bytes:
    """Sealed JSON of a record.

    Raises:
        StoreError: a value that JSON cannot hold, such as NaN.
    """
    kind = type(record)
    try:
        data = _adapter(kind).dump_python(record, mode="json", fallback=_plain)
        return (json.dumps(data | {"seal": _seal(data)}, indent=1, ensure_ascii=False) + "\n").encode()
    except (ValueError, PydanticSerializationError) as error:
        raise StoreError(
            f"a {kind.__name__} cannot be written: {error}",
            cure="leave out numbers that are not finite and values that are not plain JSON",
        ) from error


def _plain(value: object) -> object:
    if isinstance(value, np.generic):
        return value.item()
    raise ValueError(f"{value!r} is not plain JSON")


def _seal(data: Mapping[str, Any]) -> str:
    text = json.dumps(data, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


def from_json(kind: type[T], text: bytes, what: str) -> T:
    """Check and read a sealed record; `what` names the file.

    Raises:
        StoreVersion: written by a newer version.
        StoreCorrupt: not JSON, broken seal, or not this kind of record.
    """
    try:
        data = json.loads(text)
        if not isinstance(data, dict):
            raise ValueError("not a JSON object")
        _refuse_newer(data, what)
        if data.pop("seal", None) != _seal(data):
            raise ValueError("its seal does not hold")
        record: T = _adapter(kind).validate_json(json.dumps(data), strict=True)
    except (ValueError, ValidationError) as error:
        raise StoreCorrupt(
            f"{what} is damaged: {str(error).splitlines()[0]}",
            cure="restore this file from a backup; run `lpbf-monitor builds verify` to see what else is damaged",
        ) from error
    return record


def _refuse_newer(data: Mapping[str, Any], what: str) -> None:
    version = data.get("format")
    if isinstance(version, int) and version > FORMAT:
        raise StoreVersion(
            f"{what} has format {version} (written by {data.get('software')}), this program reads up to {FORMAT}",
            cure="update lpbf-monitor to the version that wrote it, or a newer one",
        )


def read_record(kind: type[T], path: Path) -> T:
    """Read one sealed record from a file.

    Raises:
        NotInStore: there is no such file.
        StoreVersion, StoreCorrupt: as in `from_json`.
    """
    try:
        text = path.read_bytes()
    except FileNotFoundError as error:
        raise NotInStore(f"{path} does not exist", cure="ask for a layer that is committed") from error
    return from_json(kind, text, str(path))


Indexed = TypeVar("Indexed", LayerRecord, ProductRecord)


def check_index(record: Indexed, index: int, path: Path) -> Indexed:
    """Refuse a record that lies under the name of another layer.

    Raises:
        StoreCorrupt: it does.
    """
    if record.index != index:
        raise StoreCorrupt(f"{path} is the record of layer {record.index}", cure="restore this file from a backup")
    return record
