"""Every form of a network keeps the contract of a session, and gives the same numbers."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch.export import Dim

from monitor.inference.networks import ConditionalUNet, UNetConfig
from monitor.learn.export import FORMS, Graph
from tests.contracts.session import SessionContract


@pytest.fixture(scope="module")
def network() -> ConditionalUNet:
    """A small network whose every weight is random and exact in half precision."""
    torch.manual_seed(0)
    made = ConditionalUNet(UNetConfig(8, (1, 2), 1, 16), 2, 2).eval()
    with torch.no_grad():
        for parameter in made.parameters():
            parameter.copy_((parameter + 0.05 * torch.randn_like(parameter)).half().float())
    return made


@pytest.fixture(scope="module")
def files(network: ConditionalUNet, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The network in every form."""
    folder = tmp_path_factory.mktemp("forms")
    batch, rows, cols = Dim("batch", min=1), Dim("rows", min=1), Dim("cols", min=1)
    free = {0: batch, 2: 2 * rows, 3: 2 * cols}

    def inputs(n: int, h: int, w: int) -> dict[str, torch.Tensor]:
        return {"noisy": torch.randn(n, 2, h, w), "condition": torch.randn(n, 2, h, w), "time": torch.rand(n)}

    graph = Graph(network, inputs(2, 8, 12), "prediction", (free, free, {0: batch}), inputs(1, 6, 4))
    paths = {form: folder / f"network{form}" for form in FORMS}
    for form, write in FORMS.items():
        assert write(graph, paths[form]) < 1e-3
    return paths


class TestOnnx(SessionContract):
    @pytest.fixture
    def file(self, files: dict[str, Path]) -> Path:
        return files[".onnx"]


class TestProgram(SessionContract):
    @pytest.fixture
    def file(self, files: dict[str, Path]) -> Path:
        return files[".pt2"]


class TestWeights(SessionContract):
    @pytest.fixture
    def file(self, files: dict[str, Path]) -> Path:
        return files[".safetensors"]
