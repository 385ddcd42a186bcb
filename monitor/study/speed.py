"""Time a sample of 64 × 64 pixels: batches, steps, and the paper's configuration in the same run. Owns this comparison.

The paper's networks have random weights here, which cost the same as trained ones.
"""

from __future__ import annotations

from monitor.inference.networks import autoencoder as autoencoder_network
from monitor.inference.networks import unet
from monitor.learn.precision import pick_device
from monitor.learn.recipe import AutoencoderRecipe, DiffusionRecipe, DiffusionTraining
from monitor.learn.timing import batch_seconds
from monitor.learn.trained import TrainedDiffusion
from monitor.study.desk import Desk
from monitor.study.figures import line_chart
from monitor.study.findings import Cell, Findings, Table
from monitor.study.methods import NAMES, Bundled
from monitor.study.paper import TABLE_2
from monitor.study.quality import PATCH_PX
from monitor.study.timing import bundle_seconds

PAPER_STEPS = 200
_COLUMNS = ("method", "steps", "batch", "ms a sample", "paper's configuration / this, same run", "ran on", "measured")


def run(desk: Desk) -> Findings:
    """Time every bundle at hand, and the paper's configuration, one after the other."""
    found = Findings("Time a sample (Table 2's times, and ours)")
    paper = {batch: _paper_seconds(desk, batch) for batch in desk.plan.sweep.paper_batches}
    if not paper:
        found.missing("the paper's configuration", f"size '{desk.size}' leaves it out")
    rows: list[tuple[Cell, ...]] = []
    curves: dict[str, tuple[list[float], list[float]]] = {}
    for name in (name for name in desk.bundles if name != "segmenter"):
        model = desk.bundled(name)
        desk.used[f"{NAMES[name]}: {model.label}"] = model.digest
        for steps in _steps(desk, model):
            times = {batch: _seconds(desk, model, steps, batch) for batch in desk.plan.sweep.batches}
            rows += [_row(NAMES[name], steps, batch, s, paper, model.upscaler.device) for batch, s in times.items()]
            curves[f"{NAMES[name]}, {steps} steps"] = ([float(b) for b in times], [1e3 * s for s in times.values()])
    whole = desk.plan.sweep.paper_steps >= PAPER_STEPS
    how = "whole" if whole else f"1 and {desk.plan.sweep.paper_steps} steps, extended to {PAPER_STEPS}"
    device = str(pick_device())
    rows += [("paper's configuration", PAPER_STEPS, b, 1e3 * s, 1.0, f"torch, {device}", how) for b, s in paper.items()]
    rows += [
        (f"paper, {n}", None, 500, 1e3 * row["seconds"].value, None, "a GPU", "printed") for n, row in TABLE_2.items()
    ]
    note = (
        f"Patches of {PATCH_PX} × {PATCH_PX} pixels of noise; encoder, every step, decoder. CPU threads: "
        f"{desk.plan.threads}; the best of up to three runs. The ratio is to the paper's configuration at the nearest "
        "batch that was timed here. A busy machine makes all of these slower, not equally."
    )
    found.tables.append(Table("speed", "Time a sample", _COLUMNS, tuple(rows), note))
    if curves:
        found.figures.append(
            line_chart(
                "speed", "Time a sample against the batch", {"ms a sample": curves}, "batch", log_x=True, log_y=True
            )
        )
    return found


def _steps(desk: Desk, model: Bundled) -> list[int]:
    """The plan's steps that the model can take, and its own; one pass for a regression."""
    table = model.table
    return (
        [1] if table is None else sorted({s for s in desk.plan.sweep.steps if s <= table.train_steps} | {table.steps})
    )


def _seconds(desk: Desk, model: Bundled, steps: int, batch: int) -> float:
    key = {"what": "speed", "method": model.digest, "steps": steps, "batch": batch, "threads": desk.plan.threads}

    def measure() -> dict[str, float]:
        return {"seconds": bundle_seconds(model.upscaler.sessions, model.table, batch, PATCH_PX, steps)}

    found = desk.cache.numbers(key, measure)
    return float(found["seconds"])


def _row(name: str, steps: int, batch: int, seconds: float, paper: dict[int, float], device: str) -> tuple[Cell, ...]:
    nearest = min(paper, key=lambda b: abs(b - batch), default=None)
    ratio = None if nearest is None else paper[nearest] / seconds
    return (name, steps, batch, 1e3 * seconds, ratio, f"ONNX Runtime, {device}", "whole")


def _paper_seconds(desk: Desk, batch: int) -> float:
    """Seconds a sample of the paper's 200 steps: all of them, or extended from a first step and some more."""
    steps, threads, device = desk.plan.sweep.paper_steps, desk.plan.threads, pick_device()
    key = {"what": "speed", "method": "paper", "steps": steps, "batch": batch, "device": str(device)}

    def measure() -> dict[str, float]:
        models = TrainedDiffusion.untrained(paper_recipe())
        spent = batch_seconds(models, batch, PATCH_PX, steps, device, threads)
        if steps < PAPER_STEPS:
            one = batch_seconds(models, batch, PATCH_PX, 1, device, threads)
            spent = one + (spent - one) / (steps - 1) * (PAPER_STEPS - 1)
        return {"seconds": spent / batch}

    return float(desk.cache.numbers(key | {"threads": threads}, measure)["seconds"])


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
