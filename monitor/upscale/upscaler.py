"""From a rectified webcam image to the high-resolution camera's picture. Owns the order of the networks' calls.

Refuses to know where bundles are and what is done with the picture. The webcam image is encoded once; each member of
the ensemble is sampled from one noise field over the whole plate, drawn from the seed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from monitor.config import UpscaleSettings
from monitor.domain import BundleError, FloatImage, Image, Upscaled
from monitor.inference import Bundle, DiffusionTable, RegressionTable, Session, SpreadTable
from monitor.upscale.anchoring import Ground, Look, anchored, grounded, measured_look, toned
from monitor.upscale.consistency import inconsistency, match_tone, trust
from monitor.upscale.quality import Quality, ladder
from monitor.upscale.restoring import Restoration
from monitor.upscale.sampler import Level, levels, sample, spaced
from monitor.upscale.spread import widened
from monitor.upscale.tiles import Field, Tiling, run_tiled

_DENOISER = ({"noisy", "condition", "time"}, "prediction")
_PORTS: dict[str, dict[str, tuple[set[str], str]]] = {
    "latent-diffusion": {
        "encoder": ({"image"}, "condition"),
        "denoiser": _DENOISER,
        "decoder": ({"latent"}, "image"),
    },
    "pixel-diffusion": {"denoiser": _DENOISER},
    "regression": {"model": ({"image"}, "picture")},
}
"""Inputs and output of each graph, by the bundle's kind. A regression draws nothing: all its samples are one."""


