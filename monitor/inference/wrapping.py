"""A checkpoint of Segment Anything becomes a bundle: a copy, a self-test, a manifest. Runs the model once."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np

from monitor.domain import BundleError
from monitor.inference.bundle import Bundle
from monitor.inference.manifest import BundleManifest, SegmenterTable, SelfTestTable
from monitor.inference.selftest import Arrays, write_self_test
from monitor.inference.session import open_session
from monitor.inference.writing import file_entries, write_manifest

MIN_IOU, MIN_STABILITY = 0.88, 0.95
"""Segment Anything's own thresholds; they can be changed in the manifest."""
SELF_TEST = "self_test.npz"


def wrap_checkpoint(checkpoint: Path, folder: Path, name: str, licence: str) -> Path:
    """Make a segmenter bundle of a published checkpoint.

    Args:
        checkpoint: a `.pth` of vit_b, vit_l, vit_h or MobileSAM.
        folder: the bundle becomes `folder/name`.
        name: of the bundle.
        licence: of the weights.

    Raises:
        BundleError: it is no such checkpoint, torch is not installed, or there is such a folder already.

    Returns:
        The bundle's directory.
    """
    directory = folder / name
    if directory.exists():
        raise BundleError(f"{directory} is there already", cure="choose another name")
    if checkpoint.suffix != ".pth" or not checkpoint.is_file():
        raise BundleError(f"{checkpoint}: is no .pth file", cure="name a checkpoint as its authors published it")
    open_session(checkpoint, role="decoder")
    directory.mkdir(parents=True)
    copy = Path(shutil.copy2(checkpoint, directory / checkpoint.name))
    write_self_test(directory / SELF_TEST, {"encoder": copy, "decoder": copy}, _self_test_inputs())
    files = {"encoder": copy.name, "decoder": copy.name, "self_test": SELF_TEST}
    manifest = BundleManifest(
        format=1,
        name=name,
        version="1",
        kind="segmenter",
        description=f"Segment Anything, from the checkpoint {checkpoint.name}; not trained by this project.",
        licence=licence,
        files=file_entries(directory, files),
        # Attention adds in another order from machine to machine.
        self_test=SelfTestTable(atol=5e-3, rtol=5e-3),
        segmenter=SegmenterTable(image_size=1024, min_iou=MIN_IOU, min_stability=MIN_STABILITY),
    )
    write_manifest(directory, manifest)
    Bundle.load(directory, self_test=False)
    return directory


def _self_test_inputs() -> dict[str, Arrays]:
    """A dark square on bright powder; two prompts on an embedding of noise."""
    image = np.full((1, 3, 1024, 1024), 0.5, np.float32)
    image[:, :, 300:700, 200:500] = -1.0
    embedding = np.random.default_rng(0).standard_normal((1, 256, 64, 64), np.float32)
    points = np.array([[[350, 500], [0, 0]], [[800, 500], [350, 500]]], np.float32)
    labels = np.array([[1, -1], [1, 0]], np.float32)
    prompts = {"image_embeddings": embedding, "point_coords": points, "point_labels": labels}
    return {"encoder": {"image": image}, "decoder": prompts}
