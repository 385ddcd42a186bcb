"""Export: the file computes what torch computes, at any size, in half the bytes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from torch import nn
from torch.export import Dim

from monitor.domain import BundleError
from monitor.inference import open_session
from monitor.learn.export import Graph, export_graph


def graph(network: nn.Module) -> Graph:
    """A network of images with free height and width."""
    size = {2: 4 * Dim("rows", min=1), 3: 4 * Dim("cols", min=1)}
    image = torch.linspace(0, 1, 16 * 24).view(1, 1, 16, 24)
    return Graph(network.eval(), {"image": image}, "out", (size,), {"image": torch.rand(1, 1, 32, 20)})


@pytest.fixture
def rounded() -> nn.Module:
    """A convolution whose weights are exact in half precision."""
    torch.manual_seed(0)
    network = nn.Sequential(nn.Conv2d(1, 64, 5, padding=2), nn.SiLU(), nn.Conv2d(64, 1, 5, padding=2))
    for parameter in network.parameters():
        parameter.data.copy_(parameter.half().float())
    return network


def test_the_file_agrees_with_torch_at_other_sizes(tmp_path: Path, rounded: nn.Module) -> None:
    """A size that the export never saw gives torch's numbers."""
    path = tmp_path / "network.onnx"
    assert export_graph(graph(rounded), path) < 1e-5
    image = torch.rand(1, 1, 8, 44)
    with torch.no_grad():
        expected = rounded(image).numpy()
    np.testing.assert_allclose(open_session(path).run({"image": image.numpy()})["out"], expected, atol=1e-5)


def test_weights_are_stored_in_half_precision(tmp_path: Path, rounded: nn.Module) -> None:
    """Large tensors take two bytes a value; inputs and outputs stay float32."""
    path = tmp_path / "network.onnx"
    export_graph(graph(rounded), path)
    model = onnx.load(path)
    onnx.checker.check_model(model, full_check=True)
    large = {t.data_type for t in model.graph.initializer if np.prod(t.dims) >= 1024}
    assert large == {onnx.TensorProto.FLOAT16}
    session = open_session(path)
    assert [t.dtype for t in (*session.inputs, *session.outputs)] == ["tensor(float)"] * 2


def test_an_export_that_differs_from_torch_is_refused(tmp_path: Path) -> None:
    """Weights that lose too much in half precision do not become a bundle in silence."""
    network = nn.Conv2d(1, 64, 5, padding=2)
    nn.init.constant_(network.weight, 1.0)
    network.weight.data[:, :, 2, 2] = 1e5  # beyond the largest half
    with pytest.raises(BundleError, match="differs from torch"):
        export_graph(graph(network), tmp_path / "network.onnx")
