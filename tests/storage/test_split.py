"""The sets are disjoint, cover everything, and are the same for the same seed."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pdenet.storage.split import SPLITS, assign, members


@given(st.integers(3, 300), st.integers(0, 2**63))
def test_sets_are_disjoint_cover_everything_and_have_a_fifth_each(trajectories: int, seed: int):
    sets = members(assign(trajectories, seed))
    assert tuple(sets) == SPLITS
    assert sorted(np.concatenate(list(sets.values())).tolist()) == list(range(trajectories))
    assert len(sets["test"]) == len(sets["validation"]) == max(1, trajectories // 5)
    assert all((np.diff(numbers) > 0).all() for numbers in sets.values())


@given(st.integers(1, 100), st.integers(0, 2**63))
def test_the_same_seed_gives_the_same_sets(trajectories: int, seed: int):
    assert (assign(trajectories, seed) == assign(trajectories, seed)).all()


def test_another_seed_gives_other_sets():
    assert len({assign(50, seed).tobytes() for seed in range(5)}) == 5


@pytest.mark.parametrize("trajectories", [1, 2])
def test_fewer_than_three_trajectories_are_in_every_set(trajectories: int):
    for numbers in members(assign(trajectories, 0)).values():
        assert numbers.tolist() == list(range(trajectories))
