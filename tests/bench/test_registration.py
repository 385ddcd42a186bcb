"""How well reference masks lie on pictures, on a drawn build that was shifted on purpose."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from monitor.bench.registration import registration_of
from monitor.domain import Calibration, CalibrationError, CameraFacts, CameraRole, Frame, Layer, LayerEnd, PlateGrid
from monitor.store import BuildManifest, BuildReader, BuildWriter

GRID = PlateGrid((0.0, 0.0), 100.0, (200, 240))


def test_a_shift_of_masks_is_measured_in_um(tmp_path: Path) -> None:
    """Two discs that stand 3 px beside their masks: 300 µm for each layer with a mask, and the melt's growth beside."""
    rows, columns = np.indices(GRID.shape)
    mask = np.asarray((np.hypot(rows - 90, columns - 60) < 40) | (np.hypot(rows - 100, columns - 170) < 45))
    image = np.where(np.roll(mask, 3, axis=1), 70, 140).astype(np.uint8)
    image = np.asarray(cv2.GaussianBlur(image, (0, 0), 1.0), np.uint8)
    calibration = Calibration.from_matrix(np.linalg.inv(GRID.to_mm()), GRID.shape, "identity")
    facts = CameraFacts("webcam", CameraRole.WEBCAM, "", "", GRID.shape, "uint8", "recorded", calibration)
    manifest = BuildManifest("b", "b", "2026-01-02T03:04:05+00:00", "import", GRID, 0.03, (facts,))
    with BuildWriter.create(tmp_path, manifest) as writer:
        for index in range(2):
            frame = Frame("webcam", image, 1.0)
            end = LayerEnd(7, 10.0, 6.0, 2.5, 13.0)
            writer.commit(Layer(index, 0.03, end, manifest.created, {"webcam": frame}))
        writer.set_reference(1, mask)
    reader = BuildReader.open(tmp_path, "b")
    (found,) = registration_of(reader, "webcam", bright=False)
    assert (found.index, found.parts) == (1, 2)
    assert found.mean_um == pytest.approx(300, abs=40)
    assert abs(found.growth_um) < 40
    with pytest.raises(CalibrationError, match="no calibrated camera 'other'"):
        list(registration_of(reader, "other", bright=False))
