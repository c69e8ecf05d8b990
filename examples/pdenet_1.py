"""PDE-Net (2018): coefficients that vary in space, as maps and then as formulas.

    python examples/pdenet_1.py [FOLDER]

The first PDE-Net is linear in the derivatives, and every coefficient is a function of its own:

    u_t = Σ c_k(x)·∂ᵏu,    c_k a piecewise polynomial on a mesh, trained with the filters

Here in one dimension, which takes seconds: a wave whose speed changes along the domain. Nothing
tells the network which of the coefficients vary, which are constant and which are zero. In the
paper's two dimensions: `pdenet discover variable-coefficients -o run` (minutes).
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from pdenet import PDE, discover
from pdenet.errors import PDENetError
from pdenet.storage import open_data
from pdenet.training.config import StageConfig, preset
from simulators import simulate

EQUATION = PDE("u_t = (1 + 0.5*cos(x))*u_x + D*u_xx", D=0.2)

# The preset gives every derivative up to order 4 a map. One dimension needs less of all else.
SETTINGS = {
    "stages": (
        StageConfig(blocks=1, iterations=60, filters=False, penalties=False),  # warm-up
        StageConfig(blocks=1, iterations=30),
        StageConfig(blocks=3, iterations=30),
    ),
    "values": 12000,
    "compile": "off",
    "seed": 0,
}


def make_data(path: Path, noise: float) -> Path:
    """Simulate the equation on a grid four times as fine as the observed one."""
    return simulate(
        EQUATION, path, shape=(50,), trajectories=30, frames=31, dt=0.015, refine=4, noise=noise,
        seed=2, overwrite=True,
    )  # fmt: skip


def main(arguments: Sequence[str] | None = None) -> int:
    """Simulate, discover, and look at the maps before the formulas."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", nargs="?", type=Path, default=Path("runs/pdenet_1"))
    parser.add_argument("--noise", type=float, default=0.005, help="relative to std(u) at t = 0")
    options = parser.parse_args(arguments)
    options.folder.mkdir(parents=True, exist_ok=True)

    data = make_data(options.folder / "data.h5", options.noise)
    config = preset("variable-coefficients")
    result = discover(data, output=options.folder / "run", config=config, **SETTINGS)

    # What the network itself holds: values on the grid, kept only where they are needed.
    with open_data(data) as opened:
        (x,) = opened.problem.grid.coordinates()
    true = {"u_x": 1 + 0.5 * np.cos(x), "u_xx": np.full_like(x, 0.2)}
    for found in result.details.maps:
        error = np.sqrt(np.mean((found.values - true.get(found.term, 0 * x)) ** 2))
        print(f"coefficient of {found.term}: {found.kind}, r.m.s. error {error:.2g}")

    # What stands for the maps: formulas that predict held-out trajectories as well as they do.
    print("found:", result.equation.unicode())
    for row in result.comparison.rows:
        error = "" if row.relative_error is None else f"{100 * row.relative_error:8.3f} %"
        print(f"  {row.field}_t  {row.monomial!s:12}  {row.kind:8}{error}")
    print(f"largest error of a true term: {100 * result.comparison.einf:.2g} %")
    print(f"the report, with the maps: pdenet extract {options.folder / 'run'} --report map.html")
    return 0 if result.comparison.exact else 1


if __name__ == "__main__":
    try:
        raise SystemExit(main())
    except PDENetError as error:
        raise SystemExit(f"pdenet_1: {error}") from None
