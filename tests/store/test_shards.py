"""Shards as zarr itself reads them."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import zarr
from hypothesis import given
from hypothesis import strategies as st

from monitor.store import arrays
from monitor.store.arrays import DurableStore, LayerArray
from monitor.store.records import digest_of, has_digest


@given(
    row=st.tuples(st.integers(1, 40), st.integers(1, 9)) | st.tuples(st.integers(1, 40), st.integers(1, 9), st.just(3)),
    dtype=st.sampled_from(["uint8", "uint16", "bool"]),
    strip_bytes=st.integers(1, 400),
    pooled=st.booleans(),
)
def test_zarr_reads_every_layer_back(
    tmp_path_factory: pytest.TempPathFactory, row: tuple[int, ...], dtype: str, strip_bytes: int, pooled: bool
) -> None:
    """Any row, type and number of strips, a last strip that is not full among them; neighbours stay as they were."""
    folder = tmp_path_factory.mktemp("array")
    values = np.random.default_rng(len(row)).integers(0, 2 if dtype == "bool" else 250, row).astype(dtype)
    with pytest.MonkeyPatch.context() as patch, ThreadPoolExecutor(2) as pool:
        patch.setattr(arrays, "STRIP_BYTES", strip_bytes)
        array = LayerArray.open_or_create(DurableStore(folder), "a", row, dtype, fill=1)
        array.begin(2, values, pool if pooled else None)()
    stored = zarr.open_array(folder / "a", mode="r")
    np.testing.assert_array_equal(stored[2], values)
    assert np.all(np.asarray(stored[1]) == 1)


def test_what_is_not_a_row_of_the_array_is_refused(tmp_path: Path) -> None:
    """Nothing is cast or spread out in silence."""
    array = LayerArray.open_or_create(DurableStore(tmp_path), "a", (4, 5), "uint8")
    for wrong in (np.zeros((4, 4), np.uint8), np.zeros((4, 5), np.uint16), np.uint8(3)):
        with pytest.raises(ValueError, match=r"is not a layer of uint8 \(4, 5\)"):
            array.write(0, wrong)


def test_digests_of_earlier_versions_still_hold() -> None:
    """Both kinds are known; another kind, or another array, never matches."""
    values = np.arange(12, dtype=np.uint16).reshape(3, 4)
    for kind in ("blake3", "sha256"):
        assert has_digest(values, digest_of(values, kind))
        assert not has_digest(values + 1, digest_of(values, kind))
    assert not has_digest(values, "md5:0123")
    assert not has_digest(values, "")
