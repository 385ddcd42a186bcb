"""Rules over layers and their products. A table of small pure functions; refuses to know files and what is usual.

To add one: write a function from facts to samples, add a row here, and its settings to `RulesSettings`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from math import hypot

from monitor.alarms.samples import LayerFacts, ProductFacts, Rule, Sample, part_measures
from monitor.domain import Measure, PartInLayer, ProductState
from monitor.domain.telling import told

LAYER = "layer"
NO_MASK = "no mask that could be believed"


def missing_frame(facts: LayerFacts) -> Iterator[Sample]:
    """1 for each camera that gave no frame."""
    for camera in facts.cameras:
        why = facts.gaps.get(camera)
        yield Sample(camera, 0.0 if why is None else 1.0, f"{camera}: {why or 'gave its frame'}")


def flawed_frame(facts: LayerFacts) -> Iterator[Sample]:
    """1 for each camera whose frame is blurred, over-exposed or glaring; unsure where there is no frame."""
    for camera in facts.cameras:
        if camera in facts.gaps:
            yield Sample(camera, None, f"{camera}: no frame to look at")
        else:
            flaw = facts.flaws.get(camera)
            yield Sample(camera, float(bool(flaw)), f"{camera}: {flaw or 'its frame shows no flaw'}")


def anomaly(facts: ProductFacts) -> Iterator[Sample]:
    """1 for a mask that is not believed; unsure where there was nothing to segment."""
    if facts.state is ProductState.MISSING:
        yield Sample(LAYER, None, f"nothing was segmented: {facts.reason}")
    else:
        unbelieved = facts.state is ProductState.ANOMALY
        yield Sample(LAYER, float(unbelieved), facts.reason or "segmentation is believed")


def area(facts: ProductFacts) -> Iterator[Sample]:
    """Melted area, of the layer and of each part, against what is expected, in %."""
    yield from _whole_area(facts)
    if facts.believed:
        for part in facts.parts:
            yield from _part_area(part, facts.nominal_mm2.get(part.id))


def _part_area(part: PartInLayer, nominal_mm2: float | None) -> Iterator[Sample]:
    """A part against its reference: by so much at least it is off, whatever of its interval is true.

    Nothing without an interval: one pixel around a small part is a third of its area.
    """
    subject = f"part {part.id}"
    if nominal_mm2 and part.lost:
        yield Sample(subject, 100.0, f"{subject}: no metal where its reference mask has {nominal_mm2:.4g} mm²")
    found = next((measure for measure in part.measures if measure.name == "area"), None)
    if nominal_mm2 and found and found.spread is not None:
        off = max(0.0, abs(found.value - nominal_mm2) - found.spread)
        yield Sample(
            subject, 100 * off / nominal_mm2, f"{subject}: {told(found)}, {nominal_mm2:.4g} mm² by its reference"
        )


def _whole_area(facts: ProductFacts) -> Iterator[Sample]:
    """Against the reference mask, else against the running level of the layers before."""
    expected, of = facts.reference_area_mm2, "its reference mask"
    if expected is None:
        expected, of = facts.usual.area_mm2, "the layers before"
    found = facts.measures.get("area")
    if not facts.believed or found is None:
        yield Sample(LAYER, None, f"area: {NO_MASK}")
    elif expected:  # nothing is expected of the first layers, nor where nothing should be melted
        share = 100 * abs(found.value / expected - 1)
        yield Sample(LAYER, share, f"area {found.value:.4g} mm², {expected:.4g} mm² by {of}")


def drift(facts: ProductFacts) -> Iterator[Sample]:
    """How far the melted area stands beside its reference, else beside a layer before, in µm."""
    if not facts.believed:
        yield Sample(LAYER, None, f"place: {NO_MASK}")
    elif facts.compared_with and facts.shift_mm is None:
        yield Sample(LAYER, None, f"place: the melted area is too unlike {facts.compared_with} to tell")
    elif facts.shift_mm is not None:
        x, y = facts.shift_mm
        said = f"melted area stands ({x:+.2f}, {y:+.2f}) mm beside {facts.compared_with}"
        yield Sample(LAYER, 1000 * hypot(x, y), said)


def measured_of_parts(wanted: str) -> Callable[[ProductFacts], Iterator[Sample]]:
    """A number of each part that has it, and of the whole layer; unsure where a part lacks what it had before."""
    whole = measured(lambda name: name == wanted)

    def look(facts: ProductFacts) -> Iterator[Sample]:
        yield from whole(facts)
        found = part_measures(facts) if facts.believed else {}
        for part in facts.parts:
            name = f"part {part.id} {wanted}"
            if name in found:
                yield Sample(name, found[name].value, f"part {part.id}: {told(found[name])}")
            elif name in facts.usual.measures:
                yield Sample(name, None, f"{name}: not measured in this layer")

    return look


def measured(matches: Callable[[str], bool]) -> Callable[[ProductFacts], Iterator[Sample]]:
    """A measure as it is; unsure where the layers before had it. A build that never has it is not judged by it."""

    def look(facts: ProductFacts) -> Iterator[Sample]:
        for name in sorted(filter(matches, facts.usual.measures | set(facts.measures))):
            found = facts.measures.get(name) if facts.believed else None
            said = f"{told(found)}, from {found.basis}" if found else f"{name}: not measured in this layer"
            yield Sample(name, found.value if found else None, said)

    return look


def _sample(name: str, found: Measure) -> Sample:
    spread = f" ± {found.spread:.2g}" if found.spread is not None else ""
    return Sample(name, found.value, f"{name} {found.value:.4g}{spread} {found.unit} ({found.basis})")


def cameras(ending: str) -> Callable[[ProductFacts], Iterator[Sample]]:
    """What was found of each camera against the build's start, whether or not the layer is believed."""

    def look(facts: ProductFacts) -> Iterator[Sample]:
        for name in sorted(n for n in facts.usual.measures | set(facts.measures) if n.endswith(ending)):
            found = facts.measures.get(name)
            yield _sample(name, found) if found else Sample(name, None, f"{name}: the pictures are too unlike to tell")

    return look


