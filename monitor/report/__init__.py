"""A build or a part told on paper: HTML and PDF. Owns the telling; every number comes from the store.

Refuses to measure anew what the worker measured, to guess what is missing, and to fetch anything from elsewhere.
"""

from monitor.report.automatic import Reporter
from monitor.report.make import Report, keep, make_report

__all__ = ["Report", "Reporter", "keep", "make_report"]
