"""Floating-point operations of a sample: what it costs on any machine. Owns the counting; refuses to measure time.

Two operations a multiply-add, of convolutions and matrix products alone; all else is a few percent of these.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import onnxruntime
import torch
from torch.utils.flop_counter import FlopCounterMode

from monitor.inference import Bundle
from monitor.learn.trained import TrainedDiffusion

Shape = tuple[int, ...]


def paper_flops(models: TrainedDiffusion, px: int, steps: int) -> float:
    """Operations of one sample of px × px pixels: encoder, every step, decoder. Two steps tell what one more costs."""
    image = torch.zeros(1, 1, px, px)

    def counted(some: int) -> float:
        with FlopCounterMode(display=False) as counter:
            models.super_resolve(image, 0, some)
        return float(counter.get_total_flops())

    one, two = counted(1), counted(2)
    return one + (steps - 1) * (two - one)


def bundle_flops(bundle: Bundle, px: int, steps: int) -> float | None:
    """The same of a bundle's ONNX graphs; None where one is in another form.

    Args:
        bundle: that super-resolves.
        px: edge of the sample, in pixels.
        steps: sampler steps.
    """
    table, image = bundle.manifest.diffusion, (1, 1, px, px)
    files = {role: bundle.path(role) for role in bundle.manifest.graphs}
    if any(path.suffix != ".onnx" for path in files.values()):
        return None
    if table is None:
        return graph_flops(files["model"], {"image": image})
    drawn = (1, table.channels, px // table.factor, px // table.factor)
    condition = drawn if "encoder" in files else image
    total = steps * graph_flops(files["denoiser"], {"noisy": drawn, "condition": condition, "time": (1,)})
    total += graph_flops(files["encoder"], {"image": image}) if "encoder" in files else 0.0
    return total + (graph_flops(files["decoder"], {"latent": drawn}) if "decoder" in files else 0.0)


def graph_flops(path: Path, inputs: Mapping[str, Shape]) -> float:
    """Operations of one call of an ONNX graph with inputs of these shapes: it is run once, and its profile counted."""
    options = onnxruntime.SessionOptions()
    options.enable_profiling = True
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    with TemporaryDirectory() as folder:
        options.profile_file_prefix = f"{folder}/profile"
        session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        session.run(None, {name: np.zeros(shape, np.float32) for name, shape in inputs.items()})
        events = json.loads(Path(session.end_profiling()).read_text(encoding="utf-8"))
    return float(sum(_node_flops(event["args"]) for event in events if "op_name" in event.get("args", ())))


def _node_flops(node: Mapping[str, Any]) -> int:
    """Of one executed node, by the shapes that its profile tells."""
    if node["op_name"] not in ("Conv", "Gemm", "MatMul") or not node.get("output_type_shape"):
        return 0
    taken, given = ([next(iter(one.values())) for one in node[f"{what}_type_shape"]] for what in ("input", "output"))
    depth = math.prod(taken[1][1:]) if node["op_name"] == "Conv" else taken[0][-1]
    return 2 * int(math.prod(given[0]) * depth)
