"""Speed and accuracy of the simulator: 2-D Burgers, float64, one core.

python benchmarks/simulator.py [--skip-accuracy]

Speed: nanoseconds per grid point, field and right-hand side, the least of many repeats, for the
right-hand side alone and for whole Runge-Kutta steps. Accuracy: error of the data on the observed
64² points, relative to the standard deviation of the field, against order 8 on 384².
"""

import argparse
import logging
import time
from collections.abc import Callable

import torch
from _record import record
from torch import Tensor

from pdenet.grid import Grid
from pdenet.pde.catalogue import get
from simulators import FourierInitial, Numerics, Solver, trajectories
from simulators.initial import initial_state
from simulators.rhs import RightHandSide
from simulators.stepping import SCHEMES, Stepper

logger = logging.getLogger("benchmarks.simulator")

PDE = get("burgers").pde.numeric()
MARKS = (10, 20, 40, 80, 140)  # frames of dt 0.01


def least(function: Callable[[], object], seconds: float) -> float:
    """The shortest time of one call, of as many as fit."""
    best, end = float("inf"), time.perf_counter() + seconds
    while time.perf_counter() < end:
        start = time.perf_counter()
        function()
        best = min(best, time.perf_counter() - start)
    return best


def speed(n: int, batch: int, order: int | str, seconds: float = 4.0) -> dict[str, object]:
    """ns per (point × field × right-hand side) on an n² grid."""
    grid = Grid.square(n, 2)
    u = torch.stack([initial_state(FourierInitial(), 2, grid, 0, i) for i in range(batch)])
    out = torch.empty_like(u)
    rhs = RightHandSide(PDE, grid, order, u)
    stepper = Stepper(SCHEMES["rk4"], rhs, u)
    alone = least(lambda: rhs(0.0, u, out), seconds)
    step = least(lambda: stepper.step(0.0, 1e-5, u), seconds)
    return {
        "grid": [n, n],
        "batch": batch,
        "order": order,
        "rhs_ns": round(alone / u.numel() * 1e9, 2),
        "rk4_ns": round(step / u.numel() / 4 * 1e9, 2),
    }


def roofline(order: int) -> dict[str, float]:
    """Work of one right-hand side per point and field, as the products and passes do it."""
    block, reach, rows, axes = 8, order // 2, 2, 2
    flops = axes * rows * 2 * (block + 2 * reach) + 8
    useful = axes * rows * 2 * (2 * reach + 1) + 8
    # doubles moved per point: pad (2 each axis), gather (last axis), products in and out, terms
    gather = 2 * (block + 2 * reach) / block
    doubles = 2 * axes + gather + (1 + gather / 2) + rows * axes + (3 * 4 + 4)
    size = 128
    a, b = torch.randn(size, size).double(), torch.randn(size, size).double()
    out = torch.empty(size, size, dtype=torch.float64)
    gemm = 2 * size**3 / least(lambda: torch.mm(a, b, out=out), 1.0) / 1e9
    big = torch.randn(1 << 15).double()
    copy = torch.empty_like(big)
    cache = 2 * big.numel() * 8 / least(lambda: copy.copy_(big), 1.0) / 1e9
    return {
        "flops": flops,
        "flops_of_the_stencils_alone": useful,
        "bytes_in_cache": 8 * doubles,
        "gemm_gflops": round(gemm, 1),
        "cache_copy_gbytes_per_s": round(cache, 1),
        "bound_ns": round(flops / gemm + 8 * doubles / cache, 2),
    }


def solution(refine: int, order: int | str, cfl: float, seeds: list[int]) -> tuple[Tensor, float]:
    """Frames at MARKS on the 64² points (trajectory, frame, field, *space), and seconds."""
    grid = Grid.square(64, 2).refine(refine)
    solver, results = Solver(PDE, grid, Numerics(order=order, cfl=cfl)), []
    start = time.perf_counter()
    for i in seeds:
        u = initial_state(FourierInitial(), 2, grid, 0, i)[None].clone()
        frames = []
        for frame in range(MARKS[-1]):
            solver.advance(frame * 0.01, 0.01, u)
            if frame + 1 in MARKS:
                frames.append(u[0, :, ::refine, ::refine].clone())
        results.append(torch.stack(frames))
    return torch.stack(results), time.perf_counter() - start


def accuracy(seeds: list[int]) -> list[dict[str, object]]:
    """Relative r.m.s. and largest errors at MARKS for several discretisations."""
    reference, seconds = solution(6, 8, 0.8, seeds)
    logger.info("reference in %.0f s", seconds)
    deviation = reference.flatten(3).std(dim=3)
    rows: list[dict[str, object]] = []
    settings: list[tuple[int, int | str, float]] = [
        *((2, order, 0.8) for order in (2, 4, 6, 8, "upwind")),
        (3, 8, 0.8), (4, 4, 0.8), (4, 8, 0.8), (2, 8, 0.4), (3, 8, 0.4),
    ]  # fmt: skip
    for refine, order, cfl in settings:
        found, seconds = solution(refine, order, cfl, seeds)
        error = (found - reference).flatten(3)
        rms = (error.square().mean(dim=3).sqrt() / deviation).mean(dim=2)
        largest = error.abs().amax(dim=3) / deviation
        row = {
            "refine": refine,
            "order": order,
            "cfl": cfl,
            "times": [mark * 0.01 for mark in MARKS],
            "rms": [float(f"{x:.2e}") for x in rms.mean(dim=0)],
            "max": [float(f"{x:.2e}") for x in largest.amax(dim=(0, 2))],
            "seconds_per_frame": round(seconds / len(seeds) / MARKS[-1], 4),
        }
        logger.info("%s", row)
        rows.append(row)
    return rows


def main() -> None:
    """Measure and record."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--skip-accuracy", action="store_true")
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    torch.set_num_threads(1)
    speeds = [speed(128, 1, order) for order in (2, 4, 6, 8, "upwind")]
    speeds += [speed(128, 2, 8), speed(64, 8, 8), speed(32, 32, 8)]
    payload: dict[str, object] = {
        "problem": "2-D Burgers, nu 0.05, float64, one thread",
        "speed": speeds,
        "roofline_order_8": roofline(8),
    }
    for row in speeds:
        logger.info("%s", row)
    start = time.perf_counter()
    trajectories("burgers", trajectories=4)
    payload["seconds_for_4_default_trajectories"] = round(time.perf_counter() - start, 2)
    if not options.skip_accuracy:
        payload["accuracy"] = accuracy([0, 1])
    logger.info("wrote %s", record("simulator", payload))


if __name__ == "__main__":
    main()
