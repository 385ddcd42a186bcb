"""Running an ONNX graph whose tensors lie on a device. Owns what is copied there and back; refuses to choose devices.

After ONNX Runtime's "I/O binding": inputs are placed on the device before the run, outputs are made there and fetched
once. An input that cannot change, such as the condition of all steps and members of one plate, is copied only once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import onnxruntime as ort

Array = npt.NDArray[Any]


class Bound:
    """One graph with its tensors on a device."""

    def __init__(self, inner: Any, device: str) -> None:
        """Bind a graph.

        Args:
            inner: the ONNX Runtime session.
            device: where its tensors lie, "cuda" or "cpu".
        """
        self._inner, self._device = inner, device
        self._kept: dict[str, tuple[Array, Any]] = {}

    def run(self, names: Sequence[str], feeds: Mapping[str, Array]) -> list[Array]:
        """Run the graph once; ONNX Runtime's own errors.

        Args:
            names: of the outputs.
            feeds: inputs by name. One that is read-only and the same object as in the last run lies there already.

        Returns:
            The outputs, in the order of their names.
        """
        binding = self._inner.io_binding()
        for name, value in feeds.items():
            binding.bind_ortvalue_input(name, self._there(name, value))
        for name in names:
            binding.bind_output(name, self._device)
        self._inner.run_with_iobinding(binding)
        return [np.asarray(value) for value in binding.copy_outputs_to_cpu()]

    def _there(self, name: str, value: Array) -> Any:
        kept = self._kept.get(name)
        if kept is not None and kept[0] is value and not value.flags.writeable:
            return kept[1]
        placed = ort.OrtValue.ortvalue_from_numpy(np.ascontiguousarray(value), self._device, 0)
        self._kept[name] = value, placed
        return placed
