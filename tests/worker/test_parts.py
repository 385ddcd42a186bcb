"""The parts of layers as the worker stores them: lasting ids, numbers with units, scales and intervals."""

from __future__ import annotations

import threading
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from monitor.config import Settings
from monitor.domain import LayerProduct, Mask, NotInStore, PartInLayer, ProductState
from monitor.inference import Certainty, write_certainty
from monitor.store import BuildReader, ProductReader, ProductWriter, draw_walls, replace_reference, verify
from monitor.worker import Models, PartBook, make_again, process_build
from tests.acquire.tiny import acquired, tiny_settings
from tests.worker.hand_made import make_models

FIRST, SECOND, BRIDGE = (20, 10, 50, 40), (20, 55, 50, 85), (30, 10, 40, 85)


def boxes(*all_: tuple[int, int, int, int]) -> Mask:
    mask = np.zeros((96, 96), np.bool_)
    for top, left, bottom, right in all_:
        mask[top:bottom, left:right] = True
    return mask


def made(index: int, mask: Mask | None, state: ProductState = ProductState.OK) -> LayerProduct:
    """Products of a layer in which two members of an ensemble agree on nearly all."""
    if mask is None:
        return LayerProduct(index, ProductState.MISSING, reason="no frame")
    grey = np.where(mask, 255, 0).astype(np.uint8)
    return LayerProduct(
        index, state, mask=mask, probability=grey, members=(grey, np.roll(grey, 1, axis=0)),
        bundles={"segment": "s@1", "upscale": "u@1"},
    )  # fmt: skip


class Bench:
    """A build whose products are given layer by layer."""

    def __init__(self, root: Path, layers: int) -> None:
        self.settings = tiny_settings(root, models=root / "models", layers=layers)
        self.reader: BuildReader = acquired(self.settings)
        self.build = self.reader.manifest.id
        self.products = ProductReader.open(root, self.build)

    def keep(self, *given: LayerProduct) -> list[tuple[PartInLayer, ...]]:
        """Complete and commit; a new book for each layer, as a worker that starts anew has one."""
        for one in given:
            with ProductWriter.open(self.settings.store.root, self.build) as writer:
                writer.commit(PartBook(self.settings, self.reader, self.products).complete(one))
        return [self.products.record(one.index).parts for one in given]


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path, layers=6)


def ids(parts: tuple[PartInLayer, ...]) -> list[int]:
    return [part.id for part in parts]


def test_ids_last_through_restarts_missing_layers_and_contact(bench: Bench) -> None:
    """Whoever continues finds the same parts: over a missing layer, one not believed, and one where two parts touch."""
    found = bench.keep(
        made(0, boxes(FIRST, SECOND)),
        made(1, None),
        made(2, boxes(FIRST, SECOND, BRIDGE)),
        made(3, boxes((0, 0, 90, 90)), ProductState.ANOMALY),
        made(4, boxes(SECOND)),
        made(5, boxes(FIRST, SECOND, (70, 10, 90, 30))),
    )
    assert [ids(parts) for parts in found] == [[1, 2], [], [1, 2], [1, 2], [2], [1, 2, 3]]
    assert [part.touching for part in found[2]] == [(2,), (1,)]
    assert [part.born for part in found[5]] == [False, False, True]
    assert bench.products.record(5).last_part == 3
    plane = bench.products.plane(5, image="parts")
    assert plane[30, 20] == 1
    assert np.unique(bench.products.plane(3, image="parts")).tolist() == [65535], "not believed is not known"
    assert verify(bench.settings.store.root, bench.build).problems == ()


def test_every_number_has_unit_scale_and_basis(bench: Bench) -> None:
    """A bar of 30 × 30 pixels is measured in mm; without a measured error there is no interval, and why."""
    ((part, _),) = bench.keep(made(0, boxes(FIRST, SECOND)))
    um = bench.reader.manifest.grid.um_per_px
    numbers = {measure.name: measure for measure in part.measures}
    assert numbers["area"].value == pytest.approx(900 * (um / 1000) ** 2, rel=0.01)
    assert numbers["least Feret diameter"].value == pytest.approx(30 * um / 1000, rel=0.02)
    assert numbers["wall thickness"].value == pytest.approx(30 * um / 1000, rel=0.03)
    x, y = bench.reader.manifest.grid.origin_mm
    assert numbers["centre x"].value == pytest.approx(x + 24.5 * um / 1000, abs=um / 5000)
    assert numbers["centre y"].value == pytest.approx(y + 34.5 * um / 1000, abs=um / 5000)
    for measure in part.measures:
        assert measure.um_per_px == um
        assert measure.unit
        assert measure.basis
        assert measure.spread is None
    assert "Sa" not in numbers, "a square is not round"
    assert "not measured against a known truth" in bench.products.record(0).intervals


