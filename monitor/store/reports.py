"""Reports in a build's folder. Owns their names and that each is whole or absent; refuses to know what they tell.

<root>/<build>/reports/build-20260718T141503Z.html            a report of the build, made at that time
<root>/<build>/reports/part-0003-20260718T141503Z.pdf         one of its part 3
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from monitor.domain import NotInStore
from monitor.store.disk import disk_errors, make_folder, write_durable
from monitor.store.layout import build_folder

ReportFormat = Literal["html", "pdf"]
_NAME = re.compile(r"(?:build|part-(?P<part>\d{4,6}))-(?P<made>\d{8}T\d{6}Z)\.(?P<format>html|pdf)")


@dataclass(frozen=True, slots=True)
class StoredReport:
    """One report in the store.

    Attributes:
        name: its file's name.
        made: UTC time at which it was made, ISO 8601.
        part: the part that it tells of, None for the whole build.
        format: "html" or "pdf".
        size: bytes.
    """

    name: str
    made: str
    part: int | None
    format: ReportFormat
    size: int


def keep_report(root: Path, build: str, data: bytes, made: str, part: int | None, form: ReportFormat) -> StoredReport:
    """Keep one report, durable on return; one of the same build or part, time and format is replaced.

    Args:
        root: directory of all builds.
        build: id of the build.
        data: the file.
        made: UTC time at which it was made, ISO 8601, kept to the second.
        part: the part that it tells of, None for the whole build.
        form: its format.

    Raises:
        NotInStore: there is no such build.
        StoreFull: no space left.
        StoreError: the disk failed.
    """
    folder = build_folder(root, build) / "reports"
    stamp = datetime.fromisoformat(made).astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")
    name = f"{'build' if part is None else f'part-{part:04d}'}-{stamp}.{form}"
    with disk_errors(f"report {name} of build {build}"):
        make_folder(folder, root)
        write_durable(folder / name, data)
    return _described(folder / name)


def list_reports(root: Path, build: str) -> tuple[StoredReport, ...]:
    """Every report of a build, newest first.

    Raises:
        NotInStore: there is no such build.
    """
    folder = build_folder(root, build) / "reports"
    found = [_described(path) for path in folder.glob("*") if _NAME.fullmatch(path.name)]
    return tuple(sorted(found, key=lambda report: (report.made, report.name), reverse=True))


def read_report(root: Path, build: str, name: str) -> tuple[StoredReport, bytes]:
    """One report and its bytes.

    Raises:
        NotInStore: there is no such build, or no report of this name.
        StoreError: the disk failed.
    """
    folder = build_folder(root, build) / "reports"
    if not _NAME.fullmatch(name) or not (folder / name).is_file():
        raise NotInStore(f"build {build} has no such report", cure="ask for the list of its reports")
    with disk_errors(f"report {name} of build {build}"):
        return _described(folder / name), (folder / name).read_bytes()


def _described(path: Path) -> StoredReport:
    match = _NAME.fullmatch(path.name)
    assert match  # noqa: S101 - only names of this form get here
    made = datetime.strptime(match["made"], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    part = int(match["part"]) if match["part"] else None
    form: ReportFormat = "pdf" if match["format"] == "pdf" else "html"
    return StoredReport(path.name, made.isoformat(timespec="seconds"), part, form, path.stat().st_size)
