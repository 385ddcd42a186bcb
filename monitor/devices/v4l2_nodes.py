"""Which device node a webcam has now. Owns USB serial numbers and stable names; refuses to open anything.

Numbers of nodes (/dev/video0) are given in the order in which cameras are found, so they change. What stays: the links
that udev makes in /dev/v4l/by-id and /dev/v4l/by-path, and the USB serial number, which a cheap camera may lack.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

from monitor.domain import DeviceNotFound

SYSFS = Path("/sys/class/video4linux")
LINKS = (Path("/dev/v4l/by-id"), Path("/dev/v4l/by-path"))
USB = "usb:"
"""Before a USB serial number in a camera's source."""


def node_of(camera: str, source: str) -> str:
    """The path to open for a source: that of the USB serial number where it names one, else the source itself.

    Raises:
        DeviceNotFound: no camera has the serial number, or several have.
    """
    if not source.startswith(USB):
        return source
    serial, nodes = source.removeprefix(USB), _nodes()
    found = [node for node, has in nodes.items() if has == serial]
    if len(found) == 1:
        return found[0]
    what = f"webcam '{camera}'"
    if found:
        cure = "use a path of /dev/v4l/by-path, which names the USB port"
        raise DeviceNotFound(f"{what}: {', '.join(found)} have the same serial number {serial}", cure=cure)
    known = ", ".join(f"{node} has {has or 'none'}" for node, has in nodes.items()) or "no video device is connected"
    raise DeviceNotFound(f"{what}: no video device has the USB serial number {serial}", cure=f"connect it; {known}")


def unstable(source: str) -> str:
    """Why a source may be another camera after a restart, in words; "" where it may not."""
    if not re.fullmatch(r"/dev/video\d+", source):
        return ""
    links = (link for folder in LINKS if folder.is_dir() for link in sorted(folder.iterdir()))
    stable = next((str(link) for link in links if os.path.realpath(link) == source), "a path of /dev/v4l/by-id")
    return f"{source} may be another camera after a restart; bind it by {stable}"


def _nodes() -> dict[str, str]:
    """USB serial number of each video device, "" for none, by its node."""
    found = {}
    for entry in sorted(SYSFS.iterdir()) if SYSFS.is_dir() else ():
        if _read(entry / "index") == "0":  # a camera's further nodes give metadata, no pictures
            found[f"/dev/{entry.name}"] = _read((entry / "device").resolve().parent / "serial")
    return found


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8").strip()
    except OSError:
        return ""
