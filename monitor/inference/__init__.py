"""Model bundles and the sessions that run them. Owns trust in a bundle; refuses to know layers, stores and processes.

A bundle is a directory with `bundle.toml` and the files that it names. `Bundle.load` refuses one that does not match
its manifest or fails its self-test; `open_session` refuses a provider that would silently be another one.
"""

from monitor.inference.bundle import Bundle, file_digest
from monitor.inference.certainty import Certainty, find_certainty, write_certainty
from monitor.inference.locate import default_models_dir, find_bundle
from monitor.inference.manifest import (
    BundleManifest,
    DiffusionTable,
    FileEntry,
    RegressionTable,
    SegmenterTable,
    SelfTestTable,
    SpreadTable,
)
from monitor.inference.packing import pack
from monitor.inference.receiving import receive
from monitor.inference.segmenter import SegmenterModel
from monitor.inference.selftest import run_self_test, write_self_test
from monitor.inference.session import Provider, Session, TensorFacts, open_session
from monitor.inference.writing import file_entries, write_manifest

__all__ = [
    "Bundle",
    "BundleManifest",
    "Certainty",
    "DiffusionTable",
    "FileEntry",
    "Provider",
    "RegressionTable",
    "SegmenterModel",
    "SegmenterTable",
    "SelfTestTable",
    "Session",
    "SpreadTable",
    "TensorFacts",
    "default_models_dir",
    "file_digest",
    "file_entries",
    "find_bundle",
    "find_certainty",
    "open_session",
    "pack",
    "receive",
    "run_self_test",
    "write_certainty",
    "write_manifest",
    "write_self_test",
]
