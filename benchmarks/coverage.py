"""How often 90 % intervals hold the truth, with few trajectories of unequal size and noise.

    python benchmarks/coverage.py        # five minutes

Normal equations of trajectories are drawn, with the scatter that their information says, with twice
as much, or with one to three times as much; alike, or with information that differs by factors of
up to thirty. The coefficients that they give have the standard errors of a refinement
(`pdenet.likelihood.verdict.uncertainty`: the larger of bound and scatter, with Student's quantile).
Results: benchmarks/results/coverage.json.
"""

from __future__ import annotations

from itertools import product

import torch
from _record import record
from torch import Tensor

from pdenet.likelihood.selection.choose import Quadratic
from pdenet.likelihood.verdict.uncertainty import errors_of

TRAJECTORIES = (4, 6, 7, 8, 12, 20)
DRAWS, TERMS, QUANTILE = 200, 3, 1.645


def variances(kind: str, n: int, generator: torch.Generator) -> Tensor:
    """Of each trajectory, over what its information says."""
    uneven = 1 + 2 * torch.rand(n, generator=generator, dtype=torch.float64)
    return {"as said": torch.ones_like(uneven), "twice": torch.full_like(uneven, 2.0)}.get(
        kind, uneven
    )


def drawn(n: int, kind: str, alike: bool, generator: torch.Generator) -> tuple[Tensor, Quadratic]:
    """Coefficients whose truth is 0, and χ² around them."""
    base = torch.randn((n, 8, TERMS), generator=generator, dtype=torch.float64)
    spread = 0.0 if alike else 1.5
    size = 10 ** (spread * torch.rand(n, generator=generator, dtype=torch.float64))
    matrix = base.mT @ base * size[:, None, None]
    noise = torch.randn((n, TERMS, 1), generator=generator, dtype=torch.float64)
    scale = variances(kind, n, generator).sqrt()[:, None]
    gradient = (torch.linalg.cholesky(matrix) @ noise)[..., 0] * scale
    found = torch.linalg.solve(matrix.sum(0), gradient.sum(0))
    # With few trajectories errors are widened by χ² per degree of freedom.
    misfit = float(scale.square().mean())
    return found, Quadratic(found, matrix, gradient - matrix @ found, 1000, misfit)


def main() -> None:
    """All of it, as a table and as JSON."""
    generator, rows = torch.Generator().manual_seed(0), []
    kinds = ("as said", "twice", "one to three times")
    for n, kind, alike in product(TRAJECTORIES, kinds, (True, False)):
        hits = 0
        for _ in range(DRAWS):
            found, quadratic = drawn(n, kind, alike, generator)
            hits += int((found.abs() <= QUANTILE * errors_of(quadratic, generator).stderr).sum())
        row = {"trajectories": n, "variance": kind, "alike": alike, "share": hits / DRAWS / TERMS}
        rows.append(row)
        print("{trajectories:3d} {variance:20s} {alike!s:6s} {share:.3f}".format(**row), flush=True)
    record("coverage", {"draws": DRAWS, "results": rows})


if __name__ == "__main__":
    main()
