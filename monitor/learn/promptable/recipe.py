"""The recipe of a promptable segmenter. Owns every choice of its training as one TOML file; refuses to act on it."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field, field_validator

from monitor.config.base import LeastAndMost, Section
from monitor.inference.manifest import UnaskedSizes
from monitor.learn.promptable.network import STRIDE
from monitor.learn.reading import read_recipe
from monitor.learn.recipe import DataRecipe


class ScenesRecipe(Section):
    """Drawn layers of endless variety, beside the virtual builds."""

    share: float = Field(0.6, ge=0.0, le=1.0)
    """Share of crops that come from drawn layers; the others come from virtual builds."""
    size_px: int = Field(1024, ge=128)
    """Edge of a drawn layer, in pixels."""
    pool: int = Field(64, ge=1)
    """Drawn layers that are kept at a time."""
    renew_every: int = Field(2, ge=1)
    """Steps after which the oldest of them is replaced by a new one."""
    first_seed: int = 0
    """Seed of the first; the others follow."""
    validation: int = Field(12, ge=1)
    """Drawn layers for the evaluation; their seeds start at one thousand million."""


class RealRecipe(Section):
    """Real layers, beside drawn and virtual ones: none unless they are named; who trains says where they are."""

    share: float = Field(0.3, ge=0.0, le=1.0)
    """Share of crops that come from real layers, where builds or powder are named."""
    builds: tuple[str, ...] = ()
    """Names of recorded builds that have reference masks; the newest in the store whose id ends so is taken."""
    layers: tuple[int, int] = (0, 1_000_000)
    """First layer and the one after the last, of each build; the others may be kept for evaluation."""
    powder: tuple[str, ...] = ()
    """Folders of pictures that show no metal, inside the directory that is given."""
    powder_share: float = Field(0.3, ge=0.0, le=1.0)
    """Share of these crops that show powder only."""
    scale: LeastAndMost | None = None
    """Least and greatest magnification of a crop of these; None is that of the others."""
    negative_share: float = Field(0.25, ge=0.0, le=1.0)
    """Share of these crops that are shown as negatives, so that no texture is tied to one polarity."""
    texture_share: float = Field(0.5, ge=0.0, le=1.0)
    """Share of drawn layers whose powder and metal have textures cut from real ones."""


class PromptRecipe(Section):
    """What is asked of each image."""

    prompts: int = Field(4, ge=1)
    """Prompts per image; its embedding is made once."""
    points: int = Field(6, ge=1)
    """Points per prompt at most; fewer are padded."""
    powder_share: float = Field(0.15, ge=0.0, le=1.0)
    """Share of prompts on powder, whose right answer is no mask and an IoU of 0."""
    background_share: float = Field(0.25, ge=0.0, le=1.0)
    """Share of prompts that also have one background point."""
    margin_px: tuple[int, int] = (8, 32)
    """Least and greatest margin around a component in which its answer counts, in pixels."""
    dilation_px: tuple[int, int] = (1, 4)
    """Least and greatest radius of the dilation that joins parts into one component, in pixels."""


class SegmenterTraining(Section):
    """A whole recipe of kind segmenter."""

    kind: Literal["segmenter"]
    """Which training this is."""
    name: str = Field(pattern=r"^[a-z0-9][a-z0-9._-]{0,63}$")
    """Name of the bundle."""
    version: str = "1"
    """Version of the bundle."""
    description: str = "Promptable segmenter of Segment Anything's architecture; not Meta's model."
    """One sentence for the manifest."""
    licence: str = "Apache-2.0"
    """Licence of the weights."""
    seed: int = 0
    """Seed of weights, crops and prompts."""
    minutes: float = Field(60.0, gt=0.0)
    """Wall time of training, unless the command says otherwise."""
    image_size: int = Field(1024, ge=64, le=1024)
    """Longest edge of the image for the finished model, in pixels; the network's canvas holds 1024."""
    data: DataRecipe = DataRecipe()
    """Virtual builds. part_share is the share of crops that are centred on metal."""
    scenes: ScenesRecipe = ScenesRecipe()
    """Drawn layers."""
    real: RealRecipe = RealRecipe()
    """Real layers."""
    upscale: str = ""
    """Name of a super-resolution bundle whose pictures of virtual layers are trained on too; a run segments such."""
    prompt: PromptRecipe = PromptRecipe()
    """Prompts."""
    crops: tuple[tuple[int, int], ...] = ((256, 8), (384, 4), (512, 2))
    """Edge of the crops in pixels and crops per step; each step takes one of these pairs."""
    scale: LeastAndMost = (0.35, 2.0)
    """Least and greatest magnification of a crop."""
    steps: int = Field(100_000, ge=1)
    """Steps at most."""
    learning_rate: float = Field(1e-3, gt=0.0)
    """Highest learning rate."""
    weight_decay: float = Field(0.02, ge=0.0)
    """Decoupled weight decay."""
    ema: float = Field(0.995, ge=0.0, lt=1.0)
    """Decay of the averaged weights."""
    focal_weight: float = Field(20.0, ge=0.0)
    """Weight of the focal loss of the best mask, as in SAM."""
    dice_weight: float = Field(1.0, ge=0.0)
    """Weight of the dice loss of the best mask, as in SAM."""
    iou_weight: float = Field(1.0, ge=0.0)
    """Weight of the mean squared error of the predicted IoU, as in SAM."""
    dense_weight: float = Field(1.0, ge=0.0)
    """Weight of the dense loss: metal or not, straight from the embedding."""
    sharp_weight: float = Field(1.0, ge=0.0)
    """Weight of the same at the image's own resolution."""
    unasked_share: float = Field(0.0, ge=0.0, le=1.0)
    """Share of the run in which only the answers to no prompt are learnt. Afterwards what they rest on stays as it is
    and prompts are learnt. 0 learns all of it at once."""
    unasked_sizes: UnaskedSizes = (1.0,)
    """In use, the answer to no prompt is the mean of those to the picture at these shares of its size."""
    statistics_share: float = Field(1.0, ge=0.0, le=1.0)
    """Share of the run in which normalisation follows the crops at hand. Afterwards it stays as it will be when the
    model is used: a few crops are not as a whole plate is."""

    @field_validator("crops")
    @classmethod
    def _fit(cls, value: tuple[tuple[int, int], ...]) -> tuple[tuple[int, int], ...]:
        if not value or any(edge < 2 * STRIDE or edge % STRIDE or count < 1 for edge, count in value):
            raise ValueError(f"needs pairs of an edge (a multiple of {STRIDE}, {2 * STRIDE} at least) and a count")
        return value

    def smoke(self) -> SegmenterTraining:
        """The same recipe, cut down to a few steps on small layers, to see that everything runs."""
        data = self.data.model_copy(
            update={"builds": 2, "layers_per_build": 1, "validation_builds": 2, "plate_px": 256}
        )
        scenes = self.scenes.model_copy(update={"size_px": 256, "pool": 3, "validation": 2})
        update = {"data": data, "scenes": scenes, "crops": ((64, 2), (96, 1)), "steps": 3, "image_size": 256}
        return self.model_copy(update=update | {"upscale": "", "real": RealRecipe()})


def load_segmenter_recipe(path: Path) -> SegmenterTraining:
    """Read a recipe.

    Raises:
        ConfigError: the file cannot be read or a key or value is wrong.
    """
    return read_recipe(path, SegmenterTraining.model_validate)
