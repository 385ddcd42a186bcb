"""How large a study is. Owns the recipes `models/recipes/study/<size>.toml`; refuses to act on them."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from monitor.config.base import Section
from monitor.domain import ConfigError
from monitor.inference import default_models_dir
from monitor.learn.reading import read_recipe


class PlatesPlan(Section):
    """The virtual builds."""

    parts_across: int = Field(2, ge=2, le=6)
    """Parts along each edge of the square that is looked at; each has a tile of 128 × 128 pixels."""
    layers: int = Field(5, ge=5)
    """Consecutive layers of each build; the last fifth of them is not trained on."""
    zero_shot_builds: int = Field(2, ge=1)
    """Builds to train on when one is held out."""
    zero_shot_layers: int = Field(2, ge=1)
    """Layers of each of these, and of the one held out."""


class RealPlan(Section):
    """The pictures of `slm-5472`, where a directory of data is given."""

    layers: int = Field(2, ge=1, le=10)
    """Layers that are looked at, from S01 on."""
    edge_px: int = Field(256, ge=64)
    """Edge of the square in their middle that is looked at, after the reduction by 5.1."""


class TrainPlan(Section):
    """Models that are trained here, by method: files in models/recipes without their suffix. None is trained if empty.

    The autoencoders are those of `latent`.
    """

    size: str = ""
    """What tables call the size of these models, such as small: nobody shall take them for the paper's."""
    regression: str = ""
    """The deterministic regression."""
    pixel: str = ""
    """Diffusion in pixels."""
    latent: str = ""
    """The paper's latent diffusion."""
    kernel: str = ""
    """Latent diffusion for each blur kernel, begun with the weights of `latent` on data set A and therefore of its
    sizes; `latent` itself, from nothing, if empty."""
    minutes: float = Field(0.0, ge=0.0)
    """Wall time of each training at most; 0 for as long as its recipe's steps take: the same models every time."""


class PatchPlan(Section):
    """Patches of 64 × 64 pixels, as in the paper."""

    per_layer: int = Field(115, ge=1)
    """Random patches a layer."""
    sets: tuple[str, ...] = ("A", "B")
    """Data sets."""
    time_batch: int = Field(500, ge=1)
    """Samples drawn at once when the time a sample is measured."""


class SweepPlan(Section):
    """What is varied."""

    kernels: tuple[int, ...] = (3, 7, 11, 15, 19, 23, 27, 31)
    """Edges of the blur kernel that makes LR, in pixels; odd."""
    trained_kernels: tuple[int, ...] = ()
    """Those of them that a model is trained for; all if empty."""
    zero_shot_kernels: tuple[int, ...] = (7, 15)
    """The same, for the held-out build."""
    train_builds: tuple[int, ...] = (1, 4)
    """Numbers of builds that are trained on."""
    latent_factors: tuple[int, ...] = (16, 8, 4)
    """Pixels per latent pixel: latents of 4 × 4, 8 × 8, 16 × 16 from 64 × 64."""
    windows: tuple[int, ...] = (21, 41, 61, 81, 121, 161, 241)
    """Windows of the roughness filter, in samples of the angle."""
    texture_patches: int = Field(40, ge=2)
    """Patches of powder alone, over all layers that are looked at."""
    batches: tuple[int, ...] = (1, 8, 64, 500)
    """Samples drawn at once when speed is measured."""
    steps: tuple[int, ...] = (1, 2, 4, 8, 16)
    """Sampler steps."""
    samples: tuple[int, ...] = (1, 2, 4, 8)
    """Sizes of the ensemble."""
    paper_steps: int = Field(200, ge=2, le=200)
    """Sampler steps of the paper's configuration that are really run; the time is scaled to its 200."""
    paper_batches: tuple[int, ...] = (1, 500)
    """Batches at which it is timed; none leaves it out."""
    test_layers: int = Field(4, ge=1)
    """Held-out layers at most on which a study draws pictures."""
    stack_layers: int = Field(20, ge=2)
    """Consecutive layers, from the first, that are stacked to parts."""
    planted: int = Field(40, ge=2)
    """Inventions of each kind that are planted to test the guard."""


class Plan(Section):
    """One size of the study."""

    description: str
    """What it is for, in one sentence."""
    seed: int = 0
    """Seed of builds, patches, weights and noise."""
    gpu: bool = False
    """Made for a GPU: without one it says what it would take, and does nothing."""
    threads: int = Field(1, ge=1)
    """CPU threads of the models."""
    plates: PlatesPlan = PlatesPlan()
    """The virtual builds."""
    real: RealPlan = RealPlan()
    """Real pictures."""
    train: TrainPlan = TrainPlan()
    """What is trained."""
    patch: PatchPlan = PatchPlan()
    """Patches."""
    sweep: SweepPlan = SweepPlan()
    """What is varied."""


def recipes_dir() -> Path:
    """Directory of the recipes that came with the program."""
    return default_models_dir() / "recipes"


def sizes() -> tuple[str, ...]:
    """The sizes that there are."""
    return tuple(sorted(path.stem for path in (recipes_dir() / "study" / "sizes").glob("*.toml")))


def load_plan(size: str) -> Plan:
    """Read the recipe of a size.

    Raises:
        ConfigError: there is no such size, or a key or value is wrong.
    """
    if size not in sizes():
        raise ConfigError(f"there is no size '{size}' of the study", cure=f"choose one of {', '.join(sizes())}")
    path = recipes_dir() / "study" / "sizes" / f"{size}.toml"
    return read_recipe(path, Plan.model_validate)
