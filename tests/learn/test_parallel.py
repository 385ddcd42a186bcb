"""One training in two processes."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from tests.conftest import REPOSITORY

RECIPE = """
kind = "regression"
name = "small"
minutes = 0
[data]
builds = 1
validation_builds = 1
layers_per_build = 1
plate_px = 256
[regression]
patch = 32
batch = 2
iterations = 4
[regression.network]
base = 4
multipliers = [1, 2]
shuffle = 4
"""


LEAVING = """
from pathlib import Path
from monitor.learn.parallel import Team

team = Team.join()
import torch._dynamo
team.wait()
team.leave()
names = [(task / "comm").read_text().strip() for task in Path("/proc/self/task").iterdir()]
print([name for name in names if "gloo" in name])
"""


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def started(command: list[str]) -> list[subprocess.Popen[str]]:
    """Two processes of one team, as torchrun starts them."""
    port = str(free_port())
    return [
        subprocess.Popen(
            [sys.executable, *command],
            cwd=REPOSITORY,
            env={
                **os.environ,
                "WORLD_SIZE": "2",
                "RANK": str(rank),
                "MASTER_ADDR": "127.0.0.1",
                "MASTER_PORT": port,
                "OMP_NUM_THREADS": "1",
                "CUDA_VISIBLE_DEVICES": "",
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in range(2)
    ]


@pytest.mark.timeout(120)
def test_who_left_has_no_thread_of_the_team() -> None:
    """One that lived on would ask for the interpreter at its end, and abort the process; the exporter's import too."""
    processes = started(["-c", LEAVING])
    said = [process.communicate(timeout=110) for process in processes]
    assert [process.returncode for process in processes] == [0, 0], said
    assert [out.strip() for out, _ in said] == ["[]", "[]"]


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_two_processes_train_one_model(tmp_path: Path) -> None:
    """As torchrun starts them: both end in order, one bundle is made, and the checkpoint holds the chance of both."""
    recipe = tmp_path / "recipe.toml"
    recipe.write_text(RECIPE, encoding="utf-8")
    command = ["-m", "monitor.learn.training", str(recipe), "--out", str(tmp_path / "run"), "--workers", "0"]
    processes = started(command)
    said = [process.communicate(timeout=280)[1] for process in processes]
    assert [process.returncode for process in processes] == [0, 0], said
    assert (tmp_path / "run" / "bundle" / "small" / "bundle.toml").is_file()
    state = torch.load(tmp_path / "run" / "training.pt", weights_only=True)
    assert len(state["random"]) == 2
    assert not torch.equal(state["random"][0][1], state["random"][1][1])
    assert state["counts"] == {"regression": 4}
    assert all(value.isfinite().all() for value in load_file(tmp_path / "run" / "weights.safetensors").values())
