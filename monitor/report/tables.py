"""A report's tables. Owns rows and the words in them; refuses to know HTML."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from monitor.domain import Alarm, AlarmState, Measure, PlateGrid
from monitor.report import words
from monitor.report.facts import BuildFacts, LayerFacts, PartFacts, Series
from monitor.report.trends import cadence_s

Row = tuple[str, ...]
STATES = {
    "ok": "with believed products",
    "anomaly": "with products that are not believed",
    "missing": "without a usable image or mask",
    "pending": "waiting for products",
}
ORIGINS = {
    "live": "a real build",
    "simulated": "virtual printer: no real part was made",
    "replay": "replay of a recorded build",
    "import": "images imported from a folder",
}


@dataclass(frozen=True, slots=True)
class Missing:
    """A stretch of layers in which the same thing is missing for the same reason."""

    layers: str
    what: str
    reason: str


def summary(facts: BuildFacts) -> list[tuple[str, str]]:
    """The build at a glance."""
    layers = facts.layers
    states = [f"{sum(1 for x in layers if x.state == state)} {text}" for state, text in STATES.items()]
    told = [part for part, state in zip(states, STATES, strict=True) if not part.startswith("0 ") or state == "ok"]
    gaps = sum(len(layer.gaps) for layer in layers)
    waiting = sum(1 for alarm in facts.alarms if alarm.acknowledgement is None)
    rows = [
        ("origin", ORIGINS[facts.origin] + (f" {facts.source}" if facts.source else "")),
        ("state", f"ended: {facts.ended}" if facts.ended else "not ended when this report was made"),
        ("layers", f"{words.count(len(layers), 'layer')}: {', '.join(told)}"),
        ("frames missing", f"{gaps} of {len(layers) * len(facts.cameras)}"),
        ("parts", words.count(len(facts.parts), "part") + _fragments(facts.fragments)),
        ("alarms", words.count(len(facts.alarms), "alarm") + (f", {waiting} not acknowledged" if waiting else "")),
    ]
    return rows[:3] + list(_times(facts)) + rows[3:]


def measures(layers: Sequence[LayerFacts]) -> list[Row]:
    """Name, number of layers, median, its interval, smallest and largest with their layers, scale, basis."""
    found: dict[str, list[tuple[int, Measure]]] = {}
    for layer in layers:
        for measure in layer.measures if layer.state == "ok" else ():
            found.setdefault(measure.name, []).append((layer.index, measure))
    return [_measure_row(name, values) for name, values in found.items()]


def parts(facts: BuildFacts) -> list[Row]:
    """One row a part: id, place, height, layers, size, volume, diameter, roughness."""
    return [_part_row(facts, part) for part in facts.parts]


def part_dimensions(facts: BuildFacts, part: PartFacts) -> list[Row]:
    """Quantity, value, interval or what stands for it, and what it rests on."""
    grid, contours = facts.grid, part.contours
    pixel = f"± 1 pixel ({words.number(grid.um_per_px)} µm) from the grid alone; {words.NO_INTERVAL} beside it"
    rows: list[Row] = [
        ("height of its top", f"{words.number(float(part.heights_mm[-1]))} mm", words.NO_INTERVAL, "layer records"),
        ("area, median layer", words.quantity(float(np.median(part.areas_mm2)), "mm²"), words.NO_INTERVAL, "masks"),
        (
            "volume of known layers",
            words.quantity(volume_mm3(facts, part), "mm³"),
            words.NO_INTERVAL,
            f"masks of {_known(part)} layers",
        ),
        ("extent in x, median layer", words.quantity(float(np.median(part.widths_mm)), "mm"), pixel, "masks"),
        ("extent in y, median layer", words.quantity(float(np.median(part.depths_mm)), "mm"), pixel, "masks"),
    ]
    if contours.why_not:
        return [*rows, ("diameter, Sa, Sq, Sz", "not given", "", contours.why_not)]
    basis = f"outer contour at probability ½, {words.count(len(contours.layers), 'layer')}"
    rows.append(("mean diameter, median layer", *_spread(contours.diameters_mm, "mm"), basis))
    return rows + [_roughness(measure) for measure in contours.roughness]


def missing(facts: BuildFacts) -> list[Missing]:
    """Everything that is not there: frames, products, layers that are not believed; stretches in one row."""
    by_what: dict[tuple[str, str], list[int]] = {}
    for layer in facts.layers:
        for what, reason in _lacks(layer):
            by_what.setdefault((what, reason), []).append(layer.index)
    rows = [
        (first, Missing(words.layers(first, last), what, reason))
        for (what, reason), indices in by_what.items()
        for first, last in words.stretches(indices)
    ]
    return [row for _, row in sorted(rows, key=lambda pair: (pair[0], pair[1].what))]


def alarms(facts: BuildFacts) -> list[Row]:
    """Raised, severity, what, state, who saw it and what they said."""
    return [_alarm_row(alarm) for alarm in facts.alarms]


def happened(facts: BuildFacts) -> list[Row]:
    """Layer, time, what happened."""
    return [
        ("–" if one.layer is None else str(one.layer), words.time(one.time) if facts.timed else "–", one.what)
        for one in facts.happened
    ]


def cameras(facts: BuildFacts) -> list[Row]:
    """Name, role, what it is, frames, where the plate is in them."""
    rows: list[Row] = []
    for camera in facts.cameras:
        calibration = camera.calibration
        where = "not calibrated"
        if calibration is not None:
            values = ", ".join(f"{value:.6g}" for value in calibration.plate_to_image)
            where = f"{calibration.source}, {calibration.digest[7:19]}; plate mm → pixel: {values}"
            if known := calibration.goodness:
                where += f"; {known.um_per_px:.3f} ± {known.um_per_px_90:.2g} µm per pixel (90 %)"
        what = " ".join(filter(None, (camera.model, camera.serial, f"({camera.origin})")))
        shape = f"{camera.shape[1]} × {camera.shape[0]}{' colour' if len(camera.shape) > 2 else ' grey'}"
        rows.append((camera.name, camera.role, what, shape, where))
    return rows


def volume_mm3(facts: BuildFacts, part: PartFacts) -> float:
    """Volume of the layers of a part that are known, in mm³."""
    return float(part.areas_mm2.sum()) * facts.layer_height_mm


def place_mm(part: PartFacts, grid: PlateGrid) -> tuple[float, float]:
    """Plate coordinates (x, y) of a part's centre, in mm."""
    row, column = part.part.centre
    return grid.origin_mm[0] + column * grid.mm_per_px, grid.origin_mm[1] + row * grid.mm_per_px


