"""What every session over a network must keep, whatever runs it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from monitor.domain import BundleError
from monitor.inference import Session, open_session


class SessionContract:
    """Inherit, and give the file of a network "noisy", "condition" (B, 2, 2h, 2w), "time" (B,) -> "prediction"."""

    @pytest.fixture
    def file(self) -> Path:
        raise NotImplementedError

    @pytest.fixture
    def session(self, file: Path) -> Session:
        return open_session(file)

    @staticmethod
    def feeds(batch: int = 1, rows: int = 8, cols: int = 12, seed: int = 0) -> dict[str, np.ndarray]:
        rng = np.random.default_rng(seed)
        image = (batch, 2, rows, cols)
        return {
            "condition": rng.standard_normal(image, np.float32),
            "time": np.linspace(0.2, 0.9, batch, dtype=np.float32),
            "noisy": rng.standard_normal(image, np.float32),
        }

    def test_it_says_what_it_takes_and_gives(self, session: Session) -> None:
        """Names of inputs and outputs, for whoever must feed it."""
        assert {facts.name for facts in session.inputs} == {"noisy", "condition", "time"}
        assert [facts.name for facts in session.outputs] == ["prediction"]
        assert "cpu" in session.provider.lower()

    def test_it_agrees_with_the_network(self, session: Session, network: object) -> None:
        """At any size and batch the answer is the network's own, within rounding."""
        import torch

        for batch, rows, cols in ((1, 8, 12), (3, 4, 10), (2, 16, 6)):
            feeds = self.feeds(batch, rows, cols)
            with torch.no_grad():
                order = (torch.from_numpy(feeds[name]) for name in ("noisy", "condition", "time"))
                expected = network(*order).numpy()  # type: ignore[operator]
            np.testing.assert_allclose(session.run(feeds)["prediction"], expected, atol=1e-4, rtol=1e-4)

    def test_runs_are_bit_identical(self, file: Path) -> None:
        """Again in one session and in another, and with inputs that are not contiguous."""
        wide = {name: np.repeat(value, 2, axis=-1)[..., ::2] for name, value in self.feeds(2).items()}
        made = [
            session.run(feeds)
            for session in (open_session(file), open_session(file))
            for feeds in (self.feeds(2), wide)
        ]
        for other in made[1:]:
            np.testing.assert_array_equal(other["prediction"], made[0]["prediction"])

    def test_a_wrong_input_is_told_and_harms_nothing(self, session: Session) -> None:
        """Missing, unknown, of another type or channel count: a clear error, and the next run is as good as ever."""
        good = self.feeds()
        for wrong, words in (
            ({}, "takes inputs"),
            (good | {"more": good["time"]}, "takes inputs"),
            (good | {"noisy": good["noisy"].astype(np.float64)}, "failed"),
            (good | {"noisy": good["noisy"][:, :1]}, "failed"),
        ):
            with pytest.raises(BundleError, match=words):
                session.run(wrong)
        assert session.run(good)["prediction"].shape == good["noisy"].shape

    def test_a_device_that_is_not_there_is_no_cpu(self, file: Path) -> None:
        """No silent fall-back."""
        import torch

        if torch.cuda.is_available():
            pytest.skip("there is a GPU")
        with pytest.raises(BundleError) as caught:
            open_session(file, "cuda")
        assert 'provider = "cpu"' in caught.value.cure

    def test_a_file_that_is_cut_off_is_refused(self, file: Path, tmp_path: Path) -> None:
        """Half a file names itself; so does one that is not there."""
        half = tmp_path / f"half{file.suffix}"
        half.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
        for path in (half, tmp_path / f"absent{file.suffix}"):
            with pytest.raises(BundleError) as caught:
                open_session(path)
            assert str(path) in caught.value.what
