"""Reference masks of an import: read, registered to the layer images, warped into the plate grid.

Owns which layers a registration rests on and how it is recorded; refuses to know how it is found.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from monitor.domain import Calibration, CameraFacts, Image, ImportDataError, Mask, PlateGrid
from monitor.optics import Registration, rectify, register_layers
from monitor.store.image_files import Slot, read_image
from monitor.store.mask_warp import homography, mask_to_grid
from monitor.store.recipe import MasksRecipe
from monitor.store.records import BuildManifest

Matrix = npt.NDArray[np.float64]

_LAYERS = 5
"""Layers that a registration rests on, spread over the build: their scatter says how good it is."""
_REACH_MM = 0.8
_REACH_PX = (4.0, 12.0)
"""How far nominal masks may be off: in mm, but within so many pixels."""


def reference_mask(path: Path, recipe: MasksRecipe, manifest: BuildManifest, moved: Matrix | None = None) -> Mask:
    """Read one mask file and warp it into the plate grid.

    Args:
        path: the file.
        recipe: where the plate is in it, and which value means part.
        manifest: the build's grid and camera.
        moved: registration (3, 3) from nominal to registered grid pixels, None for none.

    Returns:
        bool (rows, columns) of the grid.

    Raises:
        ImportDataError: the file is damaged, has several channels or grey values, or is not of the images' size where
            the recipe gives no corners.
    """
    pixels = read_image(path)
    if pixels.ndim != 2:
        raise ImportDataError(f"{path}: a mask has one channel, this has {pixels.shape}", cure="save the masks as grey")
    values = np.unique(pixels)
    if values.size > 2 or not set(values.tolist()) <= {0, 1, 255}:
        raise ImportDataError(
            f"{path}: a mask has the values 0 and 255, this has {values.size} values from {values[0]} to {values[-1]}",
            cure="save the masks without compression losses, or correct masks.folder",
        )
    to_plate = _to_plate(path, (pixels.shape[0], pixels.shape[1]), recipe, manifest)
    if moved is not None:
        to_mm = manifest.grid.to_mm()
        to_plate = to_mm @ moved @ np.linalg.inv(to_mm) @ to_plate
    part = pixels == 0 if recipe.part_value == 0 else pixels > 0
    return mask_to_grid(part, to_plate, manifest.grid)


def register_masks(
    slots: Sequence[Slot], masks: Mapping[int, Path], recipe: MasksRecipe, manifest: BuildManifest
) -> Registration | None:
    """Register the masks to the images of some layers spread over the build.

    Returns:
        None where the images do not tell better than the recipe's corners where the masks are.

    Raises:
        ImportDataError: a file is damaged.
    """
    grid, calibration = manifest.grid, manifest.cameras[0].calibration
    if calibration is None:
        return None
    paths = [(slot.path, masks[slot.index]) for slot in slots if slot.path and slot.index in masks]
    chosen = np.unique(np.linspace(0, len(paths) - 1, min(_LAYERS, len(paths))).round().astype(int))
    pairs = [
        (_picture(image, manifest.cameras[0], calibration, grid), reference_mask(mask, recipe, manifest))
        for image, mask in (paths[place] for place in chosen)
    ]
    reach = float(np.clip(_REACH_MM / grid.mm_per_px, *_REACH_PX))
    return register_layers(pairs, reach_px=reach)


def registration_record(found: Registration | None, um_per_px: float) -> dict[str, Any]:
    """What the manifest keeps of a registration, in µm.

    Errors are mean distances between outlines and the image's edges, beside their common bias: by how much the melt
    looks greater than its slice.
    """
    if found is None:
        return {"state": "nominal", "reason": "the images do not show better than the recipe where the masks are"}
    return {
        "state": "registered",
        "matrix": found.matrix.ravel().tolist(),
        "layers": found.layers,
        "correlation": found.correlation,
        "error_before_um": found.before.spread * um_per_px,
        "error_after_um": found.after.spread * um_per_px,
        "bias_um": found.after.bias * um_per_px,
        "scatter_um": found.scatter_px * um_per_px,
    }


def _picture(path: Path, facts: CameraFacts, calibration: Calibration, grid: PlateGrid) -> Image:
    image = read_image(path)
    if image.shape != facts.shape:
        raise unlike(path, image, facts)
    return rectify(image, calibration, grid, bits=8 * image.itemsize)


def unlike(path: Path, image: npt.NDArray[Any], facts: CameraFacts) -> ImportDataError:
    """The error of an image that is not like the first one."""
    return ImportDataError(
        f"{path}: is {image.dtype} {image.shape}, the first image is {facts.dtype} {facts.shape}",
        cure="import images of one camera and size only",
    )


def _to_plate(path: Path, shape: tuple[int, int], recipe: MasksRecipe, manifest: BuildManifest) -> Matrix:
    calibration = manifest.cameras[0].calibration
    if recipe.corners is not None:
        return homography(recipe.corners.image_px, recipe.corners.plate_mm)
    if calibration is None or shape != calibration.image_shape:
        raise ImportDataError(
            f"{path}: is {shape}, the layer images are {manifest.cameras[0].shape[:2]}",
            cure="say masks.corners in the recipe",
        )
    return np.asarray(np.linalg.inv(calibration.matrix), np.float64)
