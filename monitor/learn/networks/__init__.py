"""Everything that trains: the networks that run (their pages lie in `inference.networks`) and the discriminator."""

from monitor.inference.networks import (
    Autoencoder,
    AutoencoderConfig,
    ConditionalUNet,
    Decoder,
    Encoder,
    Regression,
    Scale,
    UNetConfig,
)
from monitor.learn.networks.discriminator import PatchDiscriminator

__all__ = [
    "Autoencoder",
    "AutoencoderConfig",
    "ConditionalUNet",
    "Decoder",
    "Encoder",
    "PatchDiscriminator",
    "Regression",
    "Scale",
    "UNetConfig",
]
