"""The virtual laser: paths over the layer, voltages, and what the detector makes of them."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import cv2
import numpy as np
import pytest

from monitor.devices.simulated import SceneSpec, VirtualPrinter, layer_truth, scan_layer
from monitor.domain import JumpingClock, LayerEnd, SampleBlock
from monitor.trigger import LaserOffDetector
from tests.devices.simulated.small import small_settings


def run(**simulation: Any) -> tuple[VirtualPrinter, list[SampleBlock], list[LayerEnd]]:
    """Read a whole virtual build's signal at 100 kHz, and detect its layers."""
    data = small_settings(**simulation).model_dump()
    data["trigger"]["rate_hz"] = 100_000.0
    settings = type(small_settings()).model_validate(data)
    printer = VirtualPrinter(settings, JumpingClock())
    detector = LaserOffDetector(settings.trigger.detector, 100_000.0)
    printer.trigger.open()
    blocks, ends = [], []
    while (block := printer.trigger.read(1.0)) is not None:
        blocks.append(block)
        ends += detector.feed(block)
    return printer, blocks, ends


def test_the_path_melts_the_part_and_nothing_else() -> None:
    """Tracks of the laser, as wide as they are hatched, cover the truth and stay within it."""
    spec = SceneSpec.from_settings(small_settings())
    path = scan_layer(spec, 0, 1400.0)
    on = np.flatnonzero(path.on[:-1])
    ends = (np.stack([path.xy_mm[on], path.xy_mm[on + 1]], axis=1) + 6.35) / 0.1
    melted = np.zeros((128, 128), np.uint8)
    cv2.polylines(melted, list(np.round(ends * 16).astype(np.int32)), False, 1, 1, cv2.LINE_8, 4)
    metal = layer_truth(spec, 0)
    assert (melted[metal] > 0).mean() > 0.95
    assert (melted[~metal] > 0).mean() < 0.01


def test_the_hatch_is_fifty_micrometres() -> None:
    """The laser travels area / 50 µm, and 67° turned in the next layer."""
    spec = SceneSpec.from_settings(small_settings(parts=[{"kind": "bar", "size_mm": [8.0, 8.0]}]))
    angles = []
    for index in (0, 1):
        path = scan_layer(spec, index, 1400.0)
        step = np.diff(path.xy_mm, axis=0)[path.on[:-1]]
        length = np.hypot(*step.T)
        assert length.sum() * 0.05 == pytest.approx(64, rel=0.1)
        hatch = step[length > 1.0]  # contours are cut into short vectors
        # The islands' three directions are 60° apart: modulo 60 they agree; turned by 30, they are clear of 0 and 60.
        turned = (np.degrees(np.arctan2(hatch[:, 1], hatch[:, 0])) + 30) % 60
        assert np.ptp(turned) < 1e-6
        angles.append(turned[0])
    assert angles[1] - angles[0] == pytest.approx(67 - 60)


def test_the_laser_keeps_its_speed() -> None:
    """Vectors take length / speed; time never runs back."""
    path = scan_layer(SceneSpec.from_settings(small_settings()), 0, 1400.0)
    time, step = np.diff(path.time_s), np.hypot(*np.diff(path.xy_mm, axis=0).T)
    on = path.on[:-1]
    assert (time >= 0).all()
    long = on & (step > 0.05)
    assert step[long] / time[long] == pytest.approx(1400.0)


def test_pauses_are_as_on_a_real_machine() -> None:
    """Between vectors fractions of a millisecond, between islands milliseconds, between parts up to two seconds."""
    parts = [{"kind": "bar", "size_mm": [3.0, 3.0], "center_mm": [x, 0.0]} for x in (-3.0, 3.0)]
    path = scan_layer(SceneSpec.from_settings(small_settings(parts=parts)), 0, 1400.0)
    starts = np.flatnonzero(path.on[1:] & ~path.on[:-1]) + 1
    stops = np.flatnonzero(path.on[:-1] & ~path.on[1:]) + 1
    pauses = path.time_s[starts[1:]] - path.time_s[stops[: len(starts) - 1]]
    assert 0.15e-3 < np.median(pauses) < 1e-3
    assert (pauses > 0.002).sum() >= 1
    assert pauses.max() < 2.1


def test_the_detector_finds_exactly_the_layers() -> None:
    """One layer end for each layer, at the sample after the path's end, with the path's on-time."""
    printer, _, ends = run()
    assert len(ends) == printer.layers == 3
    for index, end in enumerate(ends):
        times, path = printer.timeline.times(index), printer.timeline.path(index)
        assert end.off_s == pytest.approx(times.off_s, abs=2e-5)
        assert end.first_on_s == pytest.approx(times.start_s, abs=1e-3)  # a first vector may be shorter than a spike
        assert end.on_time_s == pytest.approx(path.on_time_s, rel=0.01)


def test_spikes_on_the_gate_are_no_layers() -> None:
    """With a spike after every layer, the detector still finds exactly the layers, at the same times."""
    _, clean, expected = run()
    _, spiky, ends = run(fault_rate=1.0)
    extra = sum(int(((b.volts[0] > 2.5) & (a.volts[0] < 2.5)).sum()) for a, b in zip(clean, spiky, strict=True))
    assert extra == 3
    assert ends == expected


def test_mirrors_point_where_the_metal_is() -> None:
    """While the laser is on, the mirror voltages are inside the part; the field's edge is ±10 V."""
    printer, blocks, _ = run(layers=1, galvo_field_mm=20.0)
    volts = np.concatenate([b.volts for b in blocks], axis=1)
    x, y = volts[1:, volts[0] > 2.5]
    col, row = ((np.stack([x, y]) * (10.0 / 10.0) + 6.35) / 0.1).round().astype(int)
    assert layer_truth(printer.spec, 0)[row, col].mean() > 0.97
    assert np.abs(volts).max() <= 10.0


def test_the_signal_is_the_same_every_time() -> None:
    """Two runs of a seed give equal samples; another seed does not."""
    (_, one, _), (_, two, _), (_, other, _) = run(layers=1), run(layers=1), run(layers=1, seed=5)
    assert all(np.array_equal(a.volts, b.volts) for a, b in zip(one, two, strict=True))
    assert not np.array_equal(one[12].volts, other[12].volts)


def test_recoating_takes_its_time() -> None:
    """Between one layer's end and the next one's beginning lies the configured recoat."""
    _, _, ends = run(recoat_s=[6.0, 7.0])
    pauses = [after.first_on_s - before.off_s for before, after in pairwise(ends)]
    assert all(5.99 <= pause <= 7.01 for pause in pauses)
    assert len(set(pauses)) == len(pauses)
