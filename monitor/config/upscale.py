"""Super-resolution of the webcam image."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from monitor.config.base import Section

Gain = Annotated[float, Field(ge=0.0, le=2.0)]


class RestoreSettings(Section):
    """How the webcam's own picture is restored before detail is drawn on it; `lpbf-monitor calibrate tone` finds it."""

    gains: Annotated[tuple[Annotated[float, Field(ge=0.0, le=32.0)], ...], Field(min_length=16, max_length=16)]
    """What its spatial frequencies are multiplied by, at 1/32, 2/32 … 16/32 cycles a pixel of the plate grid."""
    noise: float = Field(0.0, ge=0.0, le=1.0)
    """Of what that adds, grey in [0, 1], root mean square: where hardly more is added, nothing is."""


class UpscaleSettings(Section):
    """Which bundle makes the high-resolution picture, where, and how well."""

    bundle: str = "pixel-few-steps"
    """Name of a bundle in the models directory."""
    provider: Literal["cpu", "cuda", "tensorrt"] = "cpu"
    """Where the model runs. Asked for and checked; there is no silent fall-back."""
    threads: int = Field(2, ge=1)
    """CPU threads of the model."""
    steps: int = Field(4, ge=1, le=200)
    """Sampler steps."""
    samples: int = Field(2, ge=1, le=64)
    """Ensemble members per layer: one picture each, the spread between them is shown."""
    pace: Literal["full", "cadence"] = "full"
    """full: every layer gets these steps and samples; one that comes too soon waits. cadence: as many of them as are
    done before the laser comes on again, by the pauses learnt from the build; fewer while layers wait."""
    seed: int = 0
    """Seed of the generated detail; the layer's index is added to it."""
    tone: tuple[Annotated[float, Field(gt=0.0, le=100.0)], Annotated[float, Field(ge=-10.0, le=10.0)]] | None = None
    """Gain and offset from the webcam's grey to the high-resolution camera's, both in [0, 1], as
    `lpbf-monitor calibrate tone` finds them from a layer that both cameras saw. With them, tone and everything coarser
    than the webcam's blur come from the webcam, and the bundle draws the detail alone; without, it guesses the tone."""
    detail: tuple[Gain, Gain, Gain, Gain] | None = None
    """What each octave of the drawn detail is multiplied by, the finest first, as `lpbf-monitor calibrate tone` finds
    it for a bundle: between the smallest error and the texture of the high-resolution camera. Needs `tone`; without,
    all of the detail is taken."""

    restore: RestoreSettings | None = None
    """What the webcam has blurred and not yet lost is had back by a filter. Needs `tone`; without, the webcam's
    picture is taken as it is."""

    @model_validator(mode="after")
    def _look_in_a_tone(self) -> UpscaleSettings:
        if self.tone is None and not (self.detail is None and self.restore is None):
            wrong = "restore" if self.detail is None else "detail"
            raise ValueError(f"{wrong} needs tone: `lpbf-monitor calibrate tone` prints both")
        return self
