"""An ONNX pair of MobileSAM's shape with random weights: image of 1024², embedding of 256 × 64², masks of 256²."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from monitor.inference import BundleManifest, SegmenterTable, file_entries, write_manifest, write_self_test
from tests.inference.small import save

EDGE, WIDTH, CELLS, MASKS, LOW = 1024, 256, 64, 4, 256
_F = TensorProto.FLOAT


def mobile_pair(folder: Path, decoder: str) -> Path:
    """A segmenter bundle of such a pair; `decoder` is its contract, "batched" or "official"."""
    path = folder / f"mobile-{decoder}"
    path.mkdir(parents=True)
    rng = np.random.default_rng(0)
    save(path / "encoder.onnx", _encoder(rng))
    save(path / "decoder.onnx", _decoder(rng, official=decoder == "official"))
    prompts = {
        "image_embeddings": rng.standard_normal((1, WIDTH, CELLS, CELLS)).astype(np.float32),
        "point_coords": np.full((1, 2, 2), 100.0, np.float32),
        "point_labels": np.array([[1, -1]], np.float32),
    }
    if decoder == "official":
        prompts |= {
            "mask_input": np.zeros((1, 1, LOW, LOW), np.float32),
            "has_mask_input": np.zeros(1, np.float32),
            "orig_im_size": np.array([EDGE, EDGE], np.float32),
        }
    graphs = {role: path / f"{role}.onnx" for role in ("encoder", "decoder")}
    image = np.full((1, 3, EDGE, EDGE), 0.5, np.float32)
    write_self_test(path / "self_test.npz", graphs, {"encoder": {"image": image}, "decoder": prompts})
    files = {"encoder": "encoder.onnx", "decoder": "decoder.onnx", "self_test": "self_test.npz"}
    table = {"image_size": EDGE, "decoder": decoder, "min_iou": 0.0, "min_stability": 0.0}
    manifest = BundleManifest(
        format=1, name=path.name, version="1", kind="segmenter", description="Random weights.", licence="Apache-2.0",
        files=file_entries(path, files), segmenter=SegmenterTable.model_validate(table),
    )  # fmt: skip
    write_manifest(path, manifest)
    return path


def _encoder(rng: np.random.Generator) -> onnx.ModelProto:
    weights = (rng.standard_normal((WIDTH, 3, 16, 16)) / 28).astype(np.float32)
    node = helper.make_node("Conv", ["image", "weights"], ["image_embeddings"], strides=[16, 16])
    image = helper.make_tensor_value_info("image", _F, [1, 3, EDGE, EDGE])
    out = helper.make_tensor_value_info("image_embeddings", _F, [1, WIDTH, CELLS, CELLS])
    return _model([node], [image], [out], {"weights": weights})


def _decoder(rng: np.random.Generator, *, official: bool) -> onnx.ModelProto:
    """Each prompt turns its points into four vectors; a mask is their product with every cell of the embedding."""
    nodes = [
        helper.make_node("Unsqueeze", ["point_labels", "last"], ["marks"]),
        helper.make_node("Mul", ["point_coords", "marks"], ["marked"]),
        helper.make_node("ReduceMean", ["marked", "one"], ["middle"], keepdims=0),
        helper.make_node("MatMul", ["middle", "to_vectors"], ["flat"]),
        helper.make_node("Reshape", ["flat", "vector_shape"], ["vectors"]),
        helper.make_node("Reshape", ["image_embeddings", "cell_shape"], ["cells"]),
        helper.make_node("MatMul", ["vectors", "cells"], ["products"]),
        helper.make_node("Reshape", ["products", "small_shape"], ["small"]),
        helper.make_node("Resize", ["small", "", "scales"], ["low_res_masks"], mode="linear"),
        helper.make_node("MatMul", ["middle", "to_iou"], ["raw_iou"]),
        helper.make_node("Sigmoid", ["raw_iou"], ["iou_predictions"]),
    ]
    shapes: dict[str, list[int | str]] = {
        "image_embeddings": [1, WIDTH, CELLS, CELLS], "point_coords": ["B", "N", 2], "point_labels": ["B", "N"],
    }  # fmt: skip
    outs: dict[str, list[int | str]] = {"iou_predictions": ["B", MASKS], "low_res_masks": ["B", MASKS, LOW, LOW]}
    if official:  # as in SAM's export, full-size masks come first, and every input has an effect
        nodes += [
            helper.make_node("ReduceMean", ["mask_input"], ["given"], keepdims=0),
            helper.make_node("Mul", ["given", "has_mask_input"], ["used"]),
            helper.make_node("Add", ["orig_im_size", "used"], ["masks"]),
        ]
        shapes |= {"mask_input": [1, 1, LOW, LOW], "has_mask_input": [1], "orig_im_size": [2]}
        outs = {"masks": [2], **outs}
    constants = {
        "last": np.array([2]), "one": np.array([1]), "scales": np.array([1, 1, 4, 4], np.float32),
        "vector_shape": np.array([-1, MASKS, WIDTH]), "cell_shape": np.array([WIDTH, CELLS**2]),
        "small_shape": np.array([-1, MASKS, CELLS, CELLS]),
        "to_vectors": (rng.standard_normal((2, MASKS * WIDTH)) / 500).astype(np.float32),
        "to_iou": (rng.standard_normal((2, MASKS)) / 500).astype(np.float32),
    }  # fmt: skip
    ports = [
        [helper.make_tensor_value_info(name, _F, shape) for name, shape in each.items()] for each in (shapes, outs)
    ]
    return _model(nodes, *ports, constants)


def _model(
    nodes: list[onnx.NodeProto], inputs: list[onnx.ValueInfoProto], outputs: list[onnx.ValueInfoProto],
    constants: dict[str, np.ndarray[tuple[int, ...], np.dtype[np.generic]]],
) -> onnx.ModelProto:  # fmt: skip
    held = [numpy_helper.from_array(value, name) for name, value in constants.items()]
    graph = helper.make_graph(nodes, "pair", inputs, outputs, held)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