@dataclass(frozen=True)
class Upscaler:
    """A loaded super-resolution model. The same image, seed, bundle, provider and thread count give the same bits."""

    label: str
    table: DiffusionTable | RegressionTable
    sessions: dict[str, Session]
    samples: int
    steps: int
    tiling: Tiling
    known_spread: SpreadTable | None = None
    anchored_spread: SpreadTable | None = None
    """The same for pictures with a look."""
    look: Look | None = None
    """How both cameras see the plate; None leaves tone and strength of the detail to the model."""

    @classmethod
    def load(cls, bundle: Bundle, settings: UpscaleSettings, tiling: Tiling | None = None) -> Upscaler:
        """Open a bundle's graphs where the settings say.

        Args:
            bundle: of kind latent-diffusion, pixel-diffusion or regression.
            settings: provider, threads, ensemble size and sampler steps; the sampler itself is the bundle's.
            tiling: when a plate is cut into tiles; by default above four megapixels.

        Raises:
            BundleError: the bundle is of another kind, has other inputs, has fewer noise levels than steps, or cannot
                run where asked.
        """
        kind = bundle.manifest.kind
        if kind not in _PORTS:
            raise BundleError(
                f"bundle {bundle.label} is of kind '{kind}', which super-resolves nothing",
                cure=f"set upscale.bundle to one of kind {', '.join(_PORTS)}; `lpbf-monitor models list` shows them",
            )
        table = bundle.manifest.diffusion or bundle.manifest.regression or RegressionTable()
        if isinstance(table, DiffusionTable) and settings.steps > table.train_steps:
            raise BundleError(
                f"bundle {bundle.label} has {table.train_steps} noise levels, upscale.steps is {settings.steps}",
                cure=f"set upscale.steps to at most {table.train_steps}; it was measured with {table.steps}",
            )
        sessions = {role: bundle.session(role, settings.provider, settings.threads) for role in _PORTS[kind]}
        _check_ports(bundle, sessions)
        samples, steps = (1, 1) if kind == "regression" else (settings.samples, settings.steps)
        return cls(
            bundle.label, table, sessions, samples, steps, tiling or Tiling(),
            bundle.manifest.spread, bundle.manifest.anchored_spread, look_of(settings),
        )  # fmt: skip

    @property
    def device(self) -> str:
        """The provider that really runs the model, such as "CPUExecutionProvider"."""
        return next(iter(self.sessions.values())).provider

    @property
    def quality(self) -> Quality:
        """The steps and samples of the settings."""
        return Quality(self.steps, self.samples)

    @property
    def rungs(self) -> tuple[Quality, ...]:
        """The declared qualities from that of the settings down, as far as this model goes."""
        least = self.table.least_steps if isinstance(self.table, DiffusionTable) else 1
        return ladder(self.quality, least)

    def upscale(self, rectified: Image, seed: int, quality: Quality | None = None) -> Upscaled:
        """Draw the ensemble for one plate.

        Args:
            rectified: uint8 (rows, columns), the webcam's image on the plate grid, of any size.
            seed: seed of the noise; member k of the ensemble draws from (seed, k).
            quality: other steps and samples than those of the settings.

        Raises:
            BundleError: a graph failed or gave values that are not finite.
            ValueError: not a grey uint8 image.
        """
        if rectified.ndim != 2 or rectified.dtype != np.uint8 or not rectified.size:
            raise ValueError(f"a rectified image is uint8 (rows, columns), not {rectified.dtype} {rectified.shape}")
        if quality is not None and quality != self.quality:
            return replace(self, steps=quality.steps, samples=quality.samples).upscale(rectified, seed)
        webcam = _unit(rectified)
        condition = self._encode(webcam)
        condition.flags.writeable = False  # it is the same for all steps and members: a device keeps it
        ground = None if self.look is None else grounded(webcam, self.look)
        first = mean = self._member(condition, (seed, 0), webcam.shape, ground)
        squares = np.zeros_like(first)
        members = [_picture(first)]
        for k in range(1, self.samples):  # Welford's running mean and squares: memory for one member at a time
            member = self._member(condition, (seed, k), webcam.shape, ground)
            change = member - mean
            mean = mean + change / np.float32(k + 1)
            squares += change * (member - mean)
            members.append(_picture(member))
        spread = np.sqrt(squares / np.float32(max(1, self.samples - 1)))
        sigma = self.table.degrade_sigma_px
        return Upscaled(
            image=members[0],
            mean=mean,
            spread=widened(spread, *self.widening),
            inconsistency=inconsistency(first, webcam, sigma),
            samples=self.samples,
            steps=self.steps,
            members=tuple(members),
            trust=trust(first, webcam, spread, sigma),
            widening=self.widening,
        )

    def look_between(self, pairs: Sequence[tuple[Image, Image]], seed: int = 0) -> Look:
        """How two cameras see the same plate, and how much of what this model draws belongs there.

        Args:
            pairs: rectified pictures of the webcam and of the high-resolution camera, uint8 (rows, columns), one or
                more layers.
            seed: of the pictures that are drawn of these layers, as in `upscale`.
        """
        seen = [(_unit(webcam), _unit(hr)) for webcam, hr in pairs]
        tone = match_tone(*(np.concatenate([pair[k].ravel() for pair in seen]) for k in (0, 1)))
        model = replace(self, look=None, samples=1)
        drawn = [model.upscale(webcam, seed + k).mean for k, (webcam, _) in enumerate(pairs)]
        known = [(toned(webcam, tone), made, hr) for (webcam, hr), made in zip(seen, drawn, strict=True)]
        return measured_look(known, tone, self.table.degrade_sigma_px)

    @property
    def widening(self) -> tuple[float, float]:
        """Factor and floor by which the members' spread is widened; (1, 0) where the bundle does not say."""
        known = self.known_spread if self.look is None else self.anchored_spread
        return known.of(self.samples) if known else (1.0, 0.0)

    @property
    def _factor(self) -> int:
        return self.table.factor if isinstance(self.table, DiffusionTable) else 1

    def _encode(self, webcam: FloatImage) -> Field:
        """The condition: the padded webcam image in [-1, 1], or its latent."""
        rows, cols = ((0, -n % self.table.multiple) for n in webcam.shape)
        padded = np.pad(webcam, (rows, cols), mode="symmetric") * np.float32(2) - np.float32(1)
        if "encoder" not in self.sessions:
            return padded[None, None]
        return self._call("encoder", {"image": padded[None, None]}, scales=(self._factor, 1))

    def _member(
        self, condition: Field, seed: tuple[int, int], shape: tuple[int, ...], ground: Ground | None
    ) -> FloatImage:
        """One sample, float32 in [0, 1], of the webcam image's shape."""
        drawn = self._drawn(condition, seed) if isinstance(self.table, DiffusionTable) else condition
        picture = self._decode(drawn)
        grey = picture[0, 0, : shape[0], : shape[1]] * np.float32(0.5) + np.float32(0.5)
        whole = np.asarray(np.clip(grey, 0, 1), np.float32)
        if self.look is None or ground is None:
            return whole
        return anchored(whole, ground, self.look.detail, self.table.degrade_sigma_px)

    def _decode(self, drawn: Field) -> Field:
        """The picture of a latent or, for a regression, of the webcam's image; pixels are the picture already."""
        if "model" in self.sessions:
            return self._call("model", {"image": drawn})
        if "decoder" in self.sessions:
            return self._call("decoder", {"latent": drawn}, scales=(1, self._factor))
        return drawn

    def _drawn(self, condition: Field, seed: tuple[int, int]) -> Field:
        """One sample of the diffusion."""
        table = self.table
        assert isinstance(table, DiffusionTable)  # noqa: S101 - the caller looked
        rng = np.random.Generator(np.random.PCG64((seed[0] % 2**64, seed[1])))

        def draw() -> Field:
            return rng.standard_normal((1, table.channels, *condition.shape[2:]), dtype=np.float32)

        def denoise(noisy: Field, level: Level) -> Field:
            time = np.full(1, level.time, np.float32)
            return self._call("denoiser", {"noisy": noisy, "condition": condition}, time=time)

        path = spaced(levels(table.schedule, table.train_steps), self.steps)
        drawn = sample(denoise, draw(), path, prediction=table.prediction, method=table.sampler, draw=draw)
        return drawn + condition if table.target == "residual" else drawn

    def _call(
        self, role: str, fields: dict[str, Field], *, scales: tuple[int, int] = (1, 1), time: Field | None = None
    ) -> Field:
        """Run one graph, in tiles where the plate is too large."""
        extra = {} if time is None else {"time": time}

        def network(*cuts: Field) -> Field:
            return next(iter(self.sessions[role].run(dict(zip(fields, cuts, strict=True)) | extra).values()))

        factor = self._factor
        rows, cols = (n // scales[0] for n in next(iter(fields.values())).shape[2:])
        whole = rows * cols * factor**2 <= self.tiling.whole_px
        tile = max(rows, cols) if whole else self.tiling.tile_px // factor
        layout = (tile, self.tiling.overlap_px // factor, self.table.multiple // factor)
        out = run_tiled(network, tuple(fields.values()), (rows, cols), layout, scales)
        return _sound(out, (rows * scales[1], cols * scales[1]), role, self.label)


def look_of(settings: UpscaleSettings) -> Look | None:
    """The look that the settings tell; None without a tone."""
    if settings.tone is None:
        return None
    plain, known = Look(settings.tone), settings.restore
    way = None if known is None else Restoration(known.gains, known.noise)
    return Look(settings.tone, plain.detail if settings.detail is None else settings.detail, way)


def _unit(image: Image) -> FloatImage:
    return image.astype(np.float32) / np.float32(255)


def _picture(values: FloatImage) -> Image:
    return np.rint(values * 255).astype(np.uint8)


def _sound(values: Field, shape: tuple[int, int], role: str, label: str) -> Field:
    size = values.shape[2:]
    if size != shape or not np.isfinite(values).all():
        wrong = "values that are not finite" if size == shape else f"{size} pixels where {shape} were wanted"
        raise BundleError(
            f"bundle {label}: the {role} gave {wrong}",
            cure="check the bundle with `lpbf-monitor models verify`, or choose another one",
        )
    return values


def _check_ports(bundle: Bundle, sessions: dict[str, Session]) -> None:
    for role, (inputs, output) in _PORTS[bundle.manifest.kind].items():
        found = {t.name for t in sessions[role].inputs}, {t.name for t in sessions[role].outputs}
        if found != (inputs, {output}):
            raise BundleError(
                f"bundle {bundle.label}: {role} takes {sorted(found[0])} and gives {sorted(found[1])}, "
                f"expected {sorted(inputs)} and '{output}'",
                cure="export the networks with the input and output names of their kind",
            )
