"""Errors are for the person who must act."""

from __future__ import annotations

import inspect
import pickle
import re
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import pytest

from monitor.domain import DeviceError, DeviceLost, MonitorError, StoreFull, errors

KINDS = [kind for _, kind in inspect.getmembers(errors, inspect.isclass) if issubclass(kind, MonitorError)]


@pytest.mark.parametrize("kind", KINDS)
def test_an_error_says_what_and_the_cure(kind: type[MonitorError]) -> None:
    """Two lines, and both parts by name; whole after a trip through pickle, and raised as its own kind."""
    error = kind("webcam: gone", cure="plug it in")
    assert str(error) == "webcam: gone\n  → plug it in"
    copy = pickle.loads(pickle.dumps(error))
    assert type(copy) is kind
    assert (copy.what, copy.cure, str(copy)) == (error.what, error.cure, str(error))


def test_a_cure_is_never_left_out() -> None:
    """Who raises an error must know what is to be done."""
    with pytest.raises(TypeError, match="cure"):
        MonitorError("gone")  # type: ignore[call-arg]


def _fail() -> None:
    raise StoreFull("layer 3: no space left", cure="free space")


def test_an_error_crosses_a_process_border_whole() -> None:
    """A worker process that fails tells its parent the same two lines."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool, pytest.raises(StoreFull) as caught:
        pool.submit(_fail).result()
    assert caught.value.cure == "free space"


def test_the_tree_in_the_docstring_is_the_tree_of_the_classes() -> None:
    """The drawing at the top of the module is what `except` will really catch."""
    drawn: dict[str, str] = {}
    stack: list[str] = []
    for line in (errors.__doc__ or "").splitlines():
        match = re.match(r"^([│ ]*(?:[├└]── )?)([A-Z]\w+) {2,}", line)
        if match:
            depth = len(match[1]) // 4
            stack[depth:] = [match[2]]
            drawn[match[2]] = stack[depth - 1] if depth else "Exception"
    assert drawn == {kind.__name__: kind.__mro__[1].__name__ for kind in KINDS}
    assert issubclass(DeviceLost, DeviceError)