def test_intervals_come_from_the_ensemble_and_what_was_measured(bench: Bench) -> None:
    """The half-width grows with the disagreement of the members, by the factor of these very bundles."""
    (bench.settings.store.root / "models").mkdir(exist_ok=True)
    um = bench.reader.manifest.grid.um_per_px
    known = Certainty(
        upscale="u@1", segment="s@1", samples=2, um_per_px=um, source="3 builds", measured="90 % of 2 others",
        factors={"area": 2.0, "row": 3.0},
    )  # fmt: skip
    write_certainty(bench.settings.store.root / "models", known)
    ((part, _),) = bench.keep(made(0, boxes(FIRST, SECOND)))
    numbers = {measure.name: measure for measure in part.measures}
    # Two members that lie one row apart: a deviation of √½ rows, and 0.05 of placement.
    assert numbers["centre y"].spread == pytest.approx(3 * np.hypot(np.sqrt(0.5), 0.05) * um / 1000, rel=0.02)
    assert numbers["area"].spread is not None
    assert numbers["perimeter"].spread is None
    assert bench.products.record(0).intervals == known.words
    other = replace(made(1, boxes(FIRST)), bundles={"segment": "s@2", "upscale": "u@1"})
    ((part,),) = bench.keep(other)
    assert all(measure.spread is None for measure in part.measures), "other bundles, other errors"


def test_a_reference_names_what_is_lost(bench: Bench) -> None:
    """Against its nominal a part has IoU and distances; a nominal part without any metal is there as lost."""
    replace_reference(bench.settings.store.root, bench.build, 0, boxes(FIRST, SECOND))
    ((one, two),) = bench.keep(made(0, boxes(FIRST)))
    assert (one.lost, two.lost) == (False, True)
    numbers = {measure.name: measure for measure in one.measures}
    assert numbers["iou"].value == 1
    assert numbers["hausdorff"].unit == "µm"
    assert two.measures == ()
    assert two.box == SECOND


def test_contours_are_kept_for_the_height_map(bench: Bench) -> None:
    """A row of radii for each part, in 1/32 pixel; a bar's longest is to its corner."""
    bench.keep(made(0, boxes(FIRST)))
    contours = bench.products.array(0, "contours")
    assert contours.shape == (128, 720)
    assert contours[0].max() / 32 == pytest.approx(15 * np.sqrt(2), rel=0.05)
    assert contours[0].min() / 32 == pytest.approx(15, rel=0.05)
    assert not contours[1:].any()


def test_side_walls_are_drawn_from_what_is_kept(bench: Bench, tmp_path: Path) -> None:
    """A picture a part, also over a layer in which it is missing; a part that is not there is named."""
    for index, found in enumerate((boxes(FIRST, SECOND), boxes(FIRST), boxes(FIRST, SECOND))):
        bench.keep(made(index, found))
    drawn = draw_walls(bench.products, 100.0, tmp_path / "walls")
    assert [path.name for path in drawn] == ["part_0001.png", "part_0002.png"]
    pictures = [cv2.imread(str(path)) for path in drawn]
    assert pictures[0].shape == pictures[1].shape
    assert not (pictures[0][:, 70:1150] == 170).all(axis=(1, 2)).any()
    assert (pictures[1][:, 70:1150] == 170).all(axis=(1, 2)).any(), "its middle layer is grey"
    with pytest.raises(NotInStore, match="part 7 has an outline") as caught:
        draw_walls(bench.products, 100.0, tmp_path / "none", (1, 7))
    assert "function of the angle" in caught.value.cure
    assert not (tmp_path / "none").exists()


def test_layers_made_again_have_the_same_parts(tmp_path: Path) -> None:
    """Ids, numbers and planes follow from what is recorded, bit for bit."""
    models = make_models(tmp_path / "models")
    settings: Settings = tiny_settings(tmp_path / "store", models=models, layers=3)
    settings = settings.model_copy(update={"segment": settings.segment.model_copy(update={"prior": "none"})})
    build = acquired(settings).manifest.id
    stop = threading.Event()
    assert process_build(settings, Models.load(settings), build, stop) == 3
    products = ProductReader.open(settings.store.root, build)
    assert any(products.record(index).parts for index in products.layers())
    assert [again.differs for again in make_again(settings, build, stop)] == [()] * 3