def _fragments(count: int) -> str:
    return f", and {words.count(count, 'smaller piece')} that {'is' if count == 1 else 'are'} no part" if count else ""


def _times(facts: BuildFacts) -> Iterator[tuple[str, str]]:
    layers = facts.layers
    if not layers:
        return
    yield (
        "height",
        f"{words.number(layers[-1].height_mm)} mm in layers of {words.number(facts.layer_height_mm * 1000)} µm",
    )
    if not facts.timed:
        yield "times", "not known: the images do not tell when they were taken"
        return
    cadence = cadence_s(layers)
    cadence = cadence[np.isfinite(cadence)]
    usual = f", {words.duration(float(np.median(cadence)))} from layer to layer (median)" if cadence.size else ""
    yield "first layer", words.time(layers[0].wall_time)
    yield "last layer", words.time(layers[-1].wall_time) + usual


def _measure_row(name: str, found: list[tuple[int, Measure]]) -> Row:
    values = np.array([measure.value for _, measure in found])
    spreads = [measure.spread for _, measure in found if measure.spread is not None]
    some = found[0][1]
    least, most = found[int(values.argmin())], found[int(values.argmax())]
    return (
        words.NAMES.get(name, name),
        str(len(found)),
        words.quantity(float(np.median(values)), some.unit),
        words.interval(float(np.median(spreads)) if spreads else None, some.unit),
        f"{words.number(least[1].value)} ({words.layers(least[0], least[0])})",
        f"{words.number(most[1].value)} ({words.layers(most[0], most[0])})",
        f"{words.number(some.um_per_px)} µm/px",
        some.basis,
    )


def _part_row(facts: BuildFacts, part: PartFacts) -> Row:
    x, y = place_mm(part, facts.grid)
    contours = part.contours
    sa = next((measure for measure in contours.roughness if measure.name == "Sa"), None)
    diameter = "not round" if contours.why_not else words.quantity(float(np.median(contours.diameters_mm)), "mm")
    return (
        str(part.part.id),
        f"{x:.1f}, {y:.1f} mm".replace("-", "−"),
        f"{part.part.slices[0].index}–{part.part.slices[-1].index}",
        _known(part),
        f"{words.number(float(np.median(part.widths_mm)), 3)} × {words.number(float(np.median(part.depths_mm)), 3)} mm",
        words.quantity(volume_mm3(facts, part), "mm³", 3),
        diameter,
        words.quantity(sa.value, "µm", 3) if sa else "–",
    )


def _known(part: PartFacts) -> str:
    known, all_layers = part.known
    return f"{known} of {all_layers}"


def _spread(values: Series, unit: str) -> tuple[str, str]:
    middle = f"{words.number(float(np.median(values)))} {unit}"
    if len(values) < 3:
        return middle, words.NO_INTERVAL
    spread = f"standard deviation between layers {words.number(float(values.std(ddof=1)), 2)} {unit}"
    return middle, f"{spread}; {words.NO_INTERVAL}"


def _roughness(measure: Measure) -> Row:
    basis = f"{measure.basis}, {words.number(measure.um_per_px)} µm/px"
    return (
        measure.name,
        words.quantity(measure.value, measure.unit, 3),
        words.interval(measure.spread, measure.unit),
        basis,
    )  # fmt: skip


def _lacks(layer: LayerFacts) -> Iterator[tuple[str, str]]:
    for camera, reason in layer.gaps.items():
        yield f"frame of {camera}", reason
    if layer.state == "missing":
        yield "mask", layer.reason
    elif layer.state == "anomaly":
        yield "believed mask", layer.reason
    elif layer.state == "pending":
        yield "products", layer.reason


def _alarm_row(alarm: Alarm) -> Row:
    reading, seen = alarm.reading, alarm.acknowledgement
    where = "" if reading.layer is None else f", {words.layers(reading.layer, reading.layer)}"
    state = {
        AlarmState.UNACKNOWLEDGED: "active",
        AlarmState.ACKNOWLEDGED: "active",
        AlarmState.RETURNED: f"gone since {words.time(alarm.condition.changed)}",
        AlarmState.CLOSED: f"gone since {words.time(alarm.condition.changed)}",
    }[alarm.state]
    who = f"{seen.user}, {words.time(seen.time)}: “{seen.comment}”" if seen else "nobody"
    return (
        words.time(alarm.raised),
        f"{alarm.severity}{' (unsure)' if alarm.cause == 'unsure' else ''}",
        f"{reading.title}: {reading.reason} ({reading.subject}{where})",
        state,
        who,
    )
