"""The bundles that the worker has loaded, against those that are active. Owns going back by itself when one fails."""

from __future__ import annotations

import structlog

from monitor.config import Settings
from monitor.domain import BundleError
from monitor.store import PURPOSES, ModelBook, ProductReader, Purpose, Standing, list_builds
from monitor.worker.choosing import directory_of
from monitor.worker.pipeline import Models, load_one
from monitor.worker.probation import Probation

log = structlog.get_logger("worker")

BY = "worker"


class ActiveModels:
    """Loads what is active and says when that is no longer so.

    Args:
        settings: the whole configuration.

    Attributes:
        proven: whether this process has made a product.
    """

    def __init__(self, settings: Settings) -> None:
        self.book = ModelBook(settings.store.root)
        self._settings = settings
        self._loaded: dict[Purpose, int] = {}
        self.probation = Probation(settings.store.root)
        self.proven = False

    def load(self) -> Models:
        """Load the active bundles. One that was activated and cannot be loaded is given up for the one before.

        So is one that has made no product yet while workers died of it.

        Raises:
            BundleError: a bundle of the configuration cannot be loaded.
        """
        while True:
            standings = self._standings()
            if self._deadly(standings):
                continue
            try:
                models = Models.load(
                    self._settings,
                    {p: directory_of(self._settings, self.book, found.active, p) for p, found in standings.items()},
                )
            except BundleError as error:
                if not self._give_up(standings, self._broken(standings), error):
                    raise
            else:
                self._loaded = {purpose: found.since for purpose, found in standings.items()}
                self.probation.rest()
                return models

    def changed(self) -> bool:
        """Whether other bundles are active than those that were loaded."""
        return any(found.since != self._loaded.get(purpose) for purpose, found in self._standings().items())

    def undo(self, error: BundleError) -> bool:
        """A model failed on a layer: give up the bundles that have not made a single product yet.

        One that has, and fails later, gets another process; where it fails there too before it makes any product, it is
        given up as well.

        Returns:
            Whether there were such; then others are active now.
        """
        standings = self._standings()
        blamed = (
            [] if self.proven else [p for p, found in standings.items() if found.active and found.active in error.what]
        )
        return self._give_up(standings, self._untried(standings) or blamed, error)

    def _deadly(self, standings: dict[Purpose, Standing]) -> bool:
        """Give up new bundles that workers died of; whether there were such."""
        untried = self._untried(standings)
        died = self.probation.begin({purpose: standings[purpose].since for purpose in untried})
        cure = "see the log for how they ended; compare it with the active one on recorded layers before trying again"
        return bool(died) and self._give_up(standings, untried, BundleError(died, cure=cure))

    def _untried(self, standings: dict[Purpose, Standing]) -> list[Purpose]:
        """Purposes whose bundle was activated and has made no product yet."""
        activated = [purpose for purpose, found in standings.items() if found.since]
        made = self._made() if activated else set()
        return [purpose for purpose in activated if standings[purpose].active not in made]

    def _standings(self) -> dict[Purpose, Standing]:
        return {purpose: self.book.standing(purpose) for purpose in PURPOSES}

    def _broken(self, standings: dict[Purpose, Standing]) -> list[Purpose]:
        """Purposes whose bundle cannot be loaded by itself."""
        broken: list[Purpose] = []
        for purpose, found in standings.items():
            try:
                load_one(self._settings, purpose, directory_of(self._settings, self.book, found.active, purpose))
            except BundleError:
                broken.append(purpose)
        return broken

    def _give_up(self, standings: dict[Purpose, Standing], purposes: list[Purpose], error: BundleError) -> bool:
        """Note the failure of those among the purposes whose bundle was activated; whether there were any."""
        activated = [purpose for purpose in purposes if standings[purpose].since]
        for purpose in activated:
            found = standings[purpose]
            log.error("active bundle given up", bundle=found.active, what=error.what, cure=error.cure)
            self.book.add("failed", found.active, purpose, by=BY, why=f"{error.what}; {error.cure}", of=found.since)
        return bool(activated)

    def _made(self) -> set[str]:
        """Bundles that the newest products of each build name."""
        root, product_set = self._settings.store.root, self._settings.worker.product_set
        made: set[str] = set()
        for build in list_builds(root):
            products = ProductReader.open(root, build.manifest.id, product_set)
            for index in products.layers()[-1:]:
                made |= set(products.record(index).bundles.values())
        return made
