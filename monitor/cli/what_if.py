"""`lpbf-monitor replay BUILD --as NAME` and `--evidence`: recorded layers made otherwise, or exactly as before."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import typer

from monitor.cli.common import err, out, progress_bar, stop_event
from monitor.cli.log import set_up_log
from monitor.config import Settings
from monitor.domain import ConfigError
from monitor.store import BuildReader, ModelBook, ProductReader

MOST_LINES = 20


def make(settings: Settings, build: str, name: str, bundles: Sequence[str], changes: Sequence[str]) -> None:
    """Make a product set of this name beside the others, with other bundles and settings.

    Raises:
        ConfigError: no name, the name of the live set, a set that was made otherwise, or a setting that cannot be.
        BundleError: a bundle is not there or cannot be used.
    """
    from monitor.inference import Bundle  # here: acquisition must not load a model's run time
    from monitor.worker import Models, changed, find, process_build, purpose_of, recipe_of

    if not name or name == settings.worker.product_set:
        raise ConfigError(
            f"--as {name}: not a name for products beside '{settings.worker.product_set}'",
            cure="give another name: --as what-if-1",
        )
    settings = _named(changed(settings, changes), name)
    models = Models.load(settings)
    for bundle in bundles:
        directory = find(settings, ModelBook(settings.store.root), bundle)
        models = models.with_bundle(settings, purpose_of(Bundle.load(directory, self_test=False)), directory)
    products = ProductReader.open(settings.store.root, build, name)
    for index in products.layers()[-1:]:
        record = products.record(index)
        if dict(record.recipe) != recipe_of(settings) or not set(record.bundles.values()) <= set(models.names.values()):
            raise ConfigError(
                f"--as {name}: these products were made with other bundles or settings", cure="give another name"
            )
    set_up_log(settings.log.model_copy(update={"level": "warning"}), "replay")
    with progress_bar() as bar:
        task = bar.add_task("layers", total=len(BuildReader.open(settings.store.root, build).layers()))
        done = process_build(settings, models, build, stop_event(), lambda product: bar.advance(task))
    out.print(f"{build}: {done} layers made into '{name}'", highlight=False, soft_wrap=True)


def show_evidence(settings: Settings, build: str) -> None:
    """Make every stored product again and say what is not the same; exits with 1 where anything is not."""
    from monitor.worker import make_again

    differing: list[str] = []
    counted: Counter[str] = Counter()
    with progress_bar() as bar:
        task = bar.add_task("layers", total=None)
        for again in make_again(settings, build, stop_event(), lambda layers: bar.update(task, total=layers)):
            counted["layers"] += 1
            counted["assumed"] += again.assumed
            if again.differs:
                differing.append(f"layer {again.index}: {', '.join(again.differs)}")
            bar.advance(task)
    for line in differing[:MOST_LINES]:
        err.print(f"✗ {line}", highlight=False, soft_wrap=True, markup=False)
    same = counted["layers"] - len(differing)
    words = f"{build}: {same} of {counted['layers']} layers are the same bit for bit"
    if counted["assumed"]:
        words += f"; {counted['assumed']} do not say their settings, so the present ones were taken"
    out.print(words, highlight=False, soft_wrap=True)
    if differing or not counted["layers"]:
        raise typer.Exit(1)


def _named(settings: Settings, name: str) -> Settings:
    """The settings with another product set, checked as the configuration is."""
    try:
        worker = type(settings.worker).model_validate(settings.worker.model_dump() | {"product_set": name})
    except ValueError as error:
        raise ConfigError(
            f"--as {name}: cannot be the name of a product set", cure="use a-z, 0-9, '-' and '_', a letter first"
        ) from error
    return settings.model_copy(update={"worker": worker})
