"""The networks, each readable on a page. They own shapes and weights; they refuse to know data and losses."""

from monitor.learn.networks.autoencoder import Autoencoder, AutoencoderConfig
from monitor.learn.networks.discriminator import PatchDiscriminator
from monitor.learn.networks.unet import ConditionalUNet, UNetConfig

__all__ = ["Autoencoder", "AutoencoderConfig", "ConditionalUNet", "PatchDiscriminator", "UNetConfig"]
