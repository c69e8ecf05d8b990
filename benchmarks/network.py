"""What a PDE-Net costs: a training evaluation, the read-out, and torch.compile.

1. One right-hand side, forward and backward, of 28 × 32² states of two fields with twelve jets,
   5 × 5 filters and five product units: microseconds per (grid point × field × right-hand side),
   beside a bound from this machine's own speeds.
2. From the SymNet to a PDE: expansion, shares, candidates.
3. The same evaluation under torch.compile.

Times are the shortest of many. Writes benchmarks/results/network.json.

    python benchmarks/network.py [--compile]
"""

from __future__ import annotations

import argparse
import logging
import math
import time
from collections.abc import Callable

import torch
from _record import record
from torch import Tensor

from pdenet.grid import Grid
from pdenet.model import NetworkShape, PDENet
from pdenet.pde.catalogue import get
from pdenet.readout.candidates import candidates, shares
from pdenet.readout.expand import assign, expansion

__all__ = ["main"]

logger = logging.getLogger("benchmarks.network")

BATCH, POINTS, JETS, UNITS, FIELDS = 28, 32, 12, 5, 2


def least(function: Callable[[], object], seconds: float) -> float:
    """The shortest time of one call, of as many as fit."""
    best, end = float("inf"), time.perf_counter() + seconds
    function()
    while time.perf_counter() < end:
        start = time.perf_counter()
        function()
        best = min(best, time.perf_counter() - start)
    return best


def network(dtype: torch.dtype) -> tuple[PDENet, Tensor]:
    """The network and the states that all parts measure."""
    generator = torch.Generator().manual_seed(0)
    grid = Grid.square(POINTS, 2)
    model = PDENet(NetworkShape(("u", "v"), grid, units=UNITS), 0.01, generator)
    states = torch.randn(BATCH, FIELDS, POINTS, POINTS, generator=generator, dtype=torch.float64)
    return model.to(dtype), states.to(dtype)


def evaluation(dtype: torch.dtype, seconds: float) -> dict[str, object]:
    """Microseconds per (point × field × right-hand side), with the parts."""
    model, u = network(dtype)
    shape, unit = u.shape[2:], u.numel() / 1e6
    leaf = u.clone().requires_grad_()  # as the state of every block but the first

    def backward(function: Callable[[], Tensor]) -> None:
        model.zero_grad()
        function().square().sum().backward()

    with torch.no_grad():
        symbols = model.filters.symbols(shape)
        jets = model.filters(u, symbols)
        forward = least(lambda: model.rhs(u), seconds)
        filters = least(lambda: model.filters(u, symbols), seconds)
        symnet = least(lambda: model.symnet(jets), seconds)
    inputs = jets.clone().requires_grad_()
    both = least(lambda: backward(lambda: model.rhs(leaf)), seconds)
    alone = least(lambda: backward(lambda: model.symnet(inputs)), seconds)
    return {
        "dtype": str(dtype).removeprefix("torch."),
        "forward_and_backward_us": round(both / unit, 4),
        "symnet_forward_and_backward_us": round(alone / unit, 4),
        "forward_us": round(forward / unit, 4),
        "filters_forward_us": round(filters / unit, 4),
        "symnet_forward_us": round(symnet / unit, 4),
    }


