"""The look for external data agrees with protobuf's own reading, whatever the bytes."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import onnx
import pytest
from google.protobuf.message import DecodeError, Message
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import AttributeProto, TensorProto, helper, numpy_helper

from monitor.domain import BundleError
from monitor.inference.onnx_scan import refuse_external_data
from tests.inference.small import onnx_model

TAG_OF_GRAPH = b"\x3a"
TAG_OF_GRAPH_WITH_BITS_THAT_32_BIT_READERS_DROP = b"\xba\x80\x80\x80\x10"


def tensor(external: bool) -> TensorProto:
    made = numpy_helper.from_array(np.ones(3, np.float32), "t")
    if external:
        made.data_location = TensorProto.EXTERNAL
        made.external_data.add(key="location", value="../weights.bin")
    return made


def places(model: onnx.ModelProto) -> dict[str, Message]:
    """Where a model can hold a tensor: the repeated field or the field, by name."""
    then = helper.make_graph([], "then", [], [])
    branch = helper.make_node("If", ["c"], ["o"], then_branch=then, else_branch=then)
    function = model.functions.add(name="f", domain="d")
    inner = function.node.add(op_type="Constant")
    training = model.training_info.add()
    return {
        "initialiser": model.graph.initializer.add(),
        "sparse values": model.graph.sparse_initializer.add().values,
        "sparse indices": model.graph.sparse_initializer.add().indices,
        "attribute": _attribute(model.graph.node.add(op_type="Constant"), "t").t,
        "attribute's list": _attribute(model.graph.node.add(op_type="Constant"), "ts").tensors.add(),
        "attribute's sparse": _attribute(model.graph.node.add(op_type="Constant"), "s").sparse_tensor.values,
        "branch": _within(model, branch).initializer.add(),
        "function": _attribute(inner, "t").t,
        "function's default": function.attribute_proto.add(name="a").t,
        "training": training.initialization.initializer.add(),
        "training's algorithm": training.algorithm.initializer.add(),
    }


def _attribute(node: onnx.NodeProto, name: str) -> AttributeProto:
    return node.attribute.add(name=name)


def _within(model: onnx.ModelProto, node: onnx.NodeProto) -> onnx.GraphProto:
    model.graph.node.append(node)
    return model.graph.node[-1].attribute[0].g


def tensors(message: Message) -> Iterator[TensorProto]:
    """Every tensor in a message, by protobuf's reflection."""
    if isinstance(message, TensorProto):
        yield message
        return
    for field, value in message.ListFields():
        if field.message_type is not None:
            for inner in value if field.is_repeated else [value]:
                yield from tensors(inner)


def scan(data: bytes) -> None:
    with tempfile.NamedTemporaryFile(suffix=".onnx") as file:
        file.write(data)
        file.flush()
        refuse_external_data(Path(file.name))


@pytest.mark.parametrize("place", list(places(onnx_model())))
def test_external_data_is_found_wherever_a_tensor_can_be(place: str) -> None:
    """In every message of ONNX that leads to a tensor; the same tensor with its data inside is fine."""
    for external in (False, True):
        model = onnx_model()
        places(model)[place].CopyFrom(tensor(external))
        assert sum(t.data_location == TensorProto.EXTERNAL for t in tensors(model)) == external
        if external:
            with pytest.raises(BundleError, match="external file"):
                scan(model.SerializeToString())
        else:
            scan(model.SerializeToString())


def test_a_tag_that_others_read_as_another_is_refused() -> None:
    """Bits above the 32nd hide a field from a careful reader and show it to a careless one."""
    model = onnx_model()
    data = model.SerializeToString()
    graph = model.graph.SerializeToString()
    at = data.index(graph)
    tag = data.rindex(TAG_OF_GRAPH, 0, at)
    with pytest.raises(BundleError, match="not a whole ONNX file"):
        scan(data + data[:tag] + TAG_OF_GRAPH_WITH_BITS_THAT_32_BIT_READERS_DROP + data[tag + 1 :])


def test_an_empty_field_at_the_end_of_the_file_is_no_crash() -> None:
    """A data location of no bytes, as the last thing in the file."""
    located = b"\x72\x00"
    initialiser = b"\x2a" + bytes([len(located)]) + located
    scan(TAG_OF_GRAPH + bytes([len(initialiser)]) + initialiser)


secret = onnx_model()
secret.graph.initializer.append(tensor(external=True))
BASES = (onnx_model().SerializeToString(), secret.SerializeToString())
edits = st.lists(st.tuples(st.integers(0, 400), st.integers(0, 255)), min_size=1, max_size=4)


@given(st.sampled_from(BASES), edits, st.integers(0, 400))
@settings(max_examples=400)
def test_damaged_bytes_give_an_error_for_a_person_or_a_safe_model(
    base: bytes, changes: list[tuple[int, int]], cut: int
) -> None:
    """Never another exception; and what passes holds no external tensor by protobuf's reading."""
    data = bytearray(base)
    for place, value in changes:
        data[place % len(data)] = value
    data = data[: max(1, len(data) - cut)] if cut % 3 == 0 else data
    try:
        scan(bytes(data))
    except BundleError:
        return
    try:
        model = onnx.ModelProto.FromString(bytes(data))
    except DecodeError:
        return
    assert not any(t.data_location or t.external_data for t in tensors(model))


@given(st.binary(min_size=1, max_size=60))
def test_any_bytes_are_refused_or_passed_but_never_crash(data: bytes) -> None:
    """Short files of anything."""
    try:
        scan(b"\x3a" + bytes([len(data)]) + data)
    except BundleError as error:
        said = error.what
    else:
        said = "passed"
    assert said
