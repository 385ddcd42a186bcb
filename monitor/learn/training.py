"""`python -m monitor.learn.training RECIPE --out DIR`: from a recipe of any super-resolution kind to a bundle.

Owns the order: data → stages → weights → evaluation → bundle. `training.pt` is written every minute and when the run
is stopped, and a run continues from it; without a limit of time a continued run gives the same bits on a CPU. The same
command under torchrun trains in many processes.
"""

from __future__ import annotations

import argparse
import math
import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import torch
from rich.console import Console

from monitor.learn.beginning import begin_with, named
from monitor.learn.budget import Stage
from monitor.learn.bundling import Facts, write_bundle
from monitor.learn.data import load_data
from monitor.learn.degradation import measured_blur
from monitor.learn.evaluate import calibrate, evaluate, sample_pictures
from monitor.learn.parallel import Team
from monitor.learn.patches import PatchSampler
from monitor.learn.plans import Plan, StagePlan, plan_of
from monitor.learn.plates import Plates
from monitor.learn.precision import pick_device
from monitor.learn.progress import Progress
from monitor.learn.recipe import AnyTraining, load_recipe
from monitor.learn.trained import Trained, untrained

CHECKPOINT, WEIGHTS, SAMPLES = "training.pt", "weights.safetensors", "samples.png"
_CLOSING_SHARE, _CLOSING_MOST_S = 0.15, 60.0
"""Wall time that is kept back for evaluation and export: a share of the whole, at most a minute."""


@dataclass
class Run:
    """One training run: its plan and what is done of each stage."""

    recipe: AnyTraining
    out: Path
    team: Team
    progress: Progress
    plan: Plan
    patches: PatchSampler
    done: dict[str, float] = field(default_factory=dict)
    curves: dict[str, list[tuple[int, dict[str, float]]]] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)
    seconds: float = 0.0
    """Wall time of former runs that this one continues."""
    begin: float = field(default_factory=time.monotonic)

    @property
    def spent(self) -> float:
        """Wall time of training so far, in seconds, over all runs."""
        return self.seconds + time.monotonic() - self.begin

    def keep(self, stage: Stage, fraction: float) -> None:
        """Write the checkpoint."""
        self.done[stage.name], self.counts[stage.name] = fraction, stage.done
        random = self._random()
        if not self.team.leads:
            return
        state: dict[str, Any] = {
            "recipe": self.recipe.model_dump_json(),
            "done": self.done,
            "counts": self.counts,
            "seconds": self.spent,
            "curves": self.curves,
            "extra": self.plan.extra(),
            "trainers": {name: trainer.state() for name, trainer in self.plan.trainers.items()},
            "random": random,
        }
        unfinished = self.out / "training.partial"
        torch.save(state, unfinished)
        unfinished.replace(self.out / CHECKPOINT)

    def restore(self) -> bool:
        """Take over the checkpoint where there is one of this recipe."""
        path = self.out / CHECKPOINT
        if not path.is_file():
            return False
        state = torch.load(path, map_location=self.team.device, weights_only=True)
        if state["recipe"] != self.recipe.model_dump_json():
            self.progress.say("the checkpoint is of another recipe and is not used", path=str(path))
            return False
        self.done, self.counts = dict(state["done"]), dict(state["counts"])
        self.seconds, self.curves = float(state["seconds"]), dict(state["curves"])
        for name, trainer in self.plan.trainers.items():
            trainer.restore(state["trainers"][name])
        self.plan.restore_extra(state["extra"])
        self._restore_random(state["random"])
        return True

    def _random(self) -> list[list[torch.Tensor]]:
        """The state of every source of chance, of every process."""
        states = [torch.get_rng_state(), self.patches.generator.get_state()]
        if self.team.device.type == "cuda":
            states.append(torch.cuda.get_rng_state(self.team.device))
        return [list(found) for found in zip(*(self.team.gather(state) for state in states), strict=True)]

    def _restore_random(self, states: list[list[torch.Tensor]]) -> None:
        if len(states) != self.team.size:
            self.progress.say("another number of processes: patches and noise are drawn anew")
            return
        mine = [state.cpu() for state in states[self.team.rank]]
        torch.set_rng_state(mine[0])
        self.patches.generator.set_state(mine[1])
        if self.team.device.type == "cuda" and len(mine) > 2:
            torch.cuda.set_rng_state(mine[2], self.team.device)