def roofline(dtype: torch.dtype, seconds: float) -> dict[str, float]:
    """A bound per (point × field): flops at the speed of a product, passes at that of memory.

    Backward counts twice the work of forward: derivatives for weights and for inputs.
    """
    rows, size = 2 * UNITS + 1, torch.empty(0, dtype=dtype).element_size()
    transforms = 2.5 * math.log2(POINTS**2) * (1 + JETS / 2 - 1)  # forward, and 5 back
    weights = rows * JETS + UNITS * (UNITS - 1) + 2 * UNITS
    flops = 3 * (transforms + 2 * weights)
    # passes: spectra and jets written and read, rows, sums of earlier products and of the output
    numbers = 3 * (2 * JETS + 2 * rows + 3 * UNITS * (UNITS - 1) + 3 * 3 * UNITS)
    n = 512
    a, b = torch.randn(n, n, dtype=dtype), torch.randn(n, n, dtype=dtype)
    product = torch.empty(n, n, dtype=dtype)
    gemm = 2 * n**3 / least(lambda: torch.mm(a, b, out=product), seconds) / 1e9
    big = torch.randn(2**20, dtype=dtype)  # the rows of one batch: beyond the second cache
    copy = torch.empty_like(big)
    bandwidth = 2 * big.numel() * size / least(lambda: copy.copy_(big), seconds) / 1e9
    return {
        "flops": round(flops),
        "bytes": size * numbers,
        "gemm_gflops": round(gemm, 1),
        "copy_gbytes_per_s": round(bandwidth, 1),
        "flops_us": round(flops / gemm / 1e3, 4),
        "bytes_us": round(size * numbers / bandwidth / 1e3, 4),
    }


def read_out(trained: bool, seconds: float) -> dict[str, object]:
    """Milliseconds from weights to the PDE of the candidates, after a first call."""
    model, u = network(torch.float64)
    if trained:
        assign(model.symnet, model.filters.jets, get("burgers").pde)
        with torch.no_grad():
            for k, weight in enumerate(model.symnet.weights()):
                generator = torch.Generator().manual_seed(k)
                weight += 1e-3 * torch.randn(weight.shape, generator=generator, dtype=weight.dtype)
    terms: list[int] = []

    def read() -> None:
        found = expansion(model)
        pde = candidates(found, shares(found, model, u))
        terms[:] = [sum(map(len, pde.terms().values()))]

    first = time.perf_counter()
    read()
    first = time.perf_counter() - first
    return {
        "weights": "Burgers and small others" if trained else "random, none zero",
        "monomials": expansion(model).powers.shape[0],
        "degree": expansion(model).degree,
        "candidates": terms[0],
        "points": u[:, 0].numel(),
        "ms": round(1e3 * least(read, seconds), 2),
        "first_call_ms": round(1e3 * first, 1),
    }


def compiled(seconds: float) -> dict[str, float]:
    """SymNet, forward and backward, with and without torch.compile (needs a C++ compiler)."""
    model, u = network(torch.float64)
    with torch.no_grad():
        jets = model.filters(u)
    inputs = jets.requires_grad_()
    fast = torch.compile(model.symnet)

    def run(function: Callable[[Tensor], Tensor]) -> None:
        model.zero_grad()
        function(inputs).square().sum().backward()

    start = time.perf_counter()
    run(fast)
    compilation = time.perf_counter() - start
    unit = u.numel() / 1e6
    return {
        "plain_us": round(least(lambda: run(model.symnet), seconds) / unit, 4),
        "compiled_us": round(least(lambda: run(fast), seconds) / unit, 4),
        "compilation_s": round(compilation, 1),
    }


def main() -> None:
    """Measure and record."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--compile", action="store_true", help="also measure torch.compile")
    parser.add_argument("--seconds", type=float, default=4.0, help="for each measurement")
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    torch.set_num_threads(1)
    dtypes = (torch.float64, torch.float32)
    payload: dict[str, object] = {
        "problem": f"{BATCH} x {POINTS}^2, {FIELDS} fields, {JETS} jets, 5x5 filters, {UNITS} "
        "product units, one thread; per point, field and right-hand side",
        "evaluation": [evaluation(dtype, options.seconds) for dtype in dtypes],
        "bound": {
            str(dtype).removeprefix("torch."): roofline(dtype, options.seconds / 2)
            for dtype in dtypes
        },
        "read_out": [read_out(trained, options.seconds) for trained in (False, True)],
    }
    if options.compile:
        payload["torch_compile"] = compiled(options.seconds)
    for name, value in payload.items():
        logger.info("%s: %s", name, value)
    logger.info("wrote %s", record("network", payload))


if __name__ == "__main__":
    main()
