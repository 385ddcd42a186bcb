"""`lpbf-monitor users`: who may log in, and which programs may ask. Run it as the service's own user."""

from __future__ import annotations

import getpass
import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from monitor.cli.common import ConfigOption, err, out, settings_of, told
from monitor.domain import MonitorError, Role

if TYPE_CHECKING:
    from monitor.web.accounts import Accounts
    from monitor.web.audit import Audit

app = typer.Typer(help="Who may log in, and which programs may ask.", no_args_is_help=True)

NameArgument = Annotated[str, typer.Argument(help="Name of the user: a-z, 0-9, dot, dash, underscore.")]
RoleOption = Annotated[Role, typer.Option(help="What they may do.")]
InputOption = Annotated[bool, typer.Option("--stdin", help="Read the password from the first line of the input.")]


@app.command()
def add(
    name: NameArgument, role: RoleOption = Role.VIEWER, stdin: InputOption = False, config: ConfigOption = None
) -> None:
    """Add a user; asks for the password."""
    _do(config, f"users add {name} --role {role}", lambda accounts: accounts.add(name, role, _password(stdin)))
    err.print(f"✓ {name} may log in as {role}", highlight=False)


@app.command()
def passwd(name: NameArgument, stdin: InputOption = False, config: ConfigOption = None) -> None:
    """Set a user's password; ends all of the user's sessions."""
    _do(config, f"users passwd {name}", lambda accounts: accounts.change_password(name, _password(stdin)))
    err.print(f"✓ {name} has a new password and is logged out everywhere", highlight=False)


@app.command()
def role(
    name: NameArgument, to: Annotated[Role, typer.Argument(help="The new role.")], config: ConfigOption = None
) -> None:
    """Give a user another role, from the next request on."""
    _do(config, f"users role {name} {to}", lambda accounts: accounts.change_role(name, to))
    err.print(f"✓ {name} is {to}", highlight=False)


@app.command()
def remove(name: NameArgument, config: ConfigOption = None) -> None:
    """Remove a user; ends all of the user's sessions."""
    _do(config, f"users remove {name}", lambda accounts: accounts.remove(name))
    err.print(f"✓ {name} may not log in any more", highlight=False)


@app.command()
def token(
    name: Annotated[str, typer.Argument(help="Name of the program, such as grafana.")],
    role: RoleOption = Role.VIEWER,
    days: Annotated[float, typer.Option(help="How long it holds, in days.", min=0.01, max=3660.0)] = 365.0,
    revoke: Annotated[bool, typer.Option("--revoke", help="Make the token of that name useless at once.")] = False,
    config: ConfigOption = None,
) -> None:
    """Make an API token for a program and print it this once; or revoke one."""
    if revoke:
        _do(config, f"users token {name} --revoke", lambda accounts: accounts.revoke_token(name))
        err.print(f"✓ the token {name} is useless now", highlight=False)
        return
    made: list[str] = []
    _do(
        config,
        f"users token {name} --role {role}",
        lambda accounts: made.append(accounts.add_token(name, role, days * 86400)),
    )
    typer.echo(made[0])


@app.command("list")
def list_(config: ConfigOption = None) -> None:
    """List users and tokens."""
    with told():
        book = _open(config)[0].book()
    table = Table("", "name", "role", "since", "until")
    for name, user in sorted(book.users.items()):
        table.add_row("user", name, user.role, f"{user.created:%Y-%m-%d}", "")
    for kept in sorted(book.tokens.values(), key=lambda kept: kept.name):
        table.add_row("token", kept.name, kept.role, f"{kept.created:%Y-%m-%d}", f"{kept.expires:%Y-%m-%d}")
    out.print(table)


def _do(config: ConfigOption, command: str, deed: Callable[[Accounts], object]) -> None:
    """Do it and write it to the audit log, refused or done."""
    with told():
        accounts, audit = _open(config)
        try:
            deed(accounts)
        except MonitorError:
            audit.add(_who(), "", "", command, "refused")
            raise
        audit.add(_who(), "", "", command, "done")


def _open(config: ConfigOption) -> tuple[Accounts, Audit]:
    from monitor.web.accounts import Accounts
    from monitor.web.audit import Audit

    root = settings_of(config).store.root
    return Accounts(root), Audit(root)


def _who() -> str:
    """Who sits at the terminal, also behind sudo."""
    return f"command line: {os.environ.get('SUDO_USER') or getpass.getuser()}"


def _password(stdin: bool) -> str:
    if stdin:
        return typer.get_text_stream("stdin").readline().rstrip("\r\n")
    typed: str = typer.prompt("Password", hide_input=True, confirmation_prompt=True, err=True)
    return typed
