"""The evaluating process over a real store: builds, plant, restarts."""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from math import inf
from pathlib import Path

import cv2
import numpy as np
import pytest

from monitor.alarms import try_build
from monitor.alarms.facts import shift_mm
from monitor.alarms.plant import DiskWatch, LaserWatch
from monitor.alarms.run import Evaluation, run_alarms
from monitor.config import Settings
from monitor.domain import AlarmState, CameraFacts, CameraRole, Cause, PlateGrid, ProcessStatus, StoreError, StoreLocked
from monitor.store import AlarmBook, BuildWriter, read_readings
from tests.alarms.receivers import until
from tests.store.small import frame, layer, manifest
from tests.web.synthetic import CADENCE_S, Faults, SyntheticBuild, small_settings, write_statuses


def alarms(root: Path) -> dict[tuple[str, str, Cause], AlarmState]:
    """State of every alarm by rule, subject and cause."""
    return {(a.reading.rule, a.reading.subject, a.cause): a.state for a in AlarmBook(root).all()}


def calm_settings(root: Path) -> Settings:
    """The defaults but for the guard: the map of these synthetic products is no measured one, and large."""
    plain = small_settings(root)
    rules = plain.alarms.rules
    guard = rules.guard.model_copy(update={"limit": 30.0})
    alarms = plain.alarms.model_copy(update={"rules": rules.model_copy(update={"guard": guard})})
    return plain.model_copy(update={"alarms": alarms})


def evaluate(settings: Settings) -> Evaluation:
    """A process that starts, looks once, and is killed."""
    evaluation = Evaluation(settings, threading.Event())
    evaluation.round()
    assert evaluation.trouble == ""
    return evaluation


def well(settings: Settings, build: str = "", layer: int | None = None) -> None:
    """Heartbeats of processes that are well."""
    write_statuses(settings, build, layer)


def test_a_good_build_raises_nothing(tmp_path: Path) -> None:
    """Twelve good layers, products and heartbeats: no alarm, and every rule over layers says ok."""
    settings = calm_settings(tmp_path)
    start = datetime.now(UTC) - timedelta(seconds=11 * CADENCE_S)
    with SyntheticBuild(settings) as build:
        for index in range(12):
            build.commit(index, start + timedelta(seconds=index * CADENCE_S))
            build.process(index)
        well(settings, build.id, 11)
        evaluate(settings)
    assert alarms(tmp_path) == {}
    said = read_readings(tmp_path)
    assert said is not None
    assert {reading.state for reading in said.readings if reading.layer is not None} == {"ok"}
    assert {r.rule for r in said.readings} >= {"missing_frame", "anomaly", "area", "drift", "guard", "wrong_device"}


def test_what_went_wrong_is_raised_with_its_layer_and_picture(tmp_path: Path) -> None:
    """A lost frame, two layers that are not believed: each once, with the layer, and a picture where there is one."""
    settings = calm_settings(tmp_path)
    with SyntheticBuild(settings, faults=Faults(no_basler=(3,), anomaly=(5, 6))) as build:
        for index in range(8):
            build.commit(index)
            build.process(index)
        evaluate(settings)
        evaluate(settings)
    found = {alarm.reading.rule: alarm for alarm in AlarmBook(tmp_path).all()}
    assert set(found) == {"missing_frame", "anomaly"}
    assert (found["missing_frame"].reading.subject, found["missing_frame"].reading.layer) == ("basler", 3)
    assert found["missing_frame"].state is AlarmState.RETURNED
    assert (found["anomaly"].reading.layer, found["anomaly"].picture) == (6, True)
    picture = cv2.imdecode(np.frombuffer(AlarmBook(tmp_path).picture(found["anomaly"].id), np.uint8), cv2.IMREAD_COLOR)
    assert picture is not None
    assert max(picture.shape) <= 640
    assert len(np.unique(picture.reshape(-1, 3), axis=0)) > 50


@pytest.mark.parametrize("times", [1, 5])
def test_restarts_change_nothing(tmp_path: Path, times: int) -> None:
    """A process killed after every look raises what one that lives raises: no less, nothing twice."""
    settings = calm_settings(tmp_path)
    with SyntheticBuild(settings, faults=Faults(no_webcam=(2,), anomaly=(4, 5))) as build:
        for index in range(10):
            build.commit(index)
            build.process(index)
            if times > 1:
                evaluate(settings)
        evaluate(settings)
    assert alarms(tmp_path) == {
        ("missing_frame", "webcam", Cause.BAD): AlarmState.RETURNED,
        ("anomaly", "layer", Cause.BAD): AlarmState.RETURNED,
    }


