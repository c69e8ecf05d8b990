"""Cases of the zoo that no single equation explains: families, random fields, memory, distance."""

from __future__ import annotations

import _kinds_nothing  # noqa: F401  (enter their cases)
import numpy as np
from _kinds_data import CASES as KINDS
from _spectral import Box
from _zoo_data import TAU, Law, View, Zoo, enter, simulated, waves
from scipy.special import ellipj, ellipk

__all__: list[str] = []


@enter()
def travelling_wave(rng: np.random.Generator, fine: int) -> Zoo:
    """The periodic wave of u_t = −u u_x − 0.02 u_xxx, which u_t = −c u_x explains as well."""
    d, m, length, n = 0.02, 0.97, TAU, 64
    kappa = 2 * ellipk(m) / length
    speed, phase = rng.uniform(0.4, 0.8), rng.uniform(0, length)
    floor = speed - 4 * d * kappa**2 * (2 * m - 1)
    x, t = length / n * np.arange(n), 0.05 * np.arange(41)
    moved = kappa * (x - phase - speed * t[:, None])
    cn = ellipj(moved, m)[1]
    states = (floor + 12 * d * m * kappa**2 * cn**2)[None, :, None]
    return Zoo(states, (length,), 0.05, ("u",), "family", ("periodic",))


@enter()
def random_fields(rng: np.random.Generator, fine: int) -> Zoo:
    """Smooth in space and in time, and nothing else."""
    case = KINDS["smooth_random"](noise=0.0, seed=int(rng.integers(1 << 30)))
    return Zoo(case.states, case.lengths, case.dt, case.fields, None, ("periodic",))


@enter()
def nonlocal_drive(rng: np.random.Generator, fine: int) -> Zoo:
    """u_t = −u + 3 K ∗ tanh(u), K as wide as a seventh of the box, with a lag in space."""
    width, lag = 0.9, 0.8

    def rest(box: Box, u: np.ndarray) -> np.ndarray:
        (k,) = box.k
        kernel = np.exp(-0.5 * (width * k) ** 2 - 1j * k * lag)
        return np.asarray(3 * box.points(kernel * box.modes(np.tanh(u))))

    law = Law(None, lambda box: -np.ones((1, *box.shape)), rest, waves(1, 6, 1.0, 0.3))
    return simulated(law, View((64,), (TAU,), 0.06, 41, 4), rng, fine)


@enter()
def delayed(rng: np.random.Generator, fine: int) -> Zoo:
    """Growth that is limited by the population of earlier: u_t = 0.02 u_xx + 2 u (1 − u(t − 1))."""
    rate, late, dt, frames = 2.0, 1.0, 0.1, 41
    steps = 40 * fine  # of Heun's rule a frame
    h, back = dt / steps, round(late / dt) * steps
    box = Box((128 * fine,), (TAU,))
    half = np.exp(-0.02 * box.k[0] ** 2 * h)
    found = []
    for _ in range(4):
        first = waves(1, 4, 0.3, mean=0.9)(box, rng, 1)[0]
        past = [first] * (back + 1)
        for n in range((frames - 1) * steps + back):
            u = past[-1]
            slope = rate * u * (1 - past[n])
            ahead = box.points(half * box.modes(u + h * slope))
            change = rate * ahead * (1 - past[n + 1])
            past.append(box.points(half * box.modes(u + h / 2 * slope)) + h / 2 * change)
        found.append(np.array(past[2 * back :: steps][:frames])[:, None, :: 2 * fine])
    return Zoo(np.array(found), (TAU,), dt, ("u",), None, ("periodic",))
