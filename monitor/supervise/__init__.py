"""Processes for those without systemd, and the words to systemd for those with it.

Owns starting, restarting with back-off and stopping the processes. Refuses to know what they do.
"""

from monitor.supervise.notify import notify
from monitor.supervise.supervisor import Child, Supervisor

__all__ = ["Child", "Supervisor", "notify"]
