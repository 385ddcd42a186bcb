"""Builds in an object store (s3://bucket/prefix and the like), worked on through a folder on this machine.

What a layer needs is fetched, the store's own readers and writers work on the folder, and what they wrote is sent:
data first, then the layer's record, whose presence *is* the commit there as well. Every object is put whole or not at
all. Owns which objects that are; refuses to know what is in them. Credentials and the endpoint are taken from the
environment, as the object store's own tools take them (AWS_ACCESS_KEY_ID, AWS_ENDPOINT_URL, …).
"""

from __future__ import annotations

import json
import os
import re
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import obstore
from obstore.exceptions import AlreadyExistsError, BaseError
from obstore.store import from_url

from monitor.domain import ConfigError, NotInStore, StoreCorrupt, StoreError, StoreLocked
from monitor.store.disk import disk_errors
from monitor.store.layout import commits_in, is_build_id, lock_file, product_folder, record_file

if TYPE_CHECKING:
    from obstore.store import ObjectStore, RetryConfig

_RECORD = re.compile(r"/(\d{6,})\.json$")
_META = "zarr.json"
_DEEPEST = 4
"""The volume's part ids lie so deep in a product set."""
_NO_ARRAYS = ("commits", "products", "records", "repairs", "set-aside", "signals")
RETRY: RetryConfig = {"max_retries": 5, "retry_timeout": timedelta(seconds=30)}


