"""How often the test of the seam is right: periodic fields that it refuses, windows that it passes.

Periodic fields of many spectra, in one to three dimensions, with any noise, few and many points,
frames and trajectories, fronts down to a third of a step wide, and the Burgers data of the
repository, which begin anywhere. The same fields seen through windows of 15 to 85 per cent of the
period. A rate is that of fields with at least one open seam, over all of a family.

    python benchmarks/seam.py            # some minutes; --count 300 for a look
"""

import argparse
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from _record import record

from pdenet import seam
from pdenet.storage import open_data

DATA = Path(__file__).resolve().parent.parent / "data" / "burgers-1d.h5"
PAIRS = ((1.5, 2.0), (2.0, 2.0), (3.0, 1.0), (3.0, 1.5), (3.0, 2.0), (4.0, 2.0), (3.0, 3.0))
"""Values of LIMIT and ALONE that are compared, on one field in ten."""

Generator = np.random.Generator
Maker = Callable[[Generator, float], np.ndarray]
"""States (trajectory, frame, 1, *space) over so much of the period along the first axis."""


def amplitudes(kind: str, k: np.ndarray, points: int, random: Generator) -> np.ndarray:
    """The size of every wave number k of a spectrum."""
    if kind == "white":
        return np.ones_like(k) * (k > 0)
    if kind == "single wave":
        return (np.round(k) == random.integers(1, max(2, points // 6))).astype(float)
    if kind == "band":
        return (np.abs(k - random.integers(1, max(2, points // 5))) <= 2) * (k > 0.5)
    return np.where(k > 0.5, np.maximum(k, 1.0) ** -float(kind.split()[-1]), 0.0)


def waves(kind: str, ndim: int) -> Maker:
    """Random waves that stand still and decay, travel, disperse, or are drawn anew each frame."""

    def make(random: Generator, share: float) -> np.ndarray:
        choices = ([12, 16, 24, 32, 48, 64, 128], [12, 16, 24, 32], [12, 16])[ndim - 1]
        points = int(random.choice(choices))
        count, frames = int(random.choice([1, 1, 2, 4])), int(random.choice([2, 3, 5, 20]))
        whole = (round(points / share), *(points,) * (ndim - 1))
        k = np.stack(np.meshgrid(*(np.fft.fftfreq(n, 1 / n) for n in whole), indexing="ij"))
        size = amplitudes(kind, np.sqrt((k**2).sum(axis=0)), points, random)
        t = np.linspace(0, 1, frames).reshape(-1, *(1,) * ndim)
        how = random.choice(["decays", "travels", "disperses", "anew"])
        shape = (count, frames if how == "anew" else 1, *whole)
        modes = size * (random.normal(size=shape) + 1j * random.normal(size=shape))
        rate = {"decays": -0.3 + 0 * k[0], "travels": 3j * random.random() * k[0]}
        rate["disperses"] = 1j * random.random() * (k**2).sum(axis=0)
        modes = modes * np.exp(rate.get(how, 0 * k[0]) * t)
        u = np.fft.ifftn(modes, axes=tuple(range(2, 2 + ndim))).real[:, :, None]
        return noisy(u[:, :, :, :points], random)

    return make


def fronts(random: Generator, share: float) -> np.ndarray:
    """One front on a slope, or two, of a third of a step to four steps, at rest or moving."""
    points = int(random.choice([16, 32, 64, 128]))
    x = np.arange(points) / points * share * 2 * np.pi
    width = random.uniform(0.3, 4) * 2 * np.pi * share / points
    speed, single = random.choice([0, 0, 0.2, 2]), random.random() < 0.5
    u = np.empty((int(random.choice([1, 1, 2])), 6, 1, points))
    for trajectory in u:
        start = random.uniform(0, 2 * np.pi)
        for frame, t in zip(trajectory, np.linspace(0, 1, 6), strict=True):
            z = (x - start - speed * t + np.pi) % (2 * np.pi) - np.pi
            frame[0] = np.tanh(z / width) - z / np.pi if single else np.tanh(np.sin(z) / width)
    return noisy(u, random)


def burgers() -> Maker:
    """The stored data, begun anywhere on the axis, of one trajectory or of some."""
    with open_data(DATA) as data:
        states = data.read()

    def make(random: Generator, share: float) -> np.ndarray:
        rows = random.permutation(len(states))[: int(random.choice([1, 2, 10]))]
        step = int(random.choice([1, 2, 4]))
        u = np.roll(states[rows], int(random.integers(states.shape[-1])), axis=-1)[..., ::step]
        return noisy(u[..., : max(seam.FEWEST, round(share * u.shape[-1]))], random)

    return make


def noisy(states: np.ndarray, random: Generator) -> np.ndarray:
    level = random.choice([0, 0, 1e-3, 0.01, 0.1, 0.5])
    return states + level * states.std() * random.standard_normal(states.shape)


def families() -> dict[str, Maker]:
    spectra = ("white", "single wave", "band", "slope 1", "slope 1.5", "slope 2", "slope 3")
    found: dict[str, Maker] = {f"{kind}, 1-D": waves(kind, 1) for kind in (*spectra, "slope 4")}
    found |= {f"slope {s}, {n}-D": waves(f"slope {s}", n) for s in (1.5, 3) for n in (2, 3)}
    return {**found, "fronts, 1-D": fronts, "Burgers": burgers()}


def refused(states: np.ndarray) -> bool:
    return bool(seam.faults(states, [True] * (states.ndim - 3)))


def rates(make: Maker, count: int, seed: int) -> dict[str, Any]:
    """How many of so many periodic fields and windows are refused, also with other limits."""
    random = np.random.default_rng(seed)
    own = (seam.LIMIT, seam.ALONE)
    periodic = windows = 0
    others = {pair: [0, 0] for pair in PAIRS}
    for number in range(count):
        whole, part = make(random, 1.0), make(random, random.uniform(0.15, 0.85))
        periodic += refused(whole)
        windows += refused(part)
        if number % 10:
            continue
        for pair, found in others.items():
            seam.LIMIT, seam.ALONE = pair
            found[0] += refused(whole)
            found[1] += refused(part)
        seam.LIMIT, seam.ALONE = own
    tenth = -(-count // 10)
    return {
        "fields": count,
        "periodic_refused": periodic,
        "windows_refused": round(windows / count, 4),
        "other_limits": {
            f"LIMIT {limit:g}, ALONE {alone:g}": {
                "fields": tenth,
                "periodic_refused": found[0],
                "windows_refused": round(found[1] / tenth, 4),
            }
            for (limit, alone), found in others.items()
        },
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=3000, help="fields of each family")
    options = parser.parse_args()
    started, results = time.process_time(), {}
    for seed, (name, make) in enumerate(families().items()):
        results[name] = found = rates(make, options.count, seed)
        periodic, windows = found["periodic_refused"], found["windows_refused"]
        print(f"{name:18} periodic refused {periodic} of {options.count}, windows {windows:.1%}")
    total = sum(found["fields"] for found in results.values())
    false = sum(found["periodic_refused"] for found in results.values())
    print(f"{false} of {total} periodic fields refused")
    payload = {
        "limits": {"LIMIT": seam.LIMIT, "ALONE": seam.ALONE, "FEWEST": seam.FEWEST},
        "periodic": {"fields": total, "refused": false},
        "cpu_seconds": round(time.process_time() - started, 1),
        "results": results,
    }
    print(record("seam", payload))


if __name__ == "__main__":
    main()
