"""The operator page and its API. Owns what a viewer sees of the store, and how fresh it is.

Reads the store only and writes nothing but its own heartbeat. Refuses to know devices, models and the other processes,
beyond the status that they write. `frontend/` holds the page's sources, `static/` what is built from them.
"""

from monitor.web.app import create_app, static_folder
from monitor.web.server import run_web

__all__ = ["create_app", "run_web", "static_folder"]