class Mirror:
    """One store of builds behind a URL, with a folder that stands for it here.

    Args:
        url: where the builds are, e.g. "s3://bucket/builds".
        root: the folder; what is in it is scratch.
    """

    def __init__(self, url: str, root: Path) -> None:
        self.root = root
        self._url = url
        try:
            self._objects: ObjectStore = from_url(url, retry_config=RETRY)
        except (BaseError, ValueError) as error:
            raise ConfigError(f"{url} is no object store: {error}", cure="write s3://bucket/prefix") from error
        self._sent: dict[str, bytes] = {}

    def layers(self, build: str) -> tuple[int, ...]:
        """Indices of the committed layers, ascending, listed afresh."""
        return self._recorded(commits_in(self.root / build))

    def made(self, build: str, product_set: str) -> tuple[int, ...]:
        """Indices of the layers whose products are committed, ascending, listed afresh."""
        return self._recorded(commits_in(product_folder(self.root / build, product_set)))

    def fetch_build(self, build: str) -> None:
        """Fetch a build's manifest.

        Raises:
            NotInStore: there is no such build.
        """
        if not is_build_id(build) or not self._fetch(self.root / build / "manifest.json"):
            raise NotInStore(f"no build '{build}' in {self._url}", cure="look at what the object store holds there")

    def fetch_layer(self, build: str, index: int, *, rows: bool = True) -> None:
        """Fetch what is committed of one layer: its record, and where wanted its row of every array, but no signal."""
        folder = self.root / build
        self._fetch(record_file(commits_in(folder), index))
        if rows:
            self._fetch(record_file(folder / "reference" / "records", index))
            for array in self._below(folder):
                if self._fetch(array / _META):
                    self._fetch(self._row(array, index))

    def drop_layer(self, build: str, index: int) -> None:
        """Remove the layer's rows from the folder."""
        for meta in (self.root / build).rglob(_META):
            self._row(meta.parent, index).unlink(missing_ok=True)

    def fetch_products(self, build: str, product_set: str) -> None:
        """Fetch the metadata of the arrays of a product set, so that they are gone on with."""
        folder = product_folder(self.root / build, product_set)
        for path in (folder, *self._below(folder, levels=_DEEPEST)):
            self._fetch(path / _META)

    def fetch_record(self, build: str, product_set: str, index: int) -> None:
        """Fetch the record of one layer's products."""
        self._fetch(record_file(commits_in(product_folder(self.root / build, product_set)), index))

    def fetch_row(self, array: Path, index: int) -> None:
        """Fetch one layer's row of an array unless it is here; nothing where there is no array.

        Args:
            array: where it is in the folder.
            index: the layer.
        """
        if self._fetch(array / _META) and not (row := self._row(array, index)).is_file():
            self._fetch(row)

    def send(self, build: str, product_set: str, index: int) -> None:
        """Send what was written of one layer's products, its record last; only metadata stays in the folder.

        Raises:
            StoreError: it could not be sent. Nothing of the layer counts there; it can be sent again.
        """
        folder = product_folder(self.root / build, product_set)
        record = record_file(commits_in(folder), index)
        kept = (record, lock_file(folder))
        for path in sorted(p for p in folder.rglob("*") if p.is_file() and p not in kept and p.parent != record.parent):
            self._put(path)
            if path.name != _META:
                path.unlink()
        self._put(record)

    @contextmanager
    def held(self, build: str, product_set: str) -> Iterator[None]:
        """Hold a product set there against other writers, by an object that only one can make.

        Raises:
            StoreLocked: it is held; says by which process.
        """
        key = self._key(lock_file(product_folder(self.root / build, product_set)))
        holder = f"process {os.getpid()} on {socket.gethostname()}"
        with self._errors(key):
            try:
                obstore.put(self._objects, key, holder.encode(), mode="create")
            except AlreadyExistsError as error:
                other = bytes(obstore.get(self._objects, key).bytes()).decode(errors="replace")
                raise StoreLocked(
                    f"product set '{product_set}' of build {build} in {self._url} is being written by {other}",
                    cure=f"wait for it; if it died, remove the object {key}",
                ) from error
        try:
            yield
        finally:
            with self._errors(key):
                obstore.delete(self._objects, key)

    def _row(self, array: Path, index: int) -> Path:
        """The one file that a layer's row of an array is; for a group, a file that is not there."""
        try:
            axes = len(json.loads((array / _META).read_bytes()).get("shape", ()))
        except (ValueError, AttributeError, TypeError) as error:
            raise StoreCorrupt(
                f"{array / _META} of {self._url} is damaged: {error}", cure="put it there again"
            ) from error
        return array / f"c.{index}{'.0' * (axes - 1)}"

    def _recorded(self, folder: Path) -> tuple[int, ...]:
        prefix = self._key(folder)
        with self._errors(prefix):
            keys = [entry["path"] for batch in obstore.list(self._objects, prefix) for entry in batch]
        found = (_RECORD.search(key) for key in keys if key.count("/") == prefix.count("/") + 1)
        return tuple(sorted(int(match[1]) for match in found if match))

    def _below(self, folder: Path, levels: int = 2) -> Iterator[Path]:
        """Folders below one that may be arrays, as the object store knows them."""
        prefix = self._key(folder)
        with self._errors(prefix):
            paths = obstore.list_with_delimiter(self._objects, prefix)["common_prefixes"]
        for path in paths:
            if path.rpartition("/")[2] in _NO_ARRAYS:
                continue
            yield self.root / path
            if levels > 1:
                yield from self._below(self.root / path, levels - 1)

    def _fetch(self, path: Path) -> bool:
        """Fetch one object; False where there is none."""
        key = self._key(path)
        with self._errors(key):
            try:
                data = bytes(obstore.get(self._objects, key).bytes())
            except FileNotFoundError:
                return False
        with disk_errors(f"mirror of {self._url}"):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
        return True

    def _put(self, path: Path) -> None:
        """Send one file; metadata that was sent as it is need not be sent again."""
        key, data = self._key(path), path.read_bytes()
        if self._sent.get(key) == data:
            return
        with self._errors(key):
            obstore.put(self._objects, key, data)
        if path.name == _META:
            self._sent[key] = data

    def _key(self, path: Path) -> str:
        """The object of a file in the folder.

        Raises:
            StoreCorrupt: a name, which may come out of an object, leads out of the folder.
        """
        if ".." in path.parts or not path.is_relative_to(self.root):
            raise StoreCorrupt(f"'{path.name}' of {self._url} leads out of the store", cure="look who wrote that build")
        return path.relative_to(self.root).as_posix()

    @contextmanager
    def _errors(self, key: str) -> Iterator[None]:
        try:
            yield
        except (BaseError, OSError) as error:
            raise StoreError(
                f"object {key} in {self._url}: {str(error).splitlines()[0]}",
                cure="check the URL, the endpoint (AWS_ENDPOINT_URL) and the credentials in the environment",
            ) from error
