"""Reading a build, while it grows or afterwards. Owns the way from record to frame; refuses to write anything.

What is not in a record does not exist for a reader, whatever the arrays hold.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from monitor.domain import CameraFacts, Frame, Gap, Image, LaserMap, LayerEnd, Mask, NotInStore, Signal, SignalGap
from monitor.optics import rectify
from monitor.store.layout import RAW, RECOAT, build_folder, commits_in, end_file, manifest_file, record_file, recorded
from monitor.store.records import (
    BuildManifest,
    EndRecord,
    FrameRecord,
    LayerRecord,
    SignalRecord,
    check_index,
    read_record,
)
from monitor.store.references import read_reference, reference_digest, reference_layers
from monitor.store.signals import EXPOSURE, read_part, read_pieces
from monitor.store.stored import StoredArrays

_CURE = "restore the build from a backup; `lpbf-monitor builds verify` lists all damage"


class BuildReader:
    """One build, read by its records. It holds no lock, so any number may read a running build."""

    def __init__(self, folder: Path, manifest: BuildManifest) -> None:
        self.manifest = manifest
        self._folder = folder
        self._arrays = StoredArrays(folder)

    @classmethod
    def open(cls, root: Path, build: str) -> BuildReader:
        """Open a build.

        Raises:
            NotInStore: there is no such build.
            StoreVersion: it was written by a newer version.
            StoreCorrupt: its manifest is damaged.
        """
        folder = build_folder(root, build)
        return cls(folder, read_record(BuildManifest, manifest_file(folder)))

    @property
    def facts(self) -> tuple[CameraFacts, ...]:
        """What the cameras said of themselves."""
        return self.manifest.cameras

    @property
    def ended(self) -> str | None:
        """Why the build ended; None while it runs."""
        try:
            return read_record(EndRecord, end_file(self._folder)).reason
        except NotInStore:
            return None

    def layers(self) -> tuple[int, ...]:
        """Indices of the committed layers, ascending, listed afresh."""
        return recorded(commits_in(self._folder))

    def record(self, index: int) -> LayerRecord:
        """The commit record of one layer.

        Raises:
            NotInStore: the layer is not committed.
            StoreCorrupt: the record is damaged.
        """
        path = record_file(commits_in(self._folder), index)
        if not path.is_file():
            raise NotInStore(
                f"layer {index} of build {self.manifest.id} is not committed",
                cure="ask for one of the committed layers",
            )
        return check_index(read_record(LayerRecord, path), index, path)

    def end(self, index: int) -> LayerEnd:
        """What the trigger said at the end of one layer; errors as in `record`."""
        return self.record(index).end

    def height_mm(self, index: int) -> float:
        """Height of one layer's top above the plate, in mm; errors as in `record`."""
        return self.record(index).height_mm

    def capture(self, index: int, camera: str, *, verify: bool = True) -> Frame | Gap:
        """The frame that a camera took of one layer, or why there is none.

        Args:
            index: the layer.
            camera: name of the camera.
            verify: check the image against its digest.

        Raises:
            NotInStore: the layer is not committed, or the build has no such camera.
            StoreCorrupt: the image is not the one that was committed.
        """
        record = self.record(index)
        if camera in record.gaps:
            return Gap(camera, record.gaps[camera])
        if camera not in record.frames:
            known = ", ".join(facts.name for facts in self.facts)
            raise NotInStore(
                f"build {self.manifest.id} has no camera '{camera}'", cure=f"ask for one of its cameras: {known}"
            )
        what = f"the frame of '{camera}' in layer {index} of build {self.manifest.id}"
        return self._frame(RAW, index, camera, record.frames[camera], what, verify=verify)

    def rectified(self, index: int, facts: CameraFacts) -> Image | None:
        """What a camera saw of one layer, in the plate grid; None without a frame or a calibration of the camera's own.

        Args:
            index: the layer.
            facts: of the camera, from `facts`.

        Raises:
            NotInStore: the layer is not committed, or the build has no such camera.
            StoreCorrupt: the image is not the one that was committed.
            CalibrationError: the calibration is not of a frame of this size.
        """
        capture = self.capture(index, facts.name)
        if isinstance(capture, Gap) or facts.calibration is None:
            return None
        return rectify(capture.image, facts.calibration, self.manifest.grid, bits=capture.bits)

    def recoat(self, index: int, camera: str, *, verify: bool = True) -> Frame | Gap | None:
        """The frame that a camera took of the fresh powder before the layer was melted.

        Arguments and errors as in `capture`.

        Returns:
            The frame, why there is none, or None where none was wanted.
        """
        record = self.record(index)
        if camera in record.recoat_gaps:
            return Gap(camera, record.recoat_gaps[camera])
        if camera not in record.recoats:
            return None
        what = f"the recoat frame of '{camera}' in layer {index} of build {self.manifest.id}"
        return self._frame(RECOAT, index, camera, record.recoats[camera], what, verify=verify)

    def _frame(self, group: str, index: int, camera: str, frame: FrameRecord, what: str, *, verify: bool) -> Frame:
        digest = frame.array.digest if verify else None
        image = self._arrays.read(f"{group}/{camera}", index, digest, what, _CURE)
        return Frame(camera, image, frame.time_s, frame.exposure_us, frame.gain_db, frame.bits, frame.flaw)

    def signal(self, index: int, start: int = 0, stop: int | None = None, *, verify: bool = True) -> Signal | SignalGap:
        """The trigger signal of one layer, or of samples start … stop − 1 of it, or why there is none.

        Raises:
            NotInStore: the layer is not committed.
            StoreCorrupt: the signal is not the one that was committed.
        """
        record = self.record(index)
        if record.signal is None:
            return SignalGap(record.signal_gap)
        stop = record.signal.samples if stop is None else min(stop, record.signal.samples)
        what = self._signal_of(index)
        return read_part(self._folder, index, record.signal, max(0, start), stop, what, _CURE, verify=verify)

    def signal_span(self, index: int) -> SignalRecord | None:
        """What is known of the trigger signal of one layer without reading it; None where there is none."""
        return self.record(index).signal

    def signal_pieces(self, index: int, *, verify: bool = True) -> Iterator[Signal]:
        """The trigger signal of one layer, piece by piece in order of time, so that a long layer needs no memory.

        Nothing where there is none; errors as in `signal`.
        """
        record = self.record(index).signal
        if record is not None:
            yield from read_pieces(self._folder, index, record, self._signal_of(index), _CURE, verify=verify)

    def laser_map(self, index: int, *, verify: bool = True) -> LaserMap | None:
        """Where the laser was commanded on in one layer, in the plate grid; None where it was not recorded.

        Raises:
            NotInStore: the layer is not committed.
            StoreCorrupt: the map is not the one that was committed.
        """
        record = self.record(index).laser_map
        if record is None:
            return None
        what = f"the laser-on map of layer {index} of build {self.manifest.id}"
        exposure = self._arrays.read(EXPOSURE, index, record.array.digest if verify else None, what, _CURE)
        return LaserMap(exposure, record.outside_us, record.unknown_us)

    def reference_digest(self, index: int) -> str:
        """Digest of the mask that the layer should have, "" where there is none.

        Raises:
            StoreCorrupt: its record is damaged.
        """
        return reference_digest(self._folder, index)

    def reference(self, index: int) -> Mask | None:
        """The mask that the layer should have, bool (rows, columns) in the plate grid; None where there is none.

        Raises:
            StoreCorrupt: the stored mask is damaged.
        """
        return read_reference(self._folder, index)

    def _signal_of(self, index: int) -> str:
        return f"the signal of layer {index} of build {self.manifest.id}"

    def references(self) -> tuple[int, ...]:
        """Indices of the layers that have a reference mask, ascending, listed afresh."""
        return reference_layers(self._folder)
