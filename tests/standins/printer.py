"""A printer for long builds: a DAQ server that can be killed, a webcam that can be pulled out, and its layers' times.

When the laser goes on for each layer stands in a file, which the DAQ server, a process of its own, reads again and
again; the machine's monotonic clock goes on through its death:

    python -m tests.standins.printer FILE PORT ORIGIN
"""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from tests.standins.daq_server import DaqServer
from tests.standins.faults import REPOSITORY
from tests.standins.mjpeg_server import MjpegServer

ON_S = 0.3
"""So long the laser is on for each layer."""
AHEAD_S = 0.3
"""A laser that goes on now is in samples that nobody has read yet."""


class Gate:
    """Volts of the gate and of two mirrors, after what the file says.

    Args:
        file: monotonic times at which the laser goes on, one a line.
        origin_s: monotonic time of sample 0.
    """

    def __init__(self, file: Path, origin_s: float) -> None:
        self._file = file
        self._origin_s = origin_s

    def __call__(self, first: int, count: int, rate_hz: float) -> npt.NDArray[np.float64]:
        """Volts of gate, mirror x and mirror y: float64 (3, count)."""
        starts = np.array([-np.inf, *map(float, self._file.read_text().split())])
        now = (first + np.arange(count) + 0.5) / rate_hz + self._origin_s
        within = now - starts[np.searchsorted(starts, now, side="right") - 1]
        on = within < ON_S
        turned = np.where(on, within, 0.0) * 40
        mirrors = np.where(on, np.stack([np.sin(turned), np.cos(turned)]), 0.0)
        return np.concatenate([np.where(on, 5.0, 0.0)[None], mirrors])


class Printer:
    """The machine with its DAQ server and webcam; a context manager.

    Args:
        pictures: what the webcam sees of each layer, BGR, of one shape; they come again and again.
        file: where the times of its layers are kept.
        ports: of the DAQ server and of the webcam.

    Attributes:
        layers: how many it has begun.
    """

    def __init__(self, pictures: Sequence[npt.NDArray[np.uint8]], file: Path, ports: tuple[int, int]) -> None:
        self._pictures = pictures
        self._file = file
        self._daq_port, self._webcam_port = ports
        self._origin_s = time.monotonic()
        self._starts: list[float] = []
        self._daq: subprocess.Popen[bytes] | None = None
        self._webcam: MjpegServer | None = None
        self.daq_address = f"127.0.0.1:{self._daq_port}"
        self.webcam_address = f"http://127.0.0.1:{self._webcam_port}/stream.mjpg"
        file.write_text("")

    @property
    def layers(self) -> int:
        """How many layers it has begun."""
        return len(self._starts)

    def next_layer(self, after_s: float) -> None:
        """Melt one more layer, no earlier than so long after the one before; returns when its laser goes on."""
        now = time.monotonic() + AHEAD_S
        self._starts.append(max(now, self._starts[-1] + after_s if self._starts else now))
        part = self._file.with_suffix(".part")
        part.write_text("\n".join(map(repr, self._starts)))
        part.replace(self._file)
        time.sleep(max(0.0, self._starts[-1] - time.monotonic()))

    def switch_daq_on(self) -> None:
        """Start the DAQ server; the signal goes on where it would be by now."""
        command = [sys.executable, "-m", __name__, str(self._file), str(self._daq_port), repr(self._origin_s)]
        self._daq = subprocess.Popen(command, cwd=REPOSITORY)

    def kill_daq(self) -> None:
        """End it by SIGKILL."""
        if self._daq:
            self._daq.kill()
            self._daq.wait()

    def plug_webcam_in(self) -> None:
        """Let it stream."""
        rows, columns, _ = self._pictures[0].shape
        self._webcam = MjpegServer((rows, columns), self._shown, self._webcam_port)
        self._webcam.__enter__()

    def pull_webcam_out(self) -> None:
        """It is gone; may be called twice."""
        if self._webcam:
            self._webcam.__exit__(None, None, None)
            self._webcam = None

    def __enter__(self) -> Printer:
        self.switch_daq_on()
        self.plug_webcam_in()
        return self

    def __exit__(self, *_: object) -> None:
        self.kill_daq()
        self.pull_webcam_out()

    def _shown(self, _number: int) -> npt.NDArray[np.uint8]:
        return self._pictures[max(0, self.layers - 1) % len(self._pictures)]


def main(file: str, port: str, origin_s: str) -> None:
    """Serve until the process is killed."""
    origin = float(origin_s)
    with DaqServer(Gate(Path(file), origin), port=int(port), since_s=origin):
        threading.Event().wait()


if __name__ == "__main__":
    main(*sys.argv[1:])
