"""The campaign of layer ends in a short form: clear faults cost no layer, ambiguous ones are told."""

from __future__ import annotations

import numpy as np
import pytest

from monitor.bench.trigger import (
    AMBIGUOUS,
    FAULTS,
    MACHINES,
    RATE_HZ,
    SCALED,
    Tally,
    campaign,
    core_share,
    detect,
    disagreements,
    generate,
    judge,
)
from monitor.config import DetectorSettings


def test_clear_faults_cost_no_layer_and_ambiguous_ones_are_told() -> None:
    """Over all machines no clear fault misses a layer or adds one, and few of its layers are noted as unsure.

    A gate that is stuck over a recoat always is; a pause within a layer is, unless all it leaves looks like two layers.
    """
    found = campaign(1000)
    assert len(found) == len(MACHINES) * (len(FAULTS) + len(AMBIGUOUS))
    for (machine, fault), tally in found.items():
        if fault in FAULTS:
            assert (machine, fault, tally.missed, tally.false) == (machine, fault, 0, 0)
        else:
            assert tally.faults == 2
            if fault == "stuck over a recoat":
                assert (machine, tally.told) == (machine, 2)
    pauses = [tally for (_, fault), tally in found.items() if fault == "pause in a layer"]
    assert sum(t.told for t in pauses) >= 0.7 * sum(t.faults for t in pauses)
    clear = [
        tally for (_, fault), tally in found.items() if fault in FAULTS and fault not in ("restart", "all of them")
    ]
    assert sum(t.unsure for t in clear) <= 0.015 * sum(t.layers for t in clear)


@pytest.mark.parametrize(("gap_ms", "lost"), [(150.0, "false"), (6000.0, "missed")])
def test_a_wrong_gap_is_counted(gap_ms: float, lost: str) -> None:
    """The campaign can fail: a gap within the pauses of the parts adds layers, one beyond the recoat joins them."""
    machine = next(m for m in MACHINES if m.name == ("many parts" if lost == "false" else "quick recoat"))
    gate = generate(machine, "none", 5, np.random.default_rng(0))
    tally = Tally()
    settings = DetectorSettings(quiet_gap_ms=gap_ms, min_pulse_us=SCALED.min_pulse_us)
    judge(gate, detect(gate, settings, RATE_HZ), tally)
    assert getattr(tally, lost) > 0


def test_both_rates_give_the_same_layers() -> None:
    """At 100 kS/s and the defaults altogether the layers are those of the campaign's 1 kS/s."""
    compared, differing = disagreements(2)
    assert (compared, differing) == (2 * len(MACHINES), 0)


def test_core_time_is_measured() -> None:
    """The detector's core time per second of signal is more than nothing."""
    assert core_share(4, 10_000.0, 1.0) > 0
