"""The data of the noise benchmark: named cases and a public file, at several noise levels.

    make("burgers", 0.1, seed=0, folder=Path("data"))       # simulated; level of std(first frame)
    public_burgers(Path("burgers.mat"), 0.1, 0, folder)     # PySINDy's file; level of rms(u)

Each file is made once in its folder. The files of one case and seed hold the same trajectories:
they are solved once, and noise is added as `simulate(..., noise=level)` adds it, number by number.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from scipy.io import loadmat

from pdenet.errors import ConfigError, DataError
from pdenet.grid import Grid
from pdenet.pde.catalogue import get
from pdenet.problem import Problem
from pdenet.storage import create, open_data, write_arrays
from simulators import simulate
from simulators.initial import trajectory_generator

__all__ = ["CASES", "NOISES", "make", "public_burgers"]

NOISES = (0.0, 0.001, 0.01, 0.05, 0.1, 0.2, 0.5)

# Settings beside the catalogue's: 28 trajectories of 41 frames, of which 18 are for training, on
# 64² points, or 256. Of 46 trajectories 28 are for training. Burgers is solved on 192²: on 128²
# solutions are off by 0.03 % at the fronts, more than what 0.1 % of noise hides.
CASES: dict[str, dict[str, Any]] = {
    "burgers": {"trajectories": 46, "frames": 20, "refine": 3, "late_start": 1.0},
    "burgers-1d": {},
    "diffusion": {},
    "reactive-source": {},
}


def make(case: str, noise: float, seed: int, folder: Path) -> Path:
    """The file of a case: noise · std(first frame) · N(0, 1), per trajectory and field.

    The clean file of the same seed is made too. Raises ConfigError for an unknown case.
    """
    if case not in CASES:
        raise ConfigError(f"{case!r} is no case of the noise benchmark: {', '.join(CASES)} are")
    folder.mkdir(parents=True, exist_ok=True)
    clean, path = (folder / f"{case}-{seed}-{level:g}.h5" for level in (0.0, noise))
    if not clean.exists():
        # Another process may make the same file at the same time: either may win.
        simulate(case, clean, seed=seed, noise=0.0, overwrite=True, **CASES[case])
    if not path.exists():
        _add_noise(clean, path, noise, seed)
    return path


def public_burgers(mat: Path, noise: float, seed: int, folder: Path) -> Path:
    """PySINDy's examples/data/burgers.mat in our format: noise · rms(u) · N(0, 1).

    One trajectory, x in [-8, 8) with 256 points, 101 frames 0.1 apart, u_t = -u·u_x + 0.1·u_xx.
    Raises DataError where the file holds something else.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"public-burgers-{seed}-{noise:g}.h5"
    if path.exists():
        return path
    try:
        found = loadmat(mat)
        u, x, t = np.real(found["usol"]).T, found["x"].ravel(), found["t"].ravel()
    except (OSError, ValueError, KeyError, NotImplementedError) as error:
        raise DataError(f"{mat} is not PySINDy's burgers.mat ({error}): give that file") from error
    grid = Grid((256,), (16.0,), (-8.0,))
    fits = u.shape == (101, 256) and x.shape == (256,) and t.shape == (101,)
    if not (
        fits and np.allclose(x, grid.coordinates()[0]) and np.allclose(t, 0.1 * np.arange(101))
    ):
        raise DataError(
            f"{mat} holds usol of shape {u.T.shape}, x of {x.shape} and t of {t.shape}; PySINDy's "
            "burgers.mat has usol (256, 101), x from -8 in steps of 1/16 and t from 0 to 10"
        )
    scale = noise * np.sqrt(np.mean(u**2))
    noisy = u + scale * np.random.default_rng(seed).standard_normal(u.shape)
    metadata = {
        "title": "Burgers' equation: examples/data/burgers.mat of PySINDy",
        "noise": {"definition": "level * rms(u) * N(0, 1)", "level": noise, "seed": seed},
    }
    problem = Problem.periodic(get("burgers-1d").pde, grid)
    states = noisy[None, :, None]
    return write_arrays(path, states, problem, 0.1, metadata=metadata, overwrite=True)


def _add_noise(clean: Path, path: Path, noise: float, seed: int) -> None:
    """A copy of a simulated file with noise, one trajectory after the other."""
    with open_data(clean) as data:
        metadata = {**data.metadata, "noise": {**(data.noise or {}), "level": noise}}
        with create(
            path,
            data.problem,
            trajectories=data.trajectories,
            times=data.times,
            metadata=metadata,
            overwrite=True,
        ) as writer:
            for k in range(data.trajectories):
                states = torch.from_numpy(data.read([k])[0])
                fields = [field.flatten().std(correction=0) for field in states[0]]
                scale = noise * torch.stack(fields).view(-1, *(1,) * data.problem.grid.ndim)
                generator = trajectory_generator(seed, k, "noise")
                draws = [
                    torch.randn(frame.shape, generator=generator, dtype=torch.float64)
                    for frame in states
                ]
                writer.write(k, 0, (states + scale * torch.stack(draws))[None].numpy())
