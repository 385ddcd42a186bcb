"""/api/v1/live: the newest state over a WebSocket. Owns one viewer's connection; refuses to look at the store."""

from __future__ import annotations

import asyncio

from fastapi import APIRouter, WebSocket, WebSocketDisconnect

from monitor.web.entry import Entry
from monitor.web.live import Newest

router = APIRouter()
GOING_AWAY = 1001
POLICY_VIOLATION = 1008


@router.websocket("/api/v1/live")
async def live(socket: WebSocket) -> None:
    """Send the newest state whenever it changes, until the viewer, the viewer's session or the server goes."""
    newest: Newest = socket.app.state.newest
    entry: Entry = socket.app.state.entry
    await socket.accept()
    newest.viewers += 1
    sending = asyncio.create_task(_send(socket, newest, entry))
    listening = asyncio.create_task(_listen(socket))
    try:
        await asyncio.wait((sending, listening), return_when=asyncio.FIRST_COMPLETED)
    finally:
        newest.viewers -= 1
        sending.cancel()
        listening.cancel()
        await asyncio.gather(sending, listening, return_exceptions=True)


async def _send(socket: WebSocket, newest: Newest, entry: Entry) -> None:
    version, told = 0, ""
    try:
        while state := await newest.after(version):
            version, text = state
            name, with_news = newest.news
            if name != told:
                text, told = with_news, name
            if not entry.still(socket.scope):
                await socket.close(POLICY_VIOLATION, "the session has ended")
                return
            await socket.send_text(text)
        await socket.close(GOING_AWAY, "the server stops")
    except (WebSocketDisconnect, RuntimeError):  # the viewer went while it was being told
        return


async def _listen(socket: WebSocket) -> None:
    """A viewer has nothing to say; its going is all that is listened for."""
    try:
        while True:
            await socket.receive_text()
    except (WebSocketDisconnect, RuntimeError, KeyError):
        return
