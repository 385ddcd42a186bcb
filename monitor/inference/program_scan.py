"""A look into a `.pt2` program before torch opens it. Owns what may be in one; refuses to run any of it.

A `.pt2` is a zip of JSON and plain tensors, but torch's loader trusts it: it unpickles example inputs and odd weights,
evaluates the expressions of free sizes, runs the guards as Python, and resolves any name below `torch` as an operator.
So nothing of the file reaches the loader as it is: an archive is written anew from what is known to be harmless (graph,
free sizes, plain tensors); guards, example inputs and debugging notes are left out, and everything else is refused.
"""

from __future__ import annotations

import ast
import io
import json
import re
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from monitor.domain import BundleError

MAX_BYTES = 4 * 2**30
MAX_JSON_BYTES = 64 * 2**20
OUTPUTS = "outputs"
"""Extra file of a program that names its outputs, separated by spaces."""
_TENSOR = re.compile(r"data/(weights/weight|constants/tensor)_\d{1,6}")
_CONFIG = re.compile(r"data/(weights|constants)/model_(weights|constants)_config\.json")
_KEPT = frozenset(
    {"archive_format", "archive_version", "byteorder", ".data/version", "version", ".data/serialization_id"}
)
_INPUTS = "data/sample_inputs/model.pt"
_GRAPH = "models/model.json"
_OPERATOR = re.compile(
    r"torch\.ops\.(aten|prims)\.(?!from_file\b)[A-Za-z_][A-Za-z0-9_]*\.[A-Za-z0-9_]+"
    r"|_operator\.(add|sub|mul|floordiv|truediv|mod|neg|pow|eq|ne|lt|le|gt|ge|getitem)"
    r"|math\.(ceil|floor|trunc)|torch\.sym_(int|max|min|not|float|ite)"
)
_FUNCTIONS = frozenset(
    {
        "Mul", "Add", "Integer", "Symbol", "Pow", "Mod", "FloorDiv", "CleanDiv", "CeilToInt", "Max", "Min", "PythonMod",
        "Eq", "Ne", "Ge", "Gt", "Le", "Lt", "Rational", "Float",
    }
)  # fmt: skip
_NODES = (
    ast.Expression, ast.Call, ast.Name, ast.Load, ast.Constant, ast.keyword, ast.BinOp, ast.UnaryOp, ast.operator,
    ast.unaryop,
)  # fmt: skip
_SYMBOL = re.compile(r"[su]\d{1,6}")
_CONTAINERS = frozenset({"builtins.tuple", "builtins.list", "builtins.dict", None})
_UNREADABLE = (
    zipfile.BadZipFile, zlib.error, OSError, EOFError, LookupError, AttributeError, TypeError, ValueError, RuntimeError,
    RecursionError, SyntaxError,
)  # fmt: skip


