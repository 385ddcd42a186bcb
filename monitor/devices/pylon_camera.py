"""Finding a Basler camera and setting it up. Owns serial numbers and camera nodes; refuses to know frames.

Node names are those of GenICam's Standard Features Naming Convention; older cameras use ExposureTimeAbs and
TemperatureAbs.
"""

from __future__ import annotations

import threading
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from monitor.config import CameraSettings
from monitor.domain import DeviceNotFound

BUFFERS = 3
THERMOMETERS = ("DeviceTemperature", "TemperatureAbs")


@dataclass(frozen=True, slots=True)
class Found:
    """What the camera says of itself after it was set up; None where it does not tell."""

    model: str
    serial: str
    exposure_us: float | None
    gain_db: float | None


def find_camera(settings: CameraSettings) -> Any:
    """Open the camera of the configured serial number and return its `pylon.InstantCamera`.

    Raises:
        DeviceNotFound: pypylon is not installed, no such camera, several and none named, or another application has it.
    """
    try:
        from pypylon import genicam, pylon
    except ModuleNotFoundError as error:
        raise DeviceNotFound(
            f"Basler camera '{settings.name}': pypylon is not installed", cure="pip install 'lpbf-monitor[hardware]'"
        ) from error
    factory = pylon.TlFactory.GetInstance()
    devices = {info.GetSerialNumber(): info for info in factory.EnumerateDevices()}
    serial = settings.source or (next(iter(devices)) if len(devices) == 1 else "")
    if serial not in devices:
        raise _unknown(settings, list(devices))
    try:
        camera = pylon.InstantCamera(factory.CreateDevice(devices[serial]))
        camera.Open()
    except genicam.GenericException as error:
        raise _closed(settings, serial, str(error)) from error
    return camera


def _unknown(settings: CameraSettings, serials: list[str]) -> DeviceNotFound:
    what = f"Basler camera '{settings.name}'"
    if not serials:
        return DeviceNotFound(f"{what}: no Basler camera is connected", cure="check cable, power and udev rules")
    known = ", ".join(serials)
    if not settings.source:
        return DeviceNotFound(
            f"{what}: {len(serials)} cameras are connected", cure=f"set its source to one of the serial numbers {known}"
        )
    return DeviceNotFound(f"{what}: no camera has the serial number {settings.source}", cure=f"connected: {known}")


def _closed(settings: CameraSettings, serial: str, said: str) -> DeviceNotFound:
    what = f"Basler camera '{settings.name}' ({serial})"
    if "controlled by another application" in said or "exclusively opened" in said:
        return DeviceNotFound(
            f"{what}: is controlled by another application",
            cure="close pylon Viewer and other programs; after a crash unplug the camera for a moment",
        )
    return DeviceNotFound(f"{what}: cannot be opened: {said}", cure="check cable, power and udev rules")


def watch_removal(camera: Any, removed: threading.Event) -> Any:
    """Set an event when the camera is unplugged; asking the camera itself can hang then (pypylon issue 235)."""
    from pypylon import pylon

    class Watch(pylon.ConfigurationEventHandler):  # type: ignore[misc]
        def OnCameraDeviceRemoved(self, _camera: Any) -> None:  # noqa: N802 - pylon's name
            removed.set()

    watch = Watch()
    camera.RegisterConfiguration(watch, pylon.RegistrationMode_Append, pylon.Cleanup_None)
    return watch


def release(camera: Any, watch: Any) -> None:
    """Stop, close and give the camera back; never raises. A handler must outlive its registration, or pylon crashes."""
    from pypylon import genicam

    for step in (
        camera.StopGrabbing,
        camera.Close,
        lambda: camera.DeregisterConfiguration(watch),
        camera.DestroyDevice,
    ):
        with suppress(genicam.GenericException):  # gone already, and closing is all that was wanted
            step()


def configure(camera: Any, settings: CameraSettings) -> Found:
    """Set size, format, exposure, gain and software trigger, and start grabbing.

    Raises:
        DeviceNotFound: the camera has not the configured size, format, exposure or gain.
    """
    from pypylon import genicam, pylon

    try:
        _size(camera, *settings.shape)
        _set(camera, "PixelFormat", settings.pixel_format)
        if settings.exposure_us is not None:
            _set(camera, "ExposureAuto", "Off", needed=False)
            _set(camera, _exposure_node(camera), settings.exposure_us)
        if settings.gain_db is not None:
            _set(camera, "GainAuto", "Off", needed=False)
            _set(camera, "Gain", settings.gain_db)
        for node, value in (("TriggerSelector", "FrameStart"), ("TriggerMode", "On"), ("TriggerSource", "Software")):
            _set(camera, node, value)
        camera.MaxNumBuffer.Value = BUFFERS
        camera.StartGrabbing(pylon.GrabStrategy_OneByOne)
    except genicam.GenericException as error:
        raise DeviceNotFound(
            f"Basler camera '{settings.name}': cannot take its settings: {error}",
            cure=f"correct shape, pixel_format, exposure_us and gain_db of cameras.{settings.name} for this model",
        ) from error
    info = camera.GetDeviceInfo()
    exposure, gain = _value(camera, _exposure_node(camera)), _value(camera, "Gain")
    return Found(info.GetModelName(), info.GetSerialNumber(), exposure, gain)


def temperature_c(camera: Any) -> float | None:
    """What the camera's thermometer says, in °C; None where it has none, or does not tell.

    Only of a camera that has just answered: to ask one that was unplugged can hang.
    """
    from pypylon import genicam

    with suppress(genicam.GenericException):  # the frame at hand is worth more
        return next((value for name in THERMOMETERS if (value := _value(camera, name)) is not None), None)
    return None


def _size(camera: Any, rows: int, cols: int) -> None:
    from pypylon import genicam

    # The emulated sensor's size can be set; a real one's cannot, and need not.
    for name, size in (("WidthMax", cols), ("HeightMax", rows)):
        node = camera.GetNodeMap().GetNode(name)
        if genicam.IsWritable(node):
            node.Value = max(size, node.Min)
    _set(camera, "OffsetX", 0, needed=False)
    _set(camera, "OffsetY", 0, needed=False)
    _set(camera, "Width", cols)
    _set(camera, "Height", rows)


def _exposure_node(camera: Any) -> str:
    from pypylon import genicam

    return "ExposureTime" if genicam.IsImplemented(camera.GetNodeMap().GetNode("ExposureTime")) else "ExposureTimeAbs"


def _set(camera: Any, name: str, value: float | str, *, needed: bool = True) -> None:
    """Write a node; one that is not `needed` is left alone where it cannot be written."""
    from pypylon import genicam

    node = camera.GetNodeMap().GetNode(name)
    if needed or genicam.IsWritable(node):
        getattr(camera, name).Value = value


def _value(camera: Any, name: str) -> float | None:
    from pypylon import genicam

    node = camera.GetNodeMap().GetNode(name)
    return float(node.Value) if genicam.IsReadable(node) else None
