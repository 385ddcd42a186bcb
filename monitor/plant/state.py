"""The monitor's state at one moment, for those who must be told it. Owns what is read; refuses to know protocols."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from monitor.config import Settings
from monitor.domain import Alarm, ProcessStatus
from monitor.plant.tally import BuildSums, Tally
from monitor.store import AlarmBook, list_builds, read_statuses

OFF = ("off", "stopped")
FOLLOWED = ("acquire", "worker", "alarms")


@dataclass(frozen=True)
class PlantState:
    """The newest state of the store.

    Attributes:
        build: id of the build at hand, "" before the first.
        sums: its sums, None before the first build.
        layer_seconds: seconds of each stage of the layer that was processed last.
        up: whether each process gave a sign of life lately.
        disk_free_bytes: free space of the store, None where it cannot be read.
        alarms: the alarms that are not closed, oldest first.
    """

    build: str
    sums: BuildSums | None
    layer_seconds: Mapping[str, float]
    up: Mapping[str, bool]
    disk_free_bytes: int | None
    alarms: tuple[Alarm, ...]


class Lookout:
    """Looks at the store; used by one thread at a time.

    Args:
        settings: `store`, `worker.product_set` and `web.stale_after_s` are used.
    """

    def __init__(self, settings: Settings) -> None:
        self._root = settings.store.root
        self._stale_s = settings.web.stale_after_s
        self._tally = Tally(self._root, settings.worker.product_set, datetime.now(UTC))
        self._book = AlarmBook(self._root)

    def look(self) -> PlantState:
        """The newest state.

        Raises:
            StoreError: the store cannot be read.
        """
        now, statuses = datetime.now(UTC), {status.process: status for status in read_statuses(self._root)}
        up = {name: name in statuses and is_up(statuses[name], now, self._stale_s) for name in FOLLOWED}
        acquired = statuses["acquire"].build if up["acquire"] else ""
        build, sums = self._tally.read(list_builds(self._root), acquired)
        timings = statuses["worker"].facts.get("timings_s", {}) if "worker" in statuses else {}
        return PlantState(build, sums, dict(timings), up, self._free(), self._book.open())

    def _free(self) -> int | None:
        try:
            return shutil.disk_usage(self._root).free
        except OSError:
            return None


def age_s(status: ProcessStatus, now: datetime) -> float:
    """Seconds since the heartbeat; very many where it cannot be read."""
    return max(0.0, status.age_s(now))


def is_up(status: ProcessStatus, now: datetime, stale_s: float) -> bool:
    """Whether a process gave a sign of life lately and did not say that it stopped."""
    return age_s(status, now) <= stale_s and status.state not in OFF


def temperatures_c(status: ProcessStatus) -> dict[str, float]:
    """Temperature of each camera that tells, °C, as its process says."""
    said = status.facts.get("temperatures_c")
    known = said.items() if isinstance(said, dict) else ()
    return {str(name): float(value) for name, value in known if isinstance(value, int | float)}
