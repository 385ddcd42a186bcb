"""Tensors that are bound to a device: the same numbers as without, and nothing that is stale."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnxruntime as ort
import pytest
from onnx import TensorProto, helper

from monitor.inference.binding import Bound
from tests.inference.small import onnx_model, picture, save


@pytest.fixture
def bound(tmp_path: Path) -> Bound:
    """A graph that adds its two inputs, bound to the CPU, which is a device like another."""
    ports = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n"]) for name in ("a", "b", "sum")]
    graph = helper.make_graph([helper.make_node("Add", ["a", "b"], ["sum"])], "add", ports[:2], ports[2:])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    return Bound(ort.InferenceSession(save(tmp_path / "add.onnx", model)), "cpu")


def numbers(*values: float) -> np.ndarray:
    return np.array(values, np.float32)


def test_bound_tensors_give_the_numbers_of_plain_runs(tmp_path: Path) -> None:
    """Bit by bit, also for an input that is not contiguous and for another size in the next run."""
    session = ort.InferenceSession(save(tmp_path / "model.onnx", onnx_model()))
    bound = Bound(session, "cpu")
    wide = np.repeat(picture(), 2, axis=3)
    for feed in (picture(), wide[..., ::2], np.ascontiguousarray(wide)):
        (plain,) = session.run(["sr"], {"lr": np.ascontiguousarray(feed)})
        (placed,) = bound.run(["sr"], {"lr": feed})
        np.testing.assert_array_equal(placed, plain)


def test_what_changes_is_placed_anew(bound: Bound) -> None:
    """An input that was written to in place is seen as it is now, beside one that cannot change."""
    fixed, written = numbers(1, 2), numbers(10, 20)
    fixed.flags.writeable = False
    np.testing.assert_array_equal(bound.run(["sum"], {"a": fixed, "b": written})[0], [11, 22])
    written += 1
    np.testing.assert_array_equal(bound.run(["sum"], {"a": fixed, "b": written})[0], [12, 23])


def test_what_cannot_change_is_placed_once(bound: Bound, monkeypatch: pytest.MonkeyPatch) -> None:
    """The condition of all steps crosses to the device once; the next plate's is another and is placed too."""
    placed: list[np.ndarray] = []
    place = ort.OrtValue.ortvalue_from_numpy

    def counted(value: np.ndarray, *where: object) -> ort.OrtValue:
        placed.append(value)
        return place(value, *where)

    monkeypatch.setattr(ort.OrtValue, "ortvalue_from_numpy", staticmethod(counted))
    first, second = numbers(1), numbers(2)
    for condition in (first, second):
        condition.flags.writeable = False
        for step in range(3):
            (total,) = bound.run(["sum"], {"a": condition, "b": numbers(step)})
            np.testing.assert_array_equal(total, condition + step)
    assert len(placed) == 2 + 2 * 3


def test_an_output_outlives_the_next_run(bound: Bound) -> None:
    """What a run returned stays as it was."""
    (before,) = bound.run(["sum"], {"a": numbers(1), "b": numbers(1)})
    bound.run(["sum"], {"a": numbers(5), "b": numbers(5)})
    np.testing.assert_array_equal(before, [2])
