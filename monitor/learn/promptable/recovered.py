"""Weights of a segmenter bundle, read back from its two ONNX graphs, so that a bundle can be trained on.

What an export loses is known: batch normalisation is part of its convolution, and the weights of a linear layer have
lost their name but not their bias. So a recovered network normalises nothing; train it with `statistics_share = 0`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import torch
from onnx import numpy_helper
from torch import nn

from monitor.domain import BundleError
from monitor.inference import Bundle
from monitor.learn.promptable.export import ENCODER_PREFIX, LARGEST_DIFFERENCE, parity
from monitor.learn.promptable.network import ConvBlock, Promptable, Residual

Arrays = dict[str, npt.NDArray[np.float32]]
_AXES = {"decoder.prior": np.s_[:, None, None], "decoder.tokens": np.s_[None]}
"""Parameters that are known by their shape alone, and the axes that the export gave them in place of a name."""


def recovered(directory: Path) -> Promptable:
    """The network of a bundle that this project trained, in eval mode on the CPU.

    Args:
        directory: of the bundle.

    Raises:
        BundleError: it is no segmenter bundle, or of another network.
    """
    bundle = Bundle.load(directory)
    network = Promptable().eval()
    try:
        arrays = _arrays(bundle.path("encoder")) | _arrays(bundle.path("decoder"))
        _fill(network, arrays)
        difference = parity(network, directory)
    except (KeyError, ValueError, RuntimeError) as error:
        raise _foreign(directory, str(error)) from error
    if difference > LARGEST_DIFFERENCE:
        raise _foreign(directory, f"its answers differ by {difference:.2g}")
    return network


def _foreign(directory: Path, why: str) -> BundleError:
    return BundleError(
        f"{directory}: weights cannot be read back ({why})",
        cure="begin with a segmenter bundle that `lpbf-monitor train` made, or with a run's weights.safetensors",
    )


def _arrays(path: Path) -> Arrays:
    """All constants of a graph by the names of the network's parameters, where they have one."""
    graph = onnx.load(path).graph
    known = {one.name: np.array(numpy_helper.to_array(one)) for one in graph.initializer}
    added = {name: node for node in graph.node if node.op_type == "Add" for name in node.input}
    for node in graph.node:
        if node.op_type == "MatMul" and node.input[1] in known and node.output[0] in added:
            bias = next((name for name in added[node.output[0]].input if name.endswith(".bias")), None)
            if bias is not None:
                known[bias.removesuffix("bias") + "weight"] = known[node.input[1]].T
    return {name.removeprefix(ENCODER_PREFIX): value for name, value in known.items()}


def _fill(network: Promptable, arrays: Arrays) -> None:
    state = network.state_dict()
    for name, module in network.named_modules():
        if isinstance(module, ConvBlock | Residual):
            convolution = "conv" if isinstance(module, ConvBlock) else "second"
            state |= _no_norm(module.norm, f"{name}.norm", arrays[f"{name}.{convolution}.weight_bias"])
    normed = {f"{name}." for name, module in network.named_modules() if isinstance(module, nn.BatchNorm2d)}
    for name, value in state.items():
        if name.rpartition(".")[0] + "." in normed:
            continue
        array = _shaped(value, _AXES[name], arrays) if name in _AXES else arrays[name]
        state[name] = torch.from_numpy(np.ascontiguousarray(array, np.float32)).reshape(value.shape)
    network.load_state_dict(state)


def _no_norm(norm: nn.BatchNorm2d, name: str, bias: npt.NDArray[np.float32]) -> dict[str, torch.Tensor]:
    """A normalisation that adds the bias alone; its mean is 0 and its variance 1, as it began."""
    scale = torch.full_like(norm.weight, float(np.sqrt(1.0 + norm.eps)))
    return {f"{name}.weight": scale, f"{name}.bias": torch.from_numpy(bias)}


def _shaped(value: torch.Tensor, axes: Any, arrays: Arrays) -> npt.NDArray[np.float32]:
    """The one constant of this shape."""
    shape = tuple(value[axes].shape)
    found = [array for array in arrays.values() if array.shape == shape]
    if len(found) != 1:
        raise KeyError(f"{len(found)} constants of shape {shape}")
    return found[0]
