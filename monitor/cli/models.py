"""`lpbf-monitor models`: which bundles there are, whether they hold, and which of them are in use."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape
from rich.table import Column, Table

from monitor.cli import shadow, spread
from monitor.cli.common import ConfigOption, err, lives, out, person, settings_of, told
from monitor.config import Settings
from monitor.domain import BundleError
from monitor.store import PURPOSES, ModelBook, ModelEvent, Purpose, comparisons

if TYPE_CHECKING:
    from monitor.worker import Verdict

app = typer.Typer(
    no_args_is_help=True, help="Model bundles: which there are, which are in use, and how to change that."
)
app.command("shadow")(shadow.shadow)
app.command("calibrate")(spread.calibrate)

BundleArgument = Annotated[str, typer.Argument(help="NAME or NAME@DIGEST of a bundle.")]
WhyOption = Annotated[str, typer.Option("--why", help="Why, for the history.")]
WaitOption = Annotated[float, typer.Option("--wait", help="Seconds to wait for the worker's answer.")]
LOOK_S = 0.2


@app.command("list")
def list_(config: ConfigOption = None) -> None:
    """List the bundles with their kind, scale and use."""
    from monitor.inference import Bundle  # here: acquisition must not load a model's run time
    from monitor.worker import everywhere, notices

    with told():
        settings = settings_of(config)
        book = ModelBook(settings.store.root)
        uses = _uses(settings, book)
        places = everywhere(settings, book)
    table = Table(
        Column("bundle", no_wrap=True), "kind", "version", "µm/px", Column("digest", no_wrap=True), "use", "from"
    )
    copies = set(_bundles(_models_dir(settings))) - set(places.values())
    for path in [*places.values(), *sorted(copies)]:
        try:
            bundle = Bundle.load(path, self_test=False)
            if path in copies and bundle.label in places:
                continue  # the store's copy of it was listed
        except BundleError as error:
            table.add_row(escape(path.name), "[red]refused[/]", "", "", "", "", escape(error.what.splitlines()[0]))
            continue
        m = bundle.manifest
        scale = "any" if m.um_per_px is None else f"{m.um_per_px:g}"
        origin = "store" if path.is_relative_to(book.folder) else "configured folder"
        table.add_row(m.name, m.kind, m.version, scale, bundle.digest[:12], uses.get(bundle.label, ""), origin)
    out.print(table)
    for notice in notices(book):
        err.print(f"! {notice}", highlight=False, soft_wrap=True, markup=False)


@app.command()
def verify(
    bundle: Annotated[str, typer.Argument(help="Name or directory of a bundle; without one, all are checked.")] = "",
    config: ConfigOption = None,
) -> None:
    """Check schema, hashes, self-test, device and one drawn layer of one bundle or of all, in a bounded process."""
    from monitor.worker import everywhere, find

    with told():
        settings = settings_of(config)
        book = ModelBook(settings.store.root)
        if bundle:
            _verify(settings, Path(bundle) if Path(bundle).is_dir() else find(settings, book, bundle))
            return
        paths = sorted({*everywhere(settings, book).values(), *_bundles(_models_dir(settings))})
        if not paths:
            raise BundleError(
                f"there is no bundle in {_models_dir(settings)}", cure="put a bundle there or set worker.models"
            )
    if sum(_refused(settings, path) for path in paths):
        raise typer.Exit(2)


@app.command("import")
def import_(
    path: Annotated[
        Path, typer.Argument(help="A bundle's folder, .zip or manifest, or a model's file with its manifest beside it.")
    ],
    why: WhyOption = "",
    config: ConfigOption = None,
) -> None:
    """Check and try a bundle and keep a copy in the store; nothing becomes active."""
    from monitor.worker import take_in

    with told():
        settings = settings_of(config)
        book, nice = ModelBook(settings.store.root), _nice(settings)
        verdict = take_in(settings, book, path, by=person(), why=why or f"import of {path.name}", nice=nice)
    _say(f"[green]✓[/] {verdict.label} is in the store: {_words(verdict)}")
    _say("  next: lpbf-monitor models shadow " + verdict.label + " --build BUILD")


@app.command()
def wrap(
    checkpoint: Annotated[Path, typer.Argument(help="A .pth of Segment Anything (vit_b, vit_l, vit_h) or MobileSAM.")],
    name: Annotated[str, typer.Option(help="Name of the bundle.")],
    licence: Annotated[str, typer.Option(help="Licence of the weights.")] = "Apache-2.0",
    to: Annotated[Path, typer.Option("--to", help="Folder in which the bundle's folder is made.")] = Path(),
) -> None:
    """Make a segmenter bundle of a published checkpoint: a copy, a self-test, a manifest. Needs torch."""
    from monitor.inference.wrapping import wrap_checkpoint

    with told():
        made = wrap_checkpoint(checkpoint, to, name, licence)
    _say(f"[green]✓[/] {made}")
    _say(f"  next: lpbf-monitor models import {made}")


@app.command()
def export(
    bundle: BundleArgument,
    to: Annotated[Path, typer.Option("--to", help="The .zip to write, or a folder.")] = Path(),
    config: ConfigOption = None,
) -> None:
    """Write a bundle as one .zip, to import elsewhere."""
    from monitor.inference import Bundle, pack
    from monitor.worker import find

    with told():
        settings = settings_of(config)
        found = find(settings, ModelBook(settings.store.root), bundle)
        path = pack(Bundle.load(found, self_test=False), to)
    _say(str(path))


@app.command()
def activate(
    bundle: BundleArgument,
    why: WhyOption = "",
    force: Annotated[bool, typer.Option("--force", help="Without a comparison; --why must say the reason.")] = False,
    wait: WaitOption = 60.0,
    config: ConfigOption = None,
) -> None:
    """Use a bundle from the next layer on; it must have been compared with the active one."""
    from monitor.inference import Bundle
    from monitor.worker import find, purpose_of, take_in

    with told():
        settings = settings_of(config)
        book = ModelBook(settings.store.root)
        directory = find(settings, book, bundle)
        found = Bundle.load(directory, self_test=False)
        purpose = purpose_of(found)
        _allowed(settings, book, found.label, purpose, force=force, why=why)
        if found.label not in book.kept():
            take_in(settings, book, directory, by=person(), why="to be activated", nice=_nice(settings))
        ask = book.add("asked", found.label, purpose, by=person(), why=why or "compared", forced=force)
        _await(settings, book, ask, wait)


@app.command()
def rollback(
    purpose: Annotated[str, typer.Argument(help="upscale or segment; without one, the last that was changed.")] = "",
    why: WhyOption = "",
    wait: WaitOption = 60.0,
    config: ConfigOption = None,
) -> None:
    """Use the bundle that was in use before, from the next layer on."""
    with told():
        settings = settings_of(config)
        book = ModelBook(settings.store.root)
        chosen = _changed(book, purpose)
        label, _ = book.standing(chosen).before[-1]
        ask = book.add("asked", label, chosen, by=person(), why=why or "rolled back", back=True)
        _await(settings, book, ask, wait)


@app.command()
def history(config: ConfigOption = None) -> None:
    """Say who did what, when and why."""
    with told():
        events = ModelBook(settings_of(config).store.root).events()
    table = Table(*(Column(name, overflow="fold") for name in ("no.", "time", "what")))
    table.add_column("bundle", no_wrap=True)  # its label is copied
    for name in ("for", "by", "why"):
        table.add_column(name, overflow="fold")
    for event in events:
        forced = " (forced)" if event.forced else " (back)" if event.back else ""
        table.add_row(
            str(event.number), event.time[:19], event.what + forced, escape(event.bundle or "configured"),
            event.purpose, escape(event.by), escape(event.why),
        )  # fmt: skip
    out.print(table)


def _allowed(settings: Settings, book: ModelBook, label: str, purpose: Purpose, *, force: bool, why: str) -> None:
    """Refuse what is active already, and what was not compared with the active bundle unless forced with a reason."""
    active = _active(settings, book, purpose)
    if label == active:
        raise BundleError(f"bundle {label} is the active one already", cure="nothing is to be done")
    if any((c.candidate, c.active) == (label, active) for c in comparisons(settings.store.root)):
        return
    if not force:
        raise BundleError(
            f"bundle {label} was never compared with the active {active}",
            cure=f"run `lpbf-monitor models shadow {label} --build BUILD` first, or give --force and --why",
        )
    if not why:
        raise BundleError("--force without a reason", cure='say why, for the history: --why "…"')


def _await(settings: Settings, book: ModelBook, ask: ModelEvent, wait_s: float) -> None:
    """Wait until the worker has settled what was asked for, and say the outcome.

    Raises:
        BundleError: it was not activated.
    """
    if not lives(settings.store.root, "worker"):
        _say(f"… {ask.bundle or 'the configured bundle'} will be tried and used when the worker starts")
        return
    until = time.monotonic() + wait_s
    while time.monotonic() < until:
        for event in book.events():
            if event.of == ask.number and event.what == "activated":
                _say(f"[green]✓[/] {ask.bundle or 'the configured bundle'} is active from the next layer on")
                return
            if event.of == ask.number and event.what == "failed":
                raise BundleError(
                    f"{ask.bundle or 'the configured bundle'} was not activated, the one before stays: {event.why}",
                    cure="correct the bundle and import it again",
                )
        time.sleep(LOOK_S)
    _say("… asked for; the worker has not answered yet: see `lpbf-monitor models history`")


def _changed(book: ModelBook, purpose: str) -> Purpose:
    """The purpose to roll back: the one that was named, or the one that was changed last."""
    able = [known for known in PURPOSES if book.standing(known).before]
    if purpose:
        able = [known for known in able if known == purpose]
    if not able:
        raise BundleError("there is no bundle to go back to", cure="see `lpbf-monitor models history`")
    return max(able, key=lambda known: book.standing(known).since)


def _active(settings: Settings, book: ModelBook, purpose: Purpose) -> str:
    from monitor.worker import configured, label_of

    return book.standing(purpose).active or label_of(configured(settings, purpose))


def _uses(settings: Settings, book: ModelBook) -> dict[str, str]:
    uses = {}
    for purpose in PURPOSES:
        try:
            uses[_active(settings, book, purpose)] = f"active: {purpose}"
        except BundleError as error:
            err.print(f"! {purpose}: {error.what}", highlight=False, soft_wrap=True, markup=False)
        pending = book.standing(purpose).pending
        if pending:
            uses[pending.bundle] = f"asked for: {purpose}"
    return uses


def _models_dir(settings: Settings) -> Path:
    from monitor.inference import default_models_dir

    return settings.worker.models or default_models_dir()


def _bundles(root: Path) -> list[Path]:
    return sorted(path.parent for path in root.glob("*/bundle.toml"))


def _verify(settings: Settings, path: Path) -> None:
    from monitor.inference import Bundle
    from monitor.worker import try_bundle

    verdict = try_bundle(path, settings, nice=_nice(settings))
    loaded = Bundle.load(path, self_test=False)
    m = loaded.manifest
    _say(f"[green]✓[/] {m.name} {m.version} ({m.kind}): schema, hashes and self-test hold")
    err.print(f"  digest {loaded.digest}; {_words(verdict)}", highlight=False, soft_wrap=True)


def _nice(settings: Settings) -> int:
    """A trial beside a worker that makes layers steps back."""
    from monitor.worker import POLITE

    return POLITE if lives(settings.store.root, "worker") else 0


def _words(verdict: Verdict) -> str:
    worst = max(verdict.self_test.values(), default=0.0)
    layer = "" if verdict.seconds is None else f", a drawn layer took {verdict.seconds:.2f} s"
    return (
        f"self-test within {worst:.2g} of what is stored, ran on {verdict.device}{layer}, "
        f"at most {verdict.peak_mb:.0f} MB"
    )


def _refused(settings: Settings, path: Path) -> bool:
    """Verify one of many: say what is wrong and go on."""
    try:
        with told():
            _verify(settings, path)
    except typer.Exit:
        return True
    return False


def _say(text: str) -> None:
    out.print(text, highlight=False, soft_wrap=True)
