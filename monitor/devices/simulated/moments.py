"""The plate at any moment: finished, half melted under the laser, under the recoater. Owns what is on the plate when.

Not modelled: the blade beyond the plate, the glow of the melt track behind the laser, spatter in flight.
"""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np

from monitor.devices.simulated.plate import Plate, bare_plate, render_plate
from monitor.devices.simulated.scan import ScanPath
from monitor.devices.simulated.scene import SceneSpec
from monitor.devices.simulated.timeline import Moment, Phase
from monitor.domain import FloatImage

BLADE_MM = 7.0
TRACK_MM = 0.12


def plate_at(spec: SceneSpec, moment: Moment, path: ScanPath | None) -> Plate:
    """Render the plate at a moment.

    Args:
        spec: the build.
        moment: when.
        path: of the layer, needed while the laser is at work.
    """
    if moment.phase is Phase.DONE:
        return render_plate(spec, moment.index)
    if moment.phase is Phase.BARE:
        return bare_plate(spec, moment.index)
    if moment.phase is Phase.BLADE:
        return _under_blade(render_plate(spec, moment.index), bare_plate(spec, moment.index + 1), moment.fraction)
    if path is None:
        raise ValueError("the laser's path is needed while the laser is at work")
    return _under_laser(render_plate(spec, moment.index), bare_plate(spec, moment.index), path, moment.fraction)


def _under_laser(done: Plate, bare: Plate, path: ScanPath, fraction: float) -> Plate:
    now = fraction * path.duration_s
    melted = _melted(done, path, now)
    diffuse = bare.diffuse + melted * (done.diffuse - bare.diffuse)
    glints = done.glints * melted
    last = int(np.searchsorted(path.time_s, now, side="right")) - 1
    if path.on[last]:
        x, y = path.xy_mm[last]
        window = done.window
        far = (window.x_mm() - np.float32(x))[None, :] ** 2 + (window.y_mm() - np.float32(y))[:, None] ** 2
        glints += 6 * np.exp(-far / 2) + np.float32(0.6) * np.exp(-far / 200)
    return replace(done, diffuse=diffuse, glints=glints)


def _melted(plate: Plate, path: ScanPath, now_s: float) -> FloatImage:
    """Which fine pixels the laser has passed, float32 in [0, 1]."""
    window = plate.window
    out = np.zeros(window.shape, np.float32)
    vectors = np.flatnonzero(path.on[:-1] & (path.time_s[1:] <= now_s))
    ends = np.stack([path.xy_mm[vectors], path.xy_mm[vectors + 1]], axis=1)
    pixels = np.round((ends / window.pitch_mm - (window.col, window.row)) * 16).astype(np.int32)
    thick = max(1, round(TRACK_MM / window.pitch_mm))
    cv2.polylines(out, list(pixels), False, 1.0, thick, cv2.LINE_8, 4)
    return out


def _under_blade(done: Plate, bare: Plate, fraction: float) -> Plate:
    """The blade travels down the plate; behind it lies fresh powder."""
    window = done.window
    y = window.y_mm()
    edge = y[0] + fraction * (y[-1] - y[0] + BLADE_MM)
    behind = (y < edge - BLADE_MM)[:, None]
    blade = ((y >= edge - BLADE_MM) & (y < edge))[:, None]
    shine = np.exp(-(((y - edge + 2) / 0.6) ** 2))[:, None]
    diffuse = np.where(blade, np.float32(0.10) + np.float32(0.5) * shine, np.where(behind, bare.diffuse, done.diffuse))
    glints = np.where(behind | blade, np.float32(0), done.glints)
    return replace(done, diffuse=diffuse.astype(np.float32), glints=glints)