def harmless_program(path: Path) -> tuple[io.BytesIO, tuple[str, ...]]:
    """A `.pt2` program, written anew without anything that could be run, and the names of its outputs.

    Args:
        path: what `torch.export.save` wrote, with the extra file "outputs" (names, separated by spaces).

    Raises:
        BundleError: it is damaged, holds something that is not known to be harmless, or does not name its outputs.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            return _rewritten(path, archive)
    except _UNREADABLE as error:
        raise BundleError(
            f"{path}: is not a whole .pt2 program ({error})", cure="copy it again, or export it with torch.export.save"
        ) from error


def _rewritten(path: Path, archive: zipfile.ZipFile) -> tuple[io.BytesIO, tuple[str, ...]]:
    if sum(entry.file_size for entry in archive.infolist()) > MAX_BYTES:
        raise BundleError(f"{path}: is larger than {MAX_BYTES} bytes", cure="use a smaller model")
    made, outputs = io.BytesIO(), ""
    with zipfile.ZipFile(made, "w", zipfile.ZIP_STORED) as harmless:
        for entry in archive.infolist():
            name = entry.filename.partition("/")[2]
            if name == f"extra/{OUTPUTS}":
                outputs = archive.read(entry)[:4096].decode("utf-8")
            if name.startswith("extra/"):
                continue
            harmless.writestr(f"program/{name}", _content(path, archive, entry, name))
    names = tuple(outputs.split())
    if not names:
        raise BundleError(
            f"{path}: does not name its outputs",
            cure=f'save it with torch.export.save(program, path, extra_files={{"{OUTPUTS}": "prediction"}})',
        )
    made.seek(0)
    return made, names


def _content(path: Path, archive: zipfile.ZipFile, entry: zipfile.ZipInfo, name: str) -> bytes:
    """An entry's bytes as torch may see them."""
    if name == _INPUTS:
        return b""  # example inputs are a pickle, and not needed
    if name in _KEPT or _TENSOR.fullmatch(name):
        return archive.read(entry)
    if entry.file_size > MAX_JSON_BYTES:
        raise ValueError(f"{name} is too large")
    if name == _GRAPH:
        return json.dumps(_graph(path, json.loads(archive.read(entry)))).encode()
    if _CONFIG.fullmatch(name):
        _refuse_pickles(path, json.loads(archive.read(entry)))
        return archive.read(entry)
    raise _refused(path, f"it holds {name!r}, which is no part of a plain program")


def _refuse_pickles(path: Path, config: dict[str, Any]) -> None:
    for name, entry in config["config"].items():
        plain = entry["path_name"].startswith(("weight_", "tensor_")) and "/" not in entry["path_name"]
        if entry["use_pickle"] is not False or not plain:
            raise _refused(path, f"'{name}' is stored as a pickle")


def _graph(path: Path, model: dict[str, Any]) -> dict[str, Any]:
    """The graph with every name in it checked, without guards and notes."""
    model["guards_code"] = []
    for key in model["range_constraints"]:
        _check_expression(path, key)
    for key, value, holder in list(_walk(model)):
        if key == "target" and not _OPERATOR.fullmatch(str(value)):
            raise _refused(path, f"it calls {value!r}, which is no operator of a network")
        if key == "expr_str":
            _check_expression(path, str(value))
        if key in ("in_spec", "out_spec"):
            _check_spec(path, json.loads(value))
        if key == "metadata":
            holder[key] = {}
        if key in ("as_custom_obj", "as_operator") and value is not None:
            raise _refused(path, "it holds an object that is no tensor")
    return model


def _walk(value: Any) -> Iterator[tuple[str, Any, dict[str, Any]]]:
    """Every key of every nested mapping, with its value and the mapping."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield key, inner, value
            yield from _walk(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _walk(inner)


def _check_expression(path: Path, text: str) -> None:
    """Only arithmetic of free sizes: torch gives the text to a function that evaluates it as Python."""
    harmless = len(text) < 10_000
    for node in ast.walk(ast.parse(text, mode="eval")) if harmless else ():
        harmless = harmless and isinstance(node, _NODES)
        if isinstance(node, ast.Name):
            harmless = harmless and (node.id in _FUNCTIONS or bool(_SYMBOL.fullmatch(node.id)))
        if isinstance(node, ast.Call):
            harmless = harmless and isinstance(node.func, ast.Name)
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            harmless = harmless and bool(_SYMBOL.fullmatch(node.value))
    if not harmless:
        raise _refused(path, f"a size is the expression {text[:80]!r}")


def _check_spec(path: Path, spec: Any) -> None:
    """Inputs and outputs are nested in plain containers alone."""
    for key, value, _ in _walk(spec):
        if key == "type" and value not in _CONTAINERS:
            raise _refused(path, f"its inputs or outputs are held by {value!r}")


def _refused(path: Path, why: str) -> BundleError:
    return BundleError(
        f"{path}: is not opened, because {why}", cure="export the network alone with torch.export, or as ONNX"
    )
