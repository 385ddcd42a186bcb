"""The virtual printer: one build on one clock, with its trigger and its cameras. Owns what they share.

Cameras may be asked from different threads at once; the plate that they photograph is rendered once.
"""

from __future__ import annotations

import threading

from monitor.config import Settings
from monitor.devices.simulated.geometry import layer_height, layer_truth
from monitor.devices.simulated.moments import plate_at
from monitor.devices.simulated.plate import Plate
from monitor.devices.simulated.scene import SceneSpec
from monitor.devices.simulated.signals import Signals
from monitor.devices.simulated.timeline import Moment, Phase, Timeline
from monitor.devices.simulated.virtual_camera import VirtualCamera
from monitor.devices.simulated.virtual_trigger import VirtualTrigger
from monitor.domain import Clock, Mask


class VirtualPrinter:
    """A rig whose devices see the same virtual build.

    The build begins when the trigger is opened first. With a clock that runs by itself, a camera exposes at its next
    frame after both `after_s` and now, as a real one does. With `simulation.speed = 0` (a clock that jumps) it
    exposes at its next frame after `after_s`, however far the trigger has been read ahead, so that a run as fast as
    possible sees what a slow one sees.

    Args:
        settings: the whole configuration; its simulated cameras become `cameras`.
        clock: the clock of all times.

    Raises:
        ConfigError: a part cannot be read.
    """

    def __init__(self, settings: Settings, clock: Clock) -> None:
        self._settings = settings
        self._clock = clock
        self._began_s: float | None = None
        self._lock = threading.Lock()
        self._plate_lock = threading.Lock()
        self._plate: tuple[Moment, Plate] | None = None
        self.spec = SceneSpec.from_settings(settings)
        self.timeline = Timeline(self.spec, settings)
        simulation = settings.simulation
        signals = Signals(
            self.timeline, self.spec.grid, simulation.galvo_field_mm, simulation.seed, simulation.fault_rate
        )
        self._trigger = VirtualTrigger(self, signals, settings.trigger.rate_hz)
        self._cameras = tuple(
            VirtualCamera(self, camera, self.spec.camera(camera.name), simulation)
            for camera in settings.cameras
            if camera.device == "simulated"
        )

    @property
    def clock(self) -> Clock:
        """The clock of every time that these devices report."""
        return self._clock

    @property
    def trigger(self) -> VirtualTrigger:
        """The trigger signal."""
        return self._trigger

    @property
    def cameras(self) -> tuple[VirtualCamera, ...]:
        """The simulated cameras, in the order of the configuration."""
        return self._cameras

    @property
    def layers(self) -> int:
        """Number of layers that the build will have."""
        return self.timeline.layers

    def truth(self, index: int) -> Mask:
        """Where metal is in a layer, bool (rows, columns) in the plate grid."""
        return layer_truth(self.spec, index)

    def height_mm(self, index: int) -> float:
        """Height of the top of a layer above the plate."""
        return layer_height(self.spec, index)

    def begin(self) -> float:
        """Start the build if it has not begun; return the clock's time of its time zero."""
        with self._lock:
            if self._began_s is None:
                self._began_s = self._clock.now()
            return self._began_s

    def printer_time(self, time_s: float) -> float:
        """Build time of a time on the clock; before the build begins, time zero."""
        with self._lock:
            return time_s - self._began_s if self._began_s is not None else 0.0

    def plate(self, printer_s: float) -> tuple[int, Plate]:
        """The layer that is on the plate at a build time, and the rendered plate."""
        moment = self.timeline.moment(printer_s)
        still = moment.phase in (Phase.DONE, Phase.BARE)
        key = Moment(moment.index, moment.phase, 0.0) if still else moment
        with self._plate_lock:
            if self._plate is None or self._plate[0] != key:
                path = self.timeline.path(moment.index) if moment.phase is Phase.LASER else None
                self._plate = (key, plate_at(self.spec, moment, path))
            return moment.index, self._plate[1]
