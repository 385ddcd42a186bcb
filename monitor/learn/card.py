"""The model card of a latent-diffusion bundle. Owns its words; the numbers are given."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from monitor.learn.recipe import DiffusionTraining

_COLUMNS = ("mae", "psnr", "ssim", "ncvd", "powder_db", "powder_grain")
_TEXT = """# {name} {version}

{description} Licence of the weights: {licence}.

## What it does
It takes the webcam's picture of a plate, rectified to {um:g} µm per pixel, grey, and draws a picture as the
high-resolution camera could have taken it. Two KL autoencoders (webcam, high-resolution; {channels} channels at a
quarter of the size), frozen; a conditional U-Net without normalisation, so that a plate of any size is made at once;
{prediction}-prediction, {schedule} schedule, {sampler} in {steps} steps.

## Data
Virtual builds only: {data}. Measured on {validation}: builds that it has not seen, of the same generator. "default"
builds look like the configuration's default scene, "varied" ones differ in everything. Digest of the training pixels:
`{digest}`.

## Numbers
Means over held-out plates. "lr" is the webcam's picture (at equal pixel size its bicubic is itself), "lr_toned" has gain and
offset fitted to HR, "autoencoder" is HR through its own autoencoder: the ceiling of SR. mae, psnr and ssim for grey
values in [0, 1]; ncvd is the texture distance normalised by HR (less is better); powder_db is the log-spectral distance on powder
alone; powder_grain is the grain's variance there, as a multiple of HR's.

{table}

## Limits
- **It has seen virtual builds only.** On a real printer its numbers do not hold before it is trained on real pairs.
- Detail is generated, not measured. Two samples differ where the webcam does not tell; the spread between them is shown.
- The tone of the high-resolution camera is guessed from the webcam's; another exposure or light shifts it.
- Trained at {um:g} µm per pixel; at other scales the grain is wrong.
- Trained for {steps} steps; other numbers of steps work, but less well.
"""


def write_card(
    path: Path,
    recipe: DiffusionTraining,
    results: Mapping[str, Mapping[str, float]],
    facts: Mapping[str, str | int | float],
) -> None:
    """Write the card."""
    text = _TEXT.format(
        name=recipe.name,
        version=recipe.version,
        description=recipe.description,
        licence=recipe.licence,
        um=recipe.data.um_per_px,
        channels=recipe.autoencoder.network.latent_channels,
        prediction=recipe.diffusion.prediction,
        schedule=recipe.diffusion.schedule,
        sampler=recipe.diffusion.sampler,
        steps=recipe.diffusion.steps,
        data=facts.get("data", "unknown"),
        validation=facts.get("validation", "unknown"),
        digest=facts.get("data_sha256", "unknown"),
        table=_table(results),
    )
    path.write_text(text, encoding="utf-8")


def _table(results: Mapping[str, Mapping[str, float]]) -> str:
    if not results:
        return "Not measured."
    columns = [name for name in _COLUMNS if any(name in row for row in results.values())]
    lines = [f"| builds and method | {' | '.join(columns)} |", f"| --- | {' | '.join('---' for _ in columns)} |"]
    for name, row in sorted(results.items()):
        cells = (f"{row[column]:.3g}" if column in row else "" for column in columns)
        lines.append(f"| {name.replace('_', ', ', 1)} | {' | '.join(cells)} |")
    return "\n".join(lines)
