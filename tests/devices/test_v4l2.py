"""The webcam on OpenCV's own V4L2 code: its tests again in a process where a video device is preloaded below OpenCV."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.standins.faults import REPOSITORY, VideoFaults

TESTS = "TestWebcamOnADevice or old_frames or hangs_is or unplugged or is_held or ignores_the_locks"


@pytest.mark.slow
def test_unmodified_opencv_on_a_video_device(tmp_path: Path) -> None:
    """Camera contract, fresh frames only, a hang, an unplugged cable and the locks, through OpenCV's V4L2 ioctls."""
    env = os.environ | VideoFaults.made(tmp_path).environment
    files = ["tests/contracts/test_cameras.py", "tests/devices/test_webcam.py"]
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", *files, "-k", TESTS]
    env.pop("PYTEST_XDIST_WORKER", None)
    done = subprocess.run(command, cwd=REPOSITORY, env=env, capture_output=True, text=True, timeout=100)
    assert done.returncode == 0, done.stdout
    assert "13 passed" in done.stdout, done.stdout
