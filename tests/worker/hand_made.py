"""Bundles whose graphs are drawn by hand: real files, real sessions, and results that can be foretold.

The diffusion model predicts the clean sample to be the webcam image itself with a little of the noise; the segmenter
calls metal what is dark. They load in milliseconds and make sensible masks of dark melt on bright powder.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper

from monitor.config import UpscaleSettings
from monitor.inference import (
    BundleManifest,
    DiffusionTable,
    SegmenterTable,
    file_entries,
    write_manifest,
    write_self_test,
)

FACTOR = 2
SMOOTH = {"kernel_shape": [6, 6], "strides": [FACTOR, FACTOR], "pads": [2, 2, 2, 2]}
MIDDLE = 0.32
"""Grey value, of [-1, 1], between melt and powder: it becomes 0."""
DARK = 0.43
"""Grey value, of 1, below which the segmenter sees metal."""
UPSCALER = UpscaleSettings().bundle
Feeds = dict[str, npt.NDArray[np.float32]]


def make_models(folder: Path, noise: float = 0.02, brightest: int | None = None) -> Path:
    """Both bundles under their default names; `noise` is its share in the clean sample. Returns the folder.

    With `brightest`, the encoder gives no numbers for a picture that has a brighter grey value.
    """
    _diffusion(folder / UPSCALER, noise, brightest)
    _segmenter(folder / "promptable-small")
    return folder


def _diffusion(path: Path, noise: float, brightest: int | None) -> None:
    size = ["n", 1, "h", "w"]
    pool = helper.make_node("AveragePool", ["image"], ["condition"], **SMOOTH)
    encoding, bound = ([pool], {}) if brightest is None else _easily_dazzled(brightest)
    decoding = [
        helper.make_node("Resize", ["latent", "", "scales"], ["large"], mode="linear"),
        helper.make_node("Sub", ["large", "middle"], ["centred"]),
        helper.make_node("Mul", ["centred", "gain"], ["image"]),
    ]
    contrast = {
        "scales": np.array([1, 1, FACTOR, FACTOR], np.float32),
        "middle": np.float32(MIDDLE),
        "gain": np.float32(4),
    }
    graphs = {
        "encoder": _model(encoding, {"image": size}, {"condition": size}, bound),
        "denoiser": _model(
            [helper.make_node("Mul", ["noisy", "share"], ["part"]), _add("condition", "part", "prediction")],
            {"noisy": size, "condition": size, "time": ["n"]},
            {"prediction": size},
            {"share": np.float32(noise)},
        ),
        "decoder": _model(decoding, {"latent": size}, {"image": size}, contrast),
    }
    ramp = np.linspace(-1, 1, 64, dtype=np.float32).reshape(1, 1, 8, 8)
    feeds: dict[str, Feeds] = {
        "encoder": {"image": ramp / 2},
        "denoiser": {"noisy": ramp, "condition": ramp[..., ::-1].copy(), "time": np.ones(1, np.float32)},
        "decoder": {"latent": ramp},
    }
    table = DiffusionTable(
        prediction="sample", schedule="cosine", train_steps=100, sampler="ddim", steps=2, channels=1, factor=FACTOR,
        multiple=2 * FACTOR, patch=16,
    )  # fmt: skip
    _write(path, "latent-diffusion", graphs, feeds, diffusion=table)


def make_regression(path: Path) -> Path:
    """A bundle that blurs the webcam's picture a little. Returns its directory."""
    size = ["n", 1, "h", "w"]
    blur = helper.make_node("AveragePool", ["image"], ["picture"], kernel_shape=[3, 3], pads=[1, 1, 1, 1])
    ramp = np.linspace(-1, 1, 64, dtype=np.float32).reshape(1, 1, 8, 8)
    _write(
        path, "regression", {"model": _model([blur], {"image": size}, {"picture": size})}, {"model": {"image": ramp}}
    )
    return path


