"""Operations of a sample, counted in two ways."""

from __future__ import annotations

from pathlib import Path

import pytest

from monitor.inference import Bundle
from monitor.learn.bundling import write_bundle
from monitor.learn.flops import bundle_flops, graph_flops, paper_flops
from monitor.learn.recipe import DiffusionTraining, PixelTraining, RegressionTraining
from monitor.learn.trained import untrained
from tests.inference.small import make_bundle


@pytest.mark.parametrize("kind", ["pixel", "latent"])
def test_a_graph_costs_what_its_network_costs(
    kind: str, tmp_path: Path, pixel_recipe: PixelTraining, recipe: DiffusionTraining
) -> None:
    """What ONNX Runtime ran is what PyTorch counts of the network before its export, for one step and for more."""
    models = untrained(pixel_recipe if kind == "pixel" else recipe)
    bundle = Bundle.load(write_bundle(models, tmp_path, {}, {}, {}))
    for steps in (1, 3):
        counted = bundle_flops(bundle, 64, steps)
        assert counted == pytest.approx(paper_flops(models, 64, steps), rel=0.01)
        assert counted > 0


def test_a_convolution_costs_what_its_formula_says(tmp_path: Path, regression_recipe: RegressionTraining) -> None:
    """One of 3 × 3 from one channel to one: 2 · 9 · height · width; another form than ONNX gives no number."""
    directory = make_bundle(tmp_path)
    assert graph_flops(directory / "model.onnx", {"lr": (1, 1, 8, 16)}) == 2 * 9 * 8 * 16
    written = write_bundle(untrained(regression_recipe), tmp_path / "other", {}, {}, {}, form=".safetensors")
    assert bundle_flops(Bundle.load(written), 64, 1) is None
