"""Sessions over torch: exported programs, and weights of our networks. Owns that they run where they were asked to.

torch is optional: only this module and the networks need it. Never a pickle: a program is rewritten before it is
opened, and weights are safetensors.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from monitor.domain import BundleError
from monitor.inference.program_scan import harmless_program
from monitor.inference.session import Provider, TensorFacts

try:
    import torch
    from safetensors import SafetensorError, safe_open
    from torch._export.verifier import SpecViolationError

    from monitor.inference.networks.registry import build
except ModuleNotFoundError as error:
    raise BundleError(
        f"this bundle runs on torch, but '{error.name}' is not installed",
        cure="install the extra: pip install 'lpbf-monitor[torch]', or use the bundle's ONNX form",
    ) from error

DEVICES = {"cpu": "cpu", "cuda": "cuda"}
_UNREADABLE = (
    ArithmeticError, AssertionError, AttributeError, EOFError, LookupError, OSError, RuntimeError, SyntaxError,
    TypeError, ValueError, SpecViolationError,
)  # fmt: skip
"""What torch raises for a program that it cannot read."""


class TorchSession:
    """One network on one device, with the same door as an ONNX session."""

    def __init__(
        self, path: Path, network: Any, inputs: tuple[str, ...], outputs: tuple[str, ...], device: str
    ) -> None:
        self.path = path
        self.provider = f"torch {device}"
        self._network, self._device = network, torch.device(device)
        self.inputs = tuple(TensorFacts(name, "tensor(float)", ()) for name in inputs)
        self.outputs = tuple(TensorFacts(name, "tensor(float)", ()) for name in outputs)

    def run(self, feeds: Mapping[str, npt.NDArray[Any]]) -> dict[str, npt.NDArray[Any]]:
        """Run the network once and return every output by name.

        Raises:
            BundleError: an input is missing, unknown or of another type or shape, or the run failed.
        """
        wanted = [facts.name for facts in self.inputs]
        if set(feeds) != set(wanted):
            raise BundleError(
                f"{self.path.name}: takes inputs {sorted(wanted)}, was given {sorted(feeds)}",
                cure="use a bundle whose graphs have the input names of its kind",
            )
        odd = [name for name in wanted if feeds[name].dtype != np.float32]
        if odd:
            raise BundleError(
                f"{self.path.name}: the run on {self.provider} failed: '{odd[0]}' is not float32",
                cure="check the bundle with its self-test",
            )
        try:
            with torch.inference_mode():
                given = [
                    torch.from_numpy(np.require(feeds[n], requirements=("C", "W"))).to(self._device) for n in wanted
                ]
                made = self._network(*given)
        except (RuntimeError, ValueError, TypeError, IndexError, AssertionError) as error:
            raise BundleError(
                f"{self.path.name}: the run on {self.provider} failed: {str(error).strip().splitlines()[0][:300]}",
                cure="check the bundle with its self-test, and that this machine has memory to spare",
            ) from error
        values = made if isinstance(made, tuple | list) else (made,)
        if len(values) != len(self.outputs):
            raise BundleError(
                f"{self.path.name}: gives {len(values)} outputs and names {len(self.outputs)}",
                cure="name every output when the program is saved",
            )
        return {facts.name: value.cpu().numpy() for facts, value in zip(self.outputs, values, strict=True)}


def open_torch(path: Path, provider: Provider = "cpu", threads: int = 1) -> TorchSession:
    """Open a `.pt2` program or `.safetensors` weights on the device that was asked for, and on no other.

    Raises:
        BundleError: no such file, it is not to be trusted, or the device is not there.
    """
    if not path.is_file():
        raise BundleError(f"{path}: there is no such file", cure="name an existing program or weights file")
    device = torch_device(provider)
    network, inputs, outputs = _program(path, device) if path.suffix == ".pt2" else _weights(path, device)
    torch.set_num_threads(threads)
    actual = {value.device.type for value in network.state_dict().values()}
    if actual - {device}:
        raise BundleError(
            f"{path}: {device} was asked for, but it lies on {', '.join(sorted(actual))}",
            cure='export it again without fixed devices, or set provider = "cpu"',
        )
    return TorchSession(path, network, inputs, outputs, device)


def torch_device(provider: str) -> str:
    """Torch's name of the device that was asked for; BundleError where it is not there."""
    if provider not in DEVICES:
        raise BundleError(f"provider '{provider}' does not run torch", cure=f"choose one of {', '.join(DEVICES)}")
    if provider == "cuda" and not torch.cuda.is_available():
        raise BundleError(
            "provider 'cuda' was asked for, but torch finds no GPU here",
            cure='install torch for this GPU and its driver, or set provider = "cpu"',
        )
    return DEVICES[provider]


def _program(path: Path, device: str) -> tuple[Any, tuple[str, ...], tuple[str, ...]]:
    content, outputs = harmless_program(path)
    try:
        program = torch.export.load(content)
        inputs = tuple(program.graph_signature.user_inputs)
        network = program.module(check_guards=False)
    except _UNREADABLE as error:
        raise BundleError(
            f"{path}: cannot be opened by torch {torch.__version__}: {str(error).strip().splitlines()[0][:300]}",
            cure="export it again with this torch",
        ) from error
    return network.to(device), inputs, outputs


def _weights(path: Path, device: str) -> tuple[Any, tuple[str, ...], tuple[str, ...]]:
    try:
        with safe_open(path, framework="pt") as file:
            names = list(file.keys())
            shapes = {name: tuple(file.get_slice(name).get_shape()) for name in names}
            network, port = build(file.metadata() or {}, shapes, str(path))
            network.load_state_dict({name: file.get_tensor(name).float() for name in names})
    except (SafetensorError, OSError, ValueError) as error:
        raise BundleError(f"{path}: is not a whole safetensors file ({error})", cure="copy it again") from error
    return network.eval().to(device), port.inputs, (port.output,)
