"""Cameras and triggers: real, simulated and recorded behind the same protocols, chosen by configuration in `make_rig`.

Owns every line that talks to a vendor's client. Refuses to know layers, stores and what frames are used for.
"""

from monitor.devices.protocols import Camera, Held, Prompt, Recording, Rig, Trigger, WatchedCamera
from monitor.devices.rig import make_rig

__all__ = ["Camera", "Held", "Prompt", "Recording", "Rig", "Trigger", "WatchedCamera", "make_rig"]
