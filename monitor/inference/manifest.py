"""The schema of `bundle.toml`. Owns what a bundle must say of itself; refuses to open the files that it names.

A manifest names every file with its SHA-256, so the digest of the manifest stands for the whole bundle.
"""

from __future__ import annotations

import re
from pathlib import PurePosixPath
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, field_validator, model_validator

FORMAT = 1
Kind = Literal["latent-diffusion", "pixel-diffusion", "regression", "segmenter"]
Scalar = str | int | float | bool
ROLES: dict[str, frozenset[str]] = {
    "latent-diffusion": frozenset({"encoder", "denoiser", "decoder"}),
    "pixel-diffusion": frozenset({"denoiser"}),
    "regression": frozenset({"model"}),
    "segmenter": frozenset({"encoder", "decoder"}),
}
GRAPHS = frozenset({".onnx", ".pth", ".pt2", ".safetensors"})
SUFFIXES = frozenset({".onnx", ".pth", ".pt2", ".safetensors", ".npz", ".json", ".csv", ".md", ".png", ".svg"})


class Table(BaseModel):
    """One table of a manifest: closed and frozen, so that a misspelt key is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True, allow_inf_nan=False)


class FileEntry(Table):
    """One file of the bundle."""

    path: str
    """Path inside the bundle, with forward slashes."""
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    """SHA-256 of the file's bytes, in lower-case hexadecimal."""

    @field_validator("path")
    @classmethod
    def _inside(cls, value: str) -> str:
        path = PurePosixPath(value)
        if (
            "\\" in value
            or "\0" in value
            or ":" in value
            or path.is_absolute()
            or {"", ".", ".."} & set(value.split("/"))
        ):
            raise ValueError("must be a plain relative path inside the bundle, such as 'encoder.onnx'")
        if path.suffix not in SUFFIXES:
            raise ValueError(f"has a suffix that is not one of {', '.join(sorted(SUFFIXES))}")
        return value


class SelfTestTable(Table):
    """How near the outputs on the stored input must be to the stored outputs: |a − b| ≤ atol + rtol·|b|."""

    atol: float = Field(1e-3, gt=0.0)
    """Absolute tolerance, in the output's own unit."""
    rtol: float = Field(1e-3, ge=0.0)
    """Relative tolerance."""


class DiffusionTable(Table):
    """A conditional diffusion model, in latents or in pixels. Images are in [-1, 1] for the networks."""

    prediction: Literal["v", "noise", "sample", "flow"]
    """What the denoiser returns: v = α·ε − σ·x₀, the noise ε, the clean sample x₀, or the flow ε − x₀."""
    schedule: Literal["cosine", "linear", "straight", "shift"]
    """Noise schedule; cosine is √ᾱ(t) = cos(πt/2), linear the DDPM's β from 1e-4·s to 0.02·s with s = 1000/steps,
    straight α = 1 − t and σ = t, shift α = 1 − t² and σ = t/2."""
    target: Literal["picture", "residual"] = "picture"
    """What is sampled: the picture, or its difference from the webcam's image (pixel diffusion only)."""
    train_steps: int = Field(ge=1, le=10_000)
    """Time steps of the schedule in training."""
    sampler: Literal["ddim", "dpmpp2m", "ddpm"]
    """Sampler that the bundle was measured with."""
    steps: int = Field(ge=1, le=1000)
    """Sampler steps that it was measured with."""
    least_steps: int = Field(1, ge=1, le=1000)
    """With fewer steps its samples are no pictures: quality is never shed below."""
    channels: int = Field(ge=1, le=256)
    """Channels of the latent (latent diffusion) or of the image (pixel diffusion)."""
    factor: int = Field(ge=1, le=32)
    """Pixels per latent pixel, 1 for pixel diffusion."""
    multiple: int = Field(ge=1, le=256)
    """Images must be padded to a multiple of this, in pixels."""
    patch: int = Field(ge=16, le=4096)
    """Edge of the training patches, in pixels."""
    degrade_sigma_px: float = Field(0.0, ge=0.0, le=100.0)
    """Typical blur of LR against HR in the training data, as a Gaussian's sigma in pixels of the plate grid."""


