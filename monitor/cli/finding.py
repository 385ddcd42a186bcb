"""One line of the doctor: what was looked at, whether it is well, and the cure."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Finding:
    """One thing looked at.

    Attributes:
        well: whether it is as it should be.
        what: "subject: what was found".
        cure: what to do, "" when well.
    """

    well: bool
    what: str
    cure: str = ""

    @property
    def subject(self) -> str:
        """What was looked at."""
        return self.what.partition(": ")[0]

    def plain(self) -> dict[str, str | bool]:
        """For programs."""
        return {"subject": self.subject, "well": self.well, "found": self.what.partition(": ")[2], "cure": self.cure}


def judged(subject: str, trouble: str, fine: str, cure: str) -> Finding:
    """Not well, with its cure, where there is trouble; else fine."""
    return Finding(False, f"{subject}: {trouble}", cure) if trouble else Finding(True, f"{subject}: {fine}")
