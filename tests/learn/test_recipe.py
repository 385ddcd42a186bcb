"""Training recipes: the shipped one, and what is wrong with others."""

from __future__ import annotations

from pathlib import Path

import pytest

from monitor.domain import ConfigError
from monitor.learn.recipe import load_recipe
from monitor.learn.starting import train_recipe
from tests.conftest import REPOSITORY

SHIPPED = REPOSITORY / "models" / "recipes" / "latent-diffusion-small.toml"
HEAD = 'kind = "latent-diffusion"\nname = "x"\n'


def test_the_shipped_recipe_is_valid() -> None:
    """The recipe of the default bundle can be read, and bears the name of its file."""
    assert load_recipe(SHIPPED).name == SHIPPED.stem


RECIPES = sorted(p for p in SHIPPED.parent.glob("*.toml") if not p.stem.startswith("promptable"))


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_every_recipe_is_valid(path: Path) -> None:
    """Each recipe that comes with the program can be read, and names its bundle as its file."""
    assert load_recipe(path).name == path.stem


def test_a_smoke_run_has_the_same_networks_and_less_work() -> None:
    """Cut down, the recipe still builds the networks that it is to try."""
    whole = load_recipe(SHIPPED)
    smoke = whole.smoke()
    assert smoke.autoencoder.network == whole.autoencoder.network
    assert smoke.diffusion.network == whole.diffusion.network
    assert smoke.data.builds < whole.data.builds
    assert smoke.refine.iterations < whole.refine.iterations


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("kind = ", "not valid TOML"),
        (HEAD + "bathc = 3\n", "bathc"),
        (HEAD + "[autoencoder]\nbatch = 0\n", "autoencoder.batch"),
        (HEAD + '[diffusion]\nprediction = "noise"\n', "prediction 'noise' does not go with schedule 'cosine'"),
        (HEAD + '[diffusion]\nprediction = "sample"\nschedule = "shift"\n', "needs target"),
        (HEAD + '[diffusion]\ntarget = "residual"\n', "kind pixel-diffusion"),
        (HEAD + "[data]\nbuilds = 0\n", "nothing to train on"),
        (HEAD + '[data]\nlayout = "parts"\n', "split by part"),
        (HEAD + '[data]\nfolders = ["a"]\nvalidation_folders = ["a"]\n', "a cannot both train and validate"),
        ('kind = "magic"\nname = "x"\n', "kind"),
        ('kind = "latent-diffusion"\nname = "../x"\n', "name"),
    ],
)
def test_a_wrong_recipe_is_refused_by_file_and_key(tmp_path: Path, text: str, said: str) -> None:
    """Each mistake names the file and the key, through the door that the command uses."""
    path = tmp_path / "wrong.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError) as error:
        train_recipe(path, tmp_path / "out")
    assert str(path) in error.value.what
    assert said in error.value.what
    assert not (tmp_path / "out").exists()


def test_a_recipe_that_is_not_there_is_refused(tmp_path: Path) -> None:
    """A wrong path says so."""
    with pytest.raises(ConfigError, match="cannot be read"):
        train_recipe(tmp_path / "none.toml", tmp_path / "out")
