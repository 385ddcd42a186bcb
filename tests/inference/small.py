"""Tiny ONNX graphs and bundles of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper

from monitor.inference import (
    BundleManifest,
    SegmenterTable,
    file_entries,
    write_manifest,
    write_self_test,
)

SHAPE = (1, 1, 8, 8)


def onnx_model(weight: npt.NDArray[np.float32] | None = None) -> onnx.ModelProto:
    """A 3 × 3 convolution (N, 1, H, W) → (N, 1, H, W) from "lr" to "sr"."""
    kernel = np.arange(9, dtype=np.float32).reshape(1, 1, 3, 3) / 36 if weight is None else weight
    graph = helper.make_graph(
        [helper.make_node("Conv", ["lr", "w"], ["sr"], pads=[1, 1, 1, 1])],
        "small",
        [helper.make_tensor_value_info("lr", TensorProto.FLOAT, ["n", 1, "h", "w"])],
        [helper.make_tensor_value_info("sr", TensorProto.FLOAT, ["n", 1, "h", "w"])],
        [numpy_helper.from_array(kernel, "w")],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)


def save(path: Path, model: onnx.ModelProto) -> Path:
    """Write a model as one file."""
    path.write_bytes(model.SerializeToString())
    return path


def picture(seed: int = 0) -> npt.NDArray[np.float32]:
    """An input."""
    return np.random.default_rng(seed).random(SHAPE, np.float32)


def make_bundle(folder: Path, name: str = "small") -> Path:
    """A regression bundle that holds what it promises."""
    path = folder / name
    path.mkdir(parents=True)
    model = save(path / "model.onnx", onnx_model())
    write_self_test(path / "self_test.npz", {"model": model}, {"model": {"lr": picture()}})
    seal(path, name)
    return path


def make_segmenter(folder: Path, name: str = "cutter") -> Path:
    """A bundle of the kind segmenter, with two graphs."""
    path = folder / name
    path.mkdir(parents=True)
    graphs = {role: save(path / f"{role}.onnx", onnx_model()) for role in ("encoder", "decoder")}
    write_self_test(path / "self_test.npz", graphs, {role: {"lr": picture()} for role in graphs})
    files = {"encoder": "encoder.onnx", "decoder": "decoder.onnx", "self_test": "self_test.npz"}
    table = SegmenterTable(image_size=64, min_iou=0.5, min_stability=0.5)
    write_manifest(
        path,
        BundleManifest(
            format=1,
            name=name,
            version="1.0",
            kind="segmenter",
            description="Two convolutions.",
            licence="Apache-2.0",
            files=file_entries(path, files),
            segmenter=table,
        ),
    )
    return path


def seal(path: Path, name: str = "small") -> None:
    """Write the manifest for the files as they are."""
    files = {"model": "model.onnx", "self_test": "self_test.npz"}
    manifest = BundleManifest(
        format=1,
        name=name,
        version="1.0",
        kind="regression",
        description='One convolution, "small".',
        licence="Apache-2.0",
        um_per_px=100.0,
        files=file_entries(path, files),
        training={"recipe": "by hand", "seeds": [1, 2], "gpu": False},
        metrics={"test set": {"psnr": 30.5}},
    )
    write_manifest(path, manifest)
