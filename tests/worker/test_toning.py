"""The look of two cameras, measured on layers that both saw."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from monitor.cli.main import app
from monitor.config import UpscaleSettings, load_settings
from monitor.domain import (
    Calibration,
    CalibrationError,
    CameraFacts,
    CameraRole,
    Frame,
    Image,
    Layer,
    LayerEnd,
    NotInStore,
    PlateGrid,
)
from monitor.inference import Bundle, find_bundle
from monitor.store import BuildManifest, BuildWriter
from monitor.upscale import Upscaler
from monitor.worker import measure_look

GRID = PlateGrid((0.0, 0.0), 100.0, (64, 80))
PLACE = Calibration((10.0, 0.0, 0.0, 0.0, 10.0, 0.0, 0.0, 0.0, 1.0), GRID.shape, "identity")
WEBCAM = CameraFacts("webcam", CameraRole.WEBCAM, "C920", "usb-1", GRID.shape, "uint8", "real", PLACE)
BASLER = CameraFacts("basler", CameraRole.BASLER, "acA", "1", GRID.shape, "uint8", "real", PLACE)
GAIN, OFFSET = 0.7, 0.15


@pytest.fixture(scope="module")
def upscaler() -> Upscaler:
    """The shipped one."""
    settings = UpscaleSettings(threads=1, samples=1, steps=1)
    return Upscaler.load(Bundle.load(find_bundle(None, settings.bundle)), settings)


def plate(layer: int) -> Image:
    """Bright parts on powder."""
    rng = np.random.default_rng(layer)
    grey = rng.normal(90, 3, GRID.shape)
    grey[20 : 30 + layer, 20:60] += 100
    return np.asarray(np.clip(grey, 0, 255), np.uint8)


def darker(seen: Image) -> Image:
    """As a camera of another exposure sees it."""
    return np.asarray(np.rint(255 * (GAIN * seen / 255 + OFFSET)), np.uint8)


def build(root: Path, name: str, cameras: tuple[CameraFacts, ...], seen: list[dict[str, Image]]) -> None:
    """A build whose layers have these pictures."""
    stamp = "2026-01-02T03:04:05+00:00"
    with BuildWriter.create(root, BuildManifest(name, name, stamp, "live", GRID, 0.03, cameras)) as writer:
        for k, pictures in enumerate(seen):
            frames = {camera: Frame(camera, picture, 13.0 + k) for camera, picture in pictures.items()}
            writer.commit(Layer(k, 0.03 * (k + 1), LayerEnd(7, 10.0 + k, 6.0, 2.5, 13.0 + k), stamp, frames))


def both(layers: int) -> list[dict[str, Image]]:
    return [{"webcam": plate(k), "basler": darker(plate(k))} for k in range(layers)]


def test_gain_and_offset_are_found_on_layers_of_both_cameras(tmp_path: Path, upscaler: Upscaler) -> None:
    """Evenly out of all layers, and what is left says that the tone is right."""
    build(tmp_path, "b", (WEBCAM, BASLER), both(5))
    found = measure_look(tmp_path, upscaler, most=3)
    assert found.layers == (0, 2, 4)
    assert found.look.tone[0] == pytest.approx(GAIN, abs=0.01)
    assert found.look.tone[1] == pytest.approx(OFFSET, abs=0.01)
    assert found.after < 0.004 < found.before
    np.testing.assert_allclose(found.pictures[1], found.pictures[3], atol=2)
    assert all(0 <= gain <= 2 for gain in found.look.detail)


def test_the_newest_build_with_both_cameras_is_taken(tmp_path: Path, upscaler: Upscaler) -> None:
    """A newer one of the webcam alone says nothing of the tone."""
    build(tmp_path, "20260101-000000-old", (WEBCAM, BASLER), both(2))
    build(tmp_path, "20260102-000000-new", (WEBCAM,), [{"webcam": plate(0)}])
    assert measure_look(tmp_path, upscaler).build == "20260101-000000-old"
    with pytest.raises(NotInStore, match="calibrated high-resolution camera"):
        measure_look(tmp_path, upscaler, "20260102-000000-new")


def test_a_camera_without_a_calibration_is_not_compared(tmp_path: Path, upscaler: Upscaler) -> None:
    """Nobody knows which of its pixels show the same place."""
    build(tmp_path, "b", (WEBCAM, replace(BASLER, calibration=None)), both(2))
    with pytest.raises(NotInStore):
        measure_look(tmp_path, upscaler)


def test_cameras_that_do_not_show_the_same_give_no_tone(tmp_path: Path, upscaler: Upscaler) -> None:
    """Such as a calibration that is turned: an error instead of a number."""
    build(tmp_path, "b", (WEBCAM, BASLER), [{"webcam": plate(0), "basler": 255 - plate(0)}])
    with pytest.raises(CalibrationError, match="do not show the same"):
        measure_look(tmp_path, upscaler)


def test_the_command_prints_lines_that_the_configuration_takes(tmp_path: Path) -> None:
    """What `calibrate tone` prints, put behind the configuration, is the look of the settings; a picture shows it."""
    build(tmp_path / "builds", "b", (WEBCAM, BASLER), both(2))
    file = tmp_path / "monitor.toml"
    file.write_text('[store]\nroot = "builds"\n')
    ask = ["calibrate", "tone", "--config", str(file), "--picture", str(tmp_path / "tone.png")]
    said = CliRunner().invoke(app, ask)
    assert said.exit_code == 0, said.output
    assert "keys of [upscale]" in said.stderr
    assert (tmp_path / "tone.png").stat().st_size > 0
    file.write_text(file.read_text() + said.stdout)
    settings = load_settings(file).upscale
    assert settings.tone == pytest.approx((GAIN, OFFSET), abs=0.01)
    assert settings.detail is not None
    assert len(settings.detail) == 4
    assert settings.restore is not None
    assert len(settings.restore.gains) == 16
