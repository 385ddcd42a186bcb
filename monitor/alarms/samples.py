"""What rules are made of: a sample is what one rule says of one subject, before anyone judges it.

Owns these records; refuses to know how the facts in them were found.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from monitor.alarms.latch import Axis
from monitor.domain import DeviceStatus, Measure, PartInLayer, ProcessStatus, ProductState

Box = tuple[int, int, int, int]
"""(top, left, bottom, right) in pixels of the plate grid, the last two exclusive."""


@dataclass(frozen=True, slots=True)
class Sample:
    """A number that a rule looks at.

    Attributes:
        subject: what it is about: a camera, a process, "layer", …
        value: the number in the rule's unit; None where nobody can tell.
        reason: one sentence for a person. Where the value is None it holds no number that changes all the time.
    """

    subject: str
    value: float | None
    reason: str


@dataclass(frozen=True, slots=True)
class LayerFacts:
    """One committed layer, as the rules see it.

    Attributes:
        index: the layer.
        cameras: the build's cameras.
        gaps: why a camera has no frame, by camera.
        flaws: what is wrong with a frame that is there, by camera.
    """

    index: int
    cameras: tuple[str, ...]
    gaps: Mapping[str, str]
    flaws: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Usual:
    """What the layers before were like. None where too few are known.

    Attributes:
        area_mm2: running median of the melted area of believed layers.
        anchor: the believed layer whose place this one is compared with.
        measures: names of the measures that were there before, of a part as "part 3 Sa".
    """

    area_mm2: float | None = None
    anchor: int | None = None
    measures: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class ProductFacts:
    """One layer's products, as the rules see them.

    Attributes:
        index: the layer.
        state: OK, ANOMALY or MISSING.
        reason: why, for a person.
        device: where the models ran, "" where they did not run.
        asked_device: where they should.
        measures: numbers of this layer, by name.
        parts: the parts of this layer with their numbers.
        nominal_mm2: area of each part's reference, by its id; empty where there is none.
        reference_area_mm2: area of the reference mask; None where there is none.
        compared_with: what its place is compared with, in words; "" where there is nothing to compare it with.
        shift_mm: how far (x, y) the melted area stands beside that; None where that cannot be told.
        inconsistency: mean of the guard's map, 0 … 1; None where the picture is not super-resolved.
        upscaled: whether this layer should have a super-resolved picture.
        usual: what the layers before were like.
    """

    index: int
    state: ProductState
    reason: str = ""
    device: str = ""
    asked_device: str = ""
    measures: Mapping[str, Measure] = field(default_factory=dict)
    parts: tuple[PartInLayer, ...] = ()
    nominal_mm2: Mapping[int, float] = field(default_factory=dict)
    reference_area_mm2: float | None = None
    compared_with: str = ""
    shift_mm: tuple[float, float] | None = None
    inconsistency: float | None = None
    upscaled: bool = False
    usual: Usual = Usual()

    @property
    def believed(self) -> bool:
        """Whether its mask is believed."""
        return self.state is ProductState.OK


def part_measures(facts: ProductFacts) -> dict[str, Measure]:
    """Every number of every part, by a name such as "part 3 Sa"."""
    return {f"part {part.id} {measure.name}": measure for part in facts.parts for measure in part.measures}


@dataclass(frozen=True, slots=True)
class ProcessFacts:
    """One process, as the rules see it.

    Attributes:
        name: the process.
        status: what it said last; None where that cannot be read.
        age_s: how long ago, s.
        watched: whether it should be alive: it has started and has not said that it stopped.
    """

    name: str
    status: ProcessStatus | None
    age_s: float = 0.0
    watched: bool = True

    def fresh(self, silent_s: float) -> bool:
        """Whether it can be believed now."""
        return self.status is not None and self.age_s <= silent_s


@dataclass(frozen=True, slots=True)
class PlantFacts:
    """The plant now, as the rules see it.

    Attributes:
        processes: every process that ever wrote a heartbeat.
        silent_s: a heartbeat that is older is no longer believed, s.
        build: id of the running build, "" for none.
        since_layer_s: time since the last layer end of the running build; None where there is none yet.
        usual_s: usual time per layer of the running build; None where too few layers are known.
        laser_on_s: for how long each look found the laser on, s; None where nobody can tell.
        backlog: layers of the running build without products; None where no build runs.
        free_gb: free space of the store, GB; None where it cannot be read.
        full_in_h: hours until it is full; None where too little is known, infinite where it does not fill.
        ways: age of the oldest event that did not get through, s, and why, by way out.
        clock_step_s: how far the wall clock was set ahead just now (back: below 0), s; 0 where it was not.
    """

    processes: tuple[ProcessFacts, ...] = ()
    silent_s: float = 15.0
    build: str = ""
    since_layer_s: float | None = None
    usual_s: float | None = None
    laser_on_s: float | None = None
    backlog: int | None = None
    free_gb: float | None = None
    full_in_h: float | None = None
    ways: Mapping[str, tuple[float, str]] = field(default_factory=dict)
    clock_step_s: float = 0.0

    def process(self, name: str) -> ProcessFacts | None:
        """One process; None where it never ran."""
        return next((process for process in self.processes if process.name == name), None)

    def devices(self) -> Iterable[tuple[ProcessFacts, DeviceStatus]]:
        """Every device with the process that holds it."""
        for process in self.processes:
            if process.status and process.watched:
                yield from ((process, device) for device in process.status.devices)


F = TypeVar("F", LayerFacts, ProductFacts, PlantFacts)


@dataclass(frozen=True, slots=True)
class Rule(Generic[F]):
    """One rule: its name in the configuration, words, and the function that says what it looks at.

    Attributes:
        name: its key in [alarms.rules].
        title: what an alarm of it says, for a person.
        unit: of the value and the limit.
        look: facts in, samples out: none where the rule does not apply.
        picture: which picture of the layer shows why, "" for none: a product, "reference" or "frame".
    """

    name: str
    title: str
    unit: str
    look: Callable[[F], Iterable[Sample]]
    picture: str = ""


AXES: Mapping[type, Axis] = {LayerFacts: "layers", ProductFacts: "layers", PlantFacts: "seconds"}
"""What the rules over each kind of facts count."""
