"""Studies by name. Owns their order and what a run of them leaves; refuses to know what they compare."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import cast

from monitor.config import SegmentSettings
from monitor.domain import ConfigError
from monitor.inference import Provider, find_bundle
from monitor.study.cache import Cache
from monitor.study.desk import Desk
from monitor.study.findings import Findings
from monitor.study.machine import Stopwatch, machine_facts
from monitor.study.methods import bundle_paths
from monitor.study.needs import refuse_without_gpu
from monitor.study.plan import load_plan
from monitor.study.report import summary, write_index, write_report

STUDIES = ("patch", "part", "roughness", "zeroshot", "kernel", "autoencoder", "texture", "speed", "trust", "fewsteps")
ALL, SUMMARY = "all", "summary.md"


@dataclass(frozen=True, slots=True)
class Made:
    """One study that was run.

    Attributes:
        name: of the study.
        report: path of its page.
        not_made: what could not be made.
        summary: its tables, remarks and gaps in Markdown.
        wall_s, core_s: time that this run took; little where results were there already.
    """

    name: str
    report: Path
    not_made: tuple[str, ...]
    summary: str
    wall_s: float
    core_s: float


def run_studies(
    name: str,
    out: Path,
    *,
    size: str,
    data: Path | None = None,
    bundles: Sequence[str] = (),
    provider: Provider = "cpu",
    done: Callable[[Made], None] = lambda _: None,
) -> list[Made]:
    """Run one study, or all of them; a run in `out` that was killed continues.

    Args:
        name: one of `STUDIES`, or "all".
        out: each study writes to `out/<name>`, all of them also `index.html` and `summary.md`; results by digest are in
            `out/cache`.
        size: a recipe in models/recipes/study/sizes.
        data: directory of real pictures, with `slm-5472`; None where there is none.
        bundles: `METHOD=BUNDLE`, or a bundle for "default".
        provider: where bundles run.
        done: called after each study.

    Raises:
        ConfigError: there is no such study, size or method, or the size needs a GPU that is not there.
        BundleError: a bundle is not there or cannot run.
    """
    if name not in (*STUDIES, ALL):
        raise ConfigError(f"there is no study '{name}'", cure=f"choose one of {', '.join((*STUDIES, ALL))}")
    plan = load_plan(size)
    found = bundle_paths(list(bundles))
    found.setdefault("segmenter", find_bundle(None, SegmentSettings().bundle))
    refuse_without_gpu(size, plan)
    desk = Desk(plan, size, Cache(out / "cache"), found, data, provider)
    made = []
    for chosen in STUDIES if name == ALL else (name,):
        made.append(_run(chosen, desk, out / chosen))
        done(made[-1])
    if name == ALL:
        write_index([(m.name, _state(m), m.report) for m in made], out)
        (out / SUMMARY).write_text("\n".join(m.summary for m in made), encoding="utf-8")
    return made


def _run(name: str, desk: Desk, directory: Path) -> Made:
    study = cast("Callable[[Desk], Findings]", importlib.import_module(f"monitor.study.{name}").run)
    desk.used.clear()
    watch = Stopwatch()
    findings = study(desk)
    wall_s, core_s = watch.so_far
    facts = {
        "size": f"{desk.size}: {desk.plan.description}",
        "seed": str(desk.plan.seed),
        **machine_facts(desk.plan.threads),
        "made": datetime.now(UTC).isoformat(timespec="seconds"),
        "time of this run": f"{wall_s:.1f} s, {core_s:.1f} core-seconds, without what was there already",
    }
    report = write_report(findings, directory, facts, desk.used)
    return Made(name, report, tuple(findings.not_made), summary(findings), wall_s, core_s)


def _state(made: Made) -> str:
    return "whole" if not made.not_made else "; ".join(made.not_made)
