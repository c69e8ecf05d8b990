"""Small data sets whose numbers are special: rounded, in odd units, few, or not all there."""

from __future__ import annotations

import numpy as np
from _kinds_data import LINE, TAU, Case, K, burgers, frames, kind, noisy, solved
from _spectral import Box

__all__: list[str] = []

# Rounding, units, noise that is not additive.


def _allen_cahn(rng: np.random.Generator) -> np.ndarray:
    firsts = [LINE.random(rng, 1, 4) for _ in range(4)]
    rate = (-0.04 * K**2 + 1)[None]
    return solved(LINE, firsts, frames(0.08, 26), rate, lambda u, t: -(u**3))


@kind(noise=0.0)
def eight_bits(rng: np.random.Generator, noise: float) -> Case:
    u = 100 * noisy(_allen_cahn(rng), noise, rng)
    states = np.round(u + 128).clip(0, 255).astype(np.uint8)
    truth = ("u_t = 0.04*u_xx + 81.7152 - 3.9152*u + 0.0384*u**2 - 0.0001*u**3",)
    return Case(states, (TAU,), 0.08, ("u",), truth, "exact", "grey levels, 8 bits")


@kind(noise=0.0)
def twelve_bits(rng: np.random.Generator, noise: float) -> Case:
    firsts = [LINE.random(rng, 1, 4) for _ in range(4)]
    u = solved(LINE, firsts, frames(0.05, 26), (-0.06 * K**2)[None], burgers)
    states = np.round(1000 * noisy(u, noise, rng)).astype(np.int16)
    truth = ("u_t = -0.001*u*u_x + 0.06*u_xx",)
    return Case(states, (TAU,), 0.05, ("u",), truth, "exact", "whole numbers, 12 bits")


@kind(noise=0.0)
def single_precision(rng: np.random.Generator, noise: float) -> Case:
    states = (2.0 + noisy(_allen_cahn(rng), noise, rng)).astype(np.float32)
    truth = ("u_t = 0.04*u_xx + 6 - 11*u + 6*u**2 - u**3",)
    return Case(states, (TAU,), 0.08, ("u",), truth, "exact", "float32, otherwise clean")


@kind(noise=0.01)
def pressure(rng: np.random.Generator, noise: float) -> Case:
    box = Box((96,), (170.0,))
    (k,) = box.k
    firsts = [20 * box.random(rng, 1, 5) for _ in range(4)]
    u = solved(box, firsts, frames(0.01, 26), (-340j * k - 60 * k**2)[None])
    truth = ("p_t = -340*p_x + 60*p_xx",)
    states = 101325 + noisy(u, noise, rng)
    return Case(states, (170.0,), 0.01, ("p",), truth, "exact", "20 Pa upon 101325 Pa")


def _scaled(rng: np.random.Generator, noise: float, length: float, time: float) -> Case:
    firsts = [LINE.random(rng, 1, 4) for _ in range(4)]
    u = solved(LINE, firsts, frames(0.05, 26), (-0.1 * K**2)[None], burgers)
    truth = (f"u_t = -u*u_x + {0.1 * length**2 / time:.12e}*u_xx",)
    states = noisy(length / time * u, noise, rng)
    note = f"unit of length {length:g}, of time {time:g}"
    return Case(states, (TAU * length,), 0.05 * time, ("u",), truth, "exact", note)


@kind(noise=0.01)
def micrometres(rng: np.random.Generator, noise: float) -> Case:
    return _scaled(rng, noise, 1e-6, 1e-9)


@kind(noise=0.01)
def light_years(rng: np.random.Generator, noise: float) -> Case:
    return _scaled(rng, noise, 1e16, 1e13)


def _fisher(rng: np.random.Generator) -> np.ndarray:
    firsts = [0.35 + 0.3 * LINE.random(rng, 1, 4) for _ in range(4)]
    rate = (-0.05 * K**2 + 1)[None]
    return solved(LINE, firsts, frames(0.1, 31), rate, lambda u, t: -(u**2))


@kind(noise=0.02)
def proportional_noise(rng: np.random.Generator, noise: float) -> Case:
    u = _fisher(rng)
    u = u * (1 + noise * rng.standard_normal(u.shape))
    truth = ("u_t = 0.05*u_xx + u - u**2",)
    return Case(u, (TAU,), 0.1, ("u",), truth, "exact", "u (1 + noise)")


@kind(noise=0.0)
def counts(rng: np.random.Generator, noise: float) -> Case:
    u = rng.poisson(400 * _fisher(rng)).astype(float)
    truth = ("u_t = 0.05*u_xx + u - 0.0025*u**2",)
    return Case(u, (TAU,), 0.1, ("u",), truth, "exact", "counts of up to 400, Poisson")


# Gaps and few frames.


@kind(noise=0.01)
def gaps(rng: np.random.Generator, noise: float) -> Case:
    firsts = [LINE.random(rng, 1, 4) for _ in range(4)]
    u = noisy(solved(LINE, firsts, frames(0.05, 26), (-0.1 * K**2)[None], burgers), noise, rng)
    u[rng.random(u.shape) < 0.35] = np.nan
    truth = ("u_t = -u*u_x + 0.1*u_xx",)
    return Case(u, (TAU,), 0.05, ("u",), truth, "exact", "35 % of the values missing")


@kind(noise=0.01)
def broken_sensors(rng: np.random.Generator, noise: float) -> Case:
    u = noisy(_fisher(rng), noise, rng)
    u[..., rng.choice(64, 20, replace=False)] = np.nan
    u[:, 12:15] = np.nan
    truth = ("u_t = 0.05*u_xx + u - u**2",)
    return Case(u, (TAU,), 0.1, ("u",), truth, "exact", "20 of 64 points, 3 of 31 frames unseen")


def _few(rng: np.random.Generator, noise: float, count: int, each: int) -> Case:
    firsts = [LINE.random(rng, 1, 6) for _ in range(count)]
    u = solved(LINE, firsts, frames(0.3, each), (-0.5j * K - 0.08 * K**2)[None])
    truth = ("u_t = -0.5*u_x + 0.08*u_xx",)
    note = f"{count} trajectories of {each} frames"
    return Case(noisy(u, noise, rng), (TAU,), 0.3, ("u",), truth, "exact", note)


@kind(noise=0.01)
def two_frames(rng: np.random.Generator, noise: float) -> Case:
    return _few(rng, noise, 24, 2)


@kind(noise=0.01)
def three_frames(rng: np.random.Generator, noise: float) -> Case:
    return _few(rng, noise, 16, 3)
