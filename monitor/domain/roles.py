"""What a person may do. Refuses to know who has which role."""

from __future__ import annotations

from enum import StrEnum


class Role(StrEnum):
    """What a person may do; each role may do everything that those before it may."""

    VIEWER = "viewer"
    """Reads everything but the audit log."""
    OPERATOR = "operator"
    """Acknowledges alarms, ends a build, orders reports."""
    ENGINEER = "engineer"
    """Changes how builds are judged: models, rules, calibration."""
    ADMIN = "admin"
    """Manages users and reads the audit log."""

    @property
    def rank(self) -> int:
        """0 for the least."""
        return list(Role).index(self)
