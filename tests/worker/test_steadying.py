"""Cameras that move and light that fades, from the virtual printer to products and the alarm."""

from __future__ import annotations

import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from monitor.alarms import try_build
from monitor.config import Settings
from monitor.domain import CameraFacts, Frame, Layer, LayerProduct, ProductState
from monitor.optics import Anchor, measure_drift
from monitor.store import BuildReader, BuildWriter, CalibrationBook, ProductReader
from monitor.worker import Models, process_build
from tests.acquire.tiny import acquired, tiny_settings
from tests.worker.hand_made import make_models

CAMERAS = [
    {"name": "webcam", "role": "webcam", "shape": [360, 480]},
    {"name": "basler", "role": "basler", "shape": [480, 640], "pixel_format": "Mono12"},
]
PLATE = {"origin_mm": [-19.1, -19.1], "um_per_px": 200.0, "shape": [192, 192]}


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_models(tmp_path_factory.mktemp("models"))


def build(root: Path, models: Path, **simulation: Any) -> tuple[Settings, BuildReader]:
    """A plate of 38 mm with two rings, as larger pictures show it."""
    parts = [{"kind": "ring", "center_mm": [x, 2.0], "size_mm": [9.0, 9.0]} for x in (-7.0, 7.0)]
    tiny = tiny_settings(root, models=models, parts=parts, scan_speed_mm_s=50000.0, **simulation)
    data = tiny.model_dump() | {"cameras": CAMERAS, "plate": PLATE}
    data["segment"] |= {"prior": "none"}
    settings = Settings.model_validate(data)
    return settings, acquired(settings)


def processed(settings: Settings, reader: BuildReader) -> list[LayerProduct]:
    made: list[LayerProduct] = []
    process_build(settings, Models.load(settings), reader.manifest.id, threading.Event(), made.append)
    return made


def told(product: LayerProduct, name: str) -> float | None:
    return next((measure.value for measure in product.measures if measure.name == name), None)


def test_a_knock_of_5_px_is_told_at_the_next_layer_and_moved_back(tmp_path: Path, models: Path) -> None:
    """Calm layers stand still to a pixel; the knocked one says 5 px of both cameras, and its picture stays in place."""
    settings, reader = build(tmp_path, models, layers=4, knock_layer=3, knock_px=[-4.0, 3.0])
    made = processed(settings, reader)
    for camera in ("webcam", "basler"):
        moved = [told(product, f"{camera} moved") for product in made]
        assert moved[0] is None, "the build's start is compared with nothing"
        assert all(value is not None and value < 1.0 for value in moved[1:3])
        assert all(value is not None and abs(value - 5.0) < 1.0 for value in moved[3:])
    assert told(made[3], "webcam shift x") == pytest.approx(-4.0, abs=1.0)
    assert told(made[3], "webcam shift y") == pytest.approx(3.0, abs=1.0)
    first, last = (product.rectified for product in (made[0], made[3]))
    assert first is not None
    assert last is not None
    left = measure_drift(Anchor.of(first), Anchor.of(last))
    assert left is not None
    assert np.hypot(*left.shift_px) < 1.2, "of 3.2 px that the knock is in the plate grid"
    calibration = reader.facts[0].calibration
    assert calibration is not None
    assert {product.calibration for product in made} == {calibration.digest}
    _, changes = try_build(settings, reader.manifest.id)
    raised = [change for change in changes if "Camera moved" in change]
    for camera in ("webcam", "basler"):
        assert any(change.startswith(f"raised: layer 3: Camera moved ({camera} moved)") for change in raised)
    assert len(raised) == 2, "and not at the calm layers"


def test_a_camera_that_moved_too_far_is_not_believed(tmp_path: Path, models: Path) -> None:
    """Beyond the bounds nothing is corrected: the layer is an anomaly and says by how much."""
    settings, reader = build(tmp_path, models, layers=2, knock_layer=1, knock_px=[9.0, 0.0])
    narrow = settings.model_dump() | {"optics": {"drift": {"most_px": 6.0}}}
    made = processed(Settings.model_validate(narrow), reader)
    assert "moved" not in made[0].reason
    assert made[1].state is ProductState.ANOMALY
    assert "has moved by" in made[1].reason
    assert "6 px can be corrected" in made[1].reason


