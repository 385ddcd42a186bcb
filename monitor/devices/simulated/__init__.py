"""The virtual printer: whole builds with the exact truth beside them.

Owns what a virtual build is, how its layers look to both cameras, and which voltages its laser and mirrors give.
Refuses to know how a layer is captured, stored or judged. What is not modelled is said in `plate` and `camera`.
"""

from monitor.devices.simulated.camera import Pair, render_camera, render_pair
from monitor.devices.simulated.geometry import layer_coverage, layer_height, layer_truth
from monitor.devices.simulated.plate import Plate, render_plate
from monitor.devices.simulated.printer import VirtualPrinter
from monitor.devices.simulated.scan import ScanPath, scan_layer
from monitor.devices.simulated.scene import CameraSpec, PartSpec, SceneSpec

__all__ = [
    "CameraSpec",
    "Pair",
    "PartSpec",
    "Plate",
    "ScanPath",
    "SceneSpec",
    "VirtualPrinter",
    "layer_coverage",
    "layer_height",
    "layer_truth",
    "render_camera",
    "render_pair",
    "render_plate",
    "scan_layer",
]
