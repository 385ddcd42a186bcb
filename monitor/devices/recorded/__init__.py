"""Recorded devices: a build from the store, played through the same protocols as a live one.

Owns the replay's time axis, the gate signal that stands for the recorded layer ends, and the cameras that give the
recorded frames again. Refuses to know where recordings are kept.
"""

from monitor.devices.recorded.pace import Pace
from monitor.devices.recorded.rig import RecordedRig

__all__ = ["Pace", "RecordedRig"]
