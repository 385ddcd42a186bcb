"""A virtual camera. Owns when a frame is exposed and what the camera says of itself; refuses to draw plates."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from monitor.config import CameraSettings, SimulationSettings
from monitor.devices.simulated.camera import render_camera
from monitor.devices.simulated.raster import rng_for
from monitor.devices.simulated.scene import CameraSpec, SceneSpec
from monitor.domain import Calibration, CameraFacts, CameraRole, DeviceLost, DeviceTimeout, Frame

if TYPE_CHECKING:
    from monitor.devices.simulated.printer import VirtualPrinter

FRAME_S = 1 / 30  # a webcam runs freely
SOFTWARE_TRIGGER_S = 0.002  # a Basler camera exposes when it is told to
READOUT_S = 0.04
EXPOSURE_US = 10_000.0


class VirtualCamera:
    """A camera over the virtual plate.

    With `simulation.fault_rate`, some layers' frames are dropped: the same ones in every run, so that the gap is
    reproducible. With `simulation.knock_layer`, it looks elsewhere from that layer on, and does not know it.
    """

    def __init__(
        self, printer: VirtualPrinter, settings: CameraSettings, spec: CameraSpec, simulation: SimulationSettings
    ) -> None:
        self.name = settings.name
        self._printer = printer
        self._settings = settings
        self._spec = spec
        self._jumps = simulation.speed == 0
        self._fault_rate = simulation.fault_rate
        self._knock = None if simulation.knock_layer is None else (simulation.knock_layer, simulation.knock_px)
        self._open = False

    def open(self) -> CameraFacts:
        """Connect and say what was found; the calibration is exact."""
        self._open = True
        colour = self._spec.pixel_format == "RGB8"
        return CameraFacts(
            name=self.name,
            role=self._spec.role,
            model=f"virtual {self._spec.role}",
            serial=f"virtual-{self.name}",
            shape=(*self._spec.shape, 3) if colour else self._spec.shape,
            dtype="uint16" if self._spec.pixel_format == "Mono12" else "uint8",
            origin="simulated",
            calibration=self._spec.calibration,
        )

    def capture(self, after_s: float, timeout_s: float) -> Frame:
        """Photograph what is on the plate at the first exposure after `after_s`.

        Raises:
            DeviceTimeout: the frame is not due within `timeout_s`, or was dropped.
            DeviceLost: the camera is not open.
        """
        if not self._open:
            raise DeviceLost(f"simulated camera '{self.name}': is not open", cure="open it before capturing")
        clock = self._printer.clock
        now = clock.now()
        exposed = self._exposure_after(after_s if self._jumps else max(after_s, now))
        ready = exposed + READOUT_S
        if ready - now > timeout_s:
            clock.sleep_until(now + timeout_s)
            raise DeviceTimeout(
                f"simulated camera '{self.name}': no frame within {timeout_s} s",
                cure="ask for a frame that begins sooner, or wait longer",
            )
        index, plate = self._printer.plate(self._printer.printer_time(exposed))
        if self._dropped(index):
            clock.sleep_until(now + timeout_s)
            raise DeviceTimeout(
                f"simulated camera '{self.name}': the frame of layer {index} was dropped (simulation.fault_rate)",
                cure="set simulation.fault_rate to 0 for a printer without faults",
            )
        image = render_camera(self._seen_from(index), index, self.name, plate)
        clock.sleep_until(ready)
        bits = 12 if self._spec.pixel_format == "Mono12" else 8
        exposure_us = self._settings.exposure_us or EXPOSURE_US
        return Frame(self.name, image, exposed, exposure_us, self._settings.gain_db or 0.0, bits)

    def close(self) -> None:
        """Release the camera; may be called twice."""
        self._open = False

    def _exposure_after(self, time_s: float) -> float:
        if self._spec.role is CameraRole.BASLER:
            return time_s + SOFTWARE_TRIGGER_S
        frame = math.floor(time_s / FRAME_S) + 1
        while frame * FRAME_S <= time_s:  # the product may round down
            frame += 1
        return frame * FRAME_S

    def _seen_from(self, index: int) -> SceneSpec:
        """The scene with this camera where it looks from at a layer: elsewhere once it was knocked."""
        spec, knock = self._printer.spec, self._knock
        if knock is None or index < knock[0]:
            return spec
        (x, y), matrix = knock[1], self._spec.calibration.matrix
        moved = Calibration.from_matrix(np.array([[1, 0, x], [0, 1, y], [0, 0, 1.0]]) @ matrix, self._spec.shape, "")
        elsewhere = replace(self._spec, plate_to_image=moved.plate_to_image)
        return replace(spec, cameras=tuple(elsewhere if c.name == self.name else c for c in spec.cameras))

    def _dropped(self, index: int) -> bool:
        if not self._fault_rate:
            return False
        name = int.from_bytes(self.name.encode()[:4], "little")
        return bool(rng_for(self._printer.spec.seed, index, name, 80).random() < self._fault_rate)
