"""The tables of rules: what each looks at, and that each says unsure where nobody can tell."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from monitor.alarms.rules_layers import LAYER_RULES, PRODUCT_RULES
from monitor.alarms.rules_plant import PLANT_RULES
from monitor.alarms.samples import LayerFacts, PlantFacts, ProcessFacts, ProductFacts, Rule, Sample, Usual
from monitor.config import RulesSettings
from monitor.domain import DeviceStatus, Measure, PartInLayer, ProcessStatus, ProductState

RULES: Mapping[str, Rule[Any]] = {rule.name: rule for rule in (*LAYER_RULES, *PRODUCT_RULES, *PLANT_RULES)}
GOOD = ProductFacts(
    7,
    ProductState.OK,
    device="CPUExecutionProvider",
    asked_device="CPUExecutionProvider",
    measures={
        name: Measure(name, value, "mm²", 100.0, "mask")
        for name, value in {
            "area": 40.0,
            "hd95": 40.0,
            "Sa": 12.0,
            "webcam moved": 0.1,
            "webcam light change": 1.0,
        }.items()
    },
    reference_area_mm2=40.0,
    compared_with="its reference mask",
    shift_mm=(0.0, 0.0),
    inconsistency=0.02,
    upscaled=True,
    usual=Usual(40.0, 1, frozenset({"area", "hd95", "Sa"})),
)
MISSING = ProductFacts(8, ProductState.MISSING, "no webcam frame", upscaled=True, usual=GOOD.usual)


def beat(name: str = "acquire", state: str = "armed", age_s: float = 1.0, **facts: Any) -> ProcessFacts:
    devices = (DeviceStatus("webcam", "opencv", "ready"),)
    return ProcessFacts(name, ProcessStatus(name, 1, state, "", "", devices=devices, facts=facts), age_s)


def look(name: str, facts: object) -> dict[str, Sample]:
    return {sample.subject: sample for sample in RULES[name].look(facts)}


def value(name: str, facts: object) -> float | None:
    (sample,) = look(name, facts).values()
    assert sample.reason
    return sample.value


def part(number: int, *measures: Measure, lost: bool = False) -> PartInLayer:
    return PartInLayer(number, (0, 0, 10, 10), measures, lost=lost)


def test_each_parts_roughness_is_judged_and_said_with_its_interval_and_window() -> None:
    """One subject a part; without an interval that is said; a part that had it and has it no more is unsure."""
    sure = Measure("Sa", 62.0, "µm", 50.0, "outline", spread=8.4, floor=4.0, window_um=830.0)
    plain = Measure("Sa", 31.0, "µm", 50.0, "outline")
    usual = replace(GOOD.usual, measures=frozenset({"part 3 Sa"}))
    facts = replace(GOOD, measures={}, parts=(part(1, sure), part(2, plain), part(3), part(4)), usual=usual)
    found = look("roughness", facts)
    assert {subject: sample.value for subject, sample in found.items()} == {
        "part 1 Sa": 62.0, "part 2 Sa": 31.0, "part 3 Sa": None,
    }  # fmt: skip
    assert "62.0 ± 8.4 µm (90 % interval, window 830 µm, pixels alone 4 µm)" in found["part 1 Sa"].reason
    assert "31 µm (no interval yet)" in found["part 2 Sa"].reason


def test_a_parts_area_is_off_by_what_its_interval_leaves_no_doubt_of() -> None:
    """10 ± 2 mm² of 16 is 25 % at least; without an interval nothing is judged; a lost part is off by all of it."""
    parts = (
        part(1, Measure("area", 10.0, "mm²", 50.0, "outline", spread=2.0)),
        part(2, Measure("area", 15.0, "mm²", 50.0, "outline", spread=2.0)),
        part(3, Measure("area", 1.0, "mm²", 50.0, "outline")),
        part(4, lost=True),
    )
    found = look("area", replace(GOOD, parts=parts, nominal_mm2=dict.fromkeys((1, 2, 3, 4), 16.0)))
    assert {subject: sample.value for subject, sample in found.items() if subject != "layer"} == {
        "part 1": 25.0, "part 2": 0.0, "part 4": 100.0,
    }  # fmt: skip
    assert "± 2.0 mm²" in found["part 1"].reason
    assert list(look("area", replace(GOOD, state=ProductState.ANOMALY, parts=parts))) == ["layer"]


def test_every_rule_has_settings_and_every_setting_a_rule() -> None:
    """No rule is without limit, no limit without rule."""
    assert set(RULES) == set(RulesSettings.model_fields)


@pytest.mark.parametrize("rule", PRODUCT_RULES, ids=lambda rule: rule.name)
def test_a_good_layer_is_well_by_every_rule(rule: Rule[ProductFacts]) -> None:
    """What is usual and as it should be is within every clear level."""
    settings = RulesSettings().rule(rule.name)
    samples = list(rule.look(GOOD))
    assert samples
    for sample in samples:
        assert sample.value is not None
        assert settings.clear is not None
        assert sample.value <= settings.clear


@pytest.mark.parametrize("name", ["anomaly", "area", "dimension", "drift", "roughness", "guard"])
def test_a_layer_without_products_is_unsure(name: str) -> None:
    """Nothing to judge is neither well nor bad."""
    assert value(name, MISSING) is None


def test_each_camera_is_judged_for_itself() -> None:
    """A missing webcam frame is said of the webcam, with its reason."""
    found = look("missing_frame", LayerFacts(3, ("webcam", "basler"), {"webcam": "no fresh frame within 5 s"}))
    assert (found["webcam"].value, found["basler"].value) == (1.0, 0.0)
    assert "no fresh frame within 5 s" in found["webcam"].reason


def test_a_flaw_is_said_of_the_camera_that_has_it_and_nothing_of_one_without_a_frame() -> None:
    """A blurred Basler frame is bad with its words; of a missing webcam frame nobody can tell whether it was sharp."""
    flaws = {"basler": "blurred (40% of the usual sharpness)"}
    found = look("flawed_frame", LayerFacts(3, ("webcam", "basler", "third"), {"webcam": "no fresh frame"}, flaws))
    assert [found[name].value for name in ("webcam", "basler", "third")] == [None, 1.0, 0.0]
    assert flaws["basler"] in found["basler"].reason


def test_area_is_held_against_the_reference_and_else_against_the_layers_before() -> None:
    """10 % less than the reference, 25 % more than usual; without either, nothing is said."""
    small = replace(GOOD, reference_area_mm2=50.0)
    assert value("area", small) == pytest.approx(20.0)
    usual = replace(GOOD, reference_area_mm2=None, usual=replace(GOOD.usual, area_mm2=32.0))
    assert value("area", usual) == pytest.approx(25.0)
    assert look("area", replace(usual, usual=Usual())) == {}


def test_drift_is_a_length_and_unsure_where_masks_are_too_unlike() -> None:
    """0.3 mm and 0.4 mm are 500 µm; a place that cannot be found is unsure."""
    assert value("drift", replace(GOOD, shift_mm=(0.3, -0.4))) == pytest.approx(500.0)
    assert value("drift", replace(GOOD, shift_mm=None)) is None
    assert look("drift", replace(GOOD, shift_mm=None, compared_with="")) == {}


def test_a_measure_that_a_build_never_has_is_not_judged() -> None:
    """Roughness is unsure where it was measured before, and absent where it never was."""
    without = replace(GOOD, measures={"area": GOOD.measures["area"]})
    assert value("roughness", without) is None
    assert look("roughness", replace(without, usual=Usual())) == {}


def test_the_wrong_device_is_named() -> None:
    """A model that was to run on a GPU and ran on the CPU is 1, and says both."""
    (sample,) = look("wrong_device", replace(GOOD, asked_device="CUDAExecutionProvider")).values()
    assert sample.value == 1.0
    assert "CPUExecutionProvider" in sample.reason
    assert "CUDAExecutionProvider" in sample.reason
    assert value("wrong_device", replace(GOOD, device="")) is None


def test_a_silent_process_makes_its_devices_unsure() -> None:
    """What a dead process last said of its camera is no longer believed."""
    silent = PlantFacts((beat(age_s=60.0, laser_on=True, temperatures_c={"webcam": 41.0}),), laser_on_s=5.0)
    assert value("device_down", silent) is None
    assert value("stuck_laser", silent) is None
    assert value("camera_temperature", silent) is None
    assert value("process_failed", silent) is None
    assert value("process_silent", silent) == 60.0


def test_a_living_process_is_believed() -> None:
    """Ready devices, temperatures and the laser are as they are said."""
    alive = PlantFacts((beat(laser_on=True, temperatures_c={"webcam": 41.0}),), laser_on_s=5.0)
    assert value("device_down", alive) == 0.0
    assert value("camera_temperature", alive) == 41.0
    assert value("stuck_laser", alive) == 5.0
    assert value("process_failed", PlantFacts((beat(state="failed"),))) == 1.0


def test_a_heartbeat_that_cannot_be_read_is_unsure() -> None:
    """Not "well", and not "silent" either: nobody knows."""
    assert value("process_silent", PlantFacts((ProcessFacts("worker", None),))) is None


def test_a_process_that_stopped_in_order_is_not_watched() -> None:
    """Nothing is said of it, nor of its devices."""
    stopped = PlantFacts((replace(beat(state="stopped", age_s=1e6), watched=False),))
    names = ("process_silent", "process_failed", "device_down", "stuck_laser", "camera_temperature")
    assert [look(name, stopped) for name in names] == [{}] * 5


def test_a_layer_is_late_by_the_builds_own_pace() -> None:
    """Three usual times without a layer are 3; without a usual time nothing is said."""
    facts = PlantFacts(build="b", since_layer_s=60.0, usual_s=20.0)
    assert value("late_layer", facts) == pytest.approx(3.0)
    assert look("late_layer", replace(facts, usual_s=None)) == {}


def test_the_disk_that_cannot_be_read_is_unsure() -> None:
    """Free space and forecast say so; one that does not fill is far from its limit."""
    assert value("disk_free", PlantFacts()) is None
    assert value("disk_forecast", PlantFacts()) is None
    forecast = value("disk_forecast", PlantFacts(full_in_h=float("inf")))
    assert forecast is not None
    assert forecast > 1000


def test_a_way_out_that_does_not_get_through_says_how_long() -> None:
    """The age of the oldest event and the reason."""
    (sample,) = look("way_stuck", PlantFacts(ways={"line": (400.0, "connection refused")})).values()
    assert sample.value == 400.0
    assert "connection refused" in sample.reason


def test_a_refused_bundle_is_told_in_its_own_words() -> None:
    """Well again when nothing refused lies there; nothing is said where no process speaks of bundles."""
    told = beat("worker", notices=["bundle refused: weights.pth may hold a pickle"])
    (sample,) = look("bundle_refused", PlantFacts((told,))).values()
    assert sample.value == 1.0
    assert "weights.pth" in sample.reason
    assert value("bundle_refused", PlantFacts((beat("worker", notices=[]),))) == 0.0
    assert look("bundle_refused", PlantFacts((beat("worker"),))) == {}
    assert look("bundle_refused", PlantFacts((beat(notices=["webcam: reconnecting"]),))) == {}
