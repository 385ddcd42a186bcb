"""`lpbf-monitor alarms`: list, ack, try and test, as a person types them."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from monitor.domain import AlarmState
from monitor.store import AlarmBook
from tests.alarms.receivers import free_port, hook_server
from tests.alarms.test_keeping import keeper, verdict
from tests.cli.in_process import invoke
from tests.web.synthetic import Faults, small_store


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "monitor.toml"
    path.write_text('[store]\nroot = "builds"\n')
    return path


def test_open_alarms_are_listed_and_acknowledged(config: Path) -> None:
    """With what they say; an acknowledgement names the user of this computer and is refused the second time."""
    assert "no open alarm" in invoke("alarms", "list", "-c", str(config)).output
    keeper(config.parent / "builds").apply(verdict(True))
    book = AlarmBook(config.parent / "builds")
    alarm = book.all()[0].id
    assert alarm in invoke("alarms", "--config", str(config), "list").output
    assert invoke("alarms", "ack", alarm, "-m", "cable was loose", "-c", str(config)).exit_code == 0
    seen = book.alarm(alarm)
    assert seen.state is AlarmState.ACKNOWLEDGED
    assert seen.acknowledgement is not None
    assert seen.acknowledgement.comment == "cable was loose"
    again = invoke("alarms", "ack", alarm, "-m", "me too", "-c", str(config))
    assert again.exit_code == 2
    assert "cable was loose" in again.words


def test_a_test_goes_out_by_every_way_and_says_what_happened(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One line for each way, the cure where it failed, exit code 1, and no alarm in the store."""
    monkeypatch.setenv("A_SECRET", "geheim")
    with hook_server() as hook:
        config.write_text(
            f'[store]\nroot = "builds"\n'
            f'[[alarms.webhooks]]\nname = "line"\nurl = "{hook.url}"\nsecret = {{ env = "A_SECRET" }}\n'
            f'[[alarms.webhooks]]\nname = "dead"\nurl = "http://127.0.0.1:{free_port()}/"\n'
            'secret = { env = "A_SECRET" }\n'
            f'[[alarms.commands]]\nname = "horn"\ncommand = ["{sys.executable}", "-c", "pass"]\n'
        )
        said = invoke("alarms", "test", "-c", str(config))
        assert b'"test": true' in hook.got[0][1]
    assert said.exit_code == 1
    signs = [line[:6] for line in said.output.splitlines() if line[:1] in "✓✗"]
    assert signs == ["✓ line", "✗ dead", "✓ horn"]
    assert "→ look at the receiver" in said.output
    assert AlarmBook(config.parent / "builds").all() == ()


def test_a_secret_in_the_configuration_is_refused_and_never_shown(
    config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A secret is named by file or variable; what `config show` prints has its name only."""
    monkeypatch.setenv("A_SECRET", "geheim")
    way = '[[alarms.webhooks]]\nname = "line"\nurl = "https://line.example/"\nsecret = '
    config.write_text(way + '"geheim"\n')
    assert invoke("config", "check", str(config)).exit_code == 2
    config.write_text(way + '{ env = "A_SECRET" }\n')
    shown = invoke("config", "show", str(config))
    assert "A_SECRET" in shown.output
    assert "geheim" not in shown.output
    config.write_text(way.replace("https://", "https://me:geheim@") + '{ env = "A_SECRET" }\n')
    assert "must not hold a password" in invoke("config", "check", str(config)).words


def test_limits_that_cannot_be_are_named(config: Path) -> None:
    """A clear level on the wrong side of its limit; one alone that is given keeps the rule's other defaults."""
    config.write_text("[alarms.rules.area]\nlimit = 5\nclear = 8\n")
    said = invoke("config", "check", str(config))
    assert said.exit_code == 2
    assert "area: clear must not be above limit" in said.words
    config.write_text("[alarms.rules.area]\nlimit = 5\n")
    assert '"raise_after": 3.0' in invoke("config", "show", str(config)).output


def test_rules_are_tried_on_a_recorded_build(tmp_path: Path) -> None:
    """What would be raised, line by line; another name is said to be absent."""
    _, build = small_store(tmp_path / "builds", 6, Faults(no_webcam=(2,)))
    config = tmp_path / "monitor.toml"
    config.write_text('[store]\nroot = "builds"\n[alarms.rules.guard]\nenabled = false\n')
    said = invoke("alarms", "try", build, "-c", str(config))
    assert "raised: layer 2: Frame missing (webcam)" in said.output
    assert f"{build}: 6 layers" in said.output
    assert invoke("alarms", "try", "nothing", "-c", str(config)).exit_code == 2
