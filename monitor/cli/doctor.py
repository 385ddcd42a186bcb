"""`lpbf-monitor doctor`: one line for each thing that the monitor needs, with the cure where it is not well."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import typer
from rich.markup import escape

from monitor.cli.common import ConfigOption, out, settings_of, told
from monitor.config import Settings
from monitor.domain import MonitorError

LOW_SPACE_BYTES = 10 * 2**30


@dataclass(frozen=True)
class Finding:
    """One thing looked at.

    Attributes:
        well: whether it is as it should be.
        what: what was found.
        cure: what to do, "" when well.
    """

    well: bool
    what: str
    cure: str = ""


def doctor(config: ConfigOption = None) -> None:
    """Look at devices, models, disk and page; exits with 1 when something is not well."""
    with told():
        settings = settings_of(config)
    findings = list(examine(settings))
    for finding in findings:
        sign = "[green]✓[/]" if finding.well else "[red]✗[/]"
        cure = f"\n  → {escape(finding.cure)}" if finding.cure else ""
        out.print(f"{sign} {escape(finding.what)}{cure}", highlight=False, soft_wrap=True)
    if not all(finding.well for finding in findings):
        raise typer.Exit(1)


def examine(settings: Settings) -> Iterator[Finding]:
    """Yield a finding for each thing that the monitor needs."""
    yield from _devices(settings)
    yield from _models(settings)
    yield _disk(settings)
    yield _page()
    yield _port(settings.web.host, settings.web.port)


def _tried(what: str, attempt: Callable[[], str]) -> Finding:
    try:
        return Finding(True, f"{what}: {attempt()}")
    except MonitorError as error:
        return Finding(False, f"{what}: {error.what}", error.cure)


def _devices(settings: Settings) -> Iterator[Finding]:
    from monitor.acquire import check_rig
    from monitor.devices import make_rig

    if settings.trigger.device == "recorded":
        yield Finding(True, "devices: recorded, given by `replay`")
        return
    try:
        rig = make_rig(settings)
    except MonitorError as error:
        yield Finding(False, f"devices: {error.what}", error.cure)
        return
    problems = check_rig(rig)
    names = [rig.trigger.name, *(camera.name for camera in rig.cameras)]
    for name in names:
        problem = problems.get(name)
        yield (
            Finding(False, f"{name}: {problem.what}", problem.cure) if problem else Finding(True, f"{name}: connected")
        )


def _models(settings: Settings) -> Iterator[Finding]:
    from monitor.inference import Bundle, SegmenterModel, default_models_dir, find_bundle
    from monitor.upscale import Upscaler

    models = settings.worker.models or default_models_dir()
    provider, threads = settings.upscale.provider, settings.upscale.threads

    def load(name: str) -> Bundle:
        return Bundle.load(find_bundle(models, name), provider=provider, threads=threads)

    def upscale() -> str:
        bundle = load(settings.upscale.bundle)
        return f"{bundle.label}, self-test holds, runs on {Upscaler.load(bundle, settings.upscale).device}"

    def segment() -> str:
        bundle = load(settings.segment.bundle)
        return f"{bundle.label}, self-test holds, runs on {SegmenterModel(bundle, provider, threads).device}"

    yield _tried("upscale", upscale)
    yield _tried("segment", segment)


def _disk(settings: Settings) -> Finding:
    """Room for the next build, learnt from earlier ones."""
    from monitor.store import forecast_for

    cure = "free space, move store.root, or let store.keep_free_gb thin out old builds"
    try:
        said = forecast_for(settings)
    except MonitorError as error:
        return Finding(False, f"disk: {error.what}", error.cure)
    text = f"disk: {said.words} for {settings.store.root}"
    well = said.enough if said.enough is not None else said.free_bytes > LOW_SPACE_BYTES
    return Finding(True, text) if well else Finding(False, text, cure)


def _page() -> Finding:
    from monitor.web import static_folder

    index = static_folder() / "index.html"
    if index.is_file():
        return Finding(True, "page: built")
    return Finding(False, f"page: {index} is missing", "build it: python deploy/build_page.py, or reinstall")


def _port(host: str, port: int) -> Finding:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            sock.bind((host, port))
        except OSError as error:
            cure = "if the monitor is not running, choose another web.port"
            return Finding(False, f"port: {host}:{port} cannot be used ({error.strerror})", cure)
    return Finding(True, f"port: {host}:{port} is free")
