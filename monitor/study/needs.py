"""What a size would take on this machine. Owns the estimate, from one patch that is really drawn; refuses to train."""

from __future__ import annotations

from monitor.domain import ConfigError
from monitor.learn.precision import pick_device
from monitor.learn.recipe import RegressionTraining, load_recipe
from monitor.learn.timing import batch_seconds
from monitor.learn.trained import untrained
from monitor.study.data import TILE_PX
from monitor.study.fewsteps import WAYS
from monitor.study.plan import Plan, recipes_dir
from monitor.study.quality import PATCH_PX


def refuse_without_gpu(size: str, plan: Plan) -> None:
    """Say at the start what a size that is made for a GPU would take on this processor, instead of taking it.

    Raises:
        ConfigError: the size is made for a GPU, and there is none.
    """
    if not plan.gpu or pick_device().type != "cpu":
        return
    count, minutes = trainings(plan), plan.train.minutes
    drawn = drawn_layers(plan)
    hours = sum(layers * layer_hours(plan, method) for method, layers in drawn.items())
    raise ConfigError(
        f"size '{size}' is made for a GPU, and there is none here. It trains {count} models for {minutes:g} minutes "
        f"each, {count * minutes / 60:.0f} hours, which without a GPU is too short for any of them, and draws "
        f"{sum(drawn.values())} layers by them, which takes this processor about {hours:.0f} hours",
        cure="run it where torch sees a GPU (most of a day), or take --size cpu (some hours of one core)",
    )


def trainings(plan: Plan) -> int:
    """How many models the studies train, if no bundle is given for any."""
    sweep, a_set = plan.sweep, len(plan.patch.sets) + 1  # each set's patches, and the parts of set A
    methods = sum(bool(name) for name in (plan.train.regression, plan.train.pixel, plan.train.latent))
    ways = len(WAYS) - 1 if plan.train.pixel else 0  # the paper's own is that of set A's patches
    latent = len(sweep.zero_shot_kernels) * len(sweep.train_builds) + len(sweep.trained_kernels or sweep.kernels)
    return methods * a_set + ways + (latent + len(sweep.latent_factors) if plan.train.latent else 0)


def drawn_layers(plan: Plan) -> dict[str, int]:
    """How many whole layers each diffusion draws for them."""
    sweep = plan.sweep
    common = len(plan.patch.sets) * sweep.test_layers + sweep.stack_layers
    held = plan.plates.zero_shot_layers + plan.real.layers
    zero_shot = len(sweep.zero_shot_kernels) * len(sweep.train_builds) * held
    kernels = len(sweep.trained_kernels or sweep.kernels) * sweep.test_layers
    wanted = {"pixel": common, "latent": common + zero_shot + kernels}
    return {method: layers for method, layers in wanted.items() if getattr(plan.train, method)}


def layer_hours(plan: Plan, method: str) -> float:
    """Hours to draw a layer on this machine: a patch's first and second step, extended to all steps and patches."""
    recipe = load_recipe(recipes_dir() / f"{getattr(plan.train, method)}.toml")
    steps = 1 if isinstance(recipe, RegressionTraining) else recipe.diffusion.steps
    models, device = untrained(recipe), pick_device()
    one, two = (batch_seconds(models, 1, PATCH_PX, k, device, plan.threads)[0] for k in (1, 2))
    patches = (plan.plates.parts_across * TILE_PX / PATCH_PX) ** 2
    return patches * (one + (steps - 1) * max(0.0, two - one)) / 3600
