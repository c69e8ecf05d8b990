"""The noise that data are said to have over the noise that they have.

    python benchmarks/noise_level.py                # everything, about three minutes
    python benchmarks/noise_level.py --parts kinds

Signals are sums of waves that travel and decay, made with NumPy alone, of spectra of several shapes
and resolved to different degrees. "kinds": small inputs of each kind, noise of σ, or rounding to a
step q where σ is q/√12. "sweep": levels, frames, spectra, grids and gaps. Of each row the ratio of
the σ found to the true one is given, r.m.s. over trajectories and draws, and the standard deviation
of the mean σ² over its quoted error. "chi2": the standard deviation of chi² in 50 draws over the
quoted one, without a fit and of refinements. Results: benchmarks/results/noise_level.json.
"""

from __future__ import annotations

import argparse
import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from _record import previous, record

from pdenet import PDE, Grid
from pdenet.likelihood import RefineConfig
from pdenet.likelihood.refine import refine
from pdenet.noise.level import chi2_error, noise_of
from pdenet.problem import Problem

Array = np.ndarray
SPECTRA: dict[str, Callable[[Array], Array]] = {
    "red": lambda k: np.exp(-k / 0.06),
    "band": lambda k: 1.0 * ((k > 0.2) & (k < 0.3)),
    "two scales": lambda k: 1.0 * (k < 0.08) + 0.1 * ((k > 0.3) & (k < 0.35)),
    "one wave": lambda k: 1.0 * (abs(k - 0.25) < 1e-9),
    "front": lambda k: 1 / np.maximum(k, 0.03) ** 2,
    "flat": np.ones_like,
}
"""Power of waves, by their length over that of the shortest wave of the grid."""


def signal(
    shape: tuple[int, ...], frames: int, n: int, spectrum: str, step: float, seed: int
) -> Array:
    """Waves of standard deviation 1, (n, frames, 1, *shape). step: of time; waves travel with speed
    1 along the first axis of [0, 2π]^d and decay as exp(−0.02 k² t)."""
    rng = np.random.default_rng(seed)
    axes = [np.fft.fftfreq(m, 1 / m) for m in shape]
    waves = np.meshgrid(*axes, indexing="ij")
    size = np.sqrt(sum((k / (m / 2)) ** 2 for k, m in zip(waves, shape, strict=True)))
    amplitude = np.sqrt(SPECTRA[spectrum](size))
    amplitude.flat[0] = 0
    white = np.fft.fftn(rng.standard_normal((n, *shape)), axes=range(1, len(shape) + 1))
    time = (step * np.arange(frames)).reshape(-1, *[1] * len(shape))
    moving = np.exp(-1j * waves[0] * time - 0.02 * sum(k**2 for k in waves) * time)
    u = np.fft.ifftn(white[:, None] * amplitude * moving, axes=range(2, len(shape) + 2)).real
    return (u / u[:, :1].std())[:, :, None]


def compared(states: Array, sigma: float, periodic: bool = True) -> dict[str, float]:
    """The σ found over the true one, and how far the mean σ² is off in its quoted errors."""
    found = noise_of(torch.from_numpy(states), (periodic,) * (states.ndim - 3))
    square = (found.sigma.numpy() / sigma) ** 2
    quoted = np.sqrt((found.doubt.numpy() ** 2).mean() / found.doubt.numel())
    return {"ratio": float(np.sqrt(square.mean())), "z": float((square.mean() - 1) / quoted)}


def row(draws: list[dict[str, float]], **what: Any) -> dict[str, Any]:
    """One line of the table, from several draws."""
    ratio = np.sqrt(np.mean([each["ratio"] ** 2 for each in draws]))
    z = np.array([each["z"] for each in draws])
    numbers = {"ratio": round(float(ratio), 4), "z_mean": round(float(z.mean()), 2)}
    if len(draws) > 1:
        numbers["z_sd"] = round(float(z.std(ddof=1)), 2)
    print({**what, **numbers}, flush=True)
    return {**what, **numbers}


def kinds() -> list[dict[str, Any]]:
    """Inputs of each kind, on 64 points and 26 frames, four trajectories."""
    found = []
    rng = np.random.default_rng(0)
    clean = signal((64,), 26, 4, "red", 0.05, 1)
    noise = rng.standard_normal(clean.shape)
    fast = signal((64,), 31, 4, "one wave", 2 * np.pi / 8 / 5.7, 2)
    window = signal((192,), 26, 4, "red", 0.05, 3)[..., :64]
    still = np.full_like(clean, 300.0)
    cases: dict[str, tuple[Array, float, bool]] = {
        "additive, 1 %": (clean + 0.01 * noise, 0.01, True),
        "noise alone": (noise, 1.0, True),
        "5.7 frames a period, 1 %": (fast + 0.01 * rng.standard_normal(fast.shape), 0.01, True),
        "a window, 1 %": (window + 0.01 * noise, 0.01, False),
        "a window said to be periodic, 1 %": (window + 0.01 * noise, 0.01, True),
        "multiplied, 1 %": (
            (2 + 0.3 * clean) * (1 + 0.01 * noise),
            0.01 * float(np.sqrt(((2 + 0.3 * clean) ** 2).mean())),
            True,
        ),
        "at rest, 1 %": (still + 0.01 * noise, 0.01, True),
        "offset of 1e6, 1 %": (1e6 + clean + 0.01 * noise, 0.01, True),
        "grey levels": (np.round(128 + 30 * clean), 12**-0.5, True),
        "grey levels over 255": (np.round(128 + 30 * clean) / 255, 12**-0.5 / 255, True),
        "two decimals": (np.round(clean, 2), 0.01 / 12**0.5, True),
        "float32 at 300": (
            (300 + clean).astype(np.float32).astype(float),
            2.0**-15 / 12**0.5,
            True,
        ),
        "float16": (
            clean.astype(np.float16).astype(float),
            float((clean.astype(np.float16) - clean).std()),
            True,
        ),
        "grey levels and noise": (np.round(128 + 30 * clean + noise), (1 + 1 / 12) ** 0.5, True),
    }
    for name, (states, sigma, periodic) in cases.items():
        found.append(row([compared(states, sigma, periodic)], kind=name))
    return found


