"""The networks that run, each readable on a page. They own shapes and weights; they refuse to know data and losses.

They lie here because a bundle may hold weights alone and name one of them; training takes them from `learn.networks`,
which adds what only trains. Importing this needs torch.
"""

from monitor.inference.networks.autoencoder import FACTOR, Autoencoder, AutoencoderConfig
from monitor.inference.networks.latent import Decoder, Encoder, Scale
from monitor.inference.networks.regression import Regression
from monitor.inference.networks.unet import ConditionalUNet, UNetConfig

__all__ = [
    "FACTOR",
    "Autoencoder",
    "AutoencoderConfig",
    "ConditionalUNet",
    "Decoder",
    "Encoder",
    "Regression",
    "Scale",
    "UNetConfig",
]
