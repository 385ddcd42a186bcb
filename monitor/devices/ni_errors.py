"""What NI-DAQmx says, said to the person who must act. Owns error codes and cures; refuses to know how to sample.

Codes are those of NI-DAQmx (nidaqmx.error_codes).
"""

from __future__ import annotations

from monitor.config import TriggerSettings
from monitor.domain import Channel, DeviceError, DeviceLost, DeviceNotFound, DeviceTimeout

TIMEOUT = -200284
OVERRUN = (-200279, -200361)  # the driver's buffer, the module's FIFO
REMOVED = (-201003, -200324, -200045, -50405, -201423, -200220)  # module, device, chassis or its link
RESERVED = (-200022, -50103)
NO_CHANNEL = (-200170,)
NO_DEVICE = (-200220, -201003, -200324)

INSTALL = (
    "install NI-DAQmx on this computer (Ubuntu, RHEL or openSUSE), or set trigger.grpc_address to an NI gRPC Device "
    "Server on one that has it"
)


def missing_client() -> DeviceNotFound:
    """The Python client is not installed."""
    return DeviceNotFound("NI-9223: nidaqmx is not installed", cure="pip install 'lpbf-monitor[hardware]'")


def not_found(error: Exception, settings: TriggerSettings) -> DeviceError:
    """Why opening failed."""
    from nidaqmx.errors import DaqNotFoundError, DaqNotSupportedError, RpcError

    channels = ", ".join(channel.physical for channel in settings.channels)
    if isinstance(error, DaqNotFoundError | DaqNotSupportedError):
        return DeviceNotFound("NI-9223: this computer has no NI-DAQmx driver", cure=INSTALL)
    if isinstance(error, RpcError):
        return DeviceNotFound(
            f"NI-9223: gRPC server {settings.grpc_address}: {_said(error)}",
            cure="start ni_grpc_device_server there with NI-DAQmx enabled, and check trigger.grpc_address and firewall",
        )
    code = getattr(error, "error_code", 0)
    if code in NO_CHANNEL or code in NO_DEVICE:
        return DeviceNotFound(
            f"NI-9223: no such device or channel among {channels} ({code})",
            cure="take the names from NI MAX or `nilsdev` for trigger.channels, and check power and cable",
        )
    if code in RESERVED:
        return in_use(settings, f" ({code})")
    return DeviceNotFound(f"NI-9223: {channels}: {_said(error)}", cure="correct the [trigger] section")


def in_use(settings: TriggerSettings, code: str = "") -> DeviceNotFound:
    """Another application, or another process of this one, has the modules."""
    channels = ", ".join(channel.physical for channel in settings.channels)
    return DeviceNotFound(
        f"NI-9223: {channels}: reserved by another application{code}", cure="close the application that has it"
    )


def no_channel(error: Exception, channel: Channel, settings: TriggerSettings) -> DeviceError:
    """Why one channel could not be added to the task."""
    code = getattr(error, "error_code", 0)
    if code not in NO_CHANNEL and code not in NO_DEVICE:
        return not_found(error, settings)
    return DeviceNotFound(
        f"NI-9223: trigger.channels '{channel.name}': there is no {channel.physical} on the chassis ({code})",
        cure="take its name from NI MAX or `nilsdev` for trigger.channels, and check the module, power and cable",
    )


def lost(error: Exception, settings: TriggerSettings) -> DeviceError:
    """Why reading failed."""
    from nidaqmx.errors import RpcError

    code = getattr(error, "error_code", 0)
    if code == TIMEOUT:
        return DeviceTimeout(f"NI-9223: no samples in time ({code})", cure="check the sample clock and the chassis")
    if code in OVERRUN:
        return DeviceLost(
            f"NI-9223: samples were lost, this computer read too slowly ({code})",
            cure="raise trigger.buffer_s or lower trigger.rate_hz",
        )
    if code in REMOVED:
        return DeviceLost(f"NI-9223: module or chassis went away ({code})", cure="check its power and cable")
    if isinstance(error, RpcError):
        return DeviceLost(
            f"NI-9223: gRPC server {settings.grpc_address}: {_said(error)}", cure="check the server and the network"
        )
    return DeviceLost(f"NI-9223: {_said(error)}", cure="open it again; if it comes back, look into NI MAX")


def _said(error: Exception) -> str:
    return " ".join(str(error).split())
