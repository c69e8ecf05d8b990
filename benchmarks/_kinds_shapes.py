"""Small data sets of special shape: spectra, and solutions that families of equations have."""

from __future__ import annotations

import numpy as np
from _kinds_data import LINE, TAU, Case, K, burgers, frames, kind, noisy, solved
from _spectral import Box, evolve

__all__: list[str] = []

# Spectra.


@kind(noise=0.01)
def high_band(rng: np.random.Generator, noise: float) -> Case:
    firsts = [LINE.random(rng, 7, 9, 0) for _ in range(6)]
    u = solved(LINE, firsts, frames(0.05, 21), (0.3j * K - 0.004 * K**2)[None])
    truth = ("u_t = 0.3*u_x + 0.004*u_xx",)
    return Case(noisy(u, noise, rng), (TAU,), 0.05, ("u",), truth, "exact", "waves 7 to 9 alone")


@kind(noise=0.01)
def ring_2d(rng: np.random.Generator, noise: float) -> Case:
    box = Box((48, 48), (TAU, TAU))
    kx, ky = box.k
    firsts = [box.random(rng, 4, 6, 0)[None] for _ in range(3)]
    u = solved(box, firsts, frames(0.1, 11), (-0.5j * kx - 0.02 * (kx**2 + ky**2))[None])
    truth = ("u_t = -0.5*u_x + 0.02*u_xx + 0.02*u_yy",)
    return Case(noisy(u, noise, rng), (TAU, TAU), 0.1, ("u",), truth, "exact", "4 <= |k| <= 6")


@kind(noise=0.01)
def two_scales(rng: np.random.Generator, noise: float) -> Case:
    firsts = [LINE.random(rng, 1, 2) + 0.2 * LINE.random(rng, 9, 11) for _ in range(6)]
    u = solved(LINE, firsts, frames(0.04, 26), (-0.04 * K**2)[None], burgers)
    truth = ("u_t = -u*u_x + 0.04*u_xx",)
    note = "waves 1, 2 and 9 to 11"
    return Case(noisy(u, noise, rng), (TAU,), 0.04, ("u",), truth, "exact", note)


@kind(noise=0.01)
def flat_spectrum(rng: np.random.Generator, noise: float) -> Case:
    firsts = [LINE.random(rng, 1, 24, 0) for _ in range(4)]
    u = solved(LINE, firsts, frames(0.05, 26), (0.8j * K - 0.01 * K**2 - 0.5)[None])
    truth = ("u_t = 0.8*u_x + 0.01*u_xx - 0.5*u",)
    return Case(noisy(u, noise, rng), (TAU,), 0.05, ("u",), truth, "exact", "white in space")


@kind(noise=0.01)
def red_spectrum(rng: np.random.Generator, noise: float) -> Case:
    firsts = [0.8 + 0.6 * LINE.random(rng, 1, 20, 3) for _ in range(4)]
    rate = (-0.05 * K**2 + 1.5)[None]
    u = solved(LINE, firsts, frames(0.1, 26), rate, lambda u, t: -(u**2))
    truth = ("u_t = 0.05*u_xx + 1.5*u - u**2",)
    return Case(noisy(u, noise, rng), (TAU,), 0.1, ("u",), truth, "exact", "amplitudes |k|^-3")


@kind(noise=0.01)
def anisotropic_2d(rng: np.random.Generator, noise: float) -> Case:
    box = Box((64, 32), (TAU, 0.5))
    kx, ky = box.k
    firsts = [box.random(rng, 1, 3)[None] for _ in range(3)]
    rate = -0.7j * kx + 0.04j * ky - 0.05 * kx**2 - 4e-4 * ky**2
    u = solved(box, firsts, frames(0.1, 16), rate[None])
    truth = ("u_t = -0.7*u_x + 0.04*u_y + 0.05*u_xx + 0.0004*u_yy",)
    note = "axes of different length, steps and coefficients"
    return Case(noisy(u, noise, rng), (TAU, 0.5), 0.1, ("u",), truth, "exact", note)


@kind(noise=0.01)
def advected_profile(rng: np.random.Generator, noise: float) -> Case:
    u = solved(LINE, [LINE.random(rng, 1, 5, 0.5)], frames(0.05, 41), (-1.3j * K)[None])
    note = "one trajectory that only moves"
    return Case(noisy(u, noise, rng), (TAU,), 0.05, ("u",), ("u_t = -1.3*u_x",), "exact", note)


