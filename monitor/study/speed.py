"""Time a sample of 64 × 64 pixels: batches, steps, and the paper's configuration in the same run. Owns this comparison.

The paper's networks have random weights here, which cost the same as trained ones.
"""

from __future__ import annotations

from collections.abc import Mapping

from monitor.inference.networks import autoencoder as autoencoder_network
from monitor.inference.networks import unet
from monitor.learn.flops import bundle_flops, paper_flops
from monitor.learn.precision import pick_device
from monitor.learn.recipe import AutoencoderRecipe, DiffusionRecipe, DiffusionTraining
from monitor.learn.timing import batch_seconds
from monitor.learn.trained import TrainedDiffusion
from monitor.study.desk import Desk
from monitor.study.figures import line_chart
from monitor.study.findings import Cell, Findings, Table
from monitor.study.methods import Bundled
from monitor.study.paper import TABLE_2
from monitor.study.quality import PATCH_PX
from monitor.study.timing import Spent, bundle_seconds

PAPER_STEPS = 200
_AXES = ("ms a sample", "core-ms a sample")
_COLUMNS = (
    "method", "steps", "batch", "GFLOP a sample", "ms a sample", "core-ms a sample",
    "paper's configuration / this, same run", "ran on", "measured",
)  # fmt: skip


def run(desk: Desk) -> Findings:
    """Time every bundle at hand, and the paper's configuration, one after the other."""
    found = Findings("Time a sample (Table 2's times, and ours)")
    paper = {batch: _paper_spent(desk, batch) for batch in desk.plan.sweep.paper_batches}
    if not paper:
        found.missing("the paper's configuration", f"size '{desk.size}' leaves it out")
    rows: list[tuple[Cell, ...]] = []
    lines: dict[str, dict[int, Spent]] = {}
    for name in (name for name in desk.bundles if name != "segmenter"):
        model = desk.bundled(name)
        desk.note(model)
        for steps in _steps(desk, model):
            times = {batch: _spent(desk, model, steps, batch) for batch in desk.plan.sweep.batches}
            flops = _giga(bundle_flops(model.bundle, PATCH_PX, steps))
            who = (model.title, steps, flops, model.upscaler.device)
            rows += [_row(*who, b, spent, paper) for b, spent in times.items()]
            lines[f"{model.title}, {_counted(steps)}"] = times
    whole = desk.plan.sweep.paper_steps >= PAPER_STEPS
    how = "whole" if whole else f"1 and {desk.plan.sweep.paper_steps} steps, extended to {PAPER_STEPS}"
    on = f"torch, {pick_device()}"
    flops = _giga(paper_flops(TrainedDiffusion.untrained(paper_recipe()), PATCH_PX, PAPER_STEPS)) if paper else None
    rows += [("paper's configuration", PAPER_STEPS, b, flops, *spent.shown, 1.0, on, how) for b, spent in paper.items()]
    rows += [_printed(f"paper, {name}", row["seconds"].value) for name, row in TABLE_2.items()]
    note = (
        f"Patches of {PATCH_PX} × {PATCH_PX} pixels of noise; encoder, every step, decoder. CPU threads: "
        f"{desk.plan.threads}; the best of up to three runs. The ratio is to the paper's configuration at the nearest "
        "batch that was timed here: of core time where both run on the CPU, which other work disturbs less than wall "
        "time, else of wall time. GFLOP: 1e9 operations of convolutions and matrix products, two a multiply-add."
    )
    found.tables.append(Table("speed", "Time a sample", _COLUMNS, tuple(rows), note))
    if paper:
        lines[f"paper's configuration, {PAPER_STEPS} steps"] = paper
    if lines:
        panels = {label: {name: _line(times, k) for name, times in lines.items()} for k, label in enumerate(_AXES)}
        title = "Time a sample against the batch"
        found.figures.append(line_chart("speed", title, panels, "batch", log_x=True, log_y=True))
    return found


def _counted(steps: int) -> str:
    return f"{steps} step{'s' if steps > 1 else ''}"


def _line(times: Mapping[int, Spent], which: int) -> tuple[list[float], list[float]]:
    return [float(batch) for batch in times], [spent.shown[which] for spent in times.values()]


def _printed(name: str, seconds: float) -> tuple[Cell, ...]:
    return (name, None, 500, None, 1e3 * seconds, None, None, "a GPU", "printed")


def _giga(flops: float | None) -> float | None:
    return None if flops is None else flops / 1e9


def _steps(desk: Desk, model: Bundled) -> list[int]:
    """The plan's steps that the model can take, and its own; one pass for a regression."""
    table = model.table
    return (
        [1] if table is None else sorted({s for s in desk.plan.sweep.steps if s <= table.train_steps} | {table.steps})
    )


def _spent(desk: Desk, model: Bundled, steps: int, batch: int) -> Spent:
    key = {"what": "time", "method": model.digest, "steps": steps, "batch": batch, "threads": desk.plan.threads}

    def measure() -> dict[str, float]:
        return bundle_seconds(model.upscaler.sessions, model.table, batch, PATCH_PX, steps)._asdict()

    return Spent(**desk.cache.numbers(key, measure))


def _row(
    name: str, steps: int, flops: float | None, device: str, batch: int, spent: Spent, paper: dict[int, Spent]
) -> tuple[Cell, ...]:
    nearest = min(paper, key=lambda b: abs(b - batch), default=None)
    ratio = None
    if nearest is not None:
        both_on_cpu = device == "CPUExecutionProvider" and pick_device().type == "cpu"
        theirs = paper[nearest]
        ratio = theirs.cores / spent.cores if both_on_cpu else theirs.wall / spent.wall
    return (name, steps, batch, flops, *spent.shown, ratio, f"ONNX Runtime, {device}", "whole")


def _paper_spent(desk: Desk, batch: int) -> Spent:
    """Time a sample of the paper's 200 steps: all of them, or extended from a first step and some more."""
    steps, threads, device = desk.plan.sweep.paper_steps, desk.plan.threads, pick_device()
    key = {"what": "time", "method": "paper", "steps": steps, "batch": batch, "device": str(device), "threads": threads}

    def measure() -> dict[str, float]:
        models = TrainedDiffusion.untrained(paper_recipe())
        some = batch_seconds(models, batch, PATCH_PX, steps, device, threads)
        one = some if steps == PAPER_STEPS else batch_seconds(models, batch, PATCH_PX, 1, device, threads)
        more = (PAPER_STEPS - 1) / max(1, steps - 1)  # nothing is extended where all steps were run
        wall, cores = (first + (last - first) * more for first, last in zip(one, some, strict=True))
        return Spent(wall / batch, cores / batch)._asdict()

    return Spent(**desk.cache.numbers(key, measure))


def paper_recipe() -> DiffusionTraining:
    """The paper's sizes: 4 × 16 × 16 latents, a U-Net of base 128 and 200 steps of noise prediction."""
    return DiffusionTraining(
        kind="latent-diffusion",
        name="paper-latent",
        autoencoder=AutoencoderRecipe(network=autoencoder_network.PAPER),
        diffusion=DiffusionRecipe(
            network=unet.PAPER, prediction="noise", schedule="linear", train_steps=PAPER_STEPS, sampler="ddpm",
            steps=PAPER_STEPS,
        ),
    )  # fmt: skip
