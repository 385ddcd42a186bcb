"""Calibrations of cameras that a person accepted. Owns their files and which one holds; refuses to make any.

<root>/calibrations/<camera>/000001.json    one sealed record for each that was accepted, never changed
<root>/calibrations/<camera>/000001.png     the picture of its residuals, written before the record

The newest of a camera holds. It is bound to the camera's serial number and picture size: for any other one it is
refused, and nothing else is taken in its place.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import ClassVar

from pydantic import ConfigDict

from monitor import __version__
from monitor.domain import Calibration, CalibrationError, CameraFacts, NotInStore, StoreError
from monitor.store.disk import disk_errors, make_folder, put_file, sync_folder
from monitor.store.layout import calibrations_folder, record_file, recorded
from monitor.store.records import FORMAT, read_record, to_json

_CAMERA = re.compile(r"[a-z][a-z0-9_-]{0,31}")


@dataclass(frozen=True)
class CalibrationRecord:
    """One calibration that was accepted.

    Attributes:
        camera: name of the camera in the configuration.
        number: which one of this camera it is, from 1.
        serial: serial number or stable path of the camera, "" where it has none.
        model: the vendor's model name.
        calibration: where the plate is in its picture.
        digest: of the calibration, as records of products name it.
        made_of: what it was made from, in words.
        by: who accepted it.
        accepted: UTC time, ISO 8601.
    """

    camera: str
    number: int
    serial: str
    model: str
    calibration: Calibration
    digest: str
    made_of: str
    by: str
    accepted: str
    software: str = __version__
    format: int = FORMAT
    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")


class CalibrationBook:
    """All accepted calibrations of a store. Any process may read and add; entries never change.

    Args:
        root: directory of all builds.
    """

    def __init__(self, root: Path) -> None:
        self._root = root

    def versions(self, camera: str) -> tuple[CalibrationRecord, ...]:
        """Every calibration of one camera, oldest first.

        Raises:
            StoreCorrupt: a file is damaged.
        """
        folder = self._folder(camera)
        return tuple(read_record(CalibrationRecord, record_file(folder, number)) for number in recorded(folder))

    def newest(self, camera: str) -> CalibrationRecord | None:
        """The one that holds; None where none was accepted. Errors as in `versions`."""
        folder = self._folder(camera)
        numbers = recorded(folder)
        return read_record(CalibrationRecord, record_file(folder, numbers[-1])) if numbers else None

    def fitting(self, facts: CameraFacts) -> Calibration | None:
        """The calibration of a connected camera: the accepted one, else what the camera or configuration says itself.

        Raises:
            CalibrationError: one was accepted, but for another camera or another size of picture.
            StoreCorrupt: its file is damaged.
        """
        found = self.newest(facts.name)
        if found is None:
            return facts.calibration
        misfit = _misfit(found, facts)
        if misfit:
            raise CalibrationError(
                f"calibration {found.number} of camera '{facts.name}' was made for {misfit}: it is not used",
                cure="connect the camera that was calibrated, or calibrate this one (`lpbf-monitor calibrate --help`)",
            )
        return found.calibration

    def accept(
        self, facts: CameraFacts, calibration: Calibration, picture: bytes, *, made_of: str, by: str
    ) -> CalibrationRecord:
        """Keep a calibration as the one that holds from the next build on; durable on return.

        Args:
            facts: the camera that it was made for.
            calibration: the calibration.
            picture: PNG of its residuals.
            made_of: what it was made from, in words.
            by: who accepts it.

        Raises:
            CalibrationError: it is not of the camera's picture size.
            StoreError: the disk failed, or somebody else accepts one at the same moment.
        """
        if calibration.image_shape != facts.shape[:2]:
            raise CalibrationError(
                f"the calibration holds for pictures of {calibration.image_shape}, camera '{facts.name}' gives "
                f"{facts.shape[:2]}",
                cure="calibrate by a picture of this camera",
            )
        record = CalibrationRecord(
            facts.name, 0, facts.serial, facts.model, calibration, calibration.digest, made_of, by, ""
        )
        return self._keep(record, picture)

    def _keep(self, record: CalibrationRecord, picture: bytes) -> CalibrationRecord:
        """Keep a record under the next number, now."""
        folder, what = self._folder(record.camera), f"calibration of camera '{record.camera}'"
        number = max(recorded(folder), default=0) + 1
        kept = replace(record, number=number, accepted=datetime.now(UTC).isoformat(timespec="milliseconds"))
        with disk_errors(what):
            make_folder(folder, self._root)
            try:
                put_file(_picture_file(folder, number), picture)
                put_file(record_file(folder, number), to_json(kept), exclusive=True)
            except FileExistsError as error:
                raise StoreError(
                    f"{what}: another one was accepted just now", cure="look at it, then try again"
                ) from error
            sync_folder(folder)
        return kept

    def again(self, camera: str, number: int, *, by: str) -> CalibrationRecord:
        """Let an earlier one hold again: the same, kept anew under the next number.

        Raises:
            NotInStore: there is no such calibration.
            StoreError: the disk failed.
        """
        picture = self.picture(camera, number)
        old = read_record(CalibrationRecord, record_file(self._folder(camera), number))
        return self._keep(replace(old, made_of=f"calibration {number} again", by=by), picture)

    def picture(self, camera: str, number: int) -> bytes:
        """PNG of the residuals of one calibration.

        Raises:
            NotInStore: there is none.
        """
        try:
            return _picture_file(self._folder(camera), number).read_bytes()
        except FileNotFoundError as error:
            raise NotInStore(
                f"camera '{camera}' has no calibration {number}", cure="see `lpbf-monitor calibrate list`"
            ) from error

    def _folder(self, camera: str) -> Path:
        if not _CAMERA.fullmatch(camera):
            raise NotInStore(f"'{camera[:40]}' cannot be a camera", cure="use the name that the configuration gives it")
        return calibrations_folder(self._root) / camera


def _misfit(record: CalibrationRecord, facts: CameraFacts) -> str:
    """What it was made for, where that is not this camera; "" where it is."""
    if record.serial != facts.serial:
        return f"serial number '{record.serial}', this camera has '{facts.serial}'"
    if record.calibration.image_shape != facts.shape[:2]:
        return f"pictures of {record.calibration.image_shape} (rows, columns), this camera gives {facts.shape[:2]}"
    return ""


def _picture_file(folder: Path, number: int) -> Path:
    return folder / f"{number:06d}.png"
