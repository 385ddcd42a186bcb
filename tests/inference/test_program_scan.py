"""A `.pt2` program can hold code in many places; none of it is ever run."""

from __future__ import annotations

import json
import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import nn
from torch.export import Dim

from monitor.domain import BundleError
from monitor.inference import open_session
from monitor.inference.program_scan import OUTPUTS

Change = Callable[[str, bytes], bytes]


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A convolution with free sizes, saved with example inputs as engineers save it."""
    path = tmp_path_factory.mktemp("program") / "model.pt2"
    size = {2: 2 * Dim("rows", min=1), 3: 2 * Dim("cols", min=1)}
    made = torch.export.export(nn.Conv2d(1, 1, 3, padding=1), (torch.rand(1, 1, 8, 8),), dynamic_shapes=(size,))
    torch.export.save(made, path, extra_files={OUTPUTS: "picture"})
    return path


def changed(program: Path, place: Path, change: Change, more: dict[str, bytes] | None = None) -> Path:
    """The same archive with its entries changed, and others added."""
    with zipfile.ZipFile(program) as old, zipfile.ZipFile(place, "w") as new:
        for entry in old.infolist():
            new.writestr(entry.filename, change(entry.filename, old.read(entry)))
        for name, content in (more or {}).items():
            new.writestr(f"model/{name}", content)
    return place


class Trap:
    """What a pickle would run."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return Path(self.mark).touch.__func__, (Path(self.mark),)  # type: ignore[return-value]


def graph_with(edit: Callable[[dict[str, object]], None]) -> Change:
    def change(name: str, content: bytes) -> bytes:
        if not name.endswith("models/model.json"):
            return content
        model = json.loads(content)
        edit(model)
        return json.dumps(model).encode()

    return change


def everywhere(value: object, key: str, new: str) -> None:
    """Replace every value with this key."""
    if isinstance(value, dict):
        for name, inner in value.items():
            if name == key and isinstance(inner, str):
                value[name] = new
            else:
                everywhere(inner, key, new)
    elif isinstance(value, list):
        for inner in value:
            everywhere(inner, key, new)


def test_a_plain_program_runs_and_its_example_inputs_are_never_read(program: Path, tmp_path: Path) -> None:
    """Pickled example inputs that would run code are left out: the program runs, the code does not."""
    mark = tmp_path / "ran"
    bad = pickle.dumps(Trap(mark))
    path = changed(program, tmp_path / "x.pt2", lambda name, old: bad if "sample_inputs" in name else old)
    made = open_session(path).run({"input": torch.rand(1, 1, 4, 6).numpy()})
    assert made["picture"].shape == (1, 1, 4, 6)
    assert not mark.exists()


def test_guards_are_not_run(program: Path, tmp_path: Path) -> None:
    """Guards are Python that torch would run; they are left out."""
    mark = tmp_path / "ran"
    guard = f"__import__('pathlib').Path({str(mark)!r}).touch()"
    path = changed(program, tmp_path / "x.pt2", graph_with(lambda model: model.update(guards_code=[guard])))
    open_session(path).run({"input": torch.rand(1, 1, 4, 6).numpy()})
    assert not mark.exists()


@pytest.mark.parametrize(
    ("edit", "said"),
    [
        (lambda model: everywhere(model, "expr_str", "__import__('os').system('true')"), "a size is the expression"),
        (lambda model: everywhere(model, "expr_str", "().__class__"), "a size is the expression"),
        (lambda model: everywhere(model, "target", "torch.hub.load"), "no operator of a network"),
        (lambda model: everywhere(model, "target", "torch.ops.aten.from_file.default"), "no operator of a network"),
        (lambda model: everywhere(model, "target", "math.__loader__.load_module"), "no operator of a network"),
        (lambda model: everywhere(model, "out_spec", '[1, {"type": "os.system"}]'), "are held by"),
        (lambda model: model.pop("range_constraints"), "not a whole .pt2"),
    ],
)
def test_a_graph_that_could_run_something_is_refused(
    program: Path, tmp_path: Path, edit: Callable[[dict[str, object]], None], said: str
) -> None:
    """Expressions, names of functions and containers are checked against a closed list, by file and reason."""
    path = changed(program, tmp_path / "x.pt2", graph_with(edit))
    with pytest.raises(BundleError, match=said) as caught:
        open_session(path)
    assert str(path) in caught.value.what


