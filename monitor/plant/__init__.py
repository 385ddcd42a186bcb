"""The monitor as the plant sees it: Prometheus and OPC UA. Owns names and mappings; reads the store only."""

from monitor.plant.metrics import Metrics
from monitor.plant.opcua.thread import OpcUaThread

__all__ = ["Metrics", "OpcUaThread"]
