"""Segmenter bundles of real, small ONNX graphs that answer where the image is as bright as under the prompt.

The encoder averages the grey image over cells of 4 × 4 pixels; the decoder compares each cell with the cell under the
prompt's first point: logits are large where they are alike. Both decoder contracts hold the same answer.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
from onnx import parser

from monitor.inference import BundleManifest, SegmenterTable, file_entries, write_manifest, write_self_test
from tests.inference.small import save

CELL = 4
"""Pixels per cell of the embedding and of the low-resolution masks."""
_HEAD = '<ir_version: 9, opset_import: ["": 18]>\n'
_ENCODER = """encoder (float[1,3,{rows},{columns}] image) => (float[1,1,h,w] image_embeddings)
<int64[1] channel = {{1}}>
{{
    grey = ReduceMean<keepdims=1>(image, channel)
    image_embeddings = AveragePool<kernel_shape=[4,4], strides=[4,4]>(grey)
}}"""
# Mask 0: alike to the cell under the first point; mask 1: everything. The predicted IoU falls with padding points.
_ANSWER = """
    first = Slice(point_coords, from, to, axis)
    h = Shape<start=2, end=3>(image_embeddings)
    w = Shape<start=3, end=4>(image_embeddings)
    cells = Concat<axis=0>(w, h)
    cells_f = Cast<to=1>(cells)
    size = Mul(cells_f, four)
    centre = Add(first, half)
    turned = Div(centre, size)
    doubled = Mul(turned, two)
    moved = Sub(doubled, unit)
    grid = Unsqueeze(moved, from)
    seen = GridSample<mode="nearest", align_corners=0>(image_embeddings, grid)
    level = Reshape(seen, each)
    gap = Sub(image_embeddings, level)
    far = Abs(gap)
    fall = Mul(far, hundred)
    alike = Sub(ten, fall)
    nil = Mul(alike, zero)
    everything = Add(nil, two)
    low_res_masks = Concat<axis=1>(alike, everything)
    real = Equal(point_labels, unit)
    real_f = Cast<to=1>(real)
    share = ReduceMean<keepdims=1>(real_f, axis)
    good = Mul(share, point_nine)
    poor = Mul(share, half)
    iou_predictions = Concat<axis=1>(good, poor)
"""
_CONSTANTS = """<int64[1] from = {0}, int64[1] to = {1}, int64[1] axis = {1}, int64[4] each = {-1, 1, 1, 1},
 float four = {4.0}, float half = {0.5}, float two = {2.0}, float unit = {1.0}, float ten = {10.0},
 float hundred = {100.0}, float zero = {0.0}, float point_nine = {0.9}>"""
_PROMPTS = "float[1,1,h,w] image_embeddings, float[B,N,2] point_coords, float[B,N] point_labels"
_BATCHED = f"decoder ({_PROMPTS}) => (float[B,2,h,w] low_res_masks, float[B,2] iou_predictions)\n"
_OFFICIAL = (
    f"decoder ({_PROMPTS}, float[1,1,{{edge}},{{edge}}] mask_input, float[1] has_mask_input, float[2] orig_im_size)"
    " => (float[n] masks, float[B,2] iou_predictions, float[B,2,h,w] low_res_masks)\n"
)
# As in SAM's export, the full-size masks come first and every input has an effect.
_FULL_SIZE = """
    mask_mean = ReduceMean<keepdims=0>(mask_input)
    given = Mul(mask_mean, has_mask_input)
    masks = Add(orig_im_size, given)
"""


def make_promptable(
    folder: Path, decoder: str = "batched", *, fixed: int | None = None, image_size: int = 64, name: str = "likeness"
) -> Path:
    """A segmenter bundle.

    Args:
        folder: the bundle becomes `folder/name`.
        decoder: which contract, "batched" or "official".
        fixed: edge of the encoder's image; None leaves it free.
        image_size: what the manifest says.
        name: of the bundle.
    """
    path = folder / name
    path.mkdir(parents=True)
    edge = fixed or 64
    save(path / "encoder.onnx", _model(_ENCODER.format(rows=fixed or "H", columns=fixed or "W")))
    save(path / "decoder.onnx", _model(_decoder(decoder, edge // CELL)))
    grey = np.linspace(0, 1, edge * edge, dtype=np.float32).reshape(1, 1, edge, edge)
    prompts = {
        "image_embeddings": grey[:, :, ::CELL, ::CELL],
        "point_coords": np.array([[[8, 8], [0, 0]]], np.float32),
        "point_labels": np.array([[1, -1]], np.float32),
    }
    if decoder == "official":
        prompts |= {
            "mask_input": np.zeros((1, 1, edge // CELL, edge // CELL), np.float32),
            "has_mask_input": np.zeros(1, np.float32),
            "orig_im_size": np.full(2, edge, np.float32),
        }
    graphs = {role: path / f"{role}.onnx" for role in ("encoder", "decoder")}
    write_self_test(path / "self_test.npz", graphs, {"encoder": {"image": grey.repeat(3, axis=1)}, "decoder": prompts})
    files = {"encoder": "encoder.onnx", "decoder": "decoder.onnx", "self_test": "self_test.npz"}
    manifest = BundleManifest(
        format=1,
        name=name,
        version="1",
        kind="segmenter",
        description="Alike to the prompt.",
        licence="Apache-2.0",
        files=file_entries(path, files),
        segmenter=SegmenterTable.model_validate(
            {
                "image_size": image_size,
                "mean": (0.0,) * 3,
                "std": (255.0,) * 3,
                "decoder": decoder,
                "min_iou": 0.4,
                "min_stability": 0.3,
                "stability_offset": 0.5,
            }
        ),
    )
    write_manifest(path, manifest)
    return path


def _model(text: str) -> onnx.ModelProto:
    return parser.parse_model(_HEAD + text)


def _decoder(contract: str, edge: int) -> str:
    if contract == "batched":
        return f"{_BATCHED}{_CONSTANTS}\n{{{_ANSWER}}}"
    return f"{_OFFICIAL.format(edge=edge)}{_CONSTANTS}\n{{{_ANSWER}{_FULL_SIZE}}}"