class RegressionTable(Table):
    """A deterministic model: image (B, 1, h, w) in [-1, 1] to picture of the same size."""

    multiple: int = Field(16, ge=1, le=256)
    """Images must be padded to a multiple of this, in pixels."""
    patch: int = Field(128, ge=16, le=4096)
    """Edge of the training patches, in pixels."""
    degrade_sigma_px: float = Field(0.0, ge=0.0, le=100.0)
    """Typical blur of LR against HR in the training data, as a Gaussian's sigma in pixels of the plate grid."""


class SpreadTable(Table):
    """How an ensemble's spread becomes one that can be believed: √((factor · spread)² + floor²), by its size.

    Found on layers that no training step saw, so that 90 % intervals by Student's t hold nine tenths of their pixels. A
    factor alone would not do: an error of tone is the same in all members, and none of them shows it.
    """

    samples: tuple[Annotated[int, Field(ge=2, le=64)], ...] = Field(min_length=1)
    """Members of the ensembles that were measured, ascending; another one takes the next smaller one's numbers."""
    factor: tuple[Annotated[float, Field(ge=0.0, le=100.0)], ...]
    """For each, what the members' standard deviation is multiplied by."""
    floor: tuple[Annotated[float, Field(ge=0.0, le=1.0)], ...]
    """For each, what every pixel may be wrong by that the members do not show: a deviation, grey in [0, 1]."""
    coverage: tuple[Annotated[float, Field(ge=0.0, le=1.0)], ...]
    """For each, the share of pixels that 90 % intervals then held on layers that were not fitted."""
    source: str
    """What it was found on, in words."""

    @model_validator(mode="after")
    def _one_for_each(self) -> SpreadTable:
        if {len(self.factor), len(self.floor), len(self.coverage)} != {len(self.samples)}:
            raise ValueError("factor, floor and coverage need one number for each of samples")
        if list(self.samples) != sorted(set(self.samples)):
            raise ValueError("samples must be ascending")
        return self

    def of(self, samples: int) -> tuple[float, float]:
        """Factor and floor of an ensemble of so many members; (1, 0) for one member, which has no spread."""
        if samples < 2:
            return 1.0, 0.0
        place = max((k for k, size in enumerate(self.samples) if size <= samples), default=0)
        return self.factor[place], self.floor[place]


def _whole_too(sizes: tuple[float, ...]) -> tuple[float, ...]:
    if 1.0 not in sizes:
        raise ValueError("1.0 must be among them: prompts are put to the whole picture")
    return sizes


UnaskedSizes = Annotated[
    tuple[Annotated[float, Field(gt=0.0, le=1.0)], ...], Field(max_length=4), AfterValidator(_whole_too)
]
"""Shares of a picture's size at which a model is asked what it takes for metal."""


class SegmenterTable(Table):
    """A promptable segmenter of SAM's architecture."""

    image_size: int = Field(ge=64, le=4096)
    """Edge of the square image that the encoder takes, in pixels."""
    channels: Literal[1, 3] = 3
    """Channels of that image."""
    mean: tuple[float, ...] = (123.675, 116.28, 103.53)
    """Mean that is subtracted, per channel, in grey values of [0, 255]."""
    std: tuple[float, ...] = (58.395, 57.12, 57.375)
    """Standard deviation that is divided by, per channel."""
    decoder: Literal["batched", "official"] = "batched"
    """batched: (B, N, 2) prompts a call; official: SAM's own export, one prompt a call."""
    min_iou: float = Field(ge=0.0, le=1.0)
    """Masks with a predicted IoU below this are dropped."""
    min_stability: float = Field(ge=0.0, le=1.0)
    """Masks whose area changes more than this under a shifted threshold are dropped."""
    stability_offset: float = Field(1.0, gt=0.0)
    """That shift, in logits."""
    mask_threshold: float = 0.0
    """Logit above which a pixel belongs to the mask."""
    unasked_stability: float = Field(0.5, ge=0.0, le=1.0)
    """Parts in the answer to no prompt whose area changes more than this under that shift are not believed."""
    unasked_sizes: UnaskedSizes = (1.0,)
    """That answer is the mean of those to the picture at these shares of its size: what is blurred is clearer small."""


