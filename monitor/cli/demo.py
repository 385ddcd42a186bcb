"""`lpbf-monitor demo`: the whole monitor on the virtual printer."""

from __future__ import annotations

import os
import socket
import threading
import time
import webbrowser
from pathlib import Path
from typing import Annotated

import typer

from monitor.cli.common import err, service, told
from monitor.cli.processes import children
from monitor.config import WebSettings, load_settings
from monitor.supervise import Supervisor

TEMPLATE = """\
# The virtual printer, as `lpbf-monitor demo` runs it. Change anything; `lpbf-monitor config check FILE` checks it.

[store]
root = "builds"

[trigger]
device = "simulated"
rate_hz = 10000.0

[simulation]
layers = {layers}
speed = {speed}
seed = {seed}

[upscale]
# What `lpbf-monitor calibrate tone` measured on this printer's two cameras.
tone = [0.7699, -0.1139]
detail = [0.3093, 0.4369, 0.4482, 0.2274]

[upscale.restore]
gains = [
    1.1312, 1.2633, 1.5273, 1.8320, 1.5835, 1.0788, 0.9921, 0.9984,
    0.9999, 1.0000, 1.0000, 1.0000, 1.0000, 1.0000, 1.0000, 1.0000,
]
noise = 0.0047

[web]
port = {port}
"""


def demo(
    directory: Annotated[Path, typer.Option("--dir", help="Where the build and its configuration go.")] = Path(
        "lpbf-monitor-demo"
    ),
    layers: Annotated[int, typer.Option(help="Layers of the virtual build.", min=1)] = 60,
    speed: Annotated[float, typer.Option(help="Printer seconds per real second.", min=0.1)] = 2.0,
    seed: Annotated[int, typer.Option(help="Seed of the virtual build.")] = 0,
    port: Annotated[int, typer.Option(help="Port of the page.", min=1, max=65535)] = 8420,
    browser: Annotated[bool, typer.Option(help="Open the page in a browser, where there is one.")] = True,
) -> None:
    """Run the whole monitor on the virtual printer and open the page; Ctrl-C ends it."""
    config = directory / "monitor.toml"
    directory.mkdir(parents=True, exist_ok=True)
    config.write_text(TEMPLATE.format(layers=layers, speed=speed, seed=seed, port=port), encoding="utf-8")
    with told():
        settings = load_settings(config)
    url = f"http://{settings.web.host}:{settings.web.port}/"
    err.print(f"\n  The page: [bold underline]{url}[/]   (Ctrl-C ends the demo)\n", highlight=False, soft_wrap=True)
    if browser and _has_display():
        threading.Thread(target=_open_when_up, args=(settings.web, url), daemon=True).start()
    with service(settings, "supervise") as stop:
        # The page stays open when the build is over: only Ctrl-C ends the demo.
        Supervisor(children(config, ["--name", "demo"])).run(stop)


def _has_display() -> bool:
    """Without a display, `webbrowser` would start a text browser in this terminal."""
    return any(os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY"))


def _open_when_up(web: WebSettings, url: str) -> None:
    """Open the page as soon as its port answers; give up after a minute."""
    for _ in range(120):
        try:
            socket.create_connection((web.host, web.port), timeout=0.5).close()
        except OSError:
            time.sleep(0.5)
        else:
            webbrowser.open(url)
            return
