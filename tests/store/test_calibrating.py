"""From a picture in the store to an accepted calibration, by the store and by the command."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from monitor.config import Settings
from monitor.devices.simulated import SceneSpec, layer_truth, render_camera
from monitor.devices.simulated.scene import BedSpec
from monitor.domain import (
    Calibration,
    CalibrationError,
    CameraFacts,
    CameraRole,
    Frame,
    Layer,
    LayerEnd,
    NotInStore,
    StoreCorrupt,
)
from monitor.optics import lattice
from monitor.store import BuildManifest, BuildWriter, CalibrationBook
from monitor.store.calibrating import by_corners, by_parts, shot_of_build, shot_of_file, with_flat_field

PLATE_MM = np.array([[-22.0, -22.0], [22.0, -22.0], [22.0, 22.0], [-22.0, 22.0]])
SHAPE = (540, 720)


@pytest.fixture(scope="module")
def scene() -> SceneSpec:
    """A square plate in front of a webcam."""
    cameras = [
        {"name": "webcam", "role": "webcam", "shape": SHAPE},
        {"name": "basler", "role": "basler", "shape": (600, 800), "pixel_format": "Mono8"},
    ]
    plate = {"origin_mm": [-25.55, -25.55], "um_per_px": 100.0, "shape": [512, 512]}
    settings = Settings.model_validate({"plate": plate, "cameras": cameras, "simulation": {"layers": 2}})
    return replace(SceneSpec.from_settings(settings), bed=BedSpec("square", 22.0, 0.6))


@pytest.fixture(scope="module")
def store(scene: SceneSpec, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One layer of it, whose camera knows roughly where the plate is."""
    root = tmp_path_factory.mktemp("store")
    truth = scene.camera("webcam").calibration
    rough = truth.matrix @ np.array([[1.002, 0, 0.5], [0, 0.999, -0.4], [0, 0, 1.0]])
    calibration = Calibration.from_matrix(rough, SHAPE, "corners")
    facts = CameraFacts("webcam", CameraRole.WEBCAM, "C920", "usb-1", (*SHAPE, 3), "uint8", "simulated", calibration)
    manifest = BuildManifest("b", "b", "2026-01-02T03:04:05+00:00", "simulated", scene.grid, 0.03, (facts,))
    end = LayerEnd(7, 10.0, 6.0, 2.5, 13.0)
    frame = Frame("webcam", np.asarray(render_camera(scene, 0, "webcam"), np.uint8), 13.0)
    with BuildWriter.create(root, manifest) as writer:
        writer.commit(Layer(0, 0.03, end, "2026-01-02T03:04:05+00:00", {"webcam": frame}))
        writer.set_reference(0, layer_truth(scene, 0))
    return root


def errors_um(found: Calibration, scene: SceneSpec, share: float = 0.7) -> np.ndarray:
    places = lattice(scene.grid) * share
    truth = scene.camera("webcam").calibration
    return np.asarray(1000 * np.linalg.norm(truth.to_plate(found.to_image(places)) - places, axis=1))


def test_the_newest_layers_picture_tells_the_plate(store: Path, scene: SceneSpec) -> None:
    """By its corners, found or given, and by its parts against their reference: each nearer than where it began."""
    shot = shot_of_build(store, "webcam")
    assert (shot.layer, shot.said) == (0, "layer 0 of build b")
    assert shot.facts.calibration is not None
    assert errors_um(shot.facts.calibration, scene).mean() > 500
    assert errors_um(by_corners(shot, PLATE_MM).calibration, scene).mean() < 120
    assert errors_um(by_parts(shot).calibration, scene).mean() < 60
    seen = scene.camera("webcam").calibration.to_image(PLATE_MM)
    given = by_corners(shot, PLATE_MM, np.rint(seen))
    assert errors_um(given.calibration, scene).mean() < 120
    assert given.calibration.goodness is not None
    assert "1.5 px" in given.calibration.goodness.assumed
    np.testing.assert_allclose(given.corners_px.mean(axis=0), seen.mean(axis=0), atol=10)


def test_what_is_missing_is_said(store: Path, tmp_path: Path, scene: SceneSpec) -> None:
    """No such camera, an empty store, a picture of another size, nothing to compare parts with."""
    with pytest.raises(NotInStore, match="no build has a picture of camera 'other'"):
        shot_of_build(store, "other")
    with pytest.raises(NotInStore, match="no build has a picture"):
        shot_of_build(tmp_path, "webcam")
    picture = tmp_path / "small.png"
    cv2.imwrite(str(picture), np.zeros((10, 12), np.uint8))
    with pytest.raises(CalibrationError, match=r"is \(10, 12\).*gives \(540, 720\)"):
        shot_of_file(store, picture, None, scene.grid, "webcam")
    shot = shot_of_build(store, "webcam")
    with pytest.raises(CalibrationError, match="neither a reference mask nor a laser-on map"):
        by_parts(replace(shot, reader=None))


def test_an_accepted_calibration_is_kept_whole_with_its_picture(store: Path, tmp_path: Path) -> None:
    """Lens, flat field and goodness come back; the newest holds, an earlier one can hold again; damage is found."""
    shot = shot_of_build(store, "webcam")
    trial = with_flat_field(by_parts(shot), [shot])
    first = trial.accept(tmp_path, "somebody")
    book = CalibrationBook(tmp_path)
    assert book.versions("webcam") == (first,)
    assert first.calibration == trial.calibration
    assert first.calibration.flat is not None
    assert first.digest == trial.calibration.digest
    assert book.picture("webcam", 1).startswith(b"\x89PNG")
    second = by_corners(shot, PLATE_MM).accept(tmp_path, "somebody")
    assert book.fitting(shot.facts) == second.calibration
    third = book.again("webcam", 1, by="somebody else")
    assert (third.number, third.digest, third.made_of) == (3, first.digest, "calibration 1 again")
    assert book.fitting(shot.facts) == first.calibration
    (tmp_path / "calibrations" / "webcam" / "000003.json").write_text("{}")
    with pytest.raises(StoreCorrupt):
        book.fitting(shot.facts)


def test_a_calibration_of_another_camera_is_refused(store: Path, tmp_path: Path) -> None:
    """Another serial number or another size of picture: an error that names both; without any, the camera's own."""
    shot = shot_of_build(store, "webcam")
    book = CalibrationBook(tmp_path)
    assert book.fitting(shot.facts) == shot.facts.calibration
    by_corners(shot, PLATE_MM).accept(tmp_path, "somebody")
    with pytest.raises(CalibrationError, match="serial number 'usb-1', this camera has 'usb-2'"):
        book.fitting(replace(shot.facts, serial="usb-2"))
    with pytest.raises(CalibrationError, match=r"pictures of \(540, 720\).*gives \(1080, 1920\)"):
        book.fitting(replace(shot.facts, shape=(1080, 1920, 3)))
    with pytest.raises(CalibrationError, match="holds for pictures"):
        book.accept(replace(shot.facts, shape=(1, 2)), by_corners(shot, PLATE_MM).calibration, b"", made_of="", by="")
    with pytest.raises(NotInStore, match="cannot be a camera"):
        book.newest("../builds")
