"""The self-test of a bundle: stored inputs, stored outputs, one run each. Refuses to know what the graphs are for.

The file is an `.npz` without pickles; its arrays are named `<role>/in/<name>` and `<role>/out/<name>`.
"""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from monitor.domain import BundleError
from monitor.inference.manifest import SelfTestTable
from monitor.inference.session import Provider, Session, open_session

MAX_BYTES = 256 * 2**20
_DAMAGED = (OSError, ValueError, EOFError, KeyError, RuntimeError, MemoryError, zipfile.BadZipFile, zlib.error)
"""What zipfile and numpy raise for archives that are damaged, encrypted, or claim an array of any size."""
Arrays = dict[str, npt.NDArray[Any]]


def run_self_test(
    file: Path, graphs: Mapping[str, Path], table: SelfTestTable, provider: Provider = "cpu", threads: int = 1
) -> dict[str, float]:
    """Run every graph on its stored input.

    Returns:
        The largest absolute difference from the stored output, by role.

    Raises:
        BundleError: no case for a graph, an output differs or is not finite, or the file cannot be read.
    """
    arrays = _read(file)
    return {role: _run(role, path, arrays, file, table, provider, threads) for role, path in graphs.items()}


def write_self_test(file: Path, graphs: Mapping[str, Path], inputs: Mapping[str, Arrays]) -> None:
    """Run each graph on the CPU and store its inputs and outputs as the bundle's self-test."""
    arrays: Arrays = {}
    for role, feeds in inputs.items():
        arrays |= {f"{role}/in/{name}": value for name, value in feeds.items()}
        outputs = open_session(graphs[role], role=role).run(feeds)
        arrays |= {f"{role}/out/{name}": value for name, value in outputs.items()}
    np.savez_compressed(file, allow_pickle=False, **arrays)


def _read(file: Path) -> Arrays:
    try:
        with zipfile.ZipFile(file) as archive:
            size = sum(entry.file_size for entry in archive.infolist())
        if size > MAX_BYTES:
            raise BundleError(
                f"{file}: would unpack to {size} bytes, more than {MAX_BYTES}", cure="store a smaller self-test"
            )
        with np.load(file, allow_pickle=False) as stored:
            return {name: stored[name] for name in stored.files}
    except _DAMAGED as error:
        raise BundleError(f"{file}: the self-test cannot be read ({error})", cure="make the bundle again") from error


def _run(
    role: str, path: Path, arrays: Arrays, file: Path, table: SelfTestTable, provider: Provider, threads: int
) -> float:
    feeds, expected = _part(arrays, f"{role}/in/"), _part(arrays, f"{role}/out/")
    if not expected:
        raise BundleError(f"{file}: has no outputs for '{role}'", cure="make the bundle again with a self-test")
    session: Session = open_session(path, provider, threads, role)
    outputs = session.run(feeds)
    if set(outputs) != set(expected):
        raise BundleError(
            f"{path}: gives outputs {sorted(outputs)}, the self-test expects {sorted(expected)}",
            cure="put the files of one export together",
        )
    return max(_difference(path, name, outputs[name], value, table) for name, value in expected.items())


def _difference(
    path: Path, name: str, actual: npt.NDArray[Any], expected: npt.NDArray[Any], table: SelfTestTable
) -> float:
    cure = "put the files of one export together, or make the bundle again"
    if actual.shape != expected.shape:
        raise BundleError(f"{path}: '{name}' has shape {actual.shape}, expected {expected.shape}", cure=cure)
    if not np.isfinite(actual).all():
        raise BundleError(f"{path}: '{name}' holds values that are not finite", cure=cure)
    worst = float(np.max(np.abs(actual.astype(np.float64) - expected), initial=0.0))
    if not np.allclose(actual, expected, rtol=table.rtol, atol=table.atol):
        raise BundleError(
            f"{path}: the self-test failed: '{name}' differs by up to {worst:.3g}, allowed are "
            f"{table.atol:g} + {table.rtol:g}·|expected|",
            cure=cure,
        )
    return worst


def _part(arrays: Arrays, prefix: str) -> Arrays:
    return {name.removeprefix(prefix): value for name, value in arrays.items() if name.startswith(prefix)}