def _easily_dazzled(brightest: int) -> tuple[list[onnx.NodeProto], dict[str, npt.NDArray[np.generic] | np.float32]]:
    """The encoder with a root of (brightest − brightest pixel), times zero, in it."""
    nodes = [
        helper.make_node("AveragePool", ["image"], ["smooth"], **SMOOTH),
        helper.make_node("ReduceMax", ["image"], ["top"], keepdims=1, axes=[1, 2, 3]),
        helper.make_node("Sub", ["bound", "top"], ["room"]),
        helper.make_node("Sqrt", ["room"], ["root"]),
        helper.make_node("Mul", ["root", "zero"], ["nothing"]),
        _add("smooth", "nothing", "condition"),
    ]
    return nodes, {"bound": np.float32(2 * brightest / 255 - 1), "zero": np.float32(0)}


def _segmenter(path: Path) -> None:
    """Logits fall with the grey value and are the same for every prompt."""
    size = ["n", 1, "h", "w"]
    pool = helper.make_node("AveragePool", ["image"], ["image_embeddings"], **SMOOTH)
    nodes = [
        helper.make_node("Shape", ["point_coords"], ["batch"], start=0, end=1),
        helper.make_node("Concat", ["batch", "ones"], ["four"], axis=0),
        helper.make_node("Concat", ["batch", "one"], ["two"], axis=0),
        helper.make_node("Sub", ["dark", "image_embeddings"], ["below"]),
        helper.make_node("Mul", ["below", "steep"], ["logits"]),
        helper.make_node("Expand", ["logits", "four"], ["low_res_masks"]),
        helper.make_node("Expand", ["sure", "two"], ["iou_predictions"]),
    ]
    constants = {
        "ones": np.ones(3, np.int64), "one": np.ones(1, np.int64), "dark": np.float32(DARK),
        "steep": np.float32(60), "sure": np.full((1, 1), 0.95, np.float32),
    }  # fmt: skip
    inputs = {"image_embeddings": size, "point_coords": ["b", "p", 2], "point_labels": ["b", "p"]}
    outputs = {"low_res_masks": ["b", 1, "h", "w"], "iou_predictions": ["b", 1]}
    graphs = {
        "encoder": _model([pool], {"image": size}, {"image_embeddings": size}),
        "decoder": _model(nodes, inputs, outputs, constants),
    }
    ramp = np.linspace(0, 1, 64, dtype=np.float32).reshape(1, 1, 8, 8)
    points, labels = np.ones((2, 3, 2), np.float32), np.ones((2, 3), np.float32)
    feeds = {
        "encoder": {"image": ramp},
        "decoder": {"image_embeddings": ramp, "point_coords": points, "point_labels": labels},
    }
    table = SegmenterTable(image_size=64, channels=1, mean=(0.0,), std=(255.0,), min_iou=0.5, min_stability=0.2)
    _write(path, "segmenter", graphs, feeds, segmenter=table)


def _add(a: str, b: str, out: str) -> onnx.NodeProto:
    return helper.make_node("Add", [a, b], [out])


def _model(
    nodes: list[onnx.NodeProto],
    inputs: dict[str, list[str | int]],
    outputs: dict[str, list[str | int]],
    constants: dict[str, npt.NDArray[np.generic] | np.float32] | None = None,
) -> onnx.ModelProto:
    def facts(ports: dict[str, list[str | int]]) -> list[onnx.ValueInfoProto]:
        return [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in ports.items()]

    stored = [numpy_helper.from_array(np.asarray(value), name) for name, value in (constants or {}).items()]
    graph = helper.make_graph(nodes, "hand-made", facts(inputs), facts(outputs), stored)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)


def _write(
    path: Path,
    kind: str,
    graphs: dict[str, onnx.ModelProto],
    feeds: dict[str, Feeds],
    *,
    diffusion: DiffusionTable | None = None,
    segmenter: SegmenterTable | None = None,
) -> None:
    path.mkdir(parents=True)
    files = {}
    for role, model in graphs.items():
        files[role] = path / f"{role}.onnx"
        files[role].write_bytes(model.SerializeToString())
    write_self_test(path / "self_test.npz", files, feeds)
    names = {role: file.name for role, file in files.items()} | {"self_test": "self_test.npz"}
    manifest = BundleManifest.model_validate(
        {
            "format": 1, "name": path.name, "version": "1", "kind": kind, "description": "Drawn by hand for a test.",
            "licence": "Apache-2.0", "files": file_entries(path, names), "diffusion": diffusion,
            "segmenter": segmenter,
        }
    )  # fmt: skip
    write_manifest(path, manifest)
