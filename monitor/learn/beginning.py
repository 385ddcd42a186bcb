"""Weights that a super-resolution training begins with: of a former run's file, or of a finished bundle's graphs.

A bundle holds its weights in half precision, in which they were rounded before they were measured, so nothing is lost.
Of a latent diffusion it lacks the encoder of high-resolution pictures; that training begins with a run's file alone.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import numpy_helper
from safetensors.torch import load_file
from torch import Tensor, nn

from monitor.domain import BundleError
from monitor.inference import Bundle, file_digest
from monitor.learn.trained import Trained, TrainedPixel, TrainedRegression


def begin_with(models: Trained, weights: Path) -> None:
    """Take over weights of networks of the same sizes.

    Args:
        models: what is to be trained.
        weights: a run's weights.safetensors, or the directory of a bundle.

    Raises:
        BundleError: they do not fit, or are not all there.
    """
    if not weights.is_dir():
        models.load_weights(weights)
        return
    bundle = Bundle.load(weights, self_test=False)
    network, role = _network(models, bundle)
    path = bundle.path(role)
    known = _stored(path)
    try:
        state = {name: known[name].float().reshape(value.shape) for name, value in network.state_dict().items()}
    except (KeyError, RuntimeError) as error:
        raise BundleError(
            f"{path}: does not fit the recipe's network ({error})",
            cure="use a bundle that `lpbf-monitor train` made by a recipe of the same sizes",
        ) from error
    network.load_state_dict(state)


def named(weights: Path) -> str:
    """Which weights these are, for manifests and cards."""
    if weights.is_dir():
        return f"the weights of {Bundle.read(weights).label}"
    return f"weights with SHA-256 {file_digest(weights)}"


def _network(models: Trained, bundle: Bundle) -> tuple[nn.Module, str]:
    """The one network of the kind, and its role in a bundle."""
    if bundle.manifest.kind == models.recipe.kind:
        if isinstance(models, TrainedPixel):
            return models.unet, "denoiser"
        if isinstance(models, TrainedRegression):
            return models.network, "model"
    raise BundleError(
        f"{bundle.directory}: a bundle of {bundle.manifest.kind} does not hold all that a training of "
        f"{models.recipe.kind} begins with",
        cure="begin with a run's weights.safetensors",
    )


def _stored(path: Path) -> dict[str, Tensor]:
    """All weights of a graph, by the names of the network's parameters."""
    if path.suffix == ".onnx":
        arrays = {one.name: numpy_helper.to_array(one) for one in onnx.load(path).graph.initializer}
        return {name.removesuffix("_half"): torch.from_numpy(np.array(array)) for name, array in arrays.items()}
    if path.suffix == ".safetensors":
        return load_file(path)
    raise BundleError(
        f"{path}: weights are read back from .onnx and .safetensors alone",
        cure="begin with a run's weights.safetensors",
    )