def guard(facts: ProductFacts) -> Iterator[Sample]:
    """Mean disagreement of the super-resolved picture, degraded again, with the webcam's, in % of the grey scale."""
    if not facts.upscaled:
        return
    if facts.inconsistency is None:
        yield Sample(LAYER, None, "no super-resolved picture to compare with the webcam's")
    else:
        share = 100 * facts.inconsistency
        yield Sample(LAYER, share, f"super-resolved picture disagrees with the webcam's by {share:.2g} % of the scale")


def wrong_device(facts: ProductFacts) -> Iterator[Sample]:
    """1 where the models ran elsewhere than asked."""
    if facts.state is ProductState.MISSING:
        return
    if not facts.device:
        yield Sample(LAYER, None, "the products do not say where the models ran")
    else:
        wrong = facts.device != facts.asked_device
        yield Sample(LAYER, float(wrong), f"models ran on {facts.device}, asked was {facts.asked_device}")


LAYER_RULES: tuple[Rule[LayerFacts], ...] = (
    Rule("missing_frame", "Frame missing", "1", missing_frame),
    Rule("flawed_frame", "Frame blurred or over-exposed", "1", flawed_frame),
)
PRODUCT_RULES: tuple[Rule[ProductFacts], ...] = (
    Rule("anomaly", "Segmentation not believed", "1", anomaly, picture="mask"),
    Rule("area", "Area out of tolerance", "%", area, picture="mask"),
    Rule("dimension", "Outline out of tolerance", "µm", measured(lambda name: name == "hd95"), picture="mask"),
    Rule("drift", "Melted area out of place", "µm", drift, picture="mask"),
    Rule("camera_moved", "Camera moved", "px", cameras(" moved"), picture="rectified"),
    Rule("light_changed", "Light changed", "%", cameras(" light change"), picture="rectified"),
    Rule("roughness", "Surface too rough", "µm", measured_of_parts("Sa"), picture="mask"),
    Rule("guard", "Generated picture disagrees with the webcam", "%", guard, picture="inconsistency"),
    Rule("wrong_device", "Model on the wrong device", "1", wrong_device),
)
