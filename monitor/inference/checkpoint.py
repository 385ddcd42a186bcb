"""Segment Anything's published checkpoints as the two graphs of a segmenter. Owns what may be read from such a file.

A `.pth` is a pickle: it is read with torch's unpickler for weights alone, which runs no code and makes nothing but
tensors and plain containers. Which model it is, its weights tell: vit_b, vit_l and vit_h by the width of their
positions, MobileSAM by a layer that only its encoder has. One file holds both halves, so a manifest names it twice.
"""

from __future__ import annotations

import pickle
from pathlib import Path

import torch
from torch import Tensor, nn

from monitor.domain import BundleError
from monitor.inference.networks.sam import MASKS, PointDecoder
from monitor.inference.networks.sam_vit import PATCH, VITS, VitEncoder
from monitor.inference.networks.tiny_vit import TinyEncoder
from monitor.inference.session import Provider, TensorFacts
from monitor.inference.torch_session import TorchSession, torch_device

IMAGE, WIDTH = 1024, 256
"""Edge of the image in pixels, and channels of its embedding, of all published models."""
ENCODER = "image_encoder."
POSITIONS, STEM = ENCODER + "pos_embed", ENCODER + "patch_embed.seq.0.c.weight"
UNUSED = ("prompt_encoder.mask_downscaling.", ENCODER + "head.", ENCODER + "norm_head.")
"""What checkpoints hold beyond what is asked here: the encoder of mask prompts, and MobileSAM's classifier."""
_PUBLISHED = "use a checkpoint as its authors published it, or export the model as a pair of ONNX graphs"


def open_checkpoint(path: Path, role: str, provider: Provider = "cpu", threads: int = 1) -> TorchSession:
    """One half of a checkpoint, with the names and shapes of the batched contract.

    Args:
        path: a `.pth` of vit_b, vit_l, vit_h or MobileSAM.
        role: "encoder" or "decoder".
        provider: "cpu" or "cuda".
        threads: CPU threads, of all of torch in this process.

    Raises:
        BundleError: the file holds more than weights or those of another model, or the provider is not there.
    """
    device = torch_device(provider)
    torch.set_num_threads(threads)
    network = _half(path, _weights(path), role).eval().requires_grad_(False).to(device)
    inputs, outputs = _facts(role)
    session = TorchSession(path, network, tuple(f.name for f in inputs), tuple(f.name for f in outputs), device)
    session.inputs, session.outputs = inputs, outputs
    return session


def _facts(role: str) -> tuple[tuple[TensorFacts, ...], tuple[TensorFacts, ...]]:
    """Inputs and outputs."""
    cells, kind = IMAGE // PATCH, "tensor(float)"
    embedding = TensorFacts("image_embeddings", kind, (1, WIDTH, cells, cells))
    if role == "encoder":
        return (TensorFacts("image", kind, (1, 3, IMAGE, IMAGE)),), (embedding,)
    prompts = (TensorFacts("point_coords", kind, ("B", "N", 2)), TensorFacts("point_labels", kind, ("B", "N")))
    masks = TensorFacts("low_res_masks", kind, ("B", MASKS, 4 * cells, 4 * cells))
    return (embedding, *prompts), (masks, TensorFacts("iou_predictions", kind, ("B", MASKS)))


def _weights(path: Path) -> dict[str, Tensor]:
    try:
        found = torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, RuntimeError, ValueError, EOFError, KeyError, pickle.UnpicklingError) as error:
        raise BundleError(
            f"{path}: is no checkpoint of weights alone ({str(error).strip().splitlines()[0][:200]})", cure=_PUBLISHED
        ) from error
    if not isinstance(found, dict) or not all(isinstance(value, Tensor) for value in found.values()):
        raise BundleError(f"{path}: holds other things than weights", cure=_PUBLISHED)
    return found


def _half(path: Path, weights: dict[str, Tensor], role: str) -> nn.Module:
    """The network of a role with its weights."""
    used = {name: value.float() for name, value in weights.items() if not name.startswith(UNUSED)}
    mine = {name: value for name, value in used.items() if name.startswith(ENCODER) == (role == "encoder")}
    width = int(weights[POSITIONS].shape[-1]) if POSITIONS in weights else 0
    if width not in VITS and STEM not in weights:
        raise BundleError(f"{path}: holds the weights of none of vit_b, vit_l, vit_h and MobileSAM", cure=_PUBLISHED)
    with torch.device("meta"):
        encoder = VitEncoder(VITS[width]) if width in VITS else TinyEncoder()
        network = encoder if role == "encoder" else PointDecoder(WIDTH)
    try:
        network.load_state_dict({name.removeprefix(ENCODER): value for name, value in mine.items()}, assign=True)
    except RuntimeError as error:
        raise BundleError(f"{path}: {' '.join(str(error).split())[:300]}", cure=_PUBLISHED) from error
    return network