def test_a_process_that_dies_between_raising_and_noting_raises_nothing_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The note of how far it came is lost again and again; the alarms in the store decide."""
    settings = calm_settings(tmp_path)
    with SyntheticBuild(settings, faults=Faults(no_webcam=(2,))) as build:
        for index in range(4):
            build.commit(index)
        for _ in range(3):
            evaluate(settings)
            (tmp_path / "alarms" / "notes" / f"build-{build.id}.json").unlink()
    assert list(alarms(tmp_path)) == [("missing_frame", "webcam", Cause.BAD)]


def test_layers_without_products_for_long_are_unsure(tmp_path: Path) -> None:
    """Three layers without a picture: nobody knows whether the part is sound, and that is raised."""
    settings = calm_settings(tmp_path)
    with SyntheticBuild(settings, faults=Faults(no_webcam=(2, 3, 4))) as build:
        for index in range(5):
            build.commit(index)
            build.process(index)
        evaluate(settings)
    assert alarms(tmp_path)["anomaly", "layer", Cause.UNSURE] is AlarmState.UNACKNOWLEDGED


def test_a_build_that_ends_clears_its_layers_but_nobody_acknowledged(tmp_path: Path) -> None:
    """What was active is over; the latch stays, also over a restart."""
    settings = calm_settings(tmp_path)
    with SyntheticBuild(settings, faults=Faults(no_webcam=(2,))) as build:
        for index in range(3):
            build.commit(index)
            build.process(index)
        evaluate(settings)
        assert alarms(tmp_path)["missing_frame", "webcam", Cause.BAD] is AlarmState.UNACKNOWLEDGED
        build.writer.end("finished")
    for _ in range(2):
        evaluate(settings)
        assert alarms(tmp_path)["missing_frame", "webcam", Cause.BAD] is AlarmState.RETURNED
    assert not list((tmp_path / "alarms" / "notes").glob("build-*"))


def test_a_build_that_came_and_went_meanwhile_is_judged_and_an_old_one_is_not(tmp_path: Path) -> None:
    """What ended before alarms were first evaluated here is history."""
    settings = calm_settings(tmp_path)
    with SyntheticBuild(settings, faults=Faults(no_webcam=(0,)), name="old") as old:
        old.commit(0)
        old.process(0)
        old.writer.end("finished")
    evaluate(settings)
    assert alarms(tmp_path) == {}
    later = datetime.now(UTC) + timedelta(seconds=1)
    with SyntheticBuild(settings, faults=Faults(no_webcam=(0,)), name="new", start=later) as new:
        new.commit(0)
        new.process(0)
        new.writer.end("finished")
    evaluate(settings)
    (alarm,) = AlarmBook(tmp_path).all()
    assert alarm.reading.build == new.id


def test_a_process_that_falls_silent_is_raised_and_stays_raised_over_a_restart(tmp_path: Path) -> None:
    """A dead acquisition is an alarm at once, not twice, and clears when it is back."""
    settings = calm_settings(tmp_path)
    write_statuses(settings, "", None, now=datetime.now(UTC) - timedelta(minutes=5))
    for _ in range(2):
        evaluate(settings)
    silent = [key for key in alarms(tmp_path) if key[0] == "process_silent"]
    assert silent == [("process_silent", "acquire", Cause.BAD), ("process_silent", "worker", Cause.BAD)]
    calm = settings.alarms.rules.process_silent.model_copy(update={"clear_after": 0.0})
    rules = settings.alarms.rules.model_copy(update={"process_silent": calm})
    settings = settings.model_copy(update={"alarms": settings.alarms.model_copy(update={"rules": rules})})
    well(settings)
    evaluate(settings)
    assert alarms(tmp_path)["process_silent", "acquire", Cause.BAD] is AlarmState.RETURNED


def test_a_heartbeat_that_cannot_be_read_is_said_as_unsure(tmp_path: Path) -> None:
    """Damaged, or from a clock that is far ahead: neither well nor silent."""
    settings = calm_settings(tmp_path)
    write_statuses(settings, "", None, now=datetime.now(UTC) + timedelta(days=1))
    (tmp_path / "status" / "worker.json").write_text("{torn")
    evaluate(settings)
    said = read_readings(tmp_path)
    assert said is not None
    states = {(r.rule, r.subject): r.state for r in said.readings}
    assert states["process_silent", "acquire"] == states["process_silent", "worker"] == "unsure"


def test_a_removed_build_disturbs_nobody(tmp_path: Path) -> None:
    """A person deletes the folder of a running build: the process goes on."""
    settings = calm_settings(tmp_path)
    with SyntheticBuild(settings, faults=Faults(no_webcam=(0,))) as build:
        build.commit(0)
        evaluation = evaluate(settings)
    shutil.rmtree(tmp_path / build.id)
    evaluation._listed_s = float("-inf")
    evaluation.round()
    evaluation.round()
    assert evaluation.trouble == ""


def test_only_one_process_evaluates_a_store(tmp_path: Path) -> None:
    """A second one is refused, and the first writes its heartbeat and stops in order."""
    settings, stop = calm_settings(tmp_path), threading.Event()
    thread = threading.Thread(target=run_alarms, args=(settings, stop))
    thread.start()
    status = tmp_path / "status" / "alarms.json"
    try:
        until(lambda: read_readings(tmp_path) and status.exists(), "the first look")
        with pytest.raises(StoreLocked):
            run_alarms(settings, stop)
    finally:
        stop.set()
        thread.join(20)
    assert '"stopped"' in status.read_text()


def test_rules_are_tried_on_a_recorded_build_without_a_trace(tmp_path: Path) -> None:
    """The dry run says what would be raised and cleared, and writes nothing."""
    settings = calm_settings(tmp_path)
    with SyntheticBuild(settings, faults=Faults(no_webcam=(2,))) as build:
        for index in range(7):
            build.commit(index)
            build.process(index)
    layers, changes = try_build(settings, build.id)
    assert layers == 7
    assert [change.split(":")[0] for change in changes] == ["raised", "cleared"]
    assert not (tmp_path / "alarms").exists()


def test_a_disk_that_fills_is_forecast_and_a_short_look_is_no_forecast() -> None:
    """1 GB in 1000 s and 36 GB left: 10 h; nothing is said before ten minutes, and one that empties never fills."""
    watch = DiskWatch()
    assert watch.full_in_h(0.0, 37.0) is None
    assert watch.full_in_h(300.0, 36.7) is None
    assert watch.full_in_h(1000.0, 36.0) == pytest.approx(10.0)
    assert watch.full_in_h(1100.0, None) is None
    assert watch.full_in_h(1200.0, 40.0) == inf


def test_the_laser_is_on_for_as_long_as_no_heartbeat_saw_it_off() -> None:
    """A pause begins anew; a heartbeat that does not say is no answer."""
    watch, start = LaserWatch(), datetime(2026, 7, 18, tzinfo=UTC)

    def beat(seconds: float, **facts: object) -> ProcessStatus:
        time = (start + timedelta(seconds=seconds)).isoformat()
        return ProcessStatus("acquire", os.getpid(), "armed", "", time, facts=facts)

    assert [watch.on_s(beat(t, laser_on=on)) for t, on in ((0, True), (9, True), (10, False), (11, True))] == [
        0.0, 9.0, 0.0, 0.0,
    ]  # fmt: skip
    assert watch.on_s(beat(12)) is None
    assert watch.on_s(None) is None


@pytest.mark.parametrize("shift", [(0, 0), (6, -4), (-10, 3)])
def test_a_moved_plate_is_found_although_a_part_is_missing(shift: tuple[int, int]) -> None:
    """Rows and columns become mm with their signs, within a tenth; a mask that is nothing alike gives no answer."""
    grid = PlateGrid((0.0, 0.0), 100.0, (256, 256))
    rng = np.random.default_rng(0)
    before = np.zeros(grid.shape, np.bool_)
    for row, column in ((60, 60), (60, 180), (180, 60), (170, 190)):
        before[row - 20 : row + 20, column - 14 : column + 22] = True
    now = np.roll(before, shift, (0, 1))
    now[150:, 150:] = False
    found = shift_mm(before, now, grid)
    assert found == pytest.approx((shift[1] * 0.1, shift[0] * 0.1), abs=0.1)
    assert shift_mm(before, rng.random(grid.shape) > 0.5, grid) is None


def test_the_store_gives_no_build_the_name_of_the_alarms(tmp_path: Path) -> None:
    """The folder of the alarms is not a build."""
    settings = calm_settings(tmp_path)
    with SyntheticBuild(settings) as build:
        manifest = build.manifest
    with pytest.raises(StoreError, match="alarms"):
        BuildWriter.create(tmp_path, replace(manifest, id="alarms"))


def test_frames_that_stay_blurred_raise_an_alarm_and_one_does_not(tmp_path: Path) -> None:
    """Two blurred layers are an accident; the third in a row is a lens to look at."""
    settings = calm_settings(tmp_path)

    def state_after(flaws: Sequence[str], build: str) -> AlarmState | None:
        camera = CameraFacts("webcam", CameraRole.WEBCAM, "C920", "usb-1", (24, 32, 3), "uint8", "simulated")
        facts = replace(manifest(build), cameras=(camera,), created=datetime.now(UTC).isoformat())
        with BuildWriter.create(tmp_path, facts) as writer:
            for index, flaw in enumerate(flaws):
                shot = replace(frame(camera, index), flaw=flaw)
                writer.commit(replace(layer(index), captures={"webcam": shot}))
        evaluate(settings)
        return alarms(tmp_path).get(("flawed_frame", "webcam", Cause.BAD))

    assert state_after(["", "blurred", "blurred", ""], "accident") is None
    assert state_after(["", "blurred", "blurred", "blurred"], "lens") is AlarmState.UNACKNOWLEDGED
