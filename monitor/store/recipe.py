"""What a folder of layer images is, so that it can become a build. Owns the recipe's schema; refuses to read images."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Literal, Self

from pydantic import Field, ValidationError, field_validator, model_validator

from monitor.config import CornersSettings, PlateSettings
from monitor.config.base import Section
from monitor.config.locate import describe
from monitor.domain import CameraRole, ConfigError

_GROUPS = {"height", "number", "series"}


class ImagesRecipe(Section):
    """The layer images and where the plate is in them."""

    folder: str = "."
    """Their folder, relative to the folder that is imported."""
    pattern: str = ".+"
    """Regular expression of their whole file names. Its groups say what a name tells: (?P<height>) of the layer's top,
    or (?P<number>) of the layer; (?P<series>) tells builds in one folder apart. With neither height nor number, the
    files are consecutive layers in the order of their names."""
    height_unit: Literal["um", "mm"] = "um"
    """Unit of the heights in the file names."""
    camera: str = Field("camera", pattern=r"^[a-z][a-z0-9_-]{0,31}$")
    """Name of the camera in the build."""
    role: CameraRole = CameraRole.WEBCAM
    """What the images are used for."""
    corners: CornersSettings | None = None
    """Where the plate is in the images."""
    um_per_px: float | None = Field(None, gt=0.0)
    """Instead of corners, for images that are rectified already: edge length of a pixel, in µm. The centre of their
    first pixel is at plate.origin_mm."""

    @field_validator("pattern")
    @classmethod
    def _expression(cls, pattern: str) -> str:
        try:
            groups = set(re.compile(pattern).groupindex)
        except re.error as error:
            raise ValueError(f"not a regular expression: {error}") from error
        if groups - _GROUPS:
            raise ValueError(f"unknown groups {sorted(groups - _GROUPS)}; known are {sorted(_GROUPS)}")
        if {"height", "number"} <= groups:
            raise ValueError("give either a height or a number group, not both")
        return pattern

    @model_validator(mode="after")
    def _placed(self) -> Self:
        if (self.corners is None) == (self.um_per_px is None):
            raise ValueError("give either corners (a perspective view) or um_per_px (rectified images)")
        return self


class LayersRecipe(Section):
    """Heights and times, as far as the file names do not tell them."""

    layer_height_um: float = Field(30.0, gt=0.0, le=1000.0)
    """Thickness of one layer, in µm."""
    first_height_um: float | None = Field(None, ge=0.0)
    """Height of the first layer's top above the plate, in µm; none takes one layer. Not used with heights in names."""
    cadence_s: float = Field(60.0, ge=20.0)
    """Nominal seconds from one layer end to the next: the images do not tell their times."""


class MasksRecipe(Section):
    """Reference masks: image files with the same names as the layer images, whatever their suffix."""

    folder: str
    """Their folder, relative to the folder that is imported."""
    part_value: Literal[0, 255] = 255
    """Pixel value that means part."""
    corners: CornersSettings | None = None
    """Where the plate is in the masks; none takes the place of the layer images, pixel by pixel."""
    register_to_images: bool = False
    """Whether to find in the images themselves where the masks are, to less than the corners' error (up to 0.8 mm).
    One affine transform for the whole build; the manifest keeps it with its residual."""


class ImportRecipe(Section):
    """A folder of layer images, described."""

    name: str = Field(min_length=1)
    """Name of the build."""
    description: str = ""
    """What it shows and where it comes from."""
    images: ImagesRecipe
    plate: PlateSettings = PlateSettings()
    layers: LayersRecipe = LayersRecipe()
    masks: MasksRecipe | None = None


def load_recipe(path: Path) -> ImportRecipe:
    """Read a recipe from a TOML file.

    Raises:
        ConfigError: naming file, line where possible, key, value and what is allowed.
    """
    try:
        text = path.read_text(encoding="utf-8")
        return ImportRecipe.model_validate(tomllib.loads(text))
    except ValidationError as error:
        message, cure = describe(path, text, error, ImportRecipe), "correct the keys above"
    except OSError as error:
        message, cure = f"{path}: cannot be read ({error.strerror})", "give the path of a TOML recipe"
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        message, cure = f"{path}: not valid TOML: {error}", "correct the syntax there"
    raise ConfigError(message, cure=cure)
