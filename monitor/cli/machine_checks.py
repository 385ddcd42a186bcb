"""What the doctor looks at in the computer itself: clock, disk, rights, GPU, processes. Knows no devices and models."""

from __future__ import annotations

import ctypes
import os
import pwd
import socket
import stat
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from monitor.cli.finding import Finding, judged
from monitor.config import Settings
from monitor.store import read_statuses

TIME_ERROR = 5
"""What adjtimex(2) returns while the clock is not synchronised."""
PROBE_BYTES = 32 * 2**20
SLOWEST_MB_S = 25.0
"""A 20-megapixel frame of 12 bits takes 40 MB, and a layer may be as short as ten seconds."""
GROUPS = {"opencv": ("video", "/dev/video*"), "pylon": ("plugdev", "/dev/bus/usb")}
SERVICE_USER = "lpbf-monitor"


def check_machine(settings: Settings) -> Iterator[Finding]:
    """Yield a finding for each thing of the computer that the monitor rests on."""
    yield _clock()
    yield from _rights(settings)
    yield _disk_speed(settings.store.root)
    yield _gpu(settings)
    yield from _ports(settings)


def running(settings: Settings) -> dict[str, int]:
    """Process id of each of the monitor's processes that gave a sign of life lately, by name."""
    found: dict[str, int] = {}
    for status in read_statuses(settings.store.root):
        fresh = status.age_s(datetime.now(UTC)) <= settings.web.stale_after_s
        if fresh and status.state not in ("stopped", "failed"):
            found[status.process] = status.pid
    return found


def _clock() -> Finding:
    """Times of layers are compared with those of the printer and of other machines."""
    state = ctypes.CDLL(None, use_errno=True).adjtimex(ctypes.create_string_buffer(512))
    trouble = "" if 0 <= state < TIME_ERROR else "is not synchronised by NTP"
    cure = "apt-get install chrony (or systemd-timesyncd) and let it reach a time server; `timedatectl` shows the state"
    return judged("clock", trouble, "synchronised", cure)


def _rights(settings: Settings) -> Iterator[Finding]:
    root = settings.store.root
    place = next(folder for folder in (root, *root.parents) if folder.exists())
    user = pwd.getpwuid(os.geteuid()).pw_name
    trouble = "" if os.access(place, os.W_OK | os.X_OK) else f"{user} may not write to {place}"
    fine = f"{user} may write to {root}"
    yield judged("rights", trouble, fine, f"run this as {SERVICE_USER}, or give that user the folder: chown")
    for device, (group, place_of) in GROUPS.items():
        if any(camera.device == device for camera in settings.cameras):
            missing = "" if os.geteuid() == 0 or _member(group) else f"{user} is not in the group {group} ({place_of})"
            yield judged(
                "rights", missing, f"cameras by group {group}", f"usermod -aG {group} {user}, then log in again"
            )
    for file in _secret_files(settings):
        open_to_all = file.is_file() and stat.S_IMODE(file.stat().st_mode) & 0o007
        trouble = f"{file} can be read by everyone" if open_to_all else ""
        yield judged("secret", trouble, f"{file} is kept from others", f"chmod o= {file}")


def _member(group: str) -> bool:
    import grp

    try:
        return grp.getgrnam(group).gr_gid in (*os.getgroups(), os.getegid())
    except KeyError:
        return False


def _secret_files(settings: Settings) -> list[Path]:
    """Files that hold secrets, as the configuration names them."""
    ways = (*settings.alarms.webhooks, *settings.alarms.mqtt, *settings.alarms.emails)
    secrets = [getattr(way, name, None) for way in ways for name in ("secret", "password")]
    files = [secret.file for secret in secrets if secret is not None and secret.file]
    return [*files, *filter(None, (settings.plant.opcua.password_file, settings.plant.opcua.key, settings.web.key))]


def _disk_speed(root: Path) -> Finding:
    """Write and sync as a commit does, and take the file away again."""
    cure = "use a local SSD for store.root: a slow disk delays commits, and layers wait in memory"
    place = next(folder for folder in (root, *root.parents) if folder.exists())
    probe = place / f".doctor-{os.getpid()}"
    data = os.urandom(2**20)
    start = time.perf_counter()
    try:
        with probe.open("wb") as file:
            for _ in range(PROBE_BYTES // len(data)):
                file.write(data)
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        return Finding(
            False, f"disk speed: {place} cannot be written ({error.strerror})", "free space, or see the rights"
        )
    finally:
        probe.unlink(missing_ok=True)
    speed = PROBE_BYTES / 1e6 / (time.perf_counter() - start)
    said = f"{speed:.0f} MB/s, written and synced"
    return judged("disk speed", f"only {said}" if speed < SLOWEST_MB_S else "", said, cure)


def _gpu(settings: Settings) -> Finding:
    """What there is, against what the configuration asks for."""
    cards = [_model(card) for card in sorted(Path("/proc/driver/nvidia/gpus").glob("*/information"))]
    asked = settings.upscale.provider
    there = ", ".join(cards) or "none"
    if asked != "cpu" and not cards:
        return Finding(
            False, f"GPU: none, but upscale.provider = '{asked}'", "install NVIDIA's driver, or set it to 'cpu'"
        )
    if asked == "cpu" and cards:
        cure = "set upscale.provider = 'cuda' (deploy/install --extras gpu)"
        return Finding(False, f"GPU: {there}, but models run on the processor", cure)
    return Finding(True, f"GPU: {there}; models are asked to run on {asked}")


def _model(information: Path) -> str:
    lines = (line.partition(":") for line in information.read_text().splitlines())
    return next((value.strip() for key, _, value in lines if key == "Model"), "unknown NVIDIA card")


def _ports(settings: Settings) -> Iterator[Finding]:
    served = "web" in running(settings)
    yield _port("port", settings.web.host, settings.web.port, "web.port", served=served)
    opcua = settings.plant.opcua
    if opcua.enabled:
        yield _port("OPC UA port", opcua.host, opcua.port, "plant.opcua.port", served=served)


def _port(subject: str, host: str, port: int, key: str, *, served: bool) -> Finding:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            sock.bind((host, port))
        except OSError as error:
            if served:
                return Finding(True, f"{subject}: {host}:{port} is served by the running page")
            cure = f"if the monitor is not running, choose another {key}"
            return Finding(False, f"{subject}: {host}:{port} cannot be used ({error.strerror})", cure)
    return Finding(True, f"{subject}: {host}:{port} is free")
