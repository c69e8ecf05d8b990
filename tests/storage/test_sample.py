"""The file that is shipped is sound, small, and what its card says."""

from __future__ import annotations

from pathlib import Path

from pdenet.pde import PDE
from pdenet.storage import check, open_data

SAMPLE = Path(__file__).resolve().parents[2] / "data" / "burgers-1d.h5"


def test_the_sample_is_what_its_card_says():
    assert check(SAMPLE) == []
    assert SAMPLE.stat().st_size < 1_000_000
    with open_data(SAMPLE) as data:
        assert data.problem.pde == PDE("u_t = -u*u_x + nu*u_xx", nu=0.1)
        assert (data.trajectories, data.frames, data.problem.grid.shape) == (10, 41, (128,))
        assert data.noise is not None and data.noise["level"] == 0.001
        assert data.metadata["seed"] == 0
        assert {name: len(rows) for name, rows in data.split.items()} == {
            "train": 6,
            "validation": 2,
            "test": 2,
        }
