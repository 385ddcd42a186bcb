"""Viewers of the operator page without a browser: each hears the live state and fetches what the page would show.

Owns what one viewer asks for; refuses to judge the answers beyond whether they came.
"""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.connection import Connection
from multiprocessing.synchronize import Event

import httpx
from websockets.asyncio.client import ClientConnection, connect

PICTURES = ("webcam", "basler")
ANSWER_S = 60.0


@dataclass
class Audience:
    """What all viewers together got.

    Attributes:
        states: live states heard.
        pictures: pictures fetched.
        failures: requests that were refused or broke, by what was said.
    """

    states: int
    pictures: int
    failures: dict[str, int]


@contextmanager
def watching(port: int, viewers: int) -> Iterator[Audience]:
    """Let so many viewers watch the page on this machine, from one other process, while the block runs.

    What they got is there afterwards.
    """
    found = Audience(0, 0, {})
    if not viewers:
        yield found
        return
    spawn = get_context("spawn")
    done, (ours, theirs) = spawn.Event(), spawn.Pipe(duplex=False)
    process = spawn.Process(target=_watch, args=(port, viewers, done, theirs), daemon=True)
    process.start()
    theirs.close()
    ours.recv()  # all are connected
    try:
        yield found
    finally:
        done.set()
        found.states, found.pictures, found.failures = ours.recv()
        process.join()


def _watch(port: int, viewers: int, done: Event, answer: Connection) -> None:
    """The viewers' process."""
    counts = asyncio.run(_all(port, viewers, done, answer))
    failures = {key: number for key, number in counts.items() if key not in ("states", "pictures")}
    answer.send((counts["states"], counts["pictures"], failures))


async def _all(port: int, viewers: int, done: Event, answer: Connection) -> Counter[str]:
    counts: Counter[str] = Counter()
    limits = httpx.Limits(max_connections=None)
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}/api/v1", limits=limits, timeout=ANSWER_S) as http:
        sockets = await asyncio.gather(*(connect(f"ws://127.0.0.1:{port}/api/v1/live") for _ in range(viewers)))
        answer.send("connected")
        tasks = [asyncio.create_task(_view(socket, http, counts)) for socket in sockets]
        await asyncio.to_thread(done.wait)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.gather(*(socket.close() for socket in sockets))
    return counts


async def _view(socket: ClientConnection, http: httpx.AsyncClient, counts: Counter[str]) -> None:
    """One viewer: at each new layer its facts and its pictures."""
    shown = None
    async for message in socket:
        counts["states"] += 1
        state = json.loads(message)
        if state["build"] is None or state["committed"] in (shown, None):
            continue
        shown = state["committed"]
        layer = f"/builds/{state['build']['id']}/layers/{shown}"
        await _get(http, layer, counts)
        for kind in PICTURES:
            if await _get(http, f"{layer}/pictures/{kind}?width=1024", counts):
                counts["pictures"] += 1


async def _get(http: httpx.AsyncClient, path: str, counts: Counter[str]) -> bool:
    try:
        answer = await http.get(path)
    except httpx.HTTPError as error:
        counts[type(error).__name__] += 1
        return False
    if answer.status_code != httpx.codes.OK:
        counts[f"status {answer.status_code}"] += 1
    return answer.status_code == httpx.codes.OK
