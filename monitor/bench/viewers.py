"""Viewers of the operator page without a browser: each hears the live state and fetches what the page would show.

Owns what one viewer asks for; refuses to judge the answers beyond whether they came.
"""

from __future__ import annotations

import asyncio
import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from multiprocessing import get_context
from multiprocessing.connection import Connection
from multiprocessing.synchronize import Event
from typing import Any

import httpx
from websockets.asyncio.client import ClientConnection, connect

from monitor.supervise import step_back

TAKEN = ("webcam", "basler")
MADE = ("upscaled", "rectified", "mask")
ANSWER_S = 60.0


@dataclass
class Audience:
    """What all viewers together got.

    Attributes:
        states: live states heard.
        pictures: pictures fetched.
        received_bytes: of all states, facts and pictures.
        heard: (layer, time.time()) of each state that was the first to name a layer's products, of every viewer.
        failures: requests that were refused or broke, by what was said.
    """

    states: int
    pictures: int
    failures: dict[str, int]
    received_bytes: int = 0
    heard: list[tuple[int, float]] = field(default_factory=list)


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
        vars(found).update(vars(ours.recv()))
        process.join()


def _watch(port: int, viewers: int, done: Event, answer: Connection) -> None:
    """The viewers' process: they sit at machines of their own, so here they take what nobody else wants."""
    os.setsid()
    step_back(19)
    answer.send(asyncio.run(_all(port, viewers, done, answer)))


async def _all(port: int, viewers: int, done: Event, answer: Connection) -> Audience:
    found = Audience(0, 0, {})
    limits = httpx.Limits(max_connections=None)
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}/api/v1", limits=limits, timeout=ANSWER_S) as http:
        sockets = await asyncio.gather(*(connect(f"ws://127.0.0.1:{port}/api/v1/live") for _ in range(viewers)))
        answer.send("connected")
        tasks = [asyncio.create_task(_view(socket, http, found)) for socket in sockets]
        await asyncio.to_thread(done.wait)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.gather(*(socket.close() for socket in sockets))
    return found


async def _view(socket: ClientConnection, http: httpx.AsyncClient, found: Audience) -> None:
    """One viewer: hears every state at once, and fetches what the newest of them shows, as a browser does."""
    newest: asyncio.Queue[dict[str, Any]] = asyncio.Queue(1)
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(_hear(socket, newest, found))
        tasks.create_task(_fetch(http, newest, found))


async def _hear(socket: ClientConnection, newest: asyncio.Queue[dict[str, Any]], found: Audience) -> None:
    """Note each state, and leave the newest for fetching."""
    told = None
    async for message in socket:
        now = time.time()
        found.states += 1
        found.received_bytes += len(message)
        state = json.loads(message)
        if state["product"] not in (told, None):
            told = state["product"]
            found.heard.append((told, now))
        if newest.full():
            missed = newest.get_nowait()
            state["news"] = state["news"] or missed["news"]
        newest.put_nowait(state)


async def _fetch(http: httpx.AsyncClient, newest: asyncio.Queue[dict[str, Any]], found: Audience) -> None:
    """At each new layer its row and the cameras' frames; of its products, which were told, pictures and the surface."""
    committed: int | None = None
    product: int | None = None
    while True:
        state = await newest.get()
        if state["build"] is None:
            continue
        base = f"/builds/{state['build']['id']}"
        if state["committed"] not in (committed, None):
            committed = state["committed"]
            await _get(http, f"{base}/layers?start={committed}", found)
            await _pictures(http, f"{base}/layers/{committed}", TAKEN, found)
        if state["product"] not in (product, None):
            product = state["product"]
            await _pictures(http, f"{base}/layers/{product}", MADE, found)
            slabs = state["news"]["mesh"]["slabs"] if state["news"] else ()
            for slab in slabs[-1:]:
                await _get(http, slab["url"].removeprefix("/api/v1"), found)


async def _pictures(http: httpx.AsyncClient, layer: str, kinds: tuple[str, ...], found: Audience) -> None:
    for kind in kinds:
        got = await _get(http, f"{layer}/pictures/{kind}?width=1024", found)
        found.pictures += got  # not in one step: the others count while this one waits


async def _get(http: httpx.AsyncClient, path: str, found: Audience) -> bool:
    try:
        answer = await http.get(path)
    except httpx.HTTPError as error:
        _count(found, type(error).__name__)
        return False
    found.received_bytes += len(answer.content)
    if answer.status_code != httpx.codes.OK:
        _count(found, f"status {answer.status_code}")
    return answer.status_code == httpx.codes.OK


def _count(found: Audience, failure: str) -> None:
    found.failures[failure] = found.failures.get(failure, 0) + 1
