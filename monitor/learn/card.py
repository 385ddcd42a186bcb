"""The model card of a latent-diffusion bundle. Owns its words; the numbers are given."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from monitor.learn.measuring import NCVD_PX, POWDER_MOST, POWDER_PX
from monitor.learn.recipe import AnyTraining, DiffusionTraining, RegressionTraining

_BETTER = {"mae": -1, "psnr": 1, "ssim": 1, "ncvd": -1, "powder_db": -1}
"""Numbers with a better side: 1 where more is better."""
_PICTURE = """
![samples](samples.png)

Held-out builds, from left to right: webcam, super-resolved, {ceiling}HR.
"""
_COLUMNS = ("mae", "psnr", "ssim", "ncvd", "powder_db", "powder_grain")
_TEXT = """# {name} {version}

{description} Licence of the weights: {licence}.

## What it does
It takes the webcam's picture of a plate, rectified to {um:g} µm per pixel, grey, and draws a picture as the
high-resolution camera could have taken it. {networks}

## Data
Trained on {data}{unreal}.{begun}
Measured on {validation}, which no training step saw.
"default" builds look like the configuration's default scene, "varied" ones differ in everything, "real" are squares of
real layers. SHA-256 of the training pixels: `{digest}`.

## Numbers
Means over held-out plates. "lr" is the webcam's picture (at equal pixel size its bicubic is itself), "lr_toned" has
gain and offset fitted to HR plate by plate, which only one who knows HR can do; "autoencoder" is HR through its own
autoencoder: the ceiling of SR. mae, psnr and ssim are of grey values in [0, 1]. ncvd is the wavelet phase-harmonic
covariance distance (5 scales, 8 angles, covariances about HR's means in units of HR's deviations, divided by HR's
norm; less is better), the mean over patches of {ncvd_px} × {ncvd_px} pixels on a lattice of twice that. powder_db is
the log-spectral distance on up to {powder_most} patches of {powder_px} × {powder_px} pixels of powder alone;
powder_grain is the grain's variance there, as a multiple of HR's (1 is best).

{table}

