"""A model bundle on disk. Owns that it is what its manifest says; refuses to know what its graphs compute."""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Mapping
from pathlib import Path

from pydantic import ValidationError

from monitor.domain import BundleError
from monitor.inference.manifest import FORMAT, ROLES, BundleManifest
from monitor.inference.onnx_scan import refuse_external_data
from monitor.inference.program_scan import harmless_program
from monitor.inference.selftest import run_self_test
from monitor.inference.session import Provider, Session, open_session

MANIFEST = "bundle.toml"
MAX_MANIFEST_BYTES = 2**20
MAX_FILE_BYTES = 4 * 2**30


class Bundle:
    """A checked bundle.

    Attributes:
        directory: where it is.
        manifest: what it says of itself.
        digest: SHA-256 of the manifest in hexadecimal; the manifest holds the digests of all files.
        self_test: largest difference from the stored outputs by graph; empty when the self-test was not run.
    """

    def __init__(
        self, directory: Path, manifest: BundleManifest, digest: str, self_test: Mapping[str, float] | None = None
    ) -> None:
        self.directory = directory
        self.manifest = manifest
        self.digest = digest
        self.self_test = dict(self_test or {})

    @classmethod
    def load(cls, directory: Path, *, self_test: bool = True, provider: Provider = "cpu", threads: int = 1) -> Bundle:
        """Read, check and, unless told otherwise, try a bundle.

        Args:
            directory: holds `bundle.toml` and the files that it names.
            self_test: run every graph on its stored input.
            provider: where the self-test runs.
            threads: CPU threads of the self-test.

        Raises:
            BundleError: naming the file, what was expected and found, and what to do.
        """
        bundle = cls.read(directory)
        manifest = bundle.manifest
        for role in manifest.files:
            bundle._check(role)
        bundle._check_graphs()
        if self_test:
            graphs = {role: bundle.path(role) for role in manifest.graphs}
            bundle.self_test = run_self_test(bundle.path("self_test"), graphs, manifest.self_test, provider, threads)
        return bundle

    @classmethod
    def read(cls, directory: Path) -> Bundle:
        """Read the manifest alone: who the bundle says that it is. None of its files is looked at.

        Raises:
            BundleError: the manifest cannot be read or is not one.
        """
        return cls(directory, *_read_manifest(directory))

    @property
    def label(self) -> str:
        """Name and short digest, for records and the page: `name@0123456789ab`."""
        return f"{self.manifest.name}@{self.digest[:12]}"

    def path(self, role: str) -> Path:
        """Path of the file with this role.

        Raises:
            BundleError: the bundle has no such file.
        """
        if role not in self.manifest.files:
            raise BundleError(
                f"{self.directory / MANIFEST}: has no file with the role '{role}'",
                cure=f"use a bundle that has one; this one has {', '.join(sorted(self.manifest.files))}",
            )
        return self.directory / self.manifest.files[role].path

    def session(self, role: str, provider: Provider = "cpu", threads: int = 1) -> Session:
        """Open the graph with this role.

        Raises:
            BundleError: no such graph, or the provider cannot run it.
        """
        return open_session(self.path(role), provider, threads, role)

    def _check_graphs(self) -> None:
        others = sorted(ROLES[self.manifest.kind] - set(self.manifest.graphs))
        if others:
            raise BundleError(
                f"{self.path(others[0])}: is no network, and this kind of bundle has one as {', '.join(others)}",
                cure="export the model as ONNX, as a torch.export program, or as safetensors; the guide says how",
            )

    def _check(self, role: str) -> None:
        path = self.path(role)
        if not path.is_file():
            raise BundleError(f"{path}: is named in {MANIFEST} but is not there", cure="copy the whole bundle again")
        if not path.resolve().is_relative_to(self.directory.resolve()):
            raise BundleError(f"{path}: leads out of the bundle", cure="put the file itself into the bundle")
        if path.stat().st_size > MAX_FILE_BYTES:
            raise BundleError(f"{path}: is larger than {MAX_FILE_BYTES} bytes", cure="use a smaller model")
        expected, actual = self.manifest.files[role].sha256, file_digest(path)
        if actual != expected:
            raise BundleError(
                f"{path}: has SHA-256 {actual}, {MANIFEST} says {expected}",
                cure="copy the bundle again; the file was changed or cut off after the bundle was made",
            )
        if path.suffix == ".onnx":
            refuse_external_data(path)
        if path.suffix == ".pt2":
            harmless_program(path)


def file_digest(path: Path) -> str:
    """SHA-256 of a file's bytes, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _read_manifest(directory: Path) -> tuple[BundleManifest, str]:
    path = directory / MANIFEST
    try:
        if path.stat().st_size > MAX_MANIFEST_BYTES:
            raise BundleError(f"{path}: is larger than {MAX_MANIFEST_BYTES} bytes", cure="use a real manifest")
        raw = path.read_bytes()
    except OSError as error:
        raise BundleError(
            f"{path}: cannot be read ({error.strerror})", cure="name a directory that holds a bundle"
        ) from error
    return parse_manifest(path, raw), hashlib.sha256(raw).hexdigest()


def parse_manifest(path: Path, raw: bytes) -> BundleManifest:
    """Check and read a manifest; `path` names it in errors.

    Raises:
        BundleError: not TOML, of a newer format, or with a key or value that is not allowed.
    """
    try:
        data = tomllib.loads(raw.decode("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BundleError(f"{path}: is not valid TOML: {error}", cure="correct the file or make it again") from error
    _refuse_newer(path, data.get("format"))
    try:
        return BundleManifest.model_validate(data)
    except ValidationError as error:
        lines = [f"{'.'.join(map(str, e['loc'])) or 'the manifest'}: {e['msg']}" for e in error.errors()]
        raise BundleError(f"{path}: {'; '.join(lines)}", cure="correct these keys or make the bundle again") from error


def _refuse_newer(path: Path, version: object) -> None:
    if isinstance(version, int) and version > FORMAT:
        raise BundleError(
            f"{path}: has format {version}, this program knows {FORMAT}", cure="update lpbf-monitor to use this bundle"
        )
