"""Sessions: one door to a network, whatever runs it; and ONNX Runtime behind it.

Owns which provider runs a graph and that it really does; refuses to know what it computes. Torch stands behind the same
door in `torch_session`, which is only imported where a bundle needs it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol

import numpy as np
import numpy.typing as npt
import onnxruntime as ort
from onnxruntime.capi import onnxruntime_pybind11_state as _state

from monitor.domain import BundleError
from monitor.inference.binding import Bound
from monitor.inference.onnx_scan import refuse_external_data

Provider = Literal["cpu", "cuda", "tensorrt"]
_PROVIDERS: dict[str, tuple[str, dict[str, str]]] = {
    "cpu": ("CPUExecutionProvider", {}),
    "cuda": ("CUDAExecutionProvider", {"cudnn_conv_algo_search": "HEURISTIC", "use_tf32": "0"}),
    "tensorrt": ("TensorrtExecutionProvider", {}),
}
_RUNTIME_ERRORS: tuple[type[Exception], ...] = tuple(
    getattr(_state, name)
    for name in (
        "EPFail", "EngineError", "Fail", "InvalidArgument", "InvalidGraph", "InvalidProtobuf", "NoModel", "NoSuchFile",
        "NotImplemented", "RuntimeException",
    )
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class TensorFacts:
    """An input or output of a graph.

    Attributes:
        name: its name in the graph.
        dtype: ONNX Runtime's type, such as "tensor(float)".
        shape: sizes; a name or None where the size is free.
    """

    name: str
    dtype: str
    shape: tuple[int | str | None, ...]


class Session(Protocol):
    """One network, ready to run. Calls are deterministic for one machine, provider and thread count."""

    path: Path
    provider: str
    inputs: tuple[TensorFacts, ...]
    outputs: tuple[TensorFacts, ...]

    def run(self, feeds: Mapping[str, npt.NDArray[Any]]) -> dict[str, npt.NDArray[Any]]:
        """Run it once and return every output by name; BundleError where an input is wrong or the run fails."""
        ...


class OnnxSession:
    """One graph, ready to run on one provider. Calls are deterministic for one machine, provider and thread count."""

    def __init__(self, path: Path, inner: Any, provider: str) -> None:
        self.path = path
        self.provider = provider
        self._inner = inner
        self._bound = None if provider == _PROVIDERS["cpu"][0] else Bound(inner, "cuda")
        self.inputs = tuple(TensorFacts(t.name, t.type, tuple(t.shape)) for t in inner.get_inputs())
        self.outputs = tuple(TensorFacts(t.name, t.type, tuple(t.shape)) for t in inner.get_outputs())

    def run(self, feeds: Mapping[str, npt.NDArray[Any]]) -> dict[str, npt.NDArray[Any]]:
        """Run the graph once and return every output by name.

        Raises:
            BundleError: an input is missing, unknown or of another type or shape, or the run failed.
        """
        wanted = {facts.name for facts in self.inputs}
        if set(feeds) != wanted:
            raise BundleError(
                f"{self.path.name}: takes inputs {sorted(wanted)}, was given {sorted(feeds)}",
                cure="use a bundle whose graphs have the input names of its kind",
            )
        names = [facts.name for facts in self.outputs]
        try:
            if self._bound is not None:
                values = self._bound.run(names, feeds)
            else:
                values = self._inner.run(names, {name: np.ascontiguousarray(value) for name, value in feeds.items()})
        except _RUNTIME_ERRORS as error:
            raise BundleError(
                f"{self.path.name}: the run on {self.provider} failed: {_in_one_line(error)}",
                cure="use networks of the shapes of their kind (those that draw: grey pictures of any size), and see "
                "that this machine has memory to spare",
            ) from error
        return dict(zip(names, values, strict=True))


def open_session(path: Path, provider: Provider = "cpu", threads: int = 1, role: str = "") -> Session:
    """Open a network on the provider that was asked for, and on no other.

    Args:
        path: an ONNX file with all its weights inside, a `.pt2` program, or `.safetensors` weights of our networks.
        provider: "cpu", "cuda" or "tensorrt".
        threads: CPU threads inside one operator.
        role: which half of a `.pth` checkpoint of Segment Anything is meant, "encoder" or "decoder".

    Raises:
        BundleError: no such file, not a whole one, external data, something in it that could be run, torch is needed
            and not installed, or the provider is not there or fell back.
    """
    if path.suffix in (".pt2", ".safetensors"):
        from monitor.inference.torch_session import open_torch

        return open_torch(path, provider, threads)
    if path.suffix == ".pth":
        from monitor.inference.checkpoint import open_checkpoint

        return open_checkpoint(path, role, provider, threads)
    if not path.is_file():
        raise BundleError(f"{path}: there is no such file", cure="name an existing ONNX file")
    name, options = _available(provider)
    refuse_external_data(path)
    try:
        inner = ort.InferenceSession(path, sess_options=_options(threads), providers=[(name, options)])
    except _RUNTIME_ERRORS as error:
        raise BundleError(
            f"{path}: cannot be opened on {name}: {_in_one_line(error)}",
            cure="export the model again, or choose another provider",
        ) from error
    inner.disable_fallback()
    actual = inner.get_providers()[0]
    if actual != name:
        raise BundleError(
            f"{path}: {name} was asked for, but {actual} would run it",
            cure='repair the driver and libraries of the device, or set provider = "cpu"',
        )
    return OnnxSession(path, inner, actual)


def _available(provider: str) -> tuple[str, dict[str, str]]:
    if provider not in _PROVIDERS:
        raise BundleError(f"provider '{provider}' is unknown", cure=f"choose one of {', '.join(_PROVIDERS)}")
    name, options = _PROVIDERS[provider]
    if name not in ort.get_available_providers():
        raise BundleError(
            f"provider '{provider}' ({name}) is not in this installation, which has "
            f"{', '.join(ort.get_available_providers())}",
            cure='install the gpu extra (onnxruntime-gpu) instead of cpu, or set provider = "cpu"',
        )
    return name, options


def _options(threads: int) -> Any:
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.execution_mode = ort.ExecutionMode.ORT_SEQUENTIAL
    options.use_deterministic_compute = True
    options.log_severity_level = 3
    # Spinning threads take the cores from the other processes of the monitor between two operators.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return options


def _in_one_line(error: Exception) -> str:
    """ONNX Runtime says on the second line which size it was given and which it takes."""
    return " ".join(str(error).split())[:300] or type(error).__name__
