"""Small data sets that no equation explains, or none of what is seen."""

from __future__ import annotations

import numpy as np
from _kinds_data import LINE, TAU, Case, K, X, burgers, frames, kind, noisy, solved

__all__: list[str] = []


@kind(noise=0.0)
def white_noise(rng: np.random.Generator, noise: float) -> Case:
    u = 3.0 + rng.standard_normal((6, 24, 1, 48))
    return Case(u, (TAU,), 0.1, ("u",), (), "none", "noise alone, about 3", still=True)


@kind(noise=0.01)
def still(rng: np.random.Generator, noise: float) -> Case:
    u = np.array([LINE.random(rng, 1, 5)[::2] for _ in range(4)])[:, None, None]
    u = np.repeat(u, 21, 1)
    return Case(noisy(u, noise, rng), (TAU,), 0.1, ("u",), (), "none", "at rest", still=True)


@kind(noise=0.001)
def smooth_random(rng: np.random.Generator, noise: float) -> Case:
    t = frames(0.05, 31)
    lags = np.exp(-0.5 * ((t[:, None] - t) / 0.4) ** 2) + 1e-10 * np.eye(len(t))
    x = np.arange(48) / 48 * TAU
    shapes = np.array([f(m * x) / m for m in range(1, 6) for f in (np.sin, np.cos)])
    draws = rng.standard_normal((4, len(t), len(shapes)))
    u = np.einsum("st,atk,kx->asx", np.linalg.cholesky(lags), draws, shapes)[:, :, None]
    return Case(noisy(u, noise, rng), (TAU,), 0.05, ("u",), (), "none", "smooth, random in time")


@kind(noise=0.001)
def brownian(rng: np.random.Generator, noise: float) -> Case:
    x = np.arange(48) / 48 * TAU
    shapes = np.array([f(m * x) / m for m in range(1, 6) for f in (np.sin, np.cos)])
    walk = np.cumsum(0.2 * rng.standard_normal((4, 31, len(shapes))), 1)
    u = (walk @ shapes)[:, :, None]
    return Case(noisy(u, noise, rng), (TAU,), 0.05, ("u",), (), "none", "a random walk in time")


@kind(noise=0.001)
def fractional(rng: np.random.Generator, noise: float) -> Case:
    firsts = [LINE.random(rng, 1, 14, 0) for _ in range(4)]
    u = solved(LINE, firsts, frames(0.04, 26), (-0.12 * np.abs(K) ** 1.3)[None])
    return Case(noisy(u, noise, rng), (TAU,), 0.04, ("u",), (), "none", "decay as |k|^1.3")


@kind(noise=0.001)
def delayed(rng: np.random.Generator, noise: float) -> Case:
    found, step, late = [], 0.0025, 200
    for _ in range(4):
        modes = np.fft.fft(LINE.random(rng, 1, 5))
        past = [modes] * (late + 1)
        for n in range(40 * 31):
            now = past[-1]
            middle = now + step / 2 * (-0.02 * K**2 * now - 3 * past[n])
            pull = 0.5 * (past[n] + past[n + 1])
            past.append(now + step * (-0.02 * K**2 * middle - 3 * pull))
        found.append(np.real(np.fft.ifft(np.array(past[late::40][:31])))[:, None, ::2])
    note = "u_t = 0.02 u_xx - 3 u(t - 0.5)"
    return Case(noisy(np.array(found), noise, rng), (TAU,), 0.1, ("u",), (), "none", note)


@kind(noise=0.005)
def forced_in_time(rng: np.random.Generator, noise: float) -> Case:
    firsts = [LINE.random(rng, 1, 4) for _ in range(4)]
    t = frames(0.08, 31)
    u = solved(
        LINE, firsts, t, (-0.1 * K**2)[None], lambda u, t: burgers(u, t) + 0.8 * np.cos(2 * t)
    )
    truth = ("u_t = -u*u_x + 0.1*u_xx + 0.8*cos(2*t)",)
    note = "the right-hand side knows the clock"
    return Case(noisy(u, noise, rng), (TAU,), 0.08, ("u",), truth, "none", note)


@kind(noise=0.002)
def klein_gordon_u(rng: np.random.Generator, noise: float) -> Case:
    u = _klein_gordon(rng)[:, :, :1]
    truth = ("u_tt = 2.25*u_xx - u",)
    note = "of second order in time, u_t not seen"
    return Case(noisy(u, noise, rng), (TAU,), 0.04, ("u",), truth, "exact", note, later=True)


@kind(noise=0.002)
def klein_gordon(rng: np.random.Generator, noise: float) -> Case:
    truth = ("u_t = v", "v_t = 2.25*u_xx - u")
    u = noisy(_klein_gordon(rng), noise, rng)
    return Case(u, (TAU,), 0.04, ("u", "v"), truth, "exact", "the same with u_t seen")


def _klein_gordon(rng: np.random.Generator) -> np.ndarray:
    firsts = [np.stack([LINE.random(rng, 1, 4), 2 * LINE.random(rng, 1, 4)]) for _ in range(4)]
    zero = np.zeros((2, len(K)))

    def rest(u: np.ndarray, t: float) -> np.ndarray:
        return np.stack([u[1], 2.25 * LINE.d(u[0], 2) - u[0]])

    return solved(LINE, firsts, frames(0.04, 31), zero, rest, 20)


@kind(noise=0.002)
def stirred(rng: np.random.Generator, noise: float) -> Case:
    found, t = [], frames(0.05, 26)
    for _ in range(4):
        a, b = rng.uniform(0.4, 0.9, 2)
        p, q = rng.uniform(0, TAU, 2)

        def velocity(
            s: float, a: float = a, b: float = b, p: float = p, q: float = q
        ) -> np.ndarray:
            return a * np.sin(X + p + s**2) + b * np.cos(2 * X + q) * np.sin(3 * s + p)

        def rest(u: np.ndarray, s: float, velocity=velocity) -> np.ndarray:
            return -velocity(s) * LINE.d(u, 1)

        c = solved(LINE, [LINE.random(rng, 1, 3)], t, (-0.03 * K**2)[None], rest)[0]
        v = np.array([velocity(s)[::2] for s in t])[:, None]
        found.append(np.concatenate([c, v], 1))
    truth = ("c_t = -v*c_x + 0.03*c_xx",)
    note = "the velocity is measured and has no law of its own"
    states = noisy(np.array(found), noise, rng)
    return Case(states, (TAU,), 0.05, ("c", "v"), truth, "exact", note, later=True)
