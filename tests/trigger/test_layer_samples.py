"""Each layer gets its own samples: no hole, none twice, from a margin before the laser to a margin after it."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from hypothesis import given
from hypothesis import strategies as st

from monitor.config import DetectorSettings
from monitor.domain import LayerEnd, SampleBlock
from monitor.trigger import LaserOffDetector
from monitor.trigger.layer_samples import Broken, Forgotten, LayerCutter

RATE_HZ = 1000.0
MARGIN = 20
DETECTOR = DetectorSettings(quiet_gap_ms=100, min_pulse_us=0, min_on_ms=5)
Layers = list[tuple[npt.NDArray[np.float64], int, LayerEnd]]


def pulses(*spans: tuple[int, int], samples: int) -> npt.NDArray[np.float64]:
    """A gate of 5 V in each span, and beside it the sample's number."""
    volts = np.stack([np.zeros(samples), np.arange(samples) / 1e4])
    for start, stop in spans:
        volts[0, start:stop] = 5.0
    return volts


def cut(volts: npt.NDArray[np.float64], cuts: list[int], lost: int | None = None) -> tuple[Layers, list[str]]:
    """Layers with their samples and first sample's number, and what else was said. Block number `lost` is left out."""
    detector, cutter = LaserOffDetector(DETECTOR, RATE_HZ), LayerCutter(DETECTOR, MARGIN)
    layers: Layers = []
    said: list[str] = []
    held: list[SampleBlock] = []
    at = 0
    for number, piece in enumerate(np.split(volts, sorted(cuts), axis=1)):
        block = SampleBlock(piece, RATE_HZ, at, at / RATE_HZ)
        at += block.samples
        if number == lost:
            continue
        for event in cutter.feed(block, detector.feed(block), detector.laser_seen):
            match event:
                case SampleBlock():
                    held.append(event)
                case LayerEnd():
                    samples = np.concatenate([b.volts for b in held], axis=1) if held else np.zeros((2, 0))
                    layers.append((samples, held[0].first_sample if held else -1, event))
                    held = []
                case Broken(reason):
                    said.append(reason)
                case Forgotten():
                    said.append("forgotten")
                    held = []
    return layers, said


@given(st.lists(st.integers(0, 1200), max_size=8))
def test_layers_are_the_same_for_any_blocks(cuts: list[int]) -> None:
    """Two layers, the first with a pause in it, exactly from margin to margin."""
    volts = pulses((100, 200), (250, 300), (700, 800), samples=1200)
    layers, said = cut(volts, cuts)
    assert said == []
    assert [start for _, start, _ in layers] == [100 - MARGIN, 700 - MARGIN]
    for (samples, start, end), stop in zip(layers, (300 + MARGIN, 800 + MARGIN), strict=True):
        assert samples.shape[1] == stop - start
        np.testing.assert_array_equal(samples, volts[:, start:stop])
        assert end.off_sample == stop - MARGIN


@given(st.lists(st.integers(0, 700), min_size=5, max_size=5, unique=True))
def test_a_pause_longer_than_the_gap_parts_two_layers(cuts: list[int]) -> None:
    """Layers that follow within twice the margin share no sample."""
    volts = pulses((100, 200), (301, 400), samples=700)
    layers, _ = cut(volts, cuts)
    numbers = np.concatenate([np.rint(samples[1] * 1e4) for samples, _, _ in layers])
    assert len(layers) == 2
    assert (np.diff(numbers) > 0).all()


def test_a_test_shot_is_forgotten() -> None:
    """Too little laser-on time is no layer; the next layer does not begin with it."""
    layers, said = cut(pulses((100, 103), (500, 600), samples=900), [k * 50 for k in range(1, 18)])
    assert said == ["forgotten"]
    assert [start for _, start, _ in layers] == [500 - MARGIN]


def test_lost_samples_break_one_layer() -> None:
    """A layer in which samples were lost says so; the next one is whole."""
    volts = pulses((100, 300), (700, 800), samples=1200)
    layers, said = cut(volts, [k * 50 for k in range(1, 24)], lost=4)
    assert said == ["samples were lost within the layer"]
    assert [start for _, start, _ in layers][-1] == 700 - MARGIN


def test_a_laser_that_is_on_from_the_start() -> None:
    """A start in mid-layer keeps what there is from the first sample."""
    layers, _ = cut(pulses((0, 300), samples=600), [k * 50 for k in range(1, 12)])
    assert layers[0][1] == 0
