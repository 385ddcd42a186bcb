"""The webcam on OpenCV's own V4L2 code: its tests again in a process where a video device is preloaded below OpenCV."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
SHIM = REPOSITORY / "tests" / "standins" / "v4l2_shim.c"
TESTS = "TestWebcamOnADevice or old_frames or hangs_is or unplugged"
PATH = "/dev/full"  # exists everywhere, and nobody else opens it


@pytest.mark.slow
def test_unmodified_opencv_on_a_video_device(tmp_path: Path) -> None:
    """Camera contract, fresh frames only, a hang and an unplugged cable, through OpenCV's V4L2 ioctls."""
    compiler = shutil.which("cc")
    if not compiler or not Path("/usr/include/linux/videodev2.h").is_file():
        pytest.skip("needs a C compiler and the kernel's headers (apt install gcc libc6-dev linux-libc-dev)")
    library = tmp_path / "shim.so"
    subprocess.run([compiler, "-O1", "-shared", "-fPIC", "-o", library, SHIM, "-ldl", "-lm"], check=True, timeout=60)
    env = os.environ | {
        "LD_PRELOAD": str(library),
        "V4L2_SHIM_PATH": PATH,
        "V4L2_SHIM_CONTROL": str(tmp_path / "control"),
    }
    files = ["tests/contracts/test_cameras.py", "tests/devices/test_webcam.py"]
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", *files, "-k", TESTS]
    env.pop("PYTEST_XDIST_WORKER", None)
    done = subprocess.run(command, cwd=REPOSITORY, env=env, capture_output=True, text=True, timeout=100)
    assert done.returncode == 0, done.stdout
    assert "11 passed" in done.stdout, done.stdout
