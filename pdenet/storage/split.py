"""Which trajectories are for training, for validation and for testing.

The sets are drawn once, when a file is written, and stored in it: two readers of one file can
never disagree about what was held out.
"""

from collections.abc import Mapping

import numpy as np

__all__ = ["EVERY", "SPLITS", "assign", "members"]

SPLITS = ("train", "validation", "test")
EVERY = -1


def assign(trajectories: int, seed: int) -> np.ndarray:
    """The code of the set of each trajectory: 0 train, 1 validation, 2 test; int8.

    After a permutation by `seed` the last fifth (at least one) is for testing, the fifth before it
    (at least one) for validation. Fewer than three trajectories cannot be divided: all of them get
    the code `EVERY` and belong to each set.
    """
    if trajectories < len(SPLITS):
        return np.full(trajectories, EVERY, dtype=np.int8)
    held = max(1, trajectories // 5)
    order = np.random.default_rng(seed).permutation(trajectories)
    codes = np.zeros(trajectories, dtype=np.int8)
    codes[order[-held:]] = SPLITS.index("test")
    codes[order[-2 * held : -held]] = SPLITS.index("validation")
    return codes


def members(codes: np.ndarray) -> Mapping[str, np.ndarray]:
    """The trajectories of each set, ascending, from the codes in a file."""
    return {
        name: np.flatnonzero((codes == code) | (codes == EVERY)) for code, name in enumerate(SPLITS)
    }
