"""From torch to ONNX, with a parity check. Owns the export of one network; refuses to know bundles."""

from __future__ import annotations

import contextlib
import io
import logging
import math
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from monitor.domain import BundleError
from monitor.inference import open_session
from monitor.inference.networks.registry import described
from monitor.inference.program_scan import OUTPUTS

OPSET = 20


@dataclass(frozen=True, slots=True)
class Graph:
    """One network with what its export needs.

    Attributes:
        network: in evaluation mode, on the CPU.
        inputs: example inputs by name, in the order of `forward`.
        output: name of the output.
        dynamic: free dimensions of each input, as torch.export takes them.
        other: further inputs, of another size, on which the ONNX file must agree.
    """

    network: nn.Module
    inputs: dict[str, Tensor]
    output: str
    dynamic: tuple[dict[int, Any], ...]
    other: dict[str, Tensor]


def export_graph(graph: Graph, path: Path) -> float:
    """Write an ONNX file with all weights inside, in half precision; the graph computes in float32.

    Returns:
        Largest absolute difference from torch over both example inputs.

    Raises:
        BundleError: the file does not agree with torch.
    """
    network = graph.network.eval()
    with torch.no_grad(), _quiet():
        torch.onnx.export(
            network,
            tuple(graph.inputs.values()),
            str(path),
            dynamo=True,
            external_data=False,
            opset_version=OPSET,
            input_names=list(graph.inputs),
            output_names=[graph.output],
            dynamic_shapes=graph.dynamic,
            verbose=False,
        )
    store_half(path)
    return max(_difference(graph, path, inputs) for inputs in (graph.inputs, graph.other))


def export_program(graph: Graph, path: Path) -> float:
    """Write a `torch.export` program that names its output, without example inputs; weights are float32.

    Returns, Raises: as `export_graph`.
    """
    with torch.no_grad(), _quiet():
        program = torch.export.export(
            graph.network.eval(), tuple(graph.inputs.values()), dynamic_shapes=graph.dynamic, strict=False
        )
    torch.export.save(program, path, extra_files={OUTPUTS: graph.output})
    return max(_difference(graph, path, inputs) for inputs in (graph.inputs, graph.other))


def export_weights(graph: Graph, path: Path) -> float:
    """Write weights in half precision as safetensors that name their network.

    Returns, Raises: as `export_graph`.
    """
    tensors = {name: value.detach().half().contiguous() for name, value in graph.network.state_dict().items()}
    save_file(tensors, path, metadata=described(graph.network))
    return max(_difference(graph, path, inputs) for inputs in (graph.inputs, graph.other))


FORMS: dict[str, Callable[[Graph, Path], float]] = {
    ".onnx": export_graph,
    ".pt2": export_program,
    ".safetensors": export_weights,
}
"""How a network is stored, by the file's suffix."""


def store_half(path: Path, least: int = 1024) -> None:
    """Store the weights of an ONNX file in half precision, with a cast before their use: half the bytes.

    The run time folds the casts when it opens the file and computes in float32, so the weights should have been rounded
    before. Tensors of fewer than `least` values stay as they are.
    """
    model = onnx.load(path)
    for tensor in model.graph.initializer:
        if tensor.data_type == onnx.TensorProto.FLOAT and math.prod(tensor.dims) >= least:
            name = tensor.name
            with np.errstate(over="ignore"):  # what overflows is refused by the comparison with torch
                half = onnx.numpy_helper.to_array(tensor).astype(np.float16)
            tensor.CopyFrom(onnx.numpy_helper.from_array(half, f"{name}_half"))
            cast = onnx.helper.make_node("Cast", [tensor.name], [name], to=onnx.TensorProto.FLOAT)
            model.graph.node.insert(0, cast)
    onnx.save(model, path)


def _difference(graph: Graph, path: Path, inputs: dict[str, Tensor]) -> float:
    with torch.no_grad():
        expected = graph.network(*inputs.values()).numpy()
    actual = open_session(path).run({name: value.numpy() for name, value in inputs.items()})[graph.output]
    worst = float(np.abs(actual - expected).max())
    if actual.shape != expected.shape or not worst <= 1e-3 * max(1.0, float(np.abs(expected).max())):
        raise BundleError(f"{path}: differs from torch by {worst:.3g}", cure="export with another torch version")
    return worst


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """The exporter prints and warns about packages that are not there; its result is checked instead."""
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)
