"""Acquisition: from layer end to committed layer. Owns which builds there are, and that no layer loses its place.

Refuses to know models, products and viewers: it never waits for a GPU, a page or the network.
"""

from monitor.acquire.run import check_rig, run_acquire

__all__ = ["check_rig", "run_acquire"]
