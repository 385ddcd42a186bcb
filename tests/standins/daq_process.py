"""The stand-in for NI's gRPC Device Server in a process of its own, so that it can be killed, restarted and hung.

    python -m tests.standins.daq_process PORT SINCE FAULTS

Its machine builds layers for ever from the monotonic time SINCE on, whether anybody looks or not. FAULTS is a file:
"hang", or lines of a call's name and NI's error code; as long as it is there, so are the faults.
"""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

from tests.standins.daq_server import DaqServer
from tests.standins.faults import REPOSITORY
from tests.standins.gate_signal import GateSignal

LAYER_S = 1.6
LAYERS = GateSignal(layers=10_000, layer_s=LAYER_S, on_s=0.6, lead_in_s=1.0)


class DaqProcess:
    """Starts, kills and hurts the server; what it says goes nowhere.

    Args:
        file: where faults are written.
        port: a free one.

    Attributes:
        address: host:port.
        first_end_s: monotonic time at which the machine's layer 0 ends.
    """

    def __init__(self, file: Path, port: int) -> None:
        self.address = f"127.0.0.1:{port}"
        self._file = file
        since_s = time.monotonic()
        self.first_end_s = since_s + LAYERS.end_s(0)
        self._command = [sys.executable, "-m", __name__, str(port), str(since_s), str(file)]
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start the server; the signal goes on where it would be by now."""
        self._process = subprocess.Popen(self._command, cwd=REPOSITORY)

    def kill(self) -> None:
        """End it by SIGKILL."""
        assert self._process is not None
        self._process.kill()
        self._process.wait()

    def begin(self, *lines: str) -> None:
        """From now on there are these faults."""
        part = self._file.with_suffix(".part")
        part.write_text("\n".join(lines), encoding="utf-8")
        part.rename(self._file)

    def end(self) -> None:
        """From now on there is none."""
        self._file.unlink(missing_ok=True)


def _serve(port: int, since_s: float, file: Path) -> None:
    done = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: done.set())
    said = ""
    with DaqServer(LAYERS, port=port, since_s=since_s) as server:
        while not done.wait(0.02):
            now = file.read_text(encoding="utf-8") if file.exists() else ""
            if now != said:
                said = now
                server.recover()
                _begin(server, now)


def _begin(server: DaqServer, faults: str) -> None:
    for line in faults.splitlines():
        if line == "hang":
            server.hang()
        else:
            call, code = line.split()
            server.fail(call, int(code))


if __name__ == "__main__":
    _serve(int(sys.argv[1]), float(sys.argv[2]), Path(sys.argv[3]))
