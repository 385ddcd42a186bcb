"""`lpbf-monitor models`: which bundles there are, and whether they hold what they promise."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from monitor.cli.common import ConfigOption, err, out, settings_of, told
from monitor.domain import BundleError
from monitor.inference import Bundle, default_models_dir

app = typer.Typer(no_args_is_help=True, help="Model bundles.")


@app.command("list")
def list_(config: ConfigOption = None) -> None:
    """List the bundles with their kind, scale and digest."""
    with told():
        root = settings_of(config).worker.models or default_models_dir()
    table = Table("bundle", "kind", "version", "µm/px", "digest")
    for path in sorted(p.parent for p in root.glob("*/bundle.toml")):
        try:
            bundle = Bundle.load(path, self_test=False)
        except BundleError as error:
            table.add_row(path.name, "[red]refused[/]", "", "", error.what.splitlines()[0])
            continue
        m = bundle.manifest
        table.add_row(m.name, m.kind, m.version, f"{m.um_per_px:g}", bundle.digest[:12])
    out.print(table)


@app.command()
def verify(bundle: Annotated[Path, typer.Argument(help="Directory of a bundle.")]) -> None:
    """Check schema, hashes and the self-test of a bundle."""
    with told():
        loaded = Bundle.load(bundle)
    m = loaded.manifest
    out.print(f"[green]✓[/] {m.name} {m.version} ({m.kind}): schema, hashes and self-test hold", highlight=False)
    err.print(f"  digest {loaded.digest}", highlight=False)
