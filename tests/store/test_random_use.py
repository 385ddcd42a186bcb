"""Any order of committing, closing, crashing and reading, against a plain list."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from monitor.domain import NotInStore, ProductState, StoreError
from monitor.store import BuildReader, BuildWriter, ProductReader, ProductWriter, verify
from tests.store.small import assert_layer, assert_product, layer, make_build, product

GAPS = st.sampled_from([(), ("basler",), ("webcam",), ("webcam", "basler")])


class Store(RuleBasedStateMachine):
    """One build; `layers` and `products` are what must be in it."""

    def __init__(self) -> None:
        super().__init__()
        self.root = Path(tempfile.mkdtemp())
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
        self.writer.close()
        self.maker.close()
        self.writer = BuildWriter.open(self.root, "b")
        self.maker = ProductWriter.open(self.root, "b")

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
        problems = verify(self.root, "b").problems
        shutil.rmtree(self.root)
        assert problems == ()


TestStore = Store.TestCase
TestStore.__doc__ = "Whatever is done to a build, it holds what was committed and nothing else."
TestStore.settings = settings(
    max_examples=12, stateful_step_count=12, deadline=None, suppress_health_check=list(HealthCheck)
)