# Families.


@kind(noise=0.01)
def one_wave(rng: np.random.Generator, noise: float) -> Case:
    firsts = [LINE.random(rng, 3, 3) for _ in range(4)]
    u = solved(LINE, firsts, frames(0.05, 26), (-0.7j * K - 0.02 * K**2)[None])
    note = "a single wave number: u_xx or u, u_x or u_xxx"
    truth = ("u_t = -0.7*u_x + 0.02*u_xx",)
    return Case(noisy(u, noise, rng), (TAU,), 0.05, ("u",), truth, "family", note)


@kind(noise=0.01)
def kdv_soliton(rng: np.random.Generator, noise: float) -> Case:
    c, delta, length = 0.9, 0.08, 12.0
    x, t = np.arange(96) / 96 * length, frames(0.1, 31)
    u = 3 * c / np.cosh(0.5 * np.sqrt(c / delta) * (x - 4 - c * t[:, None])) ** 2
    truth = ("u_t = -u*u_x - 0.08*u_xxx",)
    note = "one soliton: a two-parameter family moves it alike"
    return Case(noisy(u[None, :, None], noise, rng), (length,), 0.1, ("u",), truth, "family", note)


@kind(noise=0.01)
def bistable_front(rng: np.random.Generator, noise: float) -> Case:
    box = Box((256,), (60.0,))
    (k,), (x,) = box.k, box.x
    first = 0.5 * (np.tanh((x - 22) / np.sqrt(8)) - np.tanh((x - 38) / np.sqrt(8)))
    grown = solved_whole(box, first, 10.0)
    u = solved(box, [grown], frames(0.4, 31), (-(k**2) - 0.25)[None], _bistable, 20)
    truth = ("u_t = u_xx - 0.25*u + 1.25*u**2 - u**3",)
    note = "two fronts that move apart: u_xx is a cubic in u"
    return Case(noisy(u, noise, rng), (60.0,), 0.4, ("u",), truth, "family", note)


def _bistable(u: np.ndarray, t: float) -> np.ndarray:
    return 1.25 * u**2 - u**3


def solved_whole(box: Box, first: np.ndarray, until: float) -> np.ndarray:
    """The bistable front after its transient, on the solver's points."""
    times = np.array([0.0, until])
    return evolve(box, first[None], times, (-(box.k[0] ** 2) - 0.25)[None], _bistable, 500)[-1]


@kind(noise=0.01)
def nls_soliton(rng: np.random.Generator, noise: float) -> Case:
    length = 24.0
    x, t = np.arange(96) / 96 * length, frames(0.1, 41)[:, None]
    q = 1.2 / np.cosh(1.2 * (x - 12)) * np.exp(0.72j * t)
    u = np.stack([q.real, q.imag], 1)[None]
    truth = ("u_t = -0.5*v_xx - u**2*v - v**3", "v_t = 0.5*u_xx + u**3 + u*v**2")
    note = "a standing soliton also obeys u_t = -0.72 v"
    return Case(noisy(u, noise, rng), (length,), 0.1, ("u", "v"), truth, "family", note)


@kind(noise=0.01)
def proportional_fields(rng: np.random.Generator, noise: float) -> Case:
    firsts = [LINE.random(rng, 1, 4) for _ in range(4)]
    u = solved(LINE, firsts, frames(0.05, 26), (-0.1 * K**2)[None])
    both = np.concatenate([u, 2 * u], 2)
    truth = ("u_t = 0.1*u_xx", "v_t = 0.1*v_xx")
    note = "v = 2u: either may stand for the other"
    return Case(noisy(both, noise, rng), (TAU,), 0.05, ("u", "v"), truth, "family", note)


@kind(noise=0.01)
def constant_along_y(rng: np.random.Generator, noise: float) -> Case:
    firsts = [LINE.random(rng, 1, 4) for _ in range(4)]
    u = solved(LINE, firsts, frames(0.05, 16), (-0.6j * K - 0.1 * K**2)[None])
    u = np.repeat(u[..., None], 12, -1)
    truth = ("u_t = -0.6*u_x + 0.1*u_xx + 0.1*u_yy",)
    note = "nothing is known of derivatives along y"
    return Case(noisy(u, noise, rng), (TAU, TAU), 0.05, ("u",), truth, "family", note)
