"""How long a layer took, whatever was done to the clock on the wall meanwhile."""

from __future__ import annotations

from pathlib import Path

from monitor.domain import ProductState, Uptime
from monitor.store import BuildReader, LayerRecord, ProductReader, ProductRecord, ProductWriter, latency_s, period_s
from tests.store.small import layer, make_build, product

TEN = "2026-07-18T10:00:0{}.000+00:00"
ELEVEN = "2026-07-18T11:00:05.000+00:00"


def test_records_tell_how_long_their_layer_took(tmp_path: Path) -> None:
    """Whoever commits a layer and its products notes when, by the clock that nobody can set."""
    make_build(tmp_path, 1)
    with ProductWriter.open(tmp_path, "b") as writer:
        writer.commit(product(0))
    record = BuildReader.open(tmp_path, "b").record(0)
    made = ProductReader.open(tmp_path, "b").record(0)
    assert record.uptime is not None
    assert made.uptime is not None
    assert made.uptime.boot == record.uptime.boot


def test_a_clock_that_was_set_changes_no_latency_and_no_period() -> None:
    """An hour ahead between two ends of one boot: what passed is told all the same."""
    first, product = _layer(TEN.format(0), TEN.format(2), Uptime("a", 100.0)), _product(Uptime("a", 105.0))
    assert latency_s("live", first, product) == 7.0
    assert period_s(first, _layer(ELEVEN, ELEVEN, Uptime("a", 120.0), index=1)) == 22.0


def test_over_a_restart_of_the_machine_nobody_can_say() -> None:
    """Neither of another boot, nor of products that another machine made; and never of a replay."""
    first = _layer(TEN.format(0), TEN.format(2), Uptime("a", 100.0))
    assert latency_s("live", first, _product(Uptime("b", 9.0))) is None
    assert period_s(first, _layer(ELEVEN, ELEVEN, Uptime("b", 9.0), index=1)) is None
    assert latency_s("replay", first, _product(Uptime("a", 105.0))) is None
    assert latency_s("live", first, None) is None


def test_records_of_older_versions_are_told_apart_by_the_wall_clock() -> None:
    """They have no other; a time that is none is not known."""
    assert latency_s("live", _layer(TEN.format(0), TEN.format(2), None), _product(None)) == 3605.0
    assert latency_s("live", _layer("", "", None), _product(None)) is None
    assert latency_s("live", _layer("", "", Uptime("a", 1.0)), _product(None)) is None


def _layer(wall_time: str, committed: str, uptime: Uptime | None, index: int = 0) -> LayerRecord:
    return LayerRecord(index, 0.03, wall_time, layer(index).end, {}, {}, committed, uptime=uptime)


def _product(uptime: Uptime | None) -> ProductRecord:
    state = ProductState.OK
    return ProductRecord(0, state, "", {}, (), None, (), {}, {}, "", 0, ELEVEN, uptime=uptime)
