"""A webcam that streams MJPEG over HTTP, as IP cameras and mjpg-streamer do: 30 frames a second, to any number."""

from __future__ import annotations

import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Self

import cv2
import numpy as np
import numpy.typing as npt

BOUNDARY = "frame"


class MjpegServer:
    """A context manager; `url` gives frames of which frame k has grey level k modulo 200, or others.

    Args:
        shape: (rows, columns) of the frames.
        picture: makes frame k, BGR, in place of a grey one.
        port: 0 takes a free one.
    """

    def __init__(
        self,
        shape: tuple[int, int],
        picture: Callable[[int], npt.NDArray[np.uint8]] | None = None,
        port: int = 0,
    ) -> None:
        picture = picture or (lambda number: np.full((*shape, 3), number % 200, np.uint8))
        self._going = threading.Event()
        self._going.set()
        self._over = threading.Event()
        over, going = self._over, self._going

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(200)
                self.send_header("Content-Type", f"multipart/x-mixed-replace; boundary={BOUNDARY}")
                self.end_headers()
                count = 0
                while not over.wait(1 / 30):
                    if not going.is_set():
                        continue
                    _, data = cv2.imencode(".jpg", picture(count))
                    try:
                        head = f"--{BOUNDARY}\r\nContent-Type: image/jpeg\r\nContent-Length: {data.size}\r\n\r\n"
                        self.wfile.write(head.encode() + data.tobytes() + b"\r\n")
                    except OSError:  # the client has gone
                        return
                    count += 1

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the library's name
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}/stream.mjpg"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.end()
        self._server.shutdown()
        self._server.server_close()

    def hang(self) -> None:
        """Keep the connection, send nothing."""
        self._going.clear()

    def end(self) -> None:
        """End the stream."""
        self._over.set()
