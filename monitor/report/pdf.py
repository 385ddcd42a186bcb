"""A report as PDF. Owns the way from HTML to paper; refuses to know what it says.

WeasyPrint is an extra: it needs Pango from the operating system, which a machine beside a printer may not have.
"""

from __future__ import annotations

from types import ModuleType

from PIL import ImageFile

from monitor.domain import ReportError


def check_pdf() -> ModuleType:
    """The module that makes PDFs.

    Raises:
        ReportError: WeasyPrint or Pango is not there.
    """
    half_images = ImageFile.LOAD_TRUNCATED_IMAGES
    try:
        import weasyprint  # type: ignore[import-untyped]
    except ImportError as error:
        raise ReportError(
            "a PDF cannot be made: WeasyPrint is not installed",
            cure="run `pip install 'lpbf-monitor[report]'`, or make the report as HTML",
        ) from error
    except OSError as error:  # what it says where its shared libraries are missing
        raise ReportError(
            f"a PDF cannot be made: {str(error).splitlines()[0]}",
            cure="install Pango (Debian: apt-get install libpango-1.0-0 libpangoft2-1.0-0 libharfbuzz-subset0), "
            "or make the report as HTML",
        ) from error
    finally:  # importing it lets every reader of this process take half an image for a whole one
        ImageFile.LOAD_TRUNCATED_IMAGES = half_images
    module: ModuleType = weasyprint
    return module


def pdf_of(html: str) -> bytes:
    """The PDF of one self-contained HTML file; errors as in `check_pdf`."""
    weasyprint = check_pdf()
    nothing = weasyprint.URLFetcher(allowed_protocols={"data"})  # a report holds all it needs
    document: bytes = weasyprint.HTML(string=html, url_fetcher=nothing).write_pdf()
    return document