def test_pickled_weights_are_refused(program: Path, tmp_path: Path) -> None:
    """A weight that is stored as a pickle is not opened."""

    def change(name: str, content: bytes) -> bytes:
        return (
            content.replace(b'"use_pickle": false', b'"use_pickle": true') if name.endswith("config.json") else content
        )

    with pytest.raises(BundleError, match="is stored as a pickle"):
        open_session(changed(program, tmp_path / "x.pt2", change))


@pytest.mark.parametrize(
    "name",
    [
        "data/weights/model.pt",
        "data/constants/custom_obj_0",
        "data/constants/opaque_obj_0",
        "data/aotinductor/a.so",
        "code.py",
    ],
)
def test_anything_else_in_the_archive_is_refused(program: Path, tmp_path: Path, name: str) -> None:
    """Old pickled weights, objects, compiled code: each by its name."""
    with pytest.raises(BundleError, match="no part of a plain program") as caught:
        open_session(changed(program, tmp_path / "x.pt2", lambda _, old: old, {name: b"x"}))
    assert name in caught.value.what


def test_a_program_must_name_its_outputs(program: Path, tmp_path: Path) -> None:
    """Without the extra file the cure says how to save it."""
    with zipfile.ZipFile(program) as old, zipfile.ZipFile(tmp_path / "x.pt2", "w") as new:
        for entry in old.infolist():
            if "extra" not in entry.filename:
                new.writestr(entry.filename, old.read(entry))
    with pytest.raises(BundleError, match="does not name its outputs") as caught:
        open_session(tmp_path / "x.pt2")
    assert "extra_files" in caught.value.cure


@pytest.mark.parametrize(
    ("metadata", "said"),
    [
        ({}, "names the network ''"),
        ({"network": "os.system", "config": "{}"}, "which is not known"),
        ({"network": "regression", "config": '{"base": -1}'}, "sizes are wrong"),
        (
            {"network": "regression", "config": '{"base": 4096, "multipliers": [64, 64, 64]}'},
            "not those of the network",
        ),
        ({"network": "regression", "config": '{"blocks": 100000}'}, "sizes are wrong"),
        ({"network": "regression", "config": "{"}, "sizes are wrong"),
        ({"network": "regression", "config": '{"base": 8}'}, "not those of the network"),
    ],
)
def test_weights_of_another_or_no_network_are_refused(tmp_path: Path, metadata: dict[str, str], said: str) -> None:
    """Names and sizes are checked before memory is taken, however large they claim to be."""
    from safetensors.torch import save_file

    path = tmp_path / "model.safetensors"
    save_file({"unet.first.weight": torch.zeros(3)}, path, metadata=metadata)
    with pytest.raises(BundleError, match=said):
        open_session(path)


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("data/weights/model_weights_config.json", lambda content: b'{"config": []}'),
        ("models/model.json", lambda content: content.replace(b'"arg": {"name": "p_weight"}', b'"arg": {"name": "q"}')),
        ("models/model.json", lambda content: content.replace(b'"input_specs"', b'"input_spec"')),
        ("models/model.json", lambda content: b"{}"),
    ],
)  # fmt: skip
def test_a_program_of_another_shape_is_refused(
    program: Path, tmp_path: Path, name: str, change: Callable[[bytes], bytes]
) -> None:
    """Whatever stands in its JSON, what is said is that the file cannot be used, and what to do."""

    def edited(entry: str, content: bytes) -> bytes:
        if not entry.endswith(name):
            return content
        assert change(content) != content
        return change(content)

    with pytest.raises(BundleError) as caught:
        open_session(changed(program, tmp_path / "other.pt2", edited))
    assert "other.pt2" in caught.value.what
    assert caught.value.cure