def train(
    recipe: AnyTraining,
    out: Path,
    minutes: float | None = None,
    *,
    workers: int | None = None,
    warm_start: Path | None = None,
    store: Path | None = None,
    data: Path | None = None,
    stopped: Callable[[], bool] = lambda: False,
) -> Path:
    """Train a super-resolution bundle of the recipe's kind.

    Args:
        recipe: every choice.
        out: directory of plates, checkpoints, pictures and of the bundle; a run there is continued.
        minutes: wall time of everything; the recipe's own by default; 0 for as long as its steps take.
        workers: processes that render plates; the number of cores less one by default.
        warm_start: weights of networks of the same sizes to begin with: a former run's file, or a bundle's directory.
        store: directory of the recorded builds that the recipe names.
        data: directory of the folders of pictures that it names.
        stopped: asked after each step; when it says so, the run is kept and ends.

    Returns:
        The bundle's directory, `out/bundle/<name>`.

    Raises:
        ConfigError: data that the recipe names are not there.
        BundleError: the weights to begin with do not fit.
        Stopped: the run was stopped; the same call continues it.
    """
    begin = time.monotonic()
    total = 60 * (recipe.minutes if minutes is None else minutes) or math.inf
    team = Team.join()
    progress = Progress(Console(stderr=True) if team.leads else None)
    out.mkdir(parents=True, exist_ok=True)
    try:
        train_set, held_out = _data(recipe, out, team, progress, workers, store, data)
        run = _prepare(recipe, out, team, train_set, progress, warm_start, steady=math.isinf(total))
        closing = min(_CLOSING_MOST_S, _CLOSING_SHARE * total)
        _learn(run, held_out, max(1.0, total - closing - (time.monotonic() - begin)), stopped)
        return _close(run, held_out, train_set, {"warm_start": named(warm_start)} if warm_start else {})
    finally:
        team.leave()


def train_weights(
    recipe: AnyTraining,
    out: Path,
    plates: Plates,
    minutes: float,
    stopped: Callable[[], bool] = lambda: False,
    warm_start: Path | None = None,
) -> Trained:
    """Train on plates that are at hand: no measuring, no pictures, no bundle; `recipe.data` is not used.

    Args:
        recipe: every other choice.
        out: directory of checkpoints and weights; a run there is continued.
        plates: what is trained on, at least as large as the recipe's patches.
        minutes: wall time; 0 for as long as its steps take.
        stopped: asked after each step; when it says so, the run is kept and ends.
        warm_start: weights of networks of the same sizes to begin with: a former run's file, or a bundle's directory.

    Raises:
        BundleError: the weights to begin with do not fit.
        Stopped: the run was stopped; the same call continues it.
    """
    out.mkdir(parents=True, exist_ok=True)
    team, seconds = Team(pick_device()), 60 * minutes or math.inf
    progress = Progress(Console(stderr=True))
    run = _prepare(recipe, out, team, plates, progress, warm_start, steady=math.isinf(seconds))
    _learn(run, None, seconds, stopped)
    models = run.plan.trained().round_weights()
    models.save(out / WEIGHTS)
    return models


def _data(
    recipe: AnyTraining,
    out: Path,
    team: Team,
    progress: Progress,
    workers: int | None,
    store: Path | None,
    data: Path | None,
) -> tuple[Plates, Plates]:
    """The first process renders what is not there yet; the others take it from the cache."""
    count = max(0, (os.cpu_count() or 1) - 1) if workers is None else workers
    if not team.leads:
        team.wait()
    plates = load_data(
        recipe.data, recipe.seed, out / "plates", store=store, data=data, workers=count, progress=progress
    )
    if team.leads:
        team.wait()
    progress.say("plates are ready", training=len(plates[0].lr), held_out=len(plates[1].lr))
    return plates


def _prepare(
    recipe: AnyTraining,
    out: Path,
    team: Team,
    plates: Plates,
    progress: Progress,
    warm_start: Path | None,
    *,
    steady: bool,
) -> Run:
    torch.manual_seed(recipe.seed)
    torch.backends.cudnn.benchmark = not steady
    torch.backends.cuda.matmul.allow_tf32 = True
    torch.backends.cudnn.allow_tf32 = True
    models = untrained(recipe)
    if warm_start is not None:
        begin_with(models, warm_start)
    models.to(team.device)
    generator = torch.Generator().manual_seed(recipe.seed + team.rank)
    patches = PatchSampler(plates, team.device, recipe.data.part_share, generator, recipe.data.patches_per_layer)
    run = Run(recipe, out, team, progress, plan_of(models, patches, team), patches)
    if team.rank:
        torch.manual_seed(recipe.seed + 7919 * team.rank)
    if run.restore():
        progress.say("continuing", done=run.done)
    team.spread(network for trainer in run.plan.trainers.values() for network in trainer.networks)
    return run


