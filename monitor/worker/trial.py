"""A bundle is tried in a process of its own, with bounds. Owns the bounds and the verdict; refuses to decide on use.

A file that makes the run time crash, hang or eat memory ends that process and nothing else.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from monitor.config import Settings
from monitor.domain import BundleError

TRIAL_S = 300
PATIENCE = 10
"""A trial that steps back on a busy machine may take so many times its processor time."""
LEAST_BYTES = 4 * 2**30
POLITE = 10
"""So far a trial steps back beside a worker that makes layers."""
KINDS: Mapping[str, tuple[str, ...]] = {
    "upscale": ("latent-diffusion", "pixel-diffusion", "regression"),
    "segment": ("segmenter",),
}
"""Kinds of bundle by purpose."""


@dataclass(frozen=True)
class Verdict:
    """What a trial found.

    Attributes:
        label: name@digest of the bundle.
        kind: its kind.
        self_test: largest difference from the stored outputs, by graph.
        device: the provider that ran it, which is the one asked for.
        seconds: wall time of one drawn layer of the plate's size; None for a kind that makes no layers.
        peak_mb: most memory that the process held, in MB.
    """

    label: str
    kind: str
    self_test: dict[str, float]
    device: str
    seconds: float | None
    peak_mb: float


def try_bundle(
    directory: Path, settings: Settings, *, seconds: int = TRIAL_S, memory: int | None = None, nice: int = 0
) -> Verdict:
    """Check a bundle whole, run its self-test and one drawn layer of the plate's size, where the settings say.

    Args:
        directory: of the bundle.
        settings: provider, threads, steps and the plate's size are used.
        seconds: a trial that takes more processor time, or ten times as long, is ended.
        memory: bytes of address space, on the CPU; None is half of the machine's memory, at least 4 GiB.
        nice: how far the trial steps back behind other processes.

    Raises:
        BundleError: why it is not to be used.
    """
    order = {
        "directory": str(directory.resolve()),
        "upscale": settings.upscale.model_dump(mode="json"),
        "shape": settings.plate.shape,
        "seconds": seconds,
        "nice": nice,
        "memory": (memory or _half()) if settings.upscale.provider == "cpu" else None,
    }
    command = [sys.executable, "-m", "monitor.worker.trial_process"]
    try:
        run = subprocess.run(
            command, input=json.dumps(order), capture_output=True, text=True, timeout=seconds * PATIENCE, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise BundleError(
            f"{directory}: the trial did not end within {seconds * PATIENCE} s", cure="use a smaller or faster model"
        ) from error
    except OSError as error:
        raise BundleError(
            f"{directory}: the trial could not be started ({error.strerror})", cure="try again"
        ) from error
    return _verdict(directory, run)


def _half() -> int:
    return max(LEAST_BYTES, os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2)


def _verdict(directory: Path, run: subprocess.CompletedProcess[str]) -> Verdict:
    if run.returncode == -signal.SIGXCPU:
        raise BundleError(
            f"{directory}: the trial took more processor time than it may", cure="use a smaller or faster model"
        )
    try:
        answer = json.loads(run.stdout.splitlines()[-1])
        if "what" not in answer:
            return Verdict(**answer)
    except (IndexError, ValueError, TypeError) as error:
        last = (run.stderr.strip().splitlines() or ["it said nothing"])[-1][:300]
        raise BundleError(
            f"{directory}: the process that tried the bundle ended with {run.returncode}: {last}",
            cure="the model has odd shapes, asks for too much memory or breaks the run time; export it again",
        ) from error
    raise BundleError(answer["what"], cure=answer["cure"])
