"""lpbf-monitor: an in-situ layer monitor for laser powder bed fusion printers."""

__version__ = "0.1.0"
