"""`lpbf-monitor models`: which bundles there are, and whether they hold what they promise."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from monitor.cli.common import ConfigOption, err, out, settings_of, told
from monitor.domain import BundleError

app = typer.Typer(no_args_is_help=True, help="Model bundles.")


@app.command("list")
def list_(config: ConfigOption = None) -> None:
    """List the bundles with their kind, scale and digest."""
    from monitor.inference import Bundle  # here: acquisition must not load a model's run time

    with told():
        root = _models_dir(config)
    table = Table("bundle", "kind", "version", "µm/px", "digest")
    for path in _bundles(root):
        try:
            bundle = Bundle.load(path, self_test=False)
        except BundleError as error:
            table.add_row(escape(path.name), "[red]refused[/]", "", "", escape(error.what.splitlines()[0]))
            continue
        m = bundle.manifest
        scale = "any" if m.um_per_px is None else f"{m.um_per_px:g}"
        table.add_row(m.name, m.kind, m.version, scale, bundle.digest[:12])
    out.print(table)


@app.command()
def verify(
    bundle: Annotated[str, typer.Argument(help="Name or directory of a bundle; without one, all are checked.")] = "",
    config: ConfigOption = None,
) -> None:
    """Check schema, hashes and self-test of one bundle or of all."""
    from monitor.inference import find_bundle

    with told():
        root = _models_dir(config)
        if bundle:
            _verify(Path(bundle) if Path(bundle).is_dir() else find_bundle(root, bundle))
            return
        paths = _bundles(root)
        if not paths:
            raise BundleError(f"there is no bundle in {root}", cure="put a bundle there or set worker.models")
    if sum(_refused(path) for path in paths):
        raise typer.Exit(2)


def _models_dir(config: Path | None) -> Path:
    from monitor.inference import default_models_dir

    return settings_of(config).worker.models or default_models_dir()


def _bundles(root: Path) -> list[Path]:
    return sorted(path.parent for path in root.glob("*/bundle.toml"))


def _verify(path: Path) -> None:
    from monitor.inference import Bundle

    loaded = Bundle.load(path)
    m = loaded.manifest
    out.print(
        f"[green]✓[/] {m.name} {m.version} ({m.kind}): schema, hashes and self-test hold",
        highlight=False,
        soft_wrap=True,
    )
    err.print(f"  digest {loaded.digest}", highlight=False, soft_wrap=True)


def _refused(path: Path) -> bool:
    """Verify one of many: say what is wrong and go on."""
    try:
        with told():
            _verify(path)
    except typer.Exit:
        return True
    return False
