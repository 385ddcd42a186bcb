"""Mixed precision, memory layout and devices of training. Owns where bfloat16 is used."""

from __future__ import annotations

from typing import TypeVar

import torch
from torch import nn

Network = TypeVar("Network", bound=nn.Module)


def mixed(device: torch.device) -> torch.autocast:
    """bfloat16 for the networks where that is faster: GPUs, and CPUs with AMX.

    With AVX-512 BF16 alone a step of the segmenter took 0.32 s, and 0.25 s with single precision.
    """
    enabled = device.type == "cuda" or (device.type == "cpu" and _cpu_has_amx())
    return torch.autocast(device.type, torch.bfloat16, enabled=enabled)


def prepared(network: Network, device: torch.device) -> Network:
    """The network on the device, channels last: on a CPU that halves the time of a bfloat16 convolution."""
    return network.to(device=device, memory_format=torch.channels_last)  # type: ignore[call-overload,no-any-return]


def pick_device() -> torch.device:
    """The GPU where there is one."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def device_name() -> str:
    """The GPU's name, or that there is none."""
    return str(torch.cuda.get_device_name()) if torch.cuda.is_available() else "none"


def _cpu_has_amx() -> bool:
    return bool(torch.cpu.get_capabilities().get("amx_bf16", False))