@pytest.mark.parametrize(("factor", "believed"), [(1.0, True), (0.4, False)])
def test_a_picture_of_something_else_is_not_believed_in_another_light(
    tmp_path: Path, models: Path, factor: float, believed: bool
) -> None:
    """Where nothing looks as at the start, light is left to judge by: powder alone has the same, a hand has not."""
    settings, reader = build(tmp_path, models, layers=1)
    seen = reader.capture(0, "webcam")
    assert isinstance(seen, Frame)
    grey = np.median(seen.image) * factor
    other = np.clip(np.random.default_rng(0).normal(grey, 4, seen.image.shape), 0, 255).astype(np.uint8)
    webcam = tuple(camera for camera in reader.manifest.cameras if camera.name == "webcam")
    manifest = replace(reader.manifest, id="imported", origin="import", cameras=webcam)
    with BuildWriter.create(tmp_path, manifest) as writer:
        for index, image in enumerate((seen.image, other)):
            end, stamp = reader.record(0).end, reader.record(0).wall_time
            writer.commit(Layer(index, 0.03 * (index + 1), end, stamp, {"webcam": replace(seen, image=image)}))
    _, second = processed(settings, BuildReader.open(tmp_path, "imported"))
    assert told(second, "webcam moved") is None
    assert ("looks as in layer 0" in second.reason) != believed
    assert (second.state is ProductState.OK) == believed


def test_records_name_the_accepted_calibration_and_another_camera_is_refused(tmp_path: Path, models: Path) -> None:
    """An accepted calibration holds for the next build of its camera, and never for one with another serial number."""
    settings, first = build(tmp_path, models, layers=1)
    facts = first.facts[0]
    assert facts.calibration is not None
    shifted = np.array([[1.0, 0, 0.5], [0, 1, 0], [0, 0, 1]]) @ facts.calibration.matrix
    other = replace(facts.calibration, plate_to_image=tuple((shifted / shifted[2, 2]).ravel().tolist()))
    book = CalibrationBook(tmp_path)
    record = book.accept(facts, other, b"png", made_of="a test", by="somebody")
    second = acquired(settings)
    (made,) = processed(settings, second)
    assert made.calibration == record.digest == other.digest
    assert second.record(0).calibrations["webcam"] == other.digest
    stored = ProductReader.open(tmp_path, second.manifest.id, "live").record(0)
    assert stored.calibration == other.digest

    book.accept(replace(facts, serial="another"), other, b"png", made_of="a test", by="somebody")
    third = acquired(settings)
    refused: CameraFacts = third.facts[0]
    assert refused.calibration is None
    assert "serial number 'another', this camera has 'virtual-webcam'" in refused.notices[-1]
    assert len(third.layers()) == 1, "pictures are kept"
    with pytest.raises(Exception, match="was made for serial number 'another'"):
        processed(settings, third)
    book.accept(facts, other, b"png", made_of="a test", by="somebody")
    (made,) = processed(settings, third)
    assert made.calibration == other.digest, "layers that waited are processed once their camera is calibrated"


def test_a_damaged_first_frame_costs_the_comparison_only(tmp_path: Path, models: Path) -> None:
    """Bit rot in the build's first picture: its own layer is missing, the later ones are made, without drift."""
    settings, reader = build(tmp_path, models, layers=2)
    (chunk,) = (tmp_path / reader.manifest.id / "raw" / "webcam").glob("c.0.*")
    data = bytearray(chunk.read_bytes())
    data[len(data) // 2] ^= 0xFF
    chunk.write_bytes(bytes(data))
    first, second = processed(settings, reader)
    assert first.state is ProductState.MISSING
    assert second.state is not ProductState.MISSING
    assert told(second, "webcam moved") is None
    assert told(second, "basler moved") is not None
