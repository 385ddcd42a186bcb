"""Room on the disk, watched beside the captures. Owns a thread that forecasts and makes room; no layer waits for it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Self

import structlog

from monitor.config import Settings
from monitor.domain import StoreError
from monitor.store import Forecast, forecast_for, make_room

log = structlog.get_logger("acquire")

LOOK_S = 10.0


class SpaceWatch:
    """Looks at the store's disk every ten seconds. A context manager.

    Args:
        settings: the whole configuration.
        build: gives the id of the build at hand, "" for none.
    """

    def __init__(self, settings: Settings, build: Callable[[], str]) -> None:
        self._settings = settings
        self._build = build
        self._forecast: Forecast | None = None
        self._warned = ""
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._run, name="space", daemon=True)

    @property
    def facts(self) -> Mapping[str, object]:
        """The forecast for the heartbeat; empty before the first look."""
        seen = self._forecast
        if seen is None:
            return {}
        return {
            "space": seen.words,
            "space_enough": seen.enough,
            "space_layers_until_full": seen.layers_until_full,
            "space_layer_bytes": round(seen.layer_bytes),
        }

    def look(self) -> None:
        """Make room where the configuration says so, and forecast; a failure is logged, and tried again."""
        try:
            make_room(self._settings.store)
            build = self._build()
            self._forecast = forecast_for(self._settings, build)
        except (StoreError, OSError) as error:
            log.warning("space not known", reason=str(error))
            return
        if self._forecast.enough is False and self._warned != build:
            log.warning("space may not suffice", forecast=self._forecast.words)
            self._warned = build

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop; a removal under way is finished by the next start."""
        self._done.set()

    def _run(self) -> None:
        self.look()
        while not self._done.wait(LOOK_S):
            self.look()
