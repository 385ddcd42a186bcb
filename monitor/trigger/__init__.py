"""The laser-off detector: blocks of samples in, layer ends out. Pure.

Owns when the laser counts as off and when a layer has ended. Refuses to know where samples come from, and what is done
at a layer end.
"""

from monitor.trigger.detector import LaserOffDetector
from monitor.trigger.gap import WINDOW
from monitor.trigger.laser_map import LaserMapper, commanded_area, laser_map

__all__ = ["WINDOW", "LaserMapper", "LaserOffDetector", "commanded_area", "laser_map"]
