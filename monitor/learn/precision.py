"""Mixed precision and devices of training. Owns where bfloat16 is used."""

from __future__ import annotations

import torch


def mixed(device: torch.device) -> torch.autocast:
    """bfloat16 for the networks on a GPU; float32 on a CPU, where tests compare numbers."""
    return torch.autocast(device.type, torch.bfloat16, enabled=device.type == "cuda")


def pick_device() -> torch.device:
    """The GPU where there is one."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")
