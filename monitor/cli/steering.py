"""`lpbf-monitor replay BUILD --control …`: how a replay that runs goes on. Owns the words; the store keeps them."""

from __future__ import annotations

from typing import get_args

from monitor.cli.common import out
from monitor.config import Settings
from monitor.domain import ConfigError
from monitor.store import Verb, control_replay, list_builds

FORMS = "pause, run, step, speed=N, speed=max or goto=LAYER"


def steer(settings: Settings, build: str, words: str) -> None:
    """Say how the replay of a build, or into a build, goes on.

    Raises:
        ConfigError: no such control, or not one running replay of this build.
        StoreError: as in `control_replay`.
    """
    verb, value = _parsed(words)
    replay = _running(settings, build)
    wanted = control_replay(settings.store.root, replay, verb, value)
    said = "paused after the layer at hand" if wanted.paused else "runs"
    if wanted.goto >= 0:
        said += f", as fast as possible up to layer {wanted.goto}"
    out.print(f"{replay}: {'makes one layer more' if verb == 'step' else said}", highlight=False, soft_wrap=True)


def _parsed(words: str) -> tuple[Verb, float | None]:
    verb, equals, text = words.partition("=")
    valued = verb in ("speed", "goto")
    if verb not in get_args(Verb) or bool(equals) != valued:
        raise ConfigError(f"--control {words}: not a control", cure=f"give {FORMS}")
    if not valued:
        return verb, None  # type: ignore[return-value]
    try:
        number = 0.0 if (verb, text) == ("speed", "max") else float(text)
    except ValueError as error:
        raise ConfigError(f"--control {words}: '{text}' is no number", cure=f"give {FORMS}") from error
    if verb == "speed" and number == 0 and text != "max":
        raise ConfigError(f"--control {words}: not a speed", cure="give a number above zero, or max; or pause")
    return verb, number  # type: ignore[return-value]


def _running(settings: Settings, build: str) -> str:
    """The build that a running replay makes, by its own id or that of its recording."""
    running = [build.manifest for build in list_builds(settings.store.root) if build.ended is None]
    found = [m.id for m in running if m.origin == "replay" and build in (m.id, m.source)]
    if len(found) == 1:
        return found[0]
    if found:
        raise ConfigError(f"{len(found)} replays of {build} run", cure=f"name one: {', '.join(found)}")
    raise ConfigError(f"no replay of {build} runs", cure="start one, or see `lpbf-monitor builds list`")
