"""The process in which one bundle is tried: `python -m monitor.worker.trial_process`. Refuses to change anything.

It reads one JSON object on its input and writes one line on its output: a verdict, or what is wrong and the cure.
"""

from __future__ import annotations

import ctypes
import json
import os
import resource
import signal
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

from monitor.config import UpscaleSettings
from monitor.domain import BundleError
from monitor.inference import Bundle, SegmenterModel
from monitor.upscale import Upscaler
from monitor.worker.trial import KINDS

PR_SET_PDEATHSIG = 1


def main() -> None:
    """Bound this process, then try the bundle."""
    order = json.load(sys.stdin)
    os.nice(order["nice"])
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)  # nobody would hear what it finds
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CPU, (order["seconds"], order["seconds"] + 5))
    if order["memory"] is not None:
        resource.setrlimit(resource.RLIMIT_AS, (order["memory"], order["memory"]))
    try:
        answer = _tried(Path(order["directory"]), UpscaleSettings(**order["upscale"]), tuple(order["shape"]))
    except BundleError as error:
        answer = {"what": error.what, "cure": error.cure}
    except MemoryError:
        answer = {
            "what": f"{order['directory']}: needs more than {order['memory']} bytes of memory",
            "cure": "use a smaller model, or one with smaller inputs",
        }
    sys.stdout.write(f"{json.dumps(answer)}\n")


def _tried(directory: Path, settings: UpscaleSettings, shape: tuple[int, int]) -> dict[str, Any]:
    bundle = Bundle.load(directory, provider=settings.provider, threads=settings.threads)
    start = time.perf_counter()
    device = _layer(bundle, settings, shape)
    seconds = round(time.perf_counter() - start, 3)
    return {
        "label": bundle.label,
        "kind": bundle.manifest.kind,
        "self_test": bundle.self_test,
        "device": device or _device(bundle, settings),
        "seconds": seconds if device else None,
        "peak_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1),
    }


def _layer(bundle: Bundle, settings: UpscaleSettings, shape: tuple[int, int]) -> str:
    """Run one drawn layer of the plate's size; the provider, "" for a kind that makes no layers."""
    picture = np.full(shape, 200, np.uint8)
    picture[shape[0] // 4 : shape[0] // 2, shape[1] // 4 : shape[1] // 2] = 60
    if bundle.manifest.kind in KINDS["upscale"]:
        upscaler = Upscaler.load(bundle, settings.model_copy(update={"samples": 1}))
        upscaler.upscale(picture, 0)
        return upscaler.device
    if bundle.manifest.kind in KINDS["segment"]:
        model = SegmenterModel(bundle, settings.provider, settings.threads)
        model.set_image(picture)
        found = model.predict(np.full((1, 1, 2), min(shape) * 0.375, np.float32), np.ones((1, 1), np.int32))
        if not np.isfinite(found.logits).all():
            raise BundleError(
                f"{bundle.directory}: gives values that are not finite", cure="export the model again and compare"
            )
        return model.device
    return ""


def _device(bundle: Bundle, settings: UpscaleSettings) -> str:
    return bundle.session(bundle.manifest.graphs[0], settings.provider, settings.threads).provider


if __name__ == "__main__":
    main()
