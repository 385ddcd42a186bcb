"""The support bundle: what somebody far away needs to help. Owns what goes in, and that no secret does.

Settings are taken as `config show` gives them, which leaves secrets out; nothing of the store's access folder is read;
what looks like a secret goes from every line of the log and every status, and so does what the configuration names.
"""

from __future__ import annotations

import json
import os
import platform
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict
from importlib.metadata import distributions
from pathlib import Path
from typing import Any
from zipfile import ZIP_DEFLATED, ZipFile

from monitor import __version__
from monitor.config import Settings
from monitor.domain import StoreError
from monitor.store import BuildSummary, list_builds, read_statuses

LOG_LINES = 20_000
LEAST_SECRET = 4
"""Shorter values cannot be told from ordinary words."""
_WORDS = "token|password|passwd|secret|authorization|cookie|api[_-]?key|session"
_KEY = re.compile(rf"(?i){_WORDS}")
_NAMED = re.compile(
    rf"""(?ix) ( [\w-]* (?: {_WORDS} ) [\w-]* ["']? \s* [:=] \s* )
    (?: "(?:[^"\\]|\\.)*" | '[^']*' | (?:bearer|basic)\s+\S+ | [^\s,;}}"']+ )"""
)
_BEARER = re.compile(r"(?i)\b(bearer|basic)\s+[\w.~+/=-]{8,}")
_USER_IN_URL = re.compile(r"(\w+://)[^/\s@\"']+@")
_HOOK = re.compile(r"(?i)(https?://[^/\s\"']+)/[^\s\"']*")


def write_support_bundle(path: Path, settings: Settings, findings: Sequence[dict[str, Any]]) -> None:
    """Write the bundle.

    Raises:
        StoreError: the file cannot be written.
    """
    known = _known_secrets(settings)
    try:
        with ZipFile(path, "w", ZIP_DEFLATED) as bundle:
            for name, data in _members(settings, findings).items():
                clean = _clean(data, known)
                text = clean if isinstance(clean, str) else json.dumps(clean, indent=2, ensure_ascii=False)
                bundle.writestr(name, text)
        path.chmod(0o600)
    except OSError as error:
        raise StoreError(f"{path}: cannot be written ({error.strerror})", cure="choose another place") from error


def without_secrets(text: str, known: Sequence[str] = ()) -> str:
    """Text without `known` and without what looks like a secret; web addresses keep their host alone."""
    for secret in known:
        text = text.replace(secret, "…")
    text = _NAMED.sub(r"\1…", text)
    text = _BEARER.sub(r"\1 …", text)
    text = _USER_IN_URL.sub(r"\1…@", text)
    return _HOOK.sub(r"\1/…", text)


def _clean(data: Any, known: Sequence[str]) -> Any:
    """The same structure with each text as `without_secrets` leaves it, and nothing under a secret's name."""
    if isinstance(data, dict):
        return {key: "…" if _hides(key, value) else _clean(value, known) for key, value in data.items()}
    if isinstance(data, (list, tuple)):
        return [_clean(value, known) for value in data]
    return without_secrets(data, known) if isinstance(data, str) else data


def _hides(key: str, value: object) -> bool:
    return isinstance(value, str) and value != "" and _KEY.search(key) is not None


def _members(settings: Settings, findings: Sequence[dict[str, Any]]) -> dict[str, Any]:
    members: dict[str, Any] = {
        "findings.json": list(findings),
        "settings.json": settings.model_dump(mode="json"),
        "versions.json": _versions(),
        "builds.json": [_build(build) for build in list_builds(settings.store.root)],
        "journal.log": _journal(),
    }
    for status in read_statuses(settings.store.root):
        members[f"status/{status.process}.json"] = json.loads(json.dumps(asdict(status), default=str))
    return members


def _build(build: BuildSummary) -> dict[str, Any]:
    return {"id": build.manifest.id, "created": build.manifest.created, "layers": build.layers, "ended": build.ended}


def _versions() -> dict[str, Any]:
    packages = {found.metadata["Name"]: found.version for found in distributions()}
    return {
        "lpbf-monitor": __version__,
        "python": sys.version,
        "system": platform.platform(),
        "processors": os.cpu_count(),
        "packages": dict(sorted(packages.items())),
    }


def _journal() -> str:
    """What systemd kept of the processes; where there is no systemd, their log went to the terminal."""
    if shutil.which("journalctl") is None:
        return "no journal: systemd is not here\n"
    command = ["journalctl", "--no-pager", "-o", "short-iso", "-n", str(LOG_LINES), "-u", "lpbf-monitor-*"]
    done = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False)
    return done.stdout + done.stderr


def _known_secrets(settings: Settings) -> list[str]:
    """Every secret that the configuration names, the longest first; one that cannot be read cannot be told either."""
    ways = (*settings.alarms.webhooks, *settings.alarms.mqtt, *settings.alarms.emails)
    named = [secret for way in ways for name in ("secret", "password") if (secret := getattr(way, name, None))]
    values = [os.environ.get(secret.env, "") for secret in named if secret.env]
    files = [secret.file for secret in named if secret.file]
    for file in filter(None, (*files, settings.plant.opcua.password_file)):
        try:
            values += file.read_text(errors="replace").splitlines()[:1]
        except OSError:
            continue
    found = {value.strip() for value in values}
    return sorted((value for value in found if len(value) >= LEAST_SECRET), key=len, reverse=True)
