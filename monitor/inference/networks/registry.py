"""Networks by name, for weights that name one. Owns the closed list and how large a network may be.

A weights file (safetensors) says in its metadata `network`, one of the names here, and `config`, its sizes as JSON.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import torch
from pydantic import TypeAdapter, ValidationError
from torch import nn

from monitor.domain import BundleError
from monitor.inference.networks.autoencoder import Autoencoder, AutoencoderConfig
from monitor.inference.networks.latent import Decoder, Encoder, Scale
from monitor.inference.networks.regression import Regression
from monitor.inference.networks.unet import ConditionalUNet, UNetConfig

_MOST_CHANNELS, _MOST_BLOCKS, _MOST_LEVELS = 4096, 64, 8


@dataclass(frozen=True, slots=True)
class Denoiser:
    """A conditional U-Net: sizes, and channels of what is diffused and of its condition."""

    network: UNetConfig
    channels: int
    condition: int


@dataclass(frozen=True, slots=True)
class Port:
    """Names of a network's inputs, in the order of `forward`, and of its output."""

    inputs: tuple[str, ...]
    output: str


Build = Callable[[Any], nn.Module]
_KNOWN: dict[str, tuple[type[Any], Build, Port]] = {
    "encoder": (AutoencoderConfig, lambda c: Encoder(Autoencoder(c), _unit(c)), Port(("image",), "condition")),
    "decoder": (AutoencoderConfig, lambda c: Decoder(Autoencoder(c), _unit(c)), Port(("latent",), "image")),
    "denoiser": (
        Denoiser,
        lambda c: ConditionalUNet(c.network, c.channels, c.condition),
        Port(("noisy", "condition", "time"), "prediction"),
    ),
    "regression": (UNetConfig, Regression, Port(("image",), "picture")),
}


def described(network: nn.Module) -> dict[str, str]:
    """The metadata of a weights file for a network of these.

    Raises:
        TypeError: it is none of them.
    """
    config: AutoencoderConfig | UNetConfig | Denoiser
    if isinstance(network, Encoder | Decoder):
        name, config = ("encoder" if isinstance(network, Encoder) else "decoder"), network.autoencoder.config
    elif isinstance(network, ConditionalUNet):
        condition = network.unet.first.in_channels // network.config.shuffle**2 - network.channels
        name, config = "denoiser", Denoiser(network.config, network.channels, condition)
    elif isinstance(network, Regression):
        name, config = "regression", network.config
    else:
        raise TypeError(f"a {type(network).__name__} has no name here")
    return {"network": name, "config": TypeAdapter(dict[str, Any]).dump_json(asdict(config)).decode()}


def build(metadata: Mapping[str, str], shapes: Mapping[str, tuple[int, ...]], where: str) -> tuple[nn.Module, Port]:
    """The network that a weights file names, untrained, when all its weights have the shapes of the file.

    Args:
        metadata: of the file.
        shapes: of its tensors, by name. They are compared before any memory is taken.
        where: the file, for errors.

    Raises:
        BundleError: the name is unknown, the sizes are wrong, or the weights are of another network.
    """
    known = _KNOWN.get(metadata.get("network", ""))
    if known is None:
        raise BundleError(
            f"{where}: names the network '{metadata.get('network', '')}', which is not known",
            cure=f"use one of {', '.join(_KNOWN)}, or export the model as ONNX",
        )
    kind, make, port = known
    try:
        config = TypeAdapter(kind).validate_json(metadata.get("config", "{}"), strict=False)
        _bounded(asdict(config))
        with torch.device("meta"):
            wanted = {name: tuple(value.shape) for name, value in make(config).state_dict().items()}
    except (ValidationError, ValueError, TypeError, RuntimeError) as error:
        raise BundleError(f"{where}: its sizes are wrong ({error})", cure="make the bundle again") from error
    if wanted != dict(shapes):
        odd = sorted(set(wanted.items()) ^ set(shapes.items()))[0][0]
        raise BundleError(
            f"{where}: the weights are not those of the network that it names (first difference: {odd})",
            cure="put weights and configuration of one training together",
        )
    return make(config), port


def _bounded(config: Any) -> None:
    """Refuse sizes beyond reason before a network of them is described."""
    if isinstance(config, dict):
        for name, value in config.items():
            if isinstance(value, int) and not 0 < value <= (_MOST_BLOCKS if "blocks" in name else _MOST_CHANNELS):
                raise ValueError(f"{name} = {value}")
            _bounded(value)
    elif isinstance(config, tuple) and not (0 < len(config) <= _MOST_LEVELS and all(0 < v <= 64 for v in config)):
        raise ValueError(f"multipliers = {config}")


def _unit(config: AutoencoderConfig) -> Scale:
    shape = (1, config.latent_channels, 1, 1)
    return Scale(torch.zeros(shape), torch.ones(shape))
