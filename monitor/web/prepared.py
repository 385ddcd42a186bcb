"""What is sent as bytes: the key it is kept under, its tag, and how it is made. Refuses to know who asks for it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Hashable
from dataclasses import dataclass

import cv2

from monitor.store import wall_picture
from monitor.web.cache import ByteCache
from monitor.web.deviation import Kind, values_bytes, values_digest
from monitor.web.library import Build
from monitor.web.pictures import MASKS, Format, encode, picture
from monitor.web.surface import Plan, Slab, mesh_bytes

BINARY = "application/octet-stream"


@dataclass(frozen=True, slots=True)
class Prepared:
    """Bytes that may not be there yet.

    Attributes:
        key: of the bytes in memory; the same bytes have the same key, whoever asks.
        tag: of this form of them, for HTTP.
        digest: of what they are made from.
        media: their media type.
        make: makes them.
    """

    key: Hashable
    tag: str
    digest: str
    media: str
    make: Callable[[], bytes]


def prepared_picture(build: Build, index: int, kind: str, width: int | None, form: Format | None) -> Prepared:
    """A picture of a layer, at most `width` columns wide; in its usual format where none is named.

    Raises:
        NotInStore: the layer is not committed, or has no such picture.
    """
    wanted = picture(build, index, kind)
    chosen = form or wanted.default_format
    columns = None if width is None or width >= wanted.shape[1] else width
    digest = wanted.digest.partition(":")[2]
    key = (wanted.kind in MASKS, digest, wanted.bits, columns, chosen)
    tag = f"{digest[:32]}-{columns or 'full'}-{chosen}"
    return Prepared(key, tag, digest, f"image/{chosen}", lambda: encode(wanted, columns, chosen))


def prepared_slab(build: Build, plan: Plan, slab: Slab) -> Prepared:
    """The triangles of one slab."""
    return Prepared(("mesh", slab.digest), slab.digest[:32], slab.digest, BINARY, lambda: mesh_bytes(build, plan, slab))


def prepared_wall(build: Build, part: int) -> Prepared:
    """The unrolled side wall of one part, over the layers that have products now."""
    products, um = build.products, build.manifest.grid.um_per_px
    text = f"{build.manifest.id} {products.product_set} {part} {len(products.layers())}"
    digest = hashlib.sha256(text.encode()).hexdigest()

    def make() -> bytes:
        return cv2.imencode(".png", wall_picture(products, um, part))[1].tobytes()

    return Prepared(("wall", digest), digest[:32], digest, "image/png", make)


def prepared_values(build: Build, plan: Plan, slab: Slab, kind: Kind, cache: ByteCache) -> Prepared:
    """A number for each vertex of a slab, whose triangles are taken from the cache."""
    digest = values_digest(plan, slab, kind, build.reader.references())
    mesh = prepared_slab(build, plan, slab)

    def make() -> bytes:
        return values_bytes(build, plan, slab, kind, cache.get(mesh.key, mesh.make))

    return Prepared((kind, digest), digest[:32], digest, BINARY, make)