class BundleManifest(Table):
    """The whole `bundle.toml`."""

    format: Literal[1]
    """Version of this schema."""
    name: str = Field(pattern=r"^[a-z0-9][a-z0-9._-]{0,63}$")
    """Name of the bundle; the directory has it too."""
    version: str = Field(pattern=r"^[0-9A-Za-z][0-9A-Za-z.+-]{0,31}$")
    """Version of the bundle."""
    kind: Kind
    """What it is, and so which files it must have."""
    description: str
    """One sentence for a person."""
    licence: str
    """Licence of the weights."""
    um_per_px: float | None = Field(None, gt=0.0)
    """Edge of a pixel in the training data, in µm; none for a model that was trained at many scales."""
    files: dict[str, FileEntry]
    """The files, by role: the graphs of its kind, `self_test`, and any others."""
    self_test: SelfTestTable = SelfTestTable()
    """Tolerance of the self-test."""
    training: dict[str, Scalar | list[Scalar]] = {}
    """Where the weights come from: recipe, seeds, data digest, software, time."""
    metrics: dict[str, dict[str, float]] = {}
    """Numbers that it was measured at, by table."""
    diffusion: DiffusionTable | None = None
    """Facts of a diffusion model."""
    regression: RegressionTable | None = None
    """Facts of a deterministic model."""
    spread: SpreadTable | None = None
    """How its ensemble's spread is widened; without it the spread is the members' own."""
    anchored_spread: SpreadTable | None = None
    """The same where the look is calibrated (`upscale.tone`), so that nothing of it is guessed."""
    segmenter: SegmenterTable | None = None
    """Facts of a segmenter."""

    @field_validator("files")
    @classmethod
    def _role_names(cls, value: dict[str, FileEntry]) -> dict[str, FileEntry]:
        bad = [role for role in value if not re.fullmatch(r"[a-z][a-z0-9_]{0,31}", role)]
        if bad:
            raise ValueError(f"roles must be short lower-case words, not {bad}")
        return value

    @model_validator(mode="after")
    def _complete(self) -> BundleManifest:
        missing = (ROLES[self.kind] | {"self_test"}) - set(self.files)
        if missing:
            raise ValueError(f"files: a {self.kind} bundle also needs {', '.join(sorted(missing))}")
        checkpoints = {role for role, entry in self.files.items() if entry.path.endswith(".pth")}
        if checkpoints - (ROLES["segmenter"] if self.kind == "segmenter" else set()):
            raise ValueError("files: only a segmenter's encoder and decoder may have the suffix .pth")
        if (self.diffusion is not None) != self.kind.endswith("-diffusion"):
            raise ValueError("the table [diffusion] belongs to the diffusion kinds, and to them only")
        if self.regression is not None and self.kind != "regression":
            raise ValueError("the table [regression] belongs to the kind 'regression' only")
        if (self.segmenter is not None) != (self.kind == "segmenter"):
            raise ValueError("the table [segmenter] belongs to the kind 'segmenter', and to it only")
        return self

    @property
    def graphs(self) -> tuple[str, ...]:
        """Roles whose files are networks, in alphabetical order: those of the kind, and every ONNX graph."""
        wanted = ROLES[self.kind]
        return tuple(
            sorted(
                role
                for role, entry in self.files.items()
                if entry.path.endswith(".onnx") or (role in wanted and PurePosixPath(entry.path).suffix in GRAPHS)
            )
        )
