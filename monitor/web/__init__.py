"""The operator page and its API. Owns what a viewer sees of the store, and how fresh it is.

Reads the store; writes only its own heartbeat, the users with their audit log, and who has seen an alarm. Refuses to
know devices, models and the other processes, beyond the status that they write. `frontend/` holds the page's sources,
`static/` what is built from them.
"""

from monitor.web.app import create_app
from monitor.web.page import static_folder
from monitor.web.server import run_web

__all__ = ["create_app", "run_web", "static_folder"]
