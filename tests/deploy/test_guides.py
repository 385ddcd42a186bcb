"""What the README and the guides point at is there: files, commands and their options."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer

from monitor.cli.main import app
from tests.cli.in_process import invoke

REPOSITORY = Path(__file__).resolve().parents[2]
GUIDES = sorted((REPOSITORY / "deploy/guides").glob("*.md"))
PAGES = [REPOSITORY / "README.md", REPOSITORY / "CHANGELOG.md", *GUIDES]
BLOCK = re.compile(r"```.*?```", re.DOTALL)
LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
COMMAND = re.compile(r"lpbf-monitor (?!lpbf-)([a-z]+)(?: ([a-z]+))?([^#|&;`\n]*)")

named = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)


def links(text: str) -> list[str]:
    """Targets of the links that lead to a file of this repository."""
    found = LINK.findall(BLOCK.sub("", text))
    return [target.split("#")[0] for target in found if "://" not in target and not target.startswith("#")]


def wrong(text: str) -> Iterator[str]:
    """Commands, and options of commands, that nobody could type."""
    for verb, second, rest in COMMAND.findall(text):
        yield from _wrong(verb, second, rest)


def _wrong(verb: str, second: str, rest: str) -> Iterator[str]:
    command = getattr(typer.main.get_command(app), "commands", {}).get(verb)
    inner = getattr(command, "commands", {})
    if command is None or (inner and second and second not in inner):
        yield f"lpbf-monitor {verb} {second}"
        return
    parameters = inner.get(second, command).params
    known = {"--help"} | {option for one in parameters for option in (*one.opts, *one.secondary_opts)}
    yield from (f"{verb} {second} {option}" for option in re.findall(r"--[a-z-]+", rest) if option not in known)


@named
def test_every_link_leads_to_a_file(page: Path) -> None:
    """Relative to the page that has it."""
    assert [target for target in links(page.read_text(encoding="utf-8")) if not (page.parent / target).exists()] == []


@named
def test_every_command_can_be_typed(page: Path) -> None:
    """Its verb is there, and its options are that verb's."""
    assert list(wrong(page.read_text(encoding="utf-8"))) == []


def test_the_reference_of_the_configuration_is_the_one_that_is_printed() -> None:
    """`lpbf-monitor config reference > deploy/guides/configuration.md` changes nothing."""
    printed = invoke("config", "reference").output
    assert (REPOSITORY / "deploy/guides/configuration.md").read_text(encoding="utf-8") == printed


def test_the_readme_names_every_guide() -> None:
    """Nobody has to find one by chance."""
    told = links((REPOSITORY / "README.md").read_text(encoding="utf-8"))
    assert [guide.name for guide in GUIDES if f"deploy/guides/{guide.name}" not in told] == []


def test_what_is_not_there_is_found() -> None:
    """The checks above see a lost file, a verb, a verb of a group, and an option that do not exist."""
    text = "[a](lost.md) [b](https://example.org) `lpbf-monitor fly` `lpbf-monitor builds burn B`\n"
    text += "    sudo -u lpbf-monitor lpbf-monitor builds diff A B --sharp\n"
    assert links(text) == ["lost.md"]
    assert list(wrong(text)) == ["lpbf-monitor fly ", "lpbf-monitor builds burn", "builds diff --sharp"]