def sweep() -> list[dict[str, Any]]:
    """Levels, frames, spectra, grids and gaps, three draws of four trajectories each."""
    found = []

    def add(shape: tuple[int, ...], frames: int, spectrum: str, level: float, gaps: float) -> None:
        draws = []
        for seed in range(3):
            rng = np.random.default_rng(seed + 100)
            states = signal(shape, frames, 4, spectrum, 0.1, seed)
            states = states + level * rng.standard_normal(states.shape)
            states[rng.random(states.shape) < gaps] = np.nan
            draws.append(compared(states, level))
        what = {"shape": shape, "frames": frames, "spectrum": spectrum, "level": level}
        found.append(row(draws, **what, gaps=gaps))

    for spectrum, level in itertools.product(SPECTRA, (1e-4, 0.01, 0.1, 1.0)):
        add((64,), 21, spectrum, level, 0.0)
    for frames, level in itertools.product((2, 3, 5, 10, 30, 100), (0.01, 0.1)):
        add((64,), frames, "band", level, 0.0)
    for shape, spectrum in itertools.product(((32, 32), (64, 16), (16, 16, 16)), SPECTRA):
        add(shape, 9, spectrum, 0.05, 0.0)
    for gaps, level in itertools.product((0.001, 0.1, 0.5, 0.8, 0.9), (0.01, 0.1)):
        add((64,), 31, "red", level, gaps)
        add((32, 32), 13, "red", level, gaps)
    add((64,), 2, "red", 0.1, 0.3)
    return found


def chi2(draws: int = 50) -> list[dict[str, Any]]:
    """chi² with the σ that the data show: of the noise itself, and of refinements."""
    found = []
    for shape, frames in (((64,), 21), ((32, 32), 9)):
        clean, values, quoted = signal(shape, frames, 6, "red", 0.05, 0), [], []
        for seed in range(draws):
            noise = 0.05 * np.random.default_rng(seed).standard_normal(clean.shape)
            shown = noise_of(torch.from_numpy(clean + noise), (True,) * len(shape))
            square = torch.from_numpy(noise).square().flatten(3).sum((1, 3))
            count = torch.full_like(square, float(noise[0].size))
            values.append(float((square / shown.sigma.square()).sum() / count.sum()))
            quoted.append(chi2_error(shown.doubt, count, 0))
        found.append(_spread(values, quoted, fit=False, shape=shape, frames=frames))
    return [*found, _of_refinements(draws)]


def _of_refinements(draws: int) -> dict[str, Any]:
    """u_t = −0.5 u_x + 0.05 u_xx, its terms given, six trajectories of 11 frames on 64 points."""
    grid, dt, n = Grid((64,), (2 * np.pi,)), 0.1, 6
    k, time = np.fft.rfftfreq(64, 1 / 64), dt * np.arange(11)
    rng = np.random.default_rng(0)
    first = np.fft.rfft(rng.standard_normal((n, 64))) * np.exp(-k / 3)
    moving = np.exp((-0.05 * k**2 - 0.5j * k) * time[:, None])
    clean = np.fft.irfft(first[:, None] * moving, 64)[:, :, None]
    clean /= clean[:, 0].std()
    truth = PDE("u_t = -0.5*u_x + 0.05*u_xx")
    values, quoted = [], []
    for seed in range(draws):
        noise = 0.05 * np.random.default_rng(seed).standard_normal(clean.shape)
        data = torch.from_numpy(clean + noise)
        config = RefineConfig(choose=False)
        result = refine(truth, data, None, Problem.periodic(truth, grid), dt, config).refinement
        assert result is not None
        shown = noise_of(data, (True,))
        count = torch.full_like(shown.sigma, float(data[0].numel()))
        values.append(result.chi2)
        quoted.append(chi2_error(shown.doubt, count, result.unknowns))
    return _spread(values, quoted, fit=True, shape=(64,), frames=11)


def _spread(values: list[float], quoted: list[float], **what: Any) -> dict[str, Any]:
    numbers = {
        "chi2": round(float(np.mean(values)), 4),
        "sd": round(float(np.std(values, ddof=1)), 5),
        "quoted": round(float(np.mean(quoted)), 5),
        "draws": len(values),
    }
    print({**what, **numbers}, flush=True)
    return {**what, **numbers}


PARTS = {"kinds": kinds, "sweep": sweep, "chi2": chi2}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--parts", nargs="*", choices=PARTS, default=list(PARTS))
    chosen = parser.parse_args().parts
    results = previous("noise_level") or {}
    for name in chosen:
        results[name] = PARTS[name]()
        record("noise_level", {"results": results})


if __name__ == "__main__":
    main()
