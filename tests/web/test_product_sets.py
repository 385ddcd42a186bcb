"""Another product set of a build: named by the build, served where it is asked for, on the command line as well."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import httpx
import numpy as np

from monitor.config import Settings
from monitor.store import ProductReader, ProductWriter
from tests.cli.in_process import invoke
from tests.web.conftest import serving
from tests.web.synthetic import Faults, small_store


def with_what_if(root: Path) -> tuple[Settings, str]:
    """A build of two layers whose second set has an empty mask in layer 0 and nothing else."""
    settings, build = small_store(root, 2, Faults())
    product = ProductReader.open(settings.store.root, build).load(0)
    assert product.mask is not None
    with ProductWriter.open(settings.store.root, build, "what-if") as writer:
        writer.commit(replace(product, mask=np.zeros_like(product.mask)))
    return settings, build


def test_each_set_has_its_own_layers_and_pictures(tmp_path: Path) -> None:
    """The addresses in the answers stay in the set that was asked for; an unknown set is not there."""
    settings, build = with_what_if(tmp_path / "builds")
    with serving(settings) as served, httpx.Client(base_url=served.url) as client:
        base = f"/api/v1/builds/{build}"
        usual, other = client.get(base).json(), client.get(f"{base}?set=what-if").json()
        assert usual["product_sets"] == other["product_sets"] == {"live": 2, "what-if": 1}
        assert (usual["product_set"], usual["processed"]) == ("live", 2)
        assert (other["product_set"], other["processed"]) == ("what-if", 1)
        states = [row["state"] for row in client.get(other["layers_url"]).json()["rows"]]
        assert states == ["ok", "pending"]
        assert client.get(other["mesh_url"]).status_code == 200
        masks = [
            client.get(f"{base}/layers/0{query}").json()["pictures"]["mask"]["url"] for query in ("", "?set=what-if")
        ]
        assert masks[1].endswith("&set=what-if")
        assert client.get(masks[0]).content != client.get(masks[1]).content
        assert client.get(f"{base}?set=none").status_code == 404
        assert client.get(f"{base}?set=../live").status_code == 422


def test_the_command_line_names_them(tmp_path: Path) -> None:
    """In the list, and for one build."""
    settings, build = with_what_if(tmp_path / "builds")
    config = tmp_path / "monitor.toml"
    config.write_text(f'[store]\nroot = "{settings.store.root}"\n[[cameras]]\nname = "webcam"\nrole = "webcam"\n')
    assert "what-if 1" in invoke("builds", "list", "-c", str(config)).words
    assert "products: live 2, what-if 1" in invoke("builds", "show", build, "-c", str(config)).words
