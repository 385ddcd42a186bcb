"""A folder of layer images becomes a recorded build. Owns the order of the steps and that nothing half-made stays.

The build is made in a hidden folder beside the others and renamed when it is whole. Layer ends are nominal: images do
not tell when they were taken, so a steady cadence stands in, and the manifest's origin says "import".
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import numpy.typing as npt

from monitor.domain import (
    Calibration,
    CameraFacts,
    Frame,
    Gap,
    Layer,
    LayerEnd,
    PlateGrid,
    StoreLocked,
)
from monitor.store.disk import disk_errors, make_folder, sync_folder
from monitor.store.image_files import Slot, find_layers, read_image, same_stem
from monitor.store.import_masks import reference_mask, register_masks, registration_record, unlike
from monitor.store.layout import free_build_id, lock_file
from monitor.store.lock import WriterLock
from monitor.store.mask_warp import homography
from monitor.store.recipe import ImagesRecipe, ImportRecipe
from monitor.store.records import BuildManifest
from monitor.store.writer import BuildWriter

Progress = Callable[[int, int], None]
"""Called after each layer with the number of layers done and of all."""

NOMINAL_RATE_HZ = 1000.0
_SETTLED_S = 3.5
_HIDDEN = ".import-"


def import_folder(
    root: Path,
    folder: Path,
    recipe: ImportRecipe,
    *,
    name: str = "",
    series: str = "",
    progress: Progress | None = None,
) -> str:
    """Make a recorded build of a folder of layer images, and return its id.

    Args:
        root: directory of all builds.
        folder: the folder that the recipe describes.
        recipe: what is in the folder.
        name: name of the build; "" takes the recipe's.
        series: which series to take where the file names tell several apart.
        progress: called after each layer.

    Raises:
        ImportDataError: an image is damaged or unlike the others, or the recipe does not fit; nothing is imported.
        StoreFull: no space left; nothing is imported.
    """
    slots = find_layers(folder / recipe.images.folder, recipe, series)
    masks = same_stem(folder / recipe.masks.folder, slots) if recipe.masks else {}
    first = read_image(next(slot.path for slot in slots if slot.path))
    title = name or f"{recipe.name} {series}".strip()
    now = datetime.now(UTC)
    manifest = _manifest(free_build_id(root, title, now), title, now, recipe, first)
    manifest = replace(manifest, config={**manifest.config, "folder": str(folder), "series": series})
    moved = None
    if recipe.masks and recipe.masks.register_to_images:
        found = register_masks(slots, masks, recipe.masks, manifest)
        moved = found.matrix if found else None
        record = registration_record(found, manifest.grid.um_per_px)
        manifest = replace(manifest, config={**manifest.config, "registration": record})
    with _hidden_folder(root) as hidden:
        with BuildWriter.create(hidden, manifest) as writer:
            for slot in slots:
                writer.commit(_layer(slot, recipe, manifest))
                if recipe.masks and slot.index in masks:
                    mask = reference_mask(masks[slot.index], recipe.masks, manifest, moved)
                    writer.set_reference(slot.index, mask)
                if progress:
                    progress(slot.index + 1, len(slots))
            writer.end("imported")
        with disk_errors(f"build {manifest.id}"):
            (hidden / manifest.id).rename(root / manifest.id)
            sync_folder(root)
    return manifest.id


def _manifest(
    build: str,
    title: str,
    now: datetime,
    recipe: ImportRecipe,
    first: npt.NDArray[np.uint8] | npt.NDArray[np.uint16],
) -> BuildManifest:
    images, grid = recipe.images, recipe.plate.grid()
    calibration = _calibration(images, grid, (first.shape[0], first.shape[1]))
    facts = CameraFacts(
        images.camera, images.role, "image files", "", first.shape, str(first.dtype), "recorded", calibration
    )
    return BuildManifest(
        build,
        title,
        now.isoformat(timespec="seconds"),
        "import",
        grid,
        recipe.layers.layer_height_um / 1000.0,
        (facts,),
        config={"recipe": recipe.model_dump(mode="json")},
    )


def _calibration(images: ImagesRecipe, grid: PlateGrid, shape: tuple[int, int]) -> Calibration:
    if images.corners is not None:
        matrix = homography(images.corners.plate_mm, images.corners.image_px)
        return Calibration.from_matrix(matrix, shape, "corners")
    rectified = PlateGrid(grid.origin_mm, images.um_per_px or grid.um_per_px, shape)
    return Calibration.from_matrix(np.asarray(np.linalg.inv(rectified.to_mm()), np.float64), shape, "identity")


def _layer(slot: Slot, recipe: ImportRecipe, manifest: BuildManifest) -> Layer:
    """The layer as if it had been captured at the nominal cadence, of whose laser nothing was heard."""
    cadence = recipe.layers.cadence_s
    off, first_on = (slot.index + 1) * cadence, (slot.index + 0.25) * cadence
    end = LayerEnd(round(off * NOMINAL_RATE_HZ), off, first_on, 0.0, off + 3.0)
    wall = datetime.fromisoformat(manifest.created) + timedelta(seconds=off)
    capture = _capture(slot, manifest.cameras[0], off + _SETTLED_S)
    return Layer(slot.index, slot.height_mm, end, wall.isoformat(), {capture.camera: capture})


def _capture(slot: Slot, facts: CameraFacts, time_s: float) -> Frame | Gap:
    if slot.path is None:
        return Gap(facts.name, slot.reason)
    image = read_image(slot.path)
    if image.shape != facts.shape or str(image.dtype) != facts.dtype:
        raise unlike(slot.path, image, facts)
    return Frame(facts.name, image, time_s, bits=8 * image.itemsize)


@contextmanager
def _hidden_folder(root: Path) -> Iterator[Path]:
    """A folder that no list shows, gone afterwards. What a killed import left is removed first."""
    with disk_errors(f"import into {root}"):
        make_folder(root, root)
        _sweep(root)
        hidden = Path(tempfile.mkdtemp(prefix=_HIDDEN, dir=root))
        lock = WriterLock(lock_file(hidden), "an import")
        lock.acquire()
    try:
        yield hidden
    finally:
        lock.release()
        shutil.rmtree(hidden, ignore_errors=True)


def _sweep(root: Path) -> None:
    for left in root.glob(f"{_HIDDEN}*"):
        lock = WriterLock(lock_file(left), "an import")
        if not lock_file(left).is_file():
            continue  # just made by another import
        with suppress(StoreLocked):
            lock.acquire()
            shutil.rmtree(left, ignore_errors=True)
            lock.release()
