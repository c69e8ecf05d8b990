"""PDE-Net 2.0 (2019): an unknown nonlinear right-hand side, read out of a product network.

    python examples/pdenet_2.py [FOLDER]

PDE-Net 2.0 feeds filtered derivatives into a SymNet, whose few product units hold polynomials
without a library of all of them:

    u_t = SymNet(u, v, u_x, u_y, ...),    f_l = (W_l·inputs + b)·(W'_l·inputs + b')

The papers' first experiment, Burgers' equation in two dimensions, smaller: it takes half a minute.
In the papers' size: `pdenet discover burgers --preset paper -o run` (minutes).
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from pdenet import discover
from pdenet.errors import PDENetError
from pdenet.events import Event, StageFinished, TermDropped
from pdenet.training.config import StageConfig, TrainingConfig
from simulators import simulate

# The papers train through more and more δt-blocks, each stage from the last. Few are enough here:
# the read-out refits the coefficients through longer predictions.
CONFIG = TrainingConfig(
    stages=(
        StageConfig(blocks=1, iterations=60, filters=False, penalties=False),  # warm-up
        StageConfig(blocks=1, iterations=20),
        StageConfig(blocks=3, iterations=20),
    ),
    values=12000,
    compile="off",
    readout={"select_values": 8000, "fit_values": 16000},
    refine=False,  # the papers have no maximum likelihood, which takes longer than all of this
)


class Story:
    """Listens: what each stage has reached, and how many terms the read-out dropped."""

    dropped = 0

    def __call__(self, event: Event) -> None:
        if isinstance(event, StageFinished):
            print(f"stage {event.stage}: validation loss {event.validation:.2g} (1: no change)")
        self.dropped += isinstance(event, TermDropped)


def make_data(path: Path, noise: float) -> Path:
    """Random Fourier fields as in the papers, solved on a finer grid."""
    return simulate(
        "burgers", path, shape=(32, 32), trajectories=10, frames=16, refine=2, noise=noise, seed=0,
        overwrite=True,
    )  # fmt: skip


def main(arguments: Sequence[str] | None = None) -> int:
    """Simulate, discover, compare."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", nargs="?", type=Path, default=Path("runs/pdenet_2"))
    parser.add_argument("--noise", type=float, default=0.001, help="relative to std(u) at t = 0")
    options = parser.parse_args(arguments)
    options.folder.mkdir(parents=True, exist_ok=True)

    data, story = make_data(options.folder / "data.h5", options.noise), Story()
    result = discover(data, output=options.folder / "run", config=CONFIG, on_event=story, seed=0)
    print(f"{story.dropped} terms of the network were dropped: held-out data do not need them")

    print("found:")
    print(result.equation.unicode())
    for row in result.comparison.rows:
        error = "" if row.relative_error is None else f"{100 * row.relative_error:8.3f} %"
        print(f"  {row.field}_t  {row.monomial!s:8}  {row.kind:8}{error}")
    print(f"largest error of a true term: {100 * result.comparison.einf:.2g} %")

    # The filters are difference formulas that learned what their moments leave free.
    kernel = result.details.filters[0]
    print(f"the filter of {kernel.name} is off the classical difference by at most", end=" ")
    print(f"{abs(kernel.learned - kernel.frozen).max():.2g}")
    print(f"how far it predicts: pdenet predict {options.folder / 'run'}")
    return 0 if result.comparison.exact else 1


if __name__ == "__main__":
    try:
        raise SystemExit(main())
    except PDENetError as error:
        raise SystemExit(f"pdenet_2: {error}") from None
