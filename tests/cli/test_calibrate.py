"""`lpbf-monitor calibrate` on a store with one picture of a ChArUco board."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from typer.testing import CliRunner

from monitor.cli.main import app
from monitor.domain import CameraFacts, CameraRole, Frame, Layer, LayerEnd
from monitor.store import BuildManifest, BuildWriter, CalibrationBook
from tests.optics.boards import BOARD, GRID, SHAPE, camera, shown

TRUTH = camera(6)
TINY = """
[store]
root = "builds"
[plate]
origin_mm = [-9.5, -9.5]
um_per_px = 200.0
shape = [96, 96]
[simulation]
layers = 2
speed = 0.0
parts = [{kind = "disc", size_mm = [4.0, 4.0]}]
[[cameras]]
name = "webcam"
role = "webcam"
shape = [72, 96]
"""
ASK = ["calibrate", "charuco", "webcam", "--squares", "12x12", "--origin-mm=-48,-48"]


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A configuration file beside a store whose only layer shows the board."""
    facts = CameraFacts("webcam", CameraRole.WEBCAM, "C920", "usb-1", SHAPE, "uint8", "real")
    manifest = BuildManifest("b", "b", "2026-01-02T03:04:05+00:00", "live", GRID, 0.03, (facts,))
    frame = Frame("webcam", shown(BOARD, TRUTH), 13.0)
    with BuildWriter.create(tmp_path / "builds", manifest) as writer:
        end = LayerEnd(7, 10.0, 6.0, 2.5, 13.0)
        writer.commit(Layer(0, 0.03, end, "2026-01-02T03:04:05+00:00", {"webcam": frame}))
    (tmp_path / "monitor.toml").write_text('[store]\nroot = "builds"\n')
    return tmp_path


def run(site: Path, *words: str, answer: str | None = None) -> tuple[int, str]:
    """Exit code and everything said."""
    said = CliRunner().invoke(app, [*words, "--config", str(site / "monitor.toml")], input=answer)
    return said.exit_code, said.output


def test_a_board_calibrates_the_camera_once_a_person_accepts(site: Path) -> None:
    """The command shows scale, residual and lens, writes the picture, and keeps nothing without a yes."""
    picture = site / "residuals.png"
    code, said = run(site, *ASK, "--picture", str(picture), answer="n\n")
    assert (code, CalibrationBook(site / "builds").newest("webcam")) == (0, None)
    assert "121 points" in said
    assert "lens: k1" in said
    assert cv2.imread(str(picture)).shape[1] == 1400
    code, said = run(site, *ASK, "--picture", str(picture), answer="y\n")
    kept = CalibrationBook(site / "builds").newest("webcam")
    assert code == 0
    assert kept is not None
    assert kept.digest in said
    assert (kept.serial, kept.made_of) == ("usb-1", "layer 0 of build b")
    places = np.array([[0.0, 0.0], [30.0, -20.0]])
    assert np.abs(TRUTH.to_plate(kept.calibration.to_image(places)) - places).max() < 0.05
    code, said = run(site, "calibrate", "list", "webcam")
    assert kept.digest[7:19] in said
    assert run(site, "calibrate", "use", "webcam", "1")[0] == 0
    assert len(CalibrationBook(site / "builds").versions("webcam")) == 2


def test_mistakes_are_said_with_a_cure(site: Path) -> None:
    """Too few corners, no numbers, no such camera, a calibration that is not there: exit 2 and two lines."""
    for words, told in (
        (("corners", "webcam", "--at", "1,2 3,4"), "2 points, four are needed"),
        (("corners", "webcam", "--at", "1,2 3,4 5,x 7,8"), "not two numbers"),
        (("charuco", "other"), "no build has a picture of camera 'other'"),
        (("parts", "webcam"), "neither a reference mask nor a laser-on map"),
        (("use", "webcam", "7"), "has no calibration 7"),
    ):
        code, said = run(site, "calibrate", *words)
        assert (code, told in said) == (2, True), said


def test_the_camera_itself_is_asked_before_there_is_a_build(tmp_path: Path) -> None:
    """Its own picture, now: the calibration is bound to what the camera says it is; another name is told."""
    (tmp_path / "monitor.toml").write_text(TINY)
    ask = ("calibrate", "corners", "--live", "--accept", "--picture", str(tmp_path / "seen.png"))
    code, said = run(tmp_path, *ask, "webcam", "--at", "10,8 84,9 85,62 9,61")
    assert code == 0, said
    kept = CalibrationBook(tmp_path / "builds").newest("webcam")
    assert kept is not None
    assert kept.serial == "virtual-webcam"
    assert kept.made_of.startswith("a picture taken at 20")
    assert kept.calibration.image_shape == (72, 96)
    code, said = run(tmp_path, *ask, "thermal")
    assert (code, "no camera 'thermal' (it has: webcam)" in " ".join(said.split())) == (2, True), said


def test_a_board_is_drawn_to_scale(tmp_path: Path) -> None:
    """12 squares of 8 mm at 10 px per mm are 960 px, and the detector finds them."""
    sheet = tmp_path / "board.png"
    said = CliRunner().invoke(app, ["calibrate", "board", str(sheet), "--px-per-mm", "10"])
    assert "96.0 × 96.0 mm" in said.output
    drawn = cv2.imread(str(sheet), cv2.IMREAD_GRAYSCALE)
    assert drawn.shape == (960, 960)
    assert len(BOARD.corners(cv2.copyMakeBorder(drawn, 40, 40, 40, 40, cv2.BORDER_CONSTANT, value=255))[0]) == 121
