"""From an equation of your own to data, and from the data back to the equation.

    python examples/own_equation.py [FOLDER]

Fisher's equation with convection is written as text, simulated on a grid twice as fine as the
observed one, and found again by a network that is told nothing but the data. The folder gets the
data, the trained network and the equation.

    u_t = −c·u_x + D·u_xx + r·u·(1 − u)
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from pdenet import PDE, discover
from pdenet.errors import PDENetError
from pdenet.storage import open_data
from simulators import simulate

EQUATION = PDE("u_t = -c*u_x + D*u_xx + r*u*(1 - u)", c=0.5, D=0.05, r=0.4)


def make_data(path: Path, *, trajectories: int, frames: int, points: int) -> Path:
    """Simulate the equation with 0.1 % noise."""
    return simulate(
        EQUATION,
        path,
        shape=(points,),
        trajectories=trajectories,
        frames=frames,
        dt=0.02,
        noise=0.001,
        # Small fields, seen from their first moment: below 0 this equation blows up in the end.
        initial={"waves": 4, "amplitude": 0.4, "constant": 0.1},
        late_start=0.0,
        seed=1,
        overwrite=True,
    )


def show(path: Path) -> None:
    """Say what the data file holds; the truth in it is only used to compare."""
    with open_data(path) as data:
        print(f"{data.trajectories} trajectories of {data.frames} frames, Δt = {data.dt:g}")
        print("truth:")
        print(data.problem.pde)


def main(arguments: Sequence[str] | None = None) -> int:
    """Simulate, discover, compare."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", nargs="?", type=Path, default=Path("runs/own_equation"))
    parser.add_argument("--trajectories", type=int, default=12)
    parser.add_argument("--frames", type=int, default=31)
    parser.add_argument("--points", type=int, default=64)
    options = parser.parse_args(arguments)
    options.folder.mkdir(parents=True, exist_ok=True)

    data = make_data(
        options.folder / "data.h5",
        trajectories=options.trajectories,
        frames=options.frames,
        points=options.points,
    )
    show(data)
    result = discover(data, output=options.folder / "run", truth=EQUATION, seed=0)

    print("found:")
    print(result.equation.unicode())
    for row in result.comparison.rows:
        error = "" if row.relative_error is None else f"{100 * row.relative_error:8.3f} %"
        print(f"  {row.field}_t  {row.monomial!s:8}  {row.kind:8}{error}")
    print(f"largest error of a true term: {100 * result.comparison.einf:.2g} %")
    return 0 if result.comparison.exact else 1


if __name__ == "__main__":
    try:
        raise SystemExit(main())
    except PDENetError as error:
        raise SystemExit(f"own_equation: {error}") from None
