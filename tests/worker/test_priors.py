"""Where metal is expected, by each of those who can tell."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import trimesh

from monitor.config import Settings
from monitor.domain import LayerProduct, Mask, ProductState, StoreError
from monitor.store import BuildReader, ProductWriter, replace_reference
from monitor.worker.priors import Priors
from tests.acquire.tiny import acquired, tiny_settings


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Settings, BuildReader]:
    settings = tiny_settings(tmp_path_factory.mktemp("store"), layers=6)
    return settings, acquired(settings)


def priors(made: tuple[Settings, BuildReader], prior: str, **more: object) -> Priors:
    settings, reader = made
    changed = type(settings.segment).model_validate(settings.segment.model_dump() | {"prior": prior, **more})
    return Priors(settings.model_copy(update={"segment": changed}), reader)


def box(shape: tuple[int, int]) -> Mask:
    mask = np.zeros(shape, np.bool_)
    mask[20:50, 30:60] = True
    return mask


def test_the_laser_and_nobody(made: tuple[Settings, BuildReader]) -> None:
    """By default the laser-on map, which bounds metal; with none there is no prior."""
    found = priors(made, "laser").of(0)
    assert found is not None
    assert found.bounds
    assert found.told_by == "the laser-on map"
    assert priors(made, "none").of(0) is None


def test_the_reference_mask(made: tuple[Settings, BuildReader]) -> None:
    """The layer's own reference, and none where it has none."""
    settings, reader = made
    replace_reference(settings.store.root, reader.manifest.id, 1, box(reader.manifest.grid.shape))
    found = priors(made, "reference").of(1)
    assert found is not None
    assert np.array_equal(found.area, box(reader.manifest.grid.shape))
    assert priors(made, "reference").of(2) is None


def test_the_cad_slice_at_the_middle_of_the_layer(made: tuple[Settings, BuildReader], tmp_path: Path) -> None:
    """A bar of three layers' height is expected in three layers, where the configuration puts it."""
    reader = made[1]
    height, (x, y), um = reader.manifest.layer_height_mm, reader.manifest.grid.origin_mm, reader.manifest.grid.um_per_px
    solid = trimesh.creation.box((30 * um / 1000, 20 * um / 1000, 3 * height))
    solid.apply_translation([0, 0, 1.5 * height])
    solid.export(tmp_path / "bar.stl")
    at = (x + 45 * um / 1000, y + 40 * um / 1000)
    teller = priors(made, "cad", cad=[{"path": tmp_path / "bar.stl", "at_mm": at}])
    first = reader.height_mm(0)
    assert first == pytest.approx(height)
    found = [teller.of(index) for index in range(4)]
    for prior in found[:3]:
        assert prior is not None
        rows, columns = np.nonzero(prior.area)
        assert (rows.mean(), columns.mean()) == pytest.approx((40, 45), abs=0.6)
        assert prior.area.sum() == pytest.approx(600, rel=0.12)
    assert found[3] is not None
    assert not found[3].area.any()
    with pytest.raises(StoreError, match=r"gone\.stl"):
        priors(made, "cad", cad=[{"path": tmp_path / "gone.stl"}])


def test_the_last_believed_layer(made: tuple[Settings, BuildReader]) -> None:
    """The nearest one below, at most three layers; it does not forbid metal beside it."""
    settings, reader = made
    grid = reader.manifest.grid
    with ProductWriter.open(settings.store.root, reader.manifest.id, settings.worker.product_set) as writer:
        writer.commit(LayerProduct(0, ProductState.OK, mask=box(grid.shape)))
        writer.commit(LayerProduct(1, ProductState.ANOMALY, reason="", mask=np.ones(grid.shape, np.bool_)))
    teller = priors(made, "last")
    assert teller.of(0) is None
    for index in (1, 2, 3):
        found = teller.of(index)
        assert found is not None
        assert not found.bounds
        assert found.told_by == "the mask of layer 0"
        assert np.array_equal(found.area, box(grid.shape))
    assert teller.of(4) is None, "a part that ended is not missed for ever"


def test_auto_takes_the_first_that_there_is(made: tuple[Settings, BuildReader]) -> None:
    """Without CAD, the laser's map."""
    found = priors(made, "auto").of(0)
    assert found is not None
    assert found.told_by == "the laser-on map"
