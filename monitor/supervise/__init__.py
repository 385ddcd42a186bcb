"""Processes for those without systemd. Owns starting, watching and stopping them; refuses to know what they do."""

from monitor.supervise.priority import NICE, step_back
from monitor.supervise.supervisor import Child, Supervisor

__all__ = ["NICE", "Child", "Supervisor", "step_back"]
