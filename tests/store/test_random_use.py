"""Any order of committing, growing, dying, going on, repairing and reading, against a plain list."""

from __future__ import annotations

import os
import shutil
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from monitor.domain import NotInStore, ProductState, StoreError
from monitor.store import BuildReader, BuildWriter, ProductReader, ProductWriter, arrays, repair, verify
from tests.store.small import assert_layer, assert_product, layer, make_build, product

GAPS = st.sampled_from([(), ("basler",), ("webcam",), ("webcam", "basler")])


class Died(BaseException):
    """The process ends here, and nothing that it would have done afterwards is done."""


@contextmanager
def dying_at(point: int) -> Iterator[None]:
    """From its change number `point` of the file system on, a process changes nothing more."""
    left, lock = point, threading.Lock()

    def mortal(change: Callable[..., object]) -> Callable[..., object]:
        def changed(*arguments: object, **options: object) -> object:
            nonlocal left
            with lock:
                left -= 1
                if left < 0:
                    raise Died
                return change(*arguments, **options)

        return changed

    with pytest.MonkeyPatch.context() as patch:
        for name in ("fsync", "replace", "rename", "link", "mkdir", "unlink"):
            patch.setattr(os, name, mortal(getattr(os, name)))
        patch.setattr(Path, "open", mortal(Path.open))
        yield


class Store(RuleBasedStateMachine):
    """One build; `layers` and `products` are what must be in it."""

    def __init__(self) -> None:
        super().__init__()
        self.root = Path(tempfile.mkdtemp())
        self.patch = pytest.MonkeyPatch()
        self.patch.setattr(arrays, "GROW", 3)  # so that arrays grow within a short history
        self.layers: list[tuple[str, ...]] = []
        self.products: dict[int, ProductState] = {}

    @initialize()
    def begin(self) -> None:
        make_build(self.root, 0)
        self.writer = BuildWriter.open(self.root, "b")
        self.maker = ProductWriter.open(self.root, "b")
        self.reader = BuildReader.open(self.root, "b")

    @rule(gaps=GAPS)
    def commit(self, gaps: tuple[str, ...]) -> None:
        assert self.writer.next_index == len(self.layers)
        self.writer.commit(layer(len(self.layers), *gaps))
        self.layers.append(gaps)

    @rule(index=st.integers(0, 12), state=st.sampled_from(ProductState))
    def process(self, index: int, state: ProductState) -> None:
        if index >= len(self.layers):
            with pytest.raises(NotInStore):
                self.maker.commit(product(index, state))
        elif index in self.products:
            with pytest.raises(StoreError, match="committed already"):
                self.maker.commit(product(index, state))
        else:
            self.maker.commit(product(index, state))
            self.products[index] = state

    @rule()
    def reopen(self) -> None:
        self.go_on()

    @rule(point=st.integers(0, 24), gaps=GAPS)
    def die_while_committing(self, point: int, gaps: tuple[str, ...]) -> None:
        """The layer is there or it is not, and the next process goes on."""
        index = len(self.layers)
        try:
            with dying_at(point):
                self.writer.commit(layer(index, *gaps))
        except Died:
            self.go_on()
        if index in self.reader.layers():
            self.layers.append(gaps)

    @precondition(lambda self: set(range(len(self.layers))) - set(self.products))
    @rule(point=st.integers(0, 60), state=st.sampled_from(ProductState))
    def die_while_processing(self, point: int, state: ProductState) -> None:
        """The same of the products."""
        index = min(set(range(len(self.layers))) - set(self.products))
        try:
            with dying_at(point):
                self.maker.commit(product(index, state))
        except Died:
            self.go_on()
        if index in ProductReader.open(self.root, "b").layers():
            self.products[index] = state

    def go_on(self) -> None:
        """What a process held is gone with it; another one starts."""
        self.writer.close()
        self.maker.close()
        self.writer = BuildWriter.open(self.root, "b")
        self.maker = ProductWriter.open(self.root, "b")

    @rule()
    def repair(self) -> None:
        """It finds nothing that matters in a build that is whole, whatever died in it; twice changes nothing more."""
        self.writer.close()
        steps = repair(self.root, "b", apply=True)
        assert all(step.done == "set aside" for step in steps)
        assert repair(self.root, "b", apply=True) == ()
        self.writer = BuildWriter.open(self.root, "b")

    @rule()
    def lose_the_last_record(self) -> None:
        """As if the process had died after the data and before the record."""
        self.writer.close()
        if self.layers and len(self.layers) - 1 not in self.products:
            (self.root / "b/commits" / f"{len(self.layers) - 1:06d}.json").unlink()
            self.layers.pop()
        self.writer = BuildWriter.open(self.root, "b")

    @precondition(lambda self: self.layers)
    @rule(data=st.data())
    def read(self, data: st.DataObject) -> None:
        index = data.draw(st.integers(0, len(self.layers) - 1))
        assert_layer(self.reader, index, *self.layers[index])
        if index in self.products:
            assert_product(ProductReader.open(self.root, "b"), product(index, self.products[index]))

    @invariant()
    def lists_what_was_committed(self) -> None:
        if hasattr(self, "reader"):
            assert self.reader.layers() == tuple(range(len(self.layers)))
            assert ProductReader.open(self.root, "b").states() == self.products

    def teardown(self) -> None:
        self.writer.close()
        self.maker.close()
        self.patch.undo()
        problems = verify(self.root, "b").problems
        shutil.rmtree(self.root)
        assert problems == ()


TestStore = pytest.mark.filterwarnings(  # a process that dies awaits nothing any more
    "ignore:coroutine .* was never awaited:RuntimeWarning",
    "ignore::pytest.PytestUnraisableExceptionWarning",
)(Store.TestCase)
TestStore.__doc__ = "Whatever is done to a build, it holds what was committed and nothing else."
TestStore.settings = settings(
    max_examples=20, stateful_step_count=20, deadline=None, suppress_health_check=list(HealthCheck)
)
