"""What `compare` found, for people and programs. Owns the CSV, the Markdown and the pictures; refuses to measure."""

from __future__ import annotations

import csv
import platform
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from monitor.learn.calibrating import LEVELS
from monitor.learn.comparing import Case, Compared
from monitor.learn.measuring import NCVD_PX, POWDER_PX
from monitor.learn.pictures import write_grid

COLUMNS = {
    "mae": "MAE",
    "psnr": "PSNR, dB",
    "ssim": "SSIM",
    "cvd": "CVD",
    "ncvd": "nCVD",
    "powder_db": "powder spectrum, dB",
    "powder_grain": "powder grain / HR",
    "powder_skew": "Δ skewness",
    "powder_kurtosis": "Δ kurtosis",
    "seconds": "s a sample",
    "core_seconds": "core-s",
    "plates": "layers",
}
_NOTES = f"""
Means over layers; grey values in [0, 1], peak 1 for PSNR. nCVD: covariances about HR's means in units of HR's
deviations, divided by HR's norm, mean over patches of {NCVD_PX} px; CVD the same, raw. The powder columns are of
patches of {POWDER_PX} px without metal, where a mask tells: distance of the log spectra, variance of the grain as a
multiple of HR's (1 is best), and how far skewness and excess kurtosis of the grain are from HR's. Times are wall time
and CPU time of one sample of one layer, on a machine that other work may share.
"""
SHOWN_PX = 256


def write_comparison(found: Sequence[Compared], cases: Sequence[Case], out: Path) -> Path:
    """Write `comparison.csv`, `comparison.md` and `pictures.png` into a directory, and return the Markdown's path."""
    out.mkdir(parents=True, exist_ok=True)
    with (out / "comparison.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["source", "method", *COLUMNS])
        for source in _sources(cases):
            for method in found:
                row = method.means().get(source)
                if row:
                    writer.writerow([source, method.name, *(row.get(name, "") for name in COLUMNS)])
    _calibration_csv(found, out / "calibration.csv")
    _pictures(found, cases, out / "pictures.png")
    path = out / "comparison.md"
    path.write_text(markdown(found, cases), encoding="utf-8")
    return path


def markdown(found: Sequence[Compared], cases: Sequence[Case]) -> str:
    """The tables, and what they mean."""
    shape = " × ".join(map(str, cases[0].hr.shape))
    lines = [
        "# Super-resolution, side by side",
        "",
        f"{len(cases)} layers of {shape} pixels; {platform.processor() or platform.machine()}.",
    ]
    for source in _sources(cases):
        rows = {method.name: method.means()[source] for method in found if source in method.rows}
        columns = [name for name in COLUMNS if any(name in row for row in rows.values())]
        lines += ["", f"## {source}", "", f"| method | {' | '.join(COLUMNS[name] for name in columns)} |"]
        lines.append(f"| --- |{' ---: |' * len(columns)}")
        for name, row in rows.items():
            lines.append(f"| {name} | {' | '.join(f'{row[c]:.3g}' if c in row else '–' for c in columns)} |")
        lines += _reliable(found, source)
    shown = ", ".join(["LR", *(m.name for m in found if len(m.pictures) == len(cases) and m.name != "LR"), "HR"])
    return "\n".join([*lines, _NOTES, f"![pictures](pictures.png)\n\nFrom left to right: {shown}.\n"])


def _reliable(found: Sequence[Compared], source: str) -> list[str]:
    rows = [(m.name, m.reliability[source]) for m in found if source in m.reliability]
    if not rows:
        return []
    head = " | ".join(f"{level:.0%} covers" for level in LEVELS)
    lines = ["", "The ensemble's spread, held against the truth:", "", f"| method | K | {head} | spread must be × |"]
    lines.append(f"| --- |{' ---: |' * (len(LEVELS) + 2)}")
    for name, found_here in rows:
        covered = " | ".join(f"{found_here.coverage[level]:.1%}" for level in LEVELS)
        lines.append(f"| {name} | {found_here.samples} | {covered} | {found_here.factor:.2f} |")
    return lines


def _calibration_csv(found: Sequence[Compared], path: Path) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["source", "method", "what", "value"])
        for method in found:
            for source, known in method.reliability.items():
                writer.writerows([source, method.name, name, value] for name, value in known.numbers().items())


def _pictures(found: Sequence[Compared], cases: Sequence[Case], path: Path, most: int = 4) -> None:
    """A row per layer, cut around its middle; a column per method, HR last."""
    whole = [method for method in found if len(method.pictures) == len(cases)]
    rows = []
    for k in np.linspace(0, len(cases) - 1, min(most, len(cases))).astype(int):
        size = min(SHOWN_PX, *cases[k].hr.shape)
        top, left = ((n - size) // 2 for n in cases[k].hr.shape)
        cut = slice(top, top + size), slice(left, left + size)
        made = [np.rint(method.pictures[k][cut] * 255).astype(np.uint8) for method in whole]
        rows.append([*made, cases[k].hr[cut]])
    smallest = min(row[0].shape for row in rows)
    write_grid(path, [[image[: smallest[0], : smallest[1]] for image in row] for row in rows])


def _sources(cases: Sequence[Case]) -> list[str]:
    return list(dict.fromkeys(case.source for case in cases))