{verdict}
{calibration}
{picture}
## Limits
{limits}
"""


def write_card(
    path: Path,
    recipe: AnyTraining,
    results: Mapping[str, Mapping[str, float]],
    facts: Mapping[str, str | int | float],
    *,
    pictured: bool = False,
) -> None:
    """Write the card; `pictured` tells whether there is a `samples.png` beside it."""
    ceiling = "HR through its autoencoder, " if isinstance(recipe, DiffusionTraining) else ""
    text = _TEXT.format(
        name=recipe.name,
        version=recipe.version,
        description=recipe.description,
        licence=recipe.licence,
        um=recipe.data.um_per_px,
        networks=_networks(recipe),
        unreal="; no real layer is among them" if _virtual(recipe) else "",
        limits=_limits(recipe),
        data=facts.get("data", "unknown"),
        begun=f" It began with {facts['warm_start']}." if "warm_start" in facts else "",
        validation=facts.get("validation", "unknown"),
        digest=facts.get("data_sha256", "unknown"),
        ncvd_px=NCVD_PX,
        powder_px=POWDER_PX,
        powder_most=POWDER_MOST,
        table=_table(results),
        verdict=_verdict(results),
        calibration=_calibration(results.get("calibration")),
        picture=_PICTURE.format(ceiling=ceiling) if pictured else "",
    )
    path.write_text(text, encoding="utf-8")


def _networks(recipe: AnyTraining) -> str:
    """What it is made of, in words."""
    if isinstance(recipe, RegressionTraining):
        return "One pass of a U-Net without normalisation: no noise, the same picture each time."
    diffusion = recipe.diffusion
    way = f"{diffusion.prediction}-prediction, {diffusion.schedule} schedule, "
    way += f"{diffusion.sampler} in {diffusion.steps} steps."
    if isinstance(recipe, DiffusionTraining):
        channels = recipe.autoencoder.network.latent_channels
        return (
            f"Two KL autoencoders (webcam, high-resolution; {channels} channels at a\nquarter of the size), frozen; a "
            f"conditional U-Net without normalisation, so that a plate of any size is made at once;\n{way}"
        )
    return f"A conditional U-Net on pixels, without normalisation (diffused: the {diffusion.target}); {way}"


def _virtual(recipe: AnyTraining) -> bool:
    return not (recipe.data.recorded or recipe.data.folders)


def _limits(recipe: AnyTraining) -> str:
    """What not to expect of it, a line each."""
    lines = [
        "- The tone of the high-resolution camera is guessed from the webcam's; another exposure or light shifts it."
    ]
    if _virtual(recipe):
        lines.insert(
            0,
            "- **It has seen virtual builds only.** On a real printer its numbers do not hold before it is trained on "
            "real pairs.",
        )
    lines.append(f"- Trained at {recipe.data.um_per_px:g} µm per pixel; at other scales the grain is wrong.")
    if isinstance(recipe, RegressionTraining):
        return "\n".join(
            [*lines, "- It draws the middle of what could be there: no grain, and no spread that tells what is unsure."]
        )
    return "\n".join(
        [
            *lines,
            "- Detail is generated, not measured. Two samples differ where the webcam does not tell; their spread is "
            "shown.",
            "- Drawn grain costs pixel error: an ensemble's mean has less of it than a sample.",
            f"- Trained for {recipe.diffusion.steps} steps; other numbers of steps work, but less well.",
        ]
    )


def _calibration(found: Mapping[str, float] | None) -> str:
    """How far the ensemble's spread can be believed."""
    if not found:
        return ""
    covered = ", ".join(
        f"{found[name]:.0%} (nominal {name.removeprefix('coverage_')} %)"
        for name in found
        if name.startswith("coverage")
    )
    return (
        f"\n**The ensemble's spread**, of {found['samples']:.0f} samples, held against the truth of held-out plates: "
        f"its intervals cover {covered}; it would have to be multiplied by {found['spread_factor']:.2f} to be as large "
        "as the error on the mean."
    )


def _verdict(results: Mapping[str, Mapping[str, float]]) -> str:
    """Where SR is better than LR and than LR in HR's tone, and where it is not, in words."""
    lines = []
    for look in _looks(results):
        for other in ("lr", "lr_toned"):
            ours, theirs = results.get(f"{look}_sr", {}), results.get(f"{look}_{other}", {})
            shared = [name for name in _BETTER if name in ours and name in theirs]
            won = [name for name in shared if (ours[name] - theirs[name]) * _BETTER[name] > 0]
            lost = [name for name in shared if name not in won]
            lines.append(f"- {look} builds, sr against {other}: better in {_words(won)}; worse in {_words(lost)}.")
    if any(
        results[f"{look}_lr_toned"]["mae"] < results[f"{look}_sr"]["mae"] for look in _looks(results, "lr_toned", "sr")
    ):
        lines.append("\n**What SR gains over LR in pixel error is tone:** LR in HR's tone has a smaller mae than SR.")
    return "\n".join(lines)


def _looks(results: Mapping[str, Mapping[str, float]], *methods: str) -> list[str]:
    """Looks for which all these methods were measured."""
    looks = sorted({name.split("_")[0] for name in results if name != "calibration"})
    return [look for look in looks if all(f"{look}_{method}" in results for method in methods)]


def _words(names: list[str]) -> str:
    return ", ".join(names) or "nothing"


def _table(results: Mapping[str, Mapping[str, float]]) -> str:
    if not results:
        return "Not measured."
    results = {name: row for name, row in results.items() if name != "calibration"}
    columns = [name for name in _COLUMNS if any(name in row for row in results.values())]
    lines = [f"| builds and method | {' | '.join(columns)} |", f"| --- | {' | '.join('---' for _ in columns)} |"]
    for name, row in sorted(results.items()):
        cells = (f"{row[column]:.3g}" if column in row else "" for column in columns)
        lines.append(f"| {name.replace('_', ', ', 1)} | {' | '.join(cells)} |")
    return "\n".join(lines)
