"""From a trained network to the two ONNX graphs of the contract. Refuses to train and to judge.

Encoder: `image` (1, 3, H, W) → `image_embeddings` (1, C, H/8, W/8) and, beyond SAM's contract, `metal_logits`
(1, 1, H, W), what the model takes for metal without being asked. Decoder: `image_embeddings`, `point_coords`
(B, N, 2) float32 pixels of the encoder's image, `point_labels` (B, N) float32 → `low_res_masks` (B, 4, H/2, W/2),
`iou_predictions` (B, 4). H and W are multiples of 32 and free, B and N are free.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnxruntime as ort
import torch
from torch import Tensor, nn

from monitor.learn.promptable.network import Promptable

OPSET = 20
ENCODER_PREFIX = "network."
"""What the names of the encoder's parameters begin with in its graph."""
LARGEST_DIFFERENCE = 1e-3
"""Between torch and ONNX Runtime, in logits."""


class _Encoder(nn.Module):
    """The encoder with the answer to no prompt beside its embedding."""

    def __init__(self, network: Promptable) -> None:
        super().__init__()
        self.network = network

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """Contract of the encoder."""
        embedding = self.network.encoder(image)
        return embedding, self.network.metal(image, embedding)


class _Decoder(nn.Module):
    """The decoder with the contract's names: labels come as float32, as in SAM's own export."""

    def __init__(self, decoder: nn.Module) -> None:
        super().__init__()
        self.decoder = decoder

    def forward(self, image_embeddings: Tensor, point_coords: Tensor, point_labels: Tensor) -> tuple[Tensor, Tensor]:
        """Contract of the batched decoder."""
        masks, iou = self.decoder(image_embeddings, point_coords, point_labels)
        return masks, iou


def export_pair(network: Promptable, directory: Path) -> tuple[Path, Path]:
    """Write `encoder.onnx` and `decoder.onnx`; return their paths.

    Args:
        network: trained, on the CPU, in eval mode.
        directory: exists.
    """
    dim = torch.export.Dim
    image = torch.randn(1, 3, 128, 192)
    # Batch normalisation is folded into the convolutions by ONNX Runtime when the session opens.
    encoder = directory / "encoder.onnx"
    _export(
        _Encoder(network), (image,), encoder, ["image"], ["image_embeddings", "metal_logits"],
        {"image": {2: 32 * dim("h32", min=2, max=128), 3: 32 * dim("w32", min=2, max=128)}},
    )  # fmt: skip
    with torch.no_grad():
        embedding = network.encoder(image)
    points, labels = torch.rand(3, 5, 2) * 100, torch.ones(3, 5)
    batch, count = dim("batch", min=1, max=1024), dim("points", min=1, max=256)
    decoder = directory / "decoder.onnx"
    _export(
        _Decoder(network.decoder), (embedding, points, labels), decoder,
        ["image_embeddings", "point_coords", "point_labels"], ["low_res_masks", "iou_predictions"],
        {
            "image_embeddings": {2: 2 * dim("h16", min=2, max=256), 3: 2 * dim("w16", min=2, max=256)},
            "point_coords": {0: batch, 1: count},
            "point_labels": {0: batch, 1: count},
        },
    )  # fmt: skip
    return encoder, decoder


def parity(network: Promptable, directory: Path) -> float:
    """Largest difference between torch and ONNX Runtime in mask logits and IoU, on an image of another size."""
    image = torch.randn(1, 3, 256, 320, generator=torch.Generator().manual_seed(1))
    points, labels = torch.tensor([[[20.0, 30.0], [200.0, 150.0]]]), torch.tensor([[1.0, -1.0]])
    with torch.no_grad():
        known = network.encoder(image)
        masks, iou = network.decoder(known, points, labels)
        metal = network.metal(image, known)
    embedding, onnx_metal = _run(directory / "encoder.onnx", {"image": image.numpy()})
    feeds = {"image_embeddings": embedding, "point_coords": points.numpy(), "point_labels": labels.numpy()}
    onnx_masks, onnx_iou = _run(directory / "decoder.onnx", feeds)
    pairs = ((onnx_masks, masks), (onnx_iou, iou), (onnx_metal, metal))
    return max(float(np.abs(ours - theirs.numpy()).max()) for ours, theirs in pairs)


def _run(path: Path, feeds: dict[str, np.ndarray]) -> list[np.ndarray]:
    outputs: list[np.ndarray] = ort.InferenceSession(path, providers=["CPUExecutionProvider"]).run(None, feeds)
    return outputs


def _export(
    module: nn.Module, args: tuple[Tensor, ...], path: Path, inputs: list[str], outputs: list[str],
    shapes: dict[str, dict[int, object]],
) -> None:  # fmt: skip
    torch.onnx.export(
        module.eval(), args, path, input_names=inputs, output_names=outputs, dynamo=True, opset_version=OPSET,
        dynamic_shapes=shapes, external_data=False, verbose=False,
    )  # fmt: skip
