"""Sessions run where they were asked to, and give the same numbers each time."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnxruntime as ort
import pytest

from monitor.domain import BundleError
from monitor.inference import Bundle, Session, open_session
from tests.inference.small import SHAPE, make_bundle, onnx_model, picture, save


@pytest.fixture
def session(tmp_path: Path) -> Session:
    return open_session(save(tmp_path / "model.onnx", onnx_model()))


def test_a_session_says_what_it_takes_and_where_it_runs(session: Session) -> None:
    """Names, types and free sizes, for whoever must feed it."""
    (taken,) = session.inputs
    assert (taken.name, taken.dtype, taken.shape) == ("lr", "tensor(float)", ("n", 1, "h", "w"))
    assert [given.name for given in session.outputs] == ["sr"]
    assert session.provider == "CPUExecutionProvider"


def test_runs_are_bit_identical(tmp_path: Path) -> None:
    """Again in one session, in another, and with an input that is not contiguous."""
    path = save(tmp_path / "model.onnx", onnx_model())
    sessions = [open_session(path, threads=2) for _ in range(2)]
    wide = np.repeat(picture(), 2, axis=3)
    outputs = [session.run({"lr": feed})["sr"] for session in sessions for feed in (picture(), wide[..., ::2])]
    for output in outputs[1:]:
        np.testing.assert_array_equal(output, outputs[0])


@pytest.mark.parametrize("provider", ["cuda", "tensorrt"])
def test_a_provider_that_is_not_there_is_no_cpu(tmp_path: Path, provider: str) -> None:
    """No silent fall-back: the error names what there is and what to do."""
    name = {"cuda": "CUDAExecutionProvider", "tensorrt": "TensorrtExecutionProvider"}[provider]
    if name in ort.get_available_providers():
        pytest.skip(f"{name} is in this installation")
    with pytest.raises(BundleError, match="not in this installation, which has") as caught:
        Bundle.load(make_bundle(tmp_path), provider=provider)  # type: ignore[arg-type]
    assert 'provider = "cpu"' in caught.value.cure


def test_an_unknown_provider_is_refused(tmp_path: Path) -> None:
    """The known ones are listed."""
    with pytest.raises(BundleError, match="'tpu' is unknown") as caught:
        open_session(save(tmp_path / "model.onnx", onnx_model()), "tpu")  # type: ignore[arg-type]
    assert "cpu, cuda, tensorrt" in caught.value.cure


@pytest.mark.parametrize(
    ("feeds", "words"),
    [
        ({}, "takes inputs"),
        ({"lr": picture(), "hr": picture()}, "takes inputs"),
        ({"lr": picture().astype(np.float64)}, "failed"),
        ({"lr": np.zeros((2, 3, 4, 5), np.float32)}, "failed"),
        ({"lr": np.zeros(SHAPE[:3], np.float32)}, "failed"),
    ],
)
def test_a_wrong_input_is_told_and_harms_nothing(session: Session, feeds: dict[str, np.ndarray], words: str) -> None:
    """Missing, unknown, of another type, channel count or rank; the next run is as good as ever."""
    with pytest.raises(BundleError, match=words):
        session.run(feeds)
    assert session.run({"lr": picture()})["sr"].shape == SHAPE


def test_a_graph_that_cannot_be_built_is_refused(tmp_path: Path) -> None:
    """An operator that no run time knows, and a file that is not there."""
    model = onnx_model()
    model.graph.node[0].op_type = "Imagine"
    with pytest.raises(BundleError, match="cannot be opened on CPUExecutionProvider"):
        open_session(save(tmp_path / "model.onnx", model))
    with pytest.raises(BundleError, match="no such file"):
        open_session(tmp_path / "absent.onnx")
