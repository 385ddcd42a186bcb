"""Parts that no training saw, by every method. Owns which parts and how they are made; refuses to compare them."""

from __future__ import annotations

from dataclasses import dataclass

from monitor.domain import Image
from monitor.study.data import LayerPair, split_parts, tiles
from monitor.study.desk import Desk, part_plates
from monitor.study.findings import Findings
from monitor.study.methods import Method
from monitor.study.stacks import Box, Stack, stacks, true_stacks

HR, TRUTH = "HR", "truth"


@dataclass(frozen=True, slots=True)
class HeldOut:
    """Held-out parts of data set A.

    Attributes:
        pairs: consecutive layers.
        boxes: where the parts are.
        of: how many parts there are with those that were trained on.
        methods: those that there are.
        pictures: a picture a layer, by the method's name.
        stacks: a stack a part, by how the method is called in tables, and of "HR" and "truth".
    """

    pairs: tuple[LayerPair, ...]
    boxes: tuple[Box, ...]
    of: int
    methods: tuple[Method, ...]
    pictures: dict[str, list[Image]]
    stacks: dict[str, list[Stack]]


def held_out_parts(desk: Desk, found: Findings) -> HeldOut:
    """Draw, segment and stack the parts of the test split; models are trained on the others. The missing are said."""
    pairs = desk.data_set("A").layers[: desk.plan.sweep.stack_layers]
    boxes = tiles(pairs[0])
    train, test = ([boxes[k] for k in numbers] for numbers in split_parts(pairs[0], desk.plan.seed))
    methods = desk.methods(part_plates(pairs, train), found)
    pictures = {m.name: [desk.picture(m, pair, desk.plan.seed) for pair in pairs] for m in methods}
    made = {m.title: stacks(desk, pictures[m.name], pairs, test) for m in methods}
    made |= {HR: stacks(desk, [pair.hr for pair in pairs], pairs, test), TRUTH: true_stacks(pairs, test)}
    return HeldOut(pairs, tuple(test), len(boxes), tuple(methods), pictures, made)
