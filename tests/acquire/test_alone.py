"""Acquisition stands alone."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

HEAVY = ("onnxruntime", "torch", "fastapi", "uvicorn")
CODE = f"""
import sys
import monitor.cli.main
import monitor.acquire
print([name for name in {HEAVY!r} if name in sys.modules])
"""


def test_the_process_loads_no_model_run_time_and_no_web_server() -> None:
    """What is not loaded cannot take memory from a capture, nor keep acquisition from starting when it is broken."""
    repository = Path(__file__).resolve().parents[2]
    result = subprocess.run(
        [sys.executable, "-c", CODE], capture_output=True, text=True, check=False, cwd=repository, timeout=100
    )
    assert result.stdout.strip() == "[]", result.stderr
