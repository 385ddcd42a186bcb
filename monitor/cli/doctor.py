"""`lpbf-monitor doctor`: one line for each thing that the monitor needs, with the cure where it is not well."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from monitor.cli.common import ConfigOption, err, out, settings_of, told
from monitor.cli.finding import Finding
from monitor.cli.machine_checks import check_machine, running
from monitor.cli.support import write_support_bundle
from monitor.config import CameraSettings, Settings
from monitor.domain import MonitorError

LOW_SPACE_BYTES = 10 * 2**30
LEAST_COVERAGE = 0.5
REAL_CAMERAS = ("opencv", "pylon")

JsonOption = Annotated[bool, typer.Option("--json", help="Say it as JSON, for programs.")]
BundleOption = Annotated[
    Path | None,
    typer.Option(
        "--bundle", help="Write a support bundle (ZIP): findings, settings and log without secrets, versions, statuses."
    ),
]


def doctor(config: ConfigOption = None, as_json: JsonOption = False, bundle: BundleOption = None) -> None:
    """Look at devices, models, disk, clock, rights and page; exits with 1 when something is not well."""
    with told():
        settings = settings_of(config)
        findings = list(examine(settings))
        if bundle:
            write_support_bundle(bundle, settings, [finding.plain() for finding in findings])
    if as_json:
        typer.echo(json.dumps([finding.plain() for finding in findings], indent=2, ensure_ascii=False))
    else:
        for finding in findings:
            _tell(finding)
    if bundle:
        err.print(f"support bundle: {bundle}", highlight=False, soft_wrap=True)
    if not all(finding.well for finding in findings):
        raise typer.Exit(1)


def _tell(finding: Finding) -> None:
    sign = "[green]✓[/]" if finding.well else "[red]✗[/]"
    cure = f"\n  → {escape(finding.cure)}" if finding.cure else ""
    out.print(f"{sign} {escape(finding.what)}{cure}", highlight=False, soft_wrap=True)


def examine(settings: Settings) -> Iterator[Finding]:
    """Yield a finding for each thing that the monitor needs."""
    yield from _devices(settings)
    yield from _calibrations(settings)
    yield from _models(settings)
    yield from _cad(settings)
    yield _disk(settings)
    yield _page()
    yield from check_machine(settings)


def _tried(what: str, attempt: Callable[[], str]) -> Finding:
    try:
        return Finding(True, f"{what}: {attempt()}")
    except MonitorError as error:
        return Finding(False, f"{what}: {error.what}", error.cure)


def _devices(settings: Settings) -> Iterator[Finding]:
    """Open each and close it again; where acquisition has them, what it says of them."""
    from monitor.acquire import check_rig
    from monitor.devices import make_rig

    if settings.trigger.device == "recorded":
        yield Finding(True, "devices: recorded, given by `replay`")
        return
    if "acquire" in running(settings):
        yield from _devices_in_use(settings)
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


def _devices_in_use(settings: Settings) -> Iterator[Finding]:
    from monitor.store import read_statuses

    for status in read_statuses(settings.store.root):
        for device in status.devices if status.process == "acquire" else ():
            said = f"{device.name}: {device.state}, held by acquisition"
            cure = device.detail or "look at the device and its cable"
            yield Finding(True, said) if device.state == "ready" else Finding(False, said, cure)


def _calibrations(settings: Settings) -> Iterator[Finding]:
    """A real camera that does not know where the plate is gives pictures, but no products."""
    for camera in settings.cameras:
        if camera.device in REAL_CAMERAS:
            yield _tried_calibration(camera, settings)


def _tried_calibration(camera: CameraSettings, settings: Settings) -> Finding:
    from monitor.devices.calibrated import calibration_of
    from monitor.optics import coverage
    from monitor.store import CalibrationBook

    subject = f"calibration of {camera.name}"
    try:
        newest = CalibrationBook(settings.store.root).newest(camera.name)
        calibration = newest.calibration if newest else calibration_of(camera)
    except MonitorError as error:
        return Finding(False, f"{subject}: {error.what}", error.cure)
    if calibration is None:
        cure = f"calibrate it (`lpbf-monitor calibrate --help`), or give [cameras.corners] for '{camera.name}'"
        return Finding(False, f"{subject}: none", cure)
    if calibration.image_shape != camera.shape:
        said = f"{subject}: holds for pictures of {calibration.image_shape}, the configuration says {camera.shape}"
        return Finding(False, said, "calibrate the camera again, or set its shape as it was calibrated")
    seen = float(coverage(calibration, settings.plate.grid()).mean())
    made = f"number {newest.number}, by {newest.made_of}" if newest else "by four corners"
    said = f"{subject}: {made}; {100 * seen:.0f} % of the plate grid is in the picture"
    cure = "compare cameras.corners and plate.origin_mm with a picture: most of the plate should be in it"
    return Finding(True, said) if seen >= LEAST_COVERAGE else Finding(False, said, cure)


def _models(settings: Settings) -> Iterator[Finding]:
    """The bundles that the worker uses: those that were activated, else the configured ones."""
    from monitor.inference import Bundle, SegmenterModel
    from monitor.store import PURPOSES, ModelBook, Purpose
    from monitor.upscale import Upscaler
    from monitor.worker import directory_of

    book, provider, threads = ModelBook(settings.store.root), settings.upscale.provider, settings.upscale.threads

    def load(purpose: Purpose) -> str:
        active = book.standing(purpose).active
        bundle = Bundle.load(directory_of(settings, book, active, purpose), provider=provider, threads=threads)
        if purpose == "upscale":
            device = Upscaler.load(bundle, settings.upscale).device
        else:
            device = SegmenterModel(bundle, provider, threads).device
        origin = "activated" if active else "as configured"
        return f"{bundle.label}, {origin}, self-test holds, runs on {device}"

    for purpose in PURPOSES:
        yield _tried(purpose, lambda purpose=purpose: load(purpose))  # type: ignore[misc]


def _cad(settings: Settings) -> Iterator[Finding]:
    """CAD files that tell where metal is expected: a wrong unit or place would make every layer an anomaly."""
    from monitor.store.cad import read_cad
    from monitor.volume import open_edges

    grid = settings.plate.grid()
    for one in settings.segment.cad:
        subject = f"CAD {one.path}"
        try:
            mesh = read_cad(one.path, one.at_mm, one.turn_deg)
        except MonitorError as error:
            yield Finding(False, f"CAD: {error.what}", error.cure)
            continue
        low, high = mesh.vertices.min(axis=0), mesh.vertices.max(axis=0)
        first = (grid.origin_mm[0] - grid.mm_per_px / 2, grid.origin_mm[1] - grid.mm_per_px / 2)
        last = (first[0] + grid.size_mm[0], first[1] + grid.size_mm[1])
        said = f"{subject}: {' × '.join(f'{length:.1f}' for length in high - low)} mm, from z = {low[2]:.2f} mm"
        if (low[:2] < first).any() or (high[:2] > last).any():
            yield Finding(False, f"{said}, lies beyond the plate grid", "correct its at_mm, its turn_deg or its unit")
        elif count := open_edges(mesh):
            yield Finding(False, f"{said}, is not closed: {count} open edges", "repair it in the CAD program")
        else:
            yield Finding(True, said)


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
