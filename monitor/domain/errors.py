"""The error tree. Owns how a failure is said; refuses to know how it is handled.

MonitorError                 every error that a person must act on
├── ConfigError              a value in the configuration file
├── CalibrationError         a camera's view that does not fit the plate
├── DeviceError              a camera or trigger device
│   ├── DeviceNotFound       not there, no driver, wrong serial number
│   ├── DeviceTimeout        there, but gave nothing in time
│   ├── DeviceLost           was there, went away
│   └── BadFrame             gave a frame that cannot be used
│       └── WrongShape       of another size than configured: its settings are not ours any more
├── StoreError               a build on disk
│   ├── StoreLocked          another writer holds it
│   ├── StoreVersion         written by a newer version
│   ├── StoreCorrupt         a digest or a record does not hold
│   ├── StoreFull            no space left
│   ├── NotInStore           no such build, layer or alarm
│   └── AlarmClosed          an alarm that nothing can be done to any more
├── BundleError              a model bundle
├── ReportError              a report, or its PDF
└── ImportDataError          a folder of recorded images
"""

from __future__ import annotations


class MonitorError(Exception):
    """An error for the person who must act.

    Attributes:
        what: what failed, naming the device, file or key.
        cure: what to do about it, as an imperative sentence.
    """

    def __init__(self, what: str, *, cure: str) -> None:
        super().__init__(f"{what}\n  → {cure}")
        self.what = what
        self.cure = cure

    def __reduce__(self) -> tuple[object, ...]:
        """Keep `what` and `cure` when the error crosses a process border."""
        return _rebuild, (type(self), self.what, self.cure)


def _rebuild(kind: type[MonitorError], what: str, cure: str) -> MonitorError:
    return kind(what, cure=cure)


class ConfigError(MonitorError):
    """A value in the configuration file cannot be used."""


class CalibrationError(MonitorError):
    """A camera's calibration is missing or does not fit its frames."""


class DeviceError(MonitorError):
    """A camera or trigger device failed."""


class DeviceNotFound(DeviceError):  # noqa: N818 - the field's word, read as a sentence
    """The device is not there, its driver is missing, or its identity is another."""


class DeviceTimeout(DeviceError):  # noqa: N818
    """The device is there but gave nothing in time."""


class DeviceLost(DeviceError):  # noqa: N818
    """The device was there and went away."""


class BadFrame(DeviceError):  # noqa: N818
    """The camera gave a frame that cannot be used (shape, incomplete buffer)."""


class WrongShape(BadFrame):
    """The camera gives frames of another shape than at `open`; they stay so until it is opened again."""


class StoreError(MonitorError):
    """A build on disk cannot be written or read."""


class StoreLocked(StoreError):  # noqa: N818
    """Another process writes this build."""


class StoreVersion(StoreError):  # noqa: N818
    """The build was written by a newer version of this program."""


class StoreCorrupt(StoreError):  # noqa: N818
    """A digest or a record in the build does not hold."""


class StoreFull(StoreError):  # noqa: N818
    """The disk is full; what was committed is kept."""


class NotInStore(StoreError):  # noqa: N818
    """No such build, layer or product."""


class AlarmClosed(StoreError):  # noqa: N818
    """The alarm is acknowledged or closed already."""


class BundleError(MonitorError):
    """A model bundle does not match its manifest or cannot run."""


class ImportDataError(MonitorError):
    """A folder of recorded images cannot be imported."""


class ReportError(MonitorError):
    """A report cannot be made or kept."""
