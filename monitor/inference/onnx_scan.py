"""A look into an ONNX file before any run time opens it. Owns one question: does it point outside itself?

ONNX tensors may name an external file (`TensorProto.external_data`); a run time would open that path. The product's
install has no `onnx` package, so this walks the few protobuf fields that lead to tensors, and nothing else.
"""

from __future__ import annotations

import mmap
from collections.abc import Iterator
from pathlib import Path

from monitor.domain import BundleError

# Message -> {field number: message of that field}. Numbers are those of onnx.proto3.
_PATHS: dict[str, dict[int, str]] = {
    "model": {7: "graph", 25: "function", 20: "training"},
    "training": {1: "graph", 2: "graph"},
    "function": {7: "node", 11: "attribute"},
    "graph": {1: "node", 5: "tensor", 15: "sparse"},
    "node": {5: "attribute"},
    "attribute": {5: "tensor", 6: "graph", 10: "tensor", 11: "graph", 22: "sparse", 23: "sparse"},
    "sparse": {1: "tensor", 2: "tensor"},
    "tensor": {},
}
_EXTERNAL_DATA, _DATA_LOCATION = 13, 14
_MAX_DEPTH = 32


class _MalformedError(ValueError):
    """The bytes are not a protobuf message."""


def refuse_external_data(path: Path) -> None:
    """Check that an ONNX file is whole and holds all its tensors.

    Raises:
        BundleError: the file is empty, is not protobuf, has no graph, or points to external data.
    """
    try:
        with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            external = any(_external(data, 0, len(data), "model", 0))
            has_graph = any(number == 7 for number, *_ in _fields(data, 0, len(data)))
    except (_MalformedError, ValueError) as error:
        raise BundleError(f"{path}: is not a whole ONNX file ({error})", cure="copy or export it again") from error
    if not has_graph:
        raise BundleError(f"{path}: holds no ONNX graph", cure="export the model again as ONNX")
    if external:
        raise BundleError(
            f"{path}: keeps weights in an external file, which is not allowed in a bundle",
            cure="export with all weights inside the .onnx file (external_data=False)",
        )


def _external(data: mmap.mmap, start: int, end: int, message: str, depth: int) -> Iterator[bool]:
    """Yield, for each tensor below this message, whether it lies outside the file."""
    if depth > _MAX_DEPTH:
        raise _MalformedError("graphs are nested too deeply")
    inside = False
    for number, first, last in _fields(data, start, end):
        if message == "tensor":
            inside = (
                inside
                or number == _EXTERNAL_DATA
                or (number == _DATA_LOCATION and any(data[first : min(last, first + 10)]))
            )
        elif number in _PATHS[message] and last > first:
            yield from _external(data, first, last, _PATHS[message][number], depth + 1)
    if message == "tensor":
        yield inside


def _fields(data: mmap.mmap, start: int, end: int) -> Iterator[tuple[int, int, int]]:
    """Yield (field number, first byte, byte after the last) of each field of a message."""
    at = start
    while at < end:
        tag, at = _varint(data, at, end)
        if tag >> 32:  # some readers drop these bits and see another field
            raise _MalformedError(f"impossible field at byte {at}")
        kind = tag & 7
        if kind == 0:
            first, (_, at) = at, _varint(data, at, end)
        elif kind == 2:
            length, first = _varint(data, at, end)
            at = first + length
        elif kind in (1, 5):
            first, at = at, at + (8 if kind == 1 else 4)
        else:
            raise _MalformedError(f"unknown wire type {kind} at byte {at}")
        if at > end:
            raise _MalformedError(f"cut off at byte {end}")
        yield tag >> 3, first, at


def _varint(data: mmap.mmap, at: int, end: int) -> tuple[int, int]:
    """Read a variable-length integer; return it and the place after it."""
    value = shift = 0
    while at < end and shift < 64:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7
    raise _MalformedError(f"cut off at byte {at}")
