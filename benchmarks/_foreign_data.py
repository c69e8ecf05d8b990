"""Data that nobody here made, and Kuramoto-Sivashinsky, for the benchmark of foreign data.

    load("KdV", Path("data"))      # clean states (trajectory, frame, field, x), grid, dt, truth

Public files, as their makers left them: examples/data/burgers.mat of PySINDy (here
pysindy_burgers.mat) and Data/{AC,KdV,NLS}.mat of maziarraissi/PINNs (pinns_*.mat). A complex field
becomes its real and its imaginary part.

Sources: de Silva et al., J. Open Source Softw. 5 (2020) 2104 (PySINDy); Raissi, Perdikaris,
Karniadakis, J. Comput. Phys. 378 (2019) 686-707 (PINNs).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from _spectral import Box, evolve
from scipy.io import loadmat

__all__ = ["CASES", "PUBLIC", "Foreign", "load"]

STEP = 1e-6
"""Steps of x and t may differ by this share: files hold them in double precision."""


@dataclass(frozen=True)
class Foreign:
    """Clean data. states: (trajectory, frame, field, x). degree, order: of the truth's polynomials
    of the fields and of its highest derivative."""

    states: np.ndarray
    length: float
    origin: float
    dt: float
    fields: tuple[str, ...]
    truth: tuple[str, ...]
    degree: int
    order: int


@dataclass(frozen=True)
class PublicFile:
    """Where a set is and what its equation is. names: of its arrays u(x, t), x and t."""

    file: str
    names: tuple[str, str, str]
    truth: tuple[str, ...]
    degree: int
    order: int


NLS = ("u_t = -0.5*v_xx - u**2*v - v**3", "v_t = 0.5*u_xx + u**3 + u*v**2")
PUBLIC = {
    "Burgers": PublicFile(
        "pysindy_burgers.mat", ("usol", "x", "t"), ("u_t = -u*u_x + 0.1*u_xx",), 2, 2
    ),
    "KdV": PublicFile("pinns_KdV.mat", ("uu", "x", "tt"), ("u_t = -u*u_x - 0.0025*u_xxx",), 2, 3),
    "Allen-Cahn": PublicFile(
        "pinns_AC.mat", ("uu", "x", "tt"), ("u_t = 0.0001*u_xx - 5*u**3 + 5*u",), 3, 2
    ),
    "NLS": PublicFile("pinns_NLS.mat", ("uu", "x", "tt"), NLS, 3, 2),
}


def _public(name: str, folder: Path) -> Foreign:
    """A public set. Raises SystemExit where its file is not what it should be."""
    known = PUBLIC[name]
    path = folder / known.file
    try:
        found = loadmat(path)
        u, x, t = (np.asarray(found[each]) for each in known.names)
    except (OSError, ValueError, KeyError, NotImplementedError) as error:
        raise SystemExit(f"{path} is not the public file of {name}: {error}") from error
    u, x, t = u.T, x.ravel(), t.ravel()
    steps_x, steps_t = np.diff(x), np.diff(t)
    if u.shape != (len(t), len(x)) or any(
        np.ptp(steps) > STEP * abs(steps.mean()) for steps in (steps_x, steps_t)
    ):
        raise SystemExit(f"{path}: u has shape {u.shape[::-1]}, or x or t are not evenly spaced")
    if np.array_equal(u[:, 0], u[:, -1]):
        u, x = u[:, :-1], x[:-1]  # the last point is the first one again
    imaginary = np.abs(u.imag).max() > 1e-6 * np.abs(u).max()
    states = np.stack([u.real, u.imag], 1) if imaginary else u.real[:, None]
    return Foreign(
        states=states[None],
        length=float(steps_x.mean() * len(x)),
        origin=float(x[0]),
        dt=float(steps_t.mean()),
        fields=("u", "v")[: states.shape[1]],
        truth=known.truth,
        degree=known.degree,
        order=known.order,
    )


def kuramoto_sivashinsky(
    points: int, length: float, dt: float, frames: int, trajectories: int
) -> Foreign:
    """u_t = −u u_x − u_xx − u_xxxx on its attractor; the largest Lyapunov exponent is near 0.09
    for long domains, so errors grow tenfold in 25 units of time."""
    box = Box((2 * points,), (length,))
    (k,), rng = box.k, np.random.default_rng(11)
    linear = (k**2 - k**4)[None]

    def convection(u: np.ndarray, t: float) -> np.ndarray:
        return -0.5 * box.d(u**2, 1)

    found = []
    for _ in range(trajectories):
        first = box.random(rng, 1, 8)[None]
        grown = evolve(box, first, np.array([0.0, 150.0]), linear, convection, 3000)[-1]
        times = dt * np.arange(frames)
        steps = max(1, round(dt / 0.02))
        found.append(evolve(box, grown, times, linear, convection, steps)[..., ::2])
    truth = ("u_t = -u*u_x - u_xx - u_xxxx",)
    return Foreign(np.array(found), length, 0.0, dt, ("u",), truth, 2, 4)


MADE: dict[str, Callable[[], Foreign]] = {
    "KS": lambda: kuramoto_sivashinsky(192, 32 * np.pi, 0.5, 201, 1),
    "KS, four": lambda: kuramoto_sivashinsky(96, 16 * np.pi, 0.4, 51, 4),
}
CASES = (*PUBLIC, *MADE)


def load(name: str, folder: Path | None) -> Foreign | None:
    """The clean data of a case; None for a public one where no folder is given."""
    if name in MADE:
        return MADE[name]()
    return _public(name, folder) if folder is not None else None