def _learn(run: Run, held_out: Plates | None, seconds: float, stopped: Callable[[], bool]) -> None:
    """Run what is left of the stages; seconds are shared by the recipe. Pictures are drawn of what is held out."""
    plan = run.plan.stages
    left = {stage.name: stage.share * (1 - run.done.get(stage.name, 0.0)) for stage in plan}
    whole = sum(left.values()) or 1.0
    for planned in plan:
        run.plan.begin(planned.name)
        done = run.done.get(planned.name, 0.0)
        if done < 1:
            stage = Stage(
                planned.name,
                seconds * left[planned.name] / whole if math.isfinite(seconds) else math.inf,
                planned.steps,
                run.counts.get(planned.name, 0),
                done,
                run.team.agree,
                stopped,
            )
            stage.curve = run.curves.setdefault(planned.name, [])
            stage.run(_stepping(planned, stage), run.progress, partial(_pause, run, held_out, stage))
            run.progress.say(f"{planned.name} is trained", steps=stage.done)


def _stepping(planned: StagePlan, stage: Stage) -> Callable[[float], dict[str, float] | None]:
    return lambda fraction: planned.step(stage.done, fraction)


def _pause(run: Run, held_out: Plates | None, stage: Stage, fraction: float) -> None:
    """Between two steps: what depends on the networks, the checkpoint, and pictures where something is held out."""
    run.plan.pause(stage.name)
    run.keep(stage, fraction)
    if run.team.leads and held_out is not None:
        place = run.out / "pictures" / f"{stage.name}-{round(100 * fraction):03d}.png"
        sample_pictures(run.plan.trained(), held_out, run.team.device, place)


def _close(run: Run, held_out: Plates, train_set: Plates, begun: Facts) -> Path:
    """Keep the weights, measure them, and make the bundle; the first process does, the others wait."""
    bundle = run.out / "bundle" / run.recipe.name
    if run.team.leads:
        models, samples = run.plan.trained().round_weights(), run.out / SAMPLES
        models.save(run.out / WEIGHTS)
        run.progress.say("measuring and exporting")
        results = evaluate(models, held_out, run.team.device)
        if run.recipe.kind != "regression":
            results["calibration"] = calibrate(models, held_out, run.team.device)
        sample_pictures(models, held_out, run.team.device, samples)
        facts: Facts = {
            "data_sha256": train_set.digest,
            "plates": len(train_set.lr),
            "seed": run.recipe.seed,
            "seconds": round(run.spent),
            "device": str(run.team.device),
            "processes": run.team.size,
            **begun,
        }
        blur = measured_blur(train_set.lr, train_set.hr)
        bundle = write_bundle(models.to(torch.device("cpu")), run.out, results, facts, run.curves, samples, blur)
        run.progress.say("done", bundle=str(bundle), seconds=round(run.spent, 1))
    run.team.wait()
    return bundle


def _arguments(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m monitor.learn.training", description=__doc__)
    parser.add_argument("recipe", type=Path, help="recipe (TOML)")
    parser.add_argument("--out", type=Path, required=True, help="directory of the run; a run there is continued")
    parser.add_argument("--minutes", type=float, default=None, help="wall time of everything; 0 for all steps")
    parser.add_argument("--workers", type=int, default=None, help="processes that render plates")
    parser.add_argument(
        "--warm-start", type=Path, default=None, help="weights.safetensors of a former run, or a bundle"
    )
    parser.add_argument("--store", type=Path, default=None, help="directory of recorded builds")
    parser.add_argument("--data", type=Path, default=None, help="directory of folders of pictures")
    parser.add_argument("--smoke", action="store_true", help="a few steps on small plates")
    return parser.parse_args(argv)


def main(argv: list[str] | None = None) -> None:
    """The command line."""
    given = _arguments(argv)
    recipe = load_recipe(given.recipe)
    train(
        recipe.smoke() if given.smoke else recipe,
        given.out,
        given.minutes,
        workers=given.workers,
        warm_start=given.warm_start,
        store=given.store,
        data=given.data,
    )


if __name__ == "__main__":
    main()
