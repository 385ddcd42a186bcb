"""The networks: shapes, locality and where they start."""

from __future__ import annotations

import pytest
import torch

from monitor.inference.networks.autoencoder import PAPER as PAPER_AUTOENCODER
from monitor.inference.networks.unet import PAPER as PAPER_UNET
from monitor.learn.latent import measure_scale
from monitor.learn.networks import (
    Autoencoder,
    AutoencoderConfig,
    ConditionalUNet,
    Decoder,
    Encoder,
    PatchDiscriminator,
    Regression,
    UNetConfig,
)

SMALL = AutoencoderConfig(4, 8, 1, 8, 1, 8, 1)


@pytest.mark.parametrize("size", [(32, 48), (4, 8), (100, 36)])
def test_the_autoencoder_keeps_the_size(size: tuple[int, int]) -> None:
    """A latent of a quarter of the height and width; an image of the same size back, with a finite divergence."""
    network = Autoencoder(SMALL)
    image = torch.rand(2, 1, *size)
    assert network.encode(image)[0].shape == (2, 4, size[0] // 4, size[1] // 4)
    made, kl = network(image)
    assert made.shape == image.shape
    assert kl.isfinite()


def test_a_new_unet_predicts_nothing() -> None:
    """Its last layer starts at zero, so training starts from the mean."""
    out = ConditionalUNet(UNetConfig(8, (1, 2, 2), 1, 16), 4, 3)(
        torch.randn(2, 4, 16, 24), torch.randn(2, 3, 16, 24), torch.rand(2)
    )
    assert out.shape == (2, 4, 16, 24)
    assert not out.any()


def test_a_pixel_depends_on_its_neighbourhood_alone() -> None:
    """Far from a tile's border, the tile gives what the whole image gives: nothing is normalised over the image."""
    torch.manual_seed(0)
    network = ConditionalUNet(UNetConfig(8, (1, 2), 1, 16), 2, 2).eval()
    torch.nn.init.normal_(network.unet.last.weight)
    noisy, condition, time = torch.randn(1, 2, 96, 96), torch.randn(1, 2, 96, 96), torch.tensor([0.4])
    with torch.no_grad():
        whole = network(noisy, condition, time)[:, :, 40:56, 40:56]
        tile = network(noisy[:, :, 8:88, 8:88], condition[:, :, 8:88, 8:88], time)[:, :, 32:48, 32:48]
    torch.testing.assert_close(tile, whole, atol=1e-5, rtol=1e-4)


def test_the_discriminator_judges_patches() -> None:
    """One verdict per region, not one per image."""
    assert PatchDiscriminator(2, 8)(torch.rand(3, 2, 64, 64)).shape[:2] == (3, 1)


def test_latents_are_normalised_and_decoded_alike() -> None:
    """With the measured scale, latents have mean 0 and deviation 1; the decoder undoes exactly that scale."""
    torch.manual_seed(0)
    network = Autoencoder(SMALL)
    images = [torch.rand(4, 1, 32, 32) for _ in range(3)]
    scale = measure_scale(network, images)
    latent = torch.cat([Encoder(network, scale)(image) for image in images])
    torch.testing.assert_close(latent.mean(dim=(0, 2, 3)), torch.zeros(4), atol=1e-4, rtol=0)
    torch.testing.assert_close(latent.std(dim=(0, 2, 3)), torch.ones(4), atol=1e-3, rtol=0)
    plain = network.decode(network.encode(images[0])[0])
    torch.testing.assert_close(Decoder(network, scale)(latent[:4]), plain, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("shuffle", [1, 2, 4])
def test_on_pixels_blocks_become_channels_and_pixels_again(shuffle: int) -> None:
    """The pixel U-Net takes and gives full resolution, whatever its entry; sizes are multiples of what it says."""
    config = UNetConfig(8, (1, 2), 1, 16, shuffle)
    network = ConditionalUNet(config, 1, 1)
    torch.nn.init.normal_(network.unet.last.weight)
    n = config.multiple
    out = network(torch.randn(2, 1, 2 * n, 3 * n), torch.randn(2, 1, 2 * n, 3 * n), torch.rand(2))
    assert out.shape == (2, 1, 2 * n, 3 * n)
    assert out.std() > 0


def test_the_regression_starts_as_the_webcam_image_and_has_no_chance_in_it() -> None:
    """Untrained it returns its input; trained, the same input gives the same picture."""
    network = Regression(UNetConfig(8, (1, 2), 1, 16, 2)).eval()
    image = torch.rand(1, 1, 16, 24)
    torch.testing.assert_close(network(image), image)
    torch.nn.init.normal_(network.unet.last.weight)
    torch.testing.assert_close(network(image), network(image), atol=0, rtol=0)
    assert (network(image) != image).any()


def test_the_papers_sizes_are_there() -> None:
    """64 × 64 pixels become 4 × 16 × 16 latents, and the U-Net has about eighty million weights."""
    with torch.device("meta"):
        latent, _ = Autoencoder(PAPER_AUTOENCODER).encode(torch.empty(1, 1, 64, 64))
        parameters = sum(p.numel() for p in ConditionalUNet(PAPER_UNET, 4, 4).parameters())
    assert latent.shape == (1, 4, 16, 16)
    assert 70e6 < parameters < 110e6
