"""Measured orders of accuracy: stencils of the simulators, filters of the networks, integrators.

Each order is the slope of log error over log step, by regression on three to five steps, for a
solution that is known exactly. Writes benchmarks/results/orders.json with stated and measured
orders.

    python benchmarks/orders.py
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import torch
from _record import record

from pdenet.nn.filters import FilterBank
from pdenet.nn.moments import accuracy, constraint
from pdenet.pde.jet import Jet
from pdenet.schemes import NAMES, get
from simulators import stencils

__all__ = ["main"]

INDICES = [(1,), (2,), (3,), (4,), (1, 0), (0, 1), (1, 1), (2, 0), (2, 1), (0, 2)]


def slope(steps: list[float], error: Callable[[float], float]) -> float:
    """Regression of log error on log step."""
    return float(np.polyfit(np.log(steps), np.log([error(step) for step in steps]), 1)[0])


def stencil_order(stencil: stencils.Stencil) -> float:
    """From the symbol: s(theta) / (i theta)^m - 1 falls as theta^order."""

    def error(theta: float) -> float:
        exact = (1j * theta) ** stencil.derivative
        return float(abs(stencil.symbol(np.array([theta]))[0] / exact - 1))

    return slope([0.2, 0.3, 0.4], error)


def filter_order(index: tuple[int, ...], size: int, kind: int | str, parity: str) -> float:
    """On a product of cosines, with every free moment away from its start."""

    def error(dx: float) -> float:
        points = round(2 * math.pi / dx)
        bank = FilterBank([Jet("u", index)], ["u"], [dx] * len(index), size, kind, parity)
        with torch.no_grad():
            bank.free.copy_(0.2 + 0.1 * torch.arange(bank.free.numel(), dtype=torch.float64).cos())
        x = torch.arange(points, dtype=torch.float64) * dx
        u, wanted = torch.ones(()), torch.ones(())
        for axis, a in enumerate(index):
            shape = [-1 if d == axis else 1 for d in range(len(index))]
            u = u * torch.cos(x + axis).reshape(shape)
            wanted = wanted * torch.cos(x + axis + a * math.pi / 2).reshape(shape)
        with torch.no_grad():
            return float((bank(u[None, None])[0, 0] - wanted).abs().max())

    # A low order shows only on fine grids, a high one only above the rounding errors.
    points = (64, 96, 128) if kind in (1, 2) else (24, 32, 48)
    return slope([2 * math.pi / n for n in points], error)


def integrator_order(name: str) -> float:
    """u_t = u cos t, u = exp(sin t), to t = 2."""
    integrator = get(name)

    def error(dt: float) -> float:
        u = torch.ones(1, dtype=torch.float64)
        state = integrator.init(lambda t, u: u * math.cos(t), 0.0, u)
        for n in range(round(2 / dt)):
            u, state = integrator.step(lambda t, u: u * math.cos(t), n * dt, dt, u, state)
        return abs(float(u) - math.exp(math.sin(2.0)))

    return slope([2 / n for n in (32, 48, 64, 96, 128)], error)


def stated_order(index: tuple[int, ...], size: int, order: int, parity: str) -> int:
    """What `order` promises: rounded up where the symmetry or the size leaves nothing to train."""
    largest = accuracy(index, size)
    fixed, _ = constraint(index, size, order, parity)
    totals = torch.stack(torch.meshgrid(*[torch.arange(size)] * len(index), indexing="ij")).sum(0)
    free = totals[~fixed] - sum(index)
    return min(largest, int(free.min())) if free.numel() else largest


def main() -> None:
    """Measure everything, write the results and name the worst."""
    rows: list[dict[str, str | int | float]] = []
    deviations: list[float] = []

    def add(kind: str, name: str, stated: int, measured: float) -> None:
        deviations.append(abs(measured - stated))
        rows.append({"kind": kind, "name": name, "stated": stated, "measured": round(measured, 3)})

    for derivative in (1, 2, 3, 4):
        for order in stencils.ORDERS:
            stencil = stencils.central(derivative, order)
            add("stencil", f"d{derivative} order {order}", stencil.order, stencil_order(stencil))
    for order in (1, 3, 5):
        stencil = stencils.upwind(order)
        add("stencil", f"upwind {order}", stencil.order, stencil_order(stencil))
    for size in (3, 5, 7):
        for index in (index for index in INDICES if max(index) < size):
            name = f"{index} size {size}"
            measured = filter_order(index, size, "frozen", "none")
            add("filter", f"{name} frozen", accuracy(index, size), measured)
            for parity in ("none", "mirror"):
                for order in range(1, accuracy(index, size) + 1):
                    stated = stated_order(index, size, order, parity)
                    measured = filter_order(index, size, order, parity)
                    add("filter", f"{name} order {order} parity {parity}", stated, measured)
    for name in NAMES:
        add("integrator", name, get(name).order, integrator_order(name))

    worst = max(deviations)
    path = record("orders", {"largest_deviation": worst, "orders": rows})
    print(f"{len(rows)} orders, largest deviation from the stated one {worst:.3f}: {path}")


if __name__ == "__main__":
    main()
