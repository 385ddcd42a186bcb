"""What the alarm rules say now, for those who show it. Owns one file beside the alarms; refuses to judge it.

As a heartbeat it is worth a second: replaced whole, but not fsynced.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from monitor.domain import Reading, Uptime
from monitor.store.disk import make_folder
from monitor.store.layout import alarms_folder
from monitor.store.reserve import from_reserve


@dataclass(frozen=True)
class Readings:
    """Every rule's reading.

    Attributes:
        time: UTC time at which they were read, ISO 8601.
        readings: one for each rule and subject.
        uptime: the same moment by a clock that nobody can set.
    """

    time: str
    readings: tuple[Reading, ...]
    uptime: Uptime | None = None

    def age_s(self, now: datetime) -> float:
        """Seconds since they were read; `now` (UTC) counts for those of another boot or machine."""
        age_s = Uptime.now().since(self.uptime)
        return (now - datetime.fromisoformat(self.time)).total_seconds() if age_s is None else age_s


_adapter = TypeAdapter(Readings)


def write_readings(root: Path, readings: Readings) -> None:
    """Replace what the rules say.

    Raises:
        StoreError: the store cannot be written.
    """
    path = alarms_folder(root) / "readings.json"
    partial = path.with_name(f".{path.name}.partial")
    data = _adapter.dump_json(readings)

    def write() -> None:
        make_folder(path.parent, root)
        partial.write_bytes(data)
        partial.replace(path)

    from_reserve(root, "readings of the alarm rules", write)


def read_readings(root: Path) -> Readings | None:
    """What the rules said last; None where they never did, or where it cannot be read."""
    try:
        return _adapter.validate_json((alarms_folder(root) / "readings.json").read_bytes())
    except (OSError, ValidationError):
        return None
