"""Rules applied: facts in, verdicts out. Owns what is known of every subject; refuses to keep and to tell anything."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Generic

from monitor.alarms.latch import Axis, Evidence, judge, weigh
from monitor.alarms.samples import F, Rule, Sample
from monitor.config import RuleSettings, RulesSettings
from monitor.config.alarms import SMALLER_IS_WORSE
from monitor.domain import Reading

Key = tuple[str, str]
"""(rule, subject)."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a rule says of a subject now, and what that makes of it.

    Attributes:
        reading: the reading.
        evidence: whether the trouble, or not knowing, counts as there.
        rule: the rule's settings.
        picture: which picture of the layer shows why, "" for none.
    """

    reading: Reading
    evidence: Evidence
    rule: RuleSettings
    picture: str = ""


class Bench(Generic[F]):
    """Applies the rules over one kind of facts, in their order.

    Args:
        rules: the table.
        settings: limits and patience.
        axis: what the rules count.
        evidence: what was known before, by rule and subject.
    """

    def __init__(
        self, rules: Sequence[Rule[F]], settings: RulesSettings, axis: Axis, evidence: dict[Key, Evidence] | None = None
    ) -> None:
        self._rules: list[tuple[Rule[F], RuleSettings]] = [
            (rule, settings.rule(rule.name)) for rule in rules if settings.rule(rule.name).enabled
        ]
        self._axis = axis
        self.evidence: dict[Key, Evidence] = dict(evidence or {})

    def take(self, facts: F, *, build: str = "", layer: int | None = None, elapsed: float = 0.0) -> list[Verdict]:
        """Judge one set of facts.

        Args:
            facts: of one layer, or of the plant now.
            build: the build they are about, "" for none.
            layer: the layer they are about, None for the plant.
            elapsed: seconds since the facts before; not used where layers are counted.
        """
        return [
            self._verdict(rule, settings, sample, build, layer, elapsed)
            for rule, settings in self._rules
            for sample in self._samples(rule, facts)
        ]

    def _samples(self, rule: Rule[F], facts: F) -> Iterator[Sample]:
        """What the rule sees; on the plant, what it saw before and sees no more is well: nobody watches it now."""
        seen = set()
        for sample in rule.look(facts):
            seen.add(sample.subject)
            yield sample
        if self._axis == "seconds":
            gone = [subject for name, subject in self.evidence if name == rule.name and subject not in seen]
            for subject in gone:
                yield Sample(subject, _WELL[rule.name in SMALLER_IS_WORSE], f"{subject}: nothing to judge any more")

    def _verdict(
        self, rule: Rule[F], settings: RuleSettings, sample: Sample, build: str, layer: int | None, elapsed: float
    ) -> Verdict:
        key = (rule.name, sample.subject)
        before = self.evidence.get(key, Evidence())
        state = judge(before, sample.value, settings, smaller_is_worse=rule.name in SMALLER_IS_WORSE)
        self.evidence[key] = after = weigh(before, state, elapsed, settings, self._axis)
        reading = Reading(
            rule.name, rule.title, sample.subject, sample.value, settings.limit, rule.unit, state, sample.reason,
            build, layer,
        )  # fmt: skip
        return Verdict(reading, after, settings, rule.picture)


_WELL = {False: 0.0, True: 1e9}
