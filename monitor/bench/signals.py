"""What the signal record costs: time in the trigger's thread, time in a layer's commit, bytes. Asserts nothing.

Layers with and without a signal are committed by turns into one build, so that both meet the same machine.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

import numpy as np

from monitor.acquire.recorder import SignalRecorder
from monitor.bench.synthetic import cameras, layer, manifest
from monitor.config import Settings
from monitor.domain import CODE_V, Channel, ChannelRole, LayerEnd, SampleBlock, SignalFacts
from monitor.store import BuildReader, BuildWriter, LayerSignal, SignalSpool

BLOCK_S = 0.1
SPEED_MM_S, VECTOR_MM, MM_PER_V = 1400.0, 8.0, 7.0
NOISE_V = (0.06, 0.003)
"""Of the gate, and of everything else."""


@dataclass
class SignalCosts:
    """What was measured at one number of channels and rate.

    Attributes:
        channels, rate_hz, layer_s: of the signal.
        with_s, without_s: wall time of each commit with and without a signal.
        core_s: core time of recording each layer, in the trigger's thread.
        signal_bytes: bytes of each layer's signal on the disk.
        frame_bytes: bytes of one layer's frames on the disk.
    """

    channels: int
    rate_hz: float
    layer_s: float
    with_s: list[float] = field(default_factory=list)
    without_s: list[float] = field(default_factory=list)
    core_s: list[float] = field(default_factory=list)
    signal_bytes: list[int] = field(default_factory=list)
    frame_bytes: int = 0

    @property
    def commit_ratio(self) -> float:
        """Median commit with a signal over that without one."""
        return median(self.with_s) / median(self.without_s)

    @property
    def core_share(self) -> float:
        """Core time per second of signal while the laser is on nearly all the time."""
        return median(self.core_s) / self.layer_s

    @property
    def packed(self) -> float:
        """Bytes of the samples over bytes on the disk."""
        return 2 * self.channels * self.rate_hz * self.layer_s / median(self.signal_bytes)


def measure_signals(
    root: Path,
    channels: int,
    rate_hz: float,
    *,
    layer_s: float = 30.0,
    pairs: int = 5,
    progress: Callable[[int], None] = lambda done: None,
) -> SignalCosts:
    """Record and commit `pairs` layers with a signal, and as many without, of a webcam and a 20 MP Basler.

    Raises:
        StoreError: the disk failed.
    """
    costs = SignalCosts(channels, rate_hz, layer_s)
    facts = SignalFacts(tuple(channel(row) for row in range(channels)))
    seen = cameras((1080, 1920), (3648, 5472))
    spool = SignalSpool.open(root)
    with BuildWriter.create(root, manifest("signals", seen)) as writer, _recorder(facts, rate_hz, spool) as recorder:
        for pair in range(pairs):
            kept = _recorded(recorder, facts, pair, costs)
            for signal, spent in ((kept, costs.with_s), (LayerSignal(), costs.without_s)):
                shot = layer(writer.next_index, seen)
                begun = time.perf_counter()
                writer.commit(shot, signal)
                spent.append(time.perf_counter() - begun)
            folder = root / "signals" / "signals" / f"{writer.next_index - 2:06d}"
            costs.signal_bytes.append(sum(file.stat().st_size for file in folder.iterdir()))
            progress(pair + 1)
        count = len(BuildReader.open(root, "signals").layers())
    frames = (root / "signals" / "raw").rglob("c.*")
    costs.frame_bytes = sum(file.stat().st_size for file in frames) // count
    return costs


def _recorder(facts: SignalFacts, rate_hz: float, spool: SignalSpool) -> SignalRecorder:
    return SignalRecorder(facts, Settings(), rate_hz, spool)


def _recorded(recorder: SignalRecorder, facts: SignalFacts, seed: int, costs: SignalCosts) -> LayerSignal:
    """One layer's signal through the recorder; its core time is that of all threads, this one only feeds it."""
    blocks = list(hatch(facts, costs.rate_hz, 50, seed))
    count = round(costs.layer_s / BLOCK_S)
    samples = blocks[0].samples
    begun = time.process_time()
    for number in range(count):
        like = blocks[number % len(blocks)]
        block = SampleBlock(like.volts, costs.rate_hz, number * samples, number * BLOCK_S)
        recorder.feed(block, (), True)
    off = count * samples
    end = LayerEnd(off, count * BLOCK_S, 0.0, costs.layer_s, count * BLOCK_S + BLOCK_S)
    quiet = SampleBlock(np.zeros_like(blocks[0].volts), costs.rate_hz, off, count * BLOCK_S)
    recorder.feed(quiet, (end,), False)
    signal = recorder.take(end)
    costs.core_s.append(time.process_time() - begun)
    recorder.restart()
    return signal


def channel(row: int) -> Channel:
    """The channel of one row: the laser gate, the mirrors x and y, others."""
    if row == 0:
        return Channel("laser", ChannelRole.GATE)
    if row < 3:
        return Channel(f"galvo-{'xy'[row - 1]}", (ChannelRole.X, ChannelRole.Y)[row - 1], unit="mm", scale=MM_PER_V)
    return Channel(f"ai-{row}", ChannelRole.OTHER)


def hatch(facts: SignalFacts, rate_hz: float, count: int, seed: int) -> Iterator[SampleBlock]:
    """A hatch of vectors with noise, as volts of a 16-bit converter."""
    rng = np.random.default_rng(seed)
    samples = round(BLOCK_S * rate_hz)
    rows = len(facts.channels)
    for number in range(count):
        way = (np.arange(samples) + number * samples) / rate_hz * SPEED_MM_S / VECTOR_MM
        volts = rng.standard_normal((rows, samples)) * np.where(np.arange(rows) == 0, *NOISE_V)[:, None]
        volts[0] += 5.0 * (way % 1 < 0.9)
        volts[1:] += np.abs(way % 2 - 1) * VECTOR_MM / MM_PER_V
        yield SampleBlock(np.rint(volts / CODE_V) * CODE_V, rate_hz, 0, 0.0)
