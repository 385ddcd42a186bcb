"""The paper's own numbers, by table and row (Ogoke et al., arXiv 2409.13171). Owns nothing of ours.

A value is what is printed there; None where the table has no such column. "± x" is the paper's standard deviation.
"""

from __future__ import annotations

from typing import NamedTuple


class Printed(NamedTuple):
    """A value as printed, with its standard deviation where one is given."""

    value: float
    std: float | None = None


Row = dict[str, Printed]

TABLE_1: dict[str, dict[str, Row]] = {
    "A": {
        "HR–LR": {"mae": Printed(0.241), "psnr": Printed(3.20), "ssim": Printed(0.512), "cvd": Printed(3.03)},
        "HR–SR": {"mae": Printed(0.017), "psnr": Printed(23.3), "ssim": Printed(0.524), "cvd": Printed(1.45)},
    },
    "B": {
        "HR–LR": {"mae": Printed(0.134), "psnr": Printed(15.0), "ssim": Printed(0.511), "cvd": Printed(1.31)},
        "HR–SR": {"mae": Printed(0.043), "psnr": Printed(21.4), "ssim": Printed(0.464), "cvd": Printed(1.11)},
    },
}
"""Patches, data sets A and B. Its PSNR of 3.20 at an MAE of 0.241 cannot have peak 1."""

TABLE_2: dict[str, Row] = {
    "latent diffusion": {
        "mae": Printed(0.017, 0.01),
        "psnr": Printed(23, 4.7),
        "ssim": Printed(0.52, 0.23),
        "ncvd": Printed(1.9, 1.1),
        "seconds": Printed(0.01),
    },
    "pixel diffusion": {
        "mae": Printed(0.025, 0.01),
        "psnr": Printed(21, 4.6),
        "ssim": Printed(0.46, 0.21),
        "ncvd": Printed(0.28, 0.18),
        "seconds": Printed(0.13),
    },
}
"""Latent against pixel diffusion; seconds a sample at batch 500, on a GPU that our copy does not name."""

TABLE_3: dict[str, Row] = {
    "HR–LR": {
        "mae": Printed(0.23),
        "psnr": Printed(9.40),
        "ssim": Printed(0.64),
        "iou": Printed(0.854),
        "hausdorff": Printed(2.05),
        "mismatch": Printed(0.166),
    },
    "HR–SR": {
        "mae": Printed(0.02),
        "psnr": Printed(27.12),
        "ssim": Printed(0.76),
        "iou": Printed(0.875),
        "hausdorff": Printed(0.36),
        "mismatch": Printed(0.140),
    },
}
"""Parts, data set A; the unit of Hausdorff and the definition of the mismatch are not stated."""

TABLE_4: dict[str, Row] = {
    "one configuration": {"mae": Printed(0.029), "psnr": Printed(21.9), "ssim": Printed(0.62)},
    "other configuration": {"mae": Printed(0.014), "psnr": Printed(26.5), "ssim": Printed(0.69)},
}
"""Zero-shot. Its nCVD is 2.93 and 2.21, but our copy does not show which belongs to which."""

TABLE_4_NCVD = (2.93, 2.21)

TABLE_5: dict[str, Row] = {
    "4 × 4": {"mae": Printed(0.0133), "psnr": Printed(32.4), "ssim": Printed(0.928)},
    "8 × 8": {"mae": Printed(0.0127), "psnr": Printed(32.4), "ssim": Printed(0.936)},
    "16 × 16": {"mae": Printed(0.009), "psnr": Printed(36.0), "ssim": Printed(0.966)},
}
"""Autoencoders by the size of the latent."""

ROUGHNESS: dict[str, Printed] = {"HR": Printed(30.7), "SR": Printed(32.8), "bicubic": Printed(57.8)}
"""Roughness in µm; which of Sa, Sq and Sz, and at which window, is not clear in our copy."""

TEXTURE: dict[str, Printed] = {"HR–SR": Printed(41.4), "HR–LR": Printed(1263)}
"""CVD of the example of Figure 14; the scale of its grey values is not stated, so only the ratio compares."""
