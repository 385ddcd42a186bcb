"""What a trigger and a camera are. Owns the protocols that real, simulated and recorded devices implement.

Refuses to know any vendor. Every implementation passes the contract tests in `tests/contracts`.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Protocol, runtime_checkable

from monitor.domain import (
    Affine,
    CameraFacts,
    Channel,
    Clock,
    DeviceError,
    Frame,
    Gap,
    LayerEnd,
    SampleBlock,
    Signal,
    SignalFacts,
)


class Trigger(Protocol):
    """A source of the trigger signal: laser gate first, then all other channels."""

    name: str

    @property
    def facts(self) -> SignalFacts:
        """The channels, in the order of the rows of `SampleBlock.volts`; final once `open` has returned."""
        ...

    @property
    def rate_hz(self) -> float:
        """Samples per second and channel; final once `open` has returned, for a real clock may round it."""
        ...

    def open(self) -> None:
        """Connect and start sampling.

        Raises:
            DeviceNotFound: no driver, no such device or server.
        """
        ...

    def read(self, timeout_s: float) -> SampleBlock | None:
        """Return the next block, gapless after the one before; None when the source has ended for good.

        Raises:
            DeviceTimeout: no samples within `timeout_s`.
            DeviceLost: the device went away or samples were lost; close and open again.
        """
        ...

    def close(self) -> None:
        """Stop and release. Never raises; may be called twice, and from another thread."""
        ...


class Camera(Protocol):
    """A camera that gives one fresh frame on demand."""

    name: str

    def open(self) -> CameraFacts:
        """Connect, fix exposure settings, and say what was found.

        Raises:
            DeviceNotFound: no such camera, or held by another application.
        """
        ...

    def capture(self, after_s: float, timeout_s: float) -> Frame:
        """Return a frame whose exposure began after `after_s` on the device's clock.

        Simulated and recorded cameras show what was on the plate just after `after_s`, so a caller that is late but
        asks for the time of the layer end still gets that layer.

        Raises:
            DeviceTimeout: no fresh frame within `timeout_s`.
            DeviceLost: the camera went away; close and open again.
            BadFrame: incomplete buffer.
            WrongShape: another shape than at `open`; close and open again.
        """
        ...

    def close(self) -> None:
        """Release the camera. Never raises; may be called twice."""
        ...


@runtime_checkable
class WatchedCamera(Camera, Protocol):
    """A camera that can tell between two captures that it went away, so that it is back before the next layer."""

    def trouble(self) -> DeviceError | None:
        """Return at once what happened to the open camera since it was asked last; None while all is well."""
        ...


class Rig(Protocol):
    """All devices of one printer with the clock that they share."""

    @property
    def clock(self) -> Clock:
        """The clock of every time that these devices report."""
        ...

    @property
    def trigger(self) -> Trigger:
        """The trigger signal."""
        ...

    @property
    def cameras(self) -> tuple[Camera, ...]:
        """The cameras, in the order of the configuration."""
        ...

    def height_mm(self, index: int) -> float | None:
        """Height of the top of the build's layer `index` above the plate, in mm; None where the devices cannot tell."""
        ...


@runtime_checkable
class Held(Protocol):
    """A trigger whose signal a person may hold between two layers."""

    def admit(self, stop: threading.Event) -> None:
        """Return when reading may go on; with `stop` at the latest."""
        ...


@runtime_checkable
class Prompt(Protocol):
    """A trigger that can end a block at a wanted moment, so that what happens then is known at once."""

    def expect(self, in_s: float | None) -> None:
        """Let the next block end so long after the last sample read, if that is sooner than usual; None as usual."""
        ...


class SignalSpan(Protocol):
    """What is known of the recorded signal of one layer without reading it; as `Signal` says."""

    @property
    def channels(self) -> tuple[Channel, ...]:
        """Names and scales; the gate first."""
        ...

    @property
    def samples(self) -> int:
        """Per channel."""
        ...

    @property
    def rate_hz(self) -> float:
        """Samples per second and channel."""
        ...

    @property
    def time_s(self) -> float:
        """Monotonic time of the first sample."""
        ...

    @property
    def end_s(self) -> float:
        """Monotonic time just after the last."""
        ...

    @property
    def decimation(self) -> int:
        """Samples of the trigger that became one."""
        ...

    @property
    def to_plate(self) -> Affine:
        """From the mirrors' mm to plate mm."""
        ...


class Recording(Protocol):
    """A recorded build, as replay needs it. Errors are those of whoever keeps it."""

    @property
    def facts(self) -> tuple[CameraFacts, ...]:
        """What the cameras said of themselves."""
        ...

    def layers(self) -> tuple[int, ...]:
        """Indices of the recorded layers, ascending."""
        ...

    def end(self, index: int) -> LayerEnd:
        """What the trigger said at the end of one layer."""
        ...

    def height_mm(self, index: int) -> float:
        """Height of one layer's top above the plate, in mm."""
        ...

    def capture(self, index: int, camera: str) -> Frame | Gap:
        """The frame that a camera took of one layer, or why there is none."""
        ...

    def signal_span(self, index: int) -> SignalSpan | None:
        """What is known of the recorded signal of one layer; None where there is none."""
        ...

    def signal_pieces(self, index: int) -> Iterator[Signal]:
        """That signal, piece by piece in order of time."""
        ...
