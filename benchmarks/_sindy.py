"""PySINDy on a data file: the equation that its strong or its weak form finds.

    pip install -e '.[baselines]' -c constraints.txt
    python benchmarks/_sindy.py data.h5            # weak; --strong, --degree 3, --order 4

PySINDy's libraries, derivatives and STLSQ as somebody sets them who knows them well:

    candidates  1, the polynomials of the fields up to `degree`, the derivatives up to `order`,
                and the products of a derivative and one field (of up to `factors` fields); it
                cannot form those of two derivatives
    derivatives spectral in space (finite differences of order 4 are a hundred times worse on clean
                data; `periodic=True` is ignored), but where an axis is not periodic these
                differences; strong form: order 4 in time, without the ends
    windows     half-width a tenth of each axis, but 3 points, and three tenths of the trajectory,
                but 20 frames or all of them in a short one; test function (1 − x²)². The best of
                several for the true terms at 1 to 10 % noise, which is more than its users can know
    scale       columns and u_t have norm 1: a threshold is a share of u_t; no ridge to speak of
    threshold   the least Σ ‖Θ(w − w_LS)‖/‖Θ w_LS‖ + terms/candidates over the fields, with Θ from
                the validation trajectories and w_LS without threshold; the truth is not used

"Hindsight" is the threshold that comes closest to the truth. Least squares see Θ through ΘᵀΘ alone,
so the rows of each trajectory are replaced by their QR factor: the same numbers, little memory.

Reference for the threshold: D. A. Messenger, D. M. Bortz, Weak SINDy for partial differential
equations, J. Comput. Phys. 443 (2021) 110525, section 4.
"""

from __future__ import annotations

import argparse
import copy
import json
import math
import re
import resource
import time
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import sympy
from pysindy import STLSQ, AxesArray, PDELibrary, PolynomialLibrary, WeakPDELibrary
from pysindy.differentiation import FiniteDifference, SpectralDerivative
from pysindy.utils import comprehend_axes

from pdenet.errors import DataError
from pdenet.pde import PDE, Jet
from pdenet.pde.compare import compare
from pdenet.problem import Problem
from pdenet.storage import Data, open_data

__all__ = ["scored", "sindy"]

THRESHOLDS = np.geomspace(1e-3, 1.0, 61)
POWER = 2  # of the test function (1 − x²)^POWER


def sindy(
    data_path: Path | str,
    weak: bool = True,
    degree: int = 2,
    factors: int = 1,
    order: int = 2,
    windows: int = 500,
    seed: int = 0,
    pooled: bool = False,
) -> dict[str, Any]:
    """The equation that PySINDy finds from the training trajectories of a file.

    degree: of the polynomials of the fields. factors: of those that multiply a derivative. order:
    of the highest derivative.
    windows: how many a trajectory has, in the weak form. seed: of their places.
    pooled: fit the training and validation trajectories, and choose the threshold on all of them.

    Returns "pde" (None where no term is left), "threshold", "candidates" (how many), "seconds", and
    "hindsight": "pde" and "threshold" that are best for the file's truth, None where it has none.
    Raises DataError where an axis is not periodic, in the strong form.
    """
    started = time.perf_counter()
    with open_data(data_path) as data:
        problem, grid = data.problem, data.problem.grid
        if any(grid.endpoints) and not weak:
            raise DataError(f"{data_path} has walls: spectral derivatives need periodic axes")
        with _seeded(seed):
            libraries = _libraries(data, weak, degree, factors, order, windows)
        train, held = (
            np.vstack([_rows(libraries, data.read([k])[0], data.times, weak) for k in members])
            for members in _sets(data, pooled)
        )
    names = [name for library, chosen in libraries for name in library.get_feature_names()[chosen]]
    monomials = [_monomial(name, problem.fields, grid.ndim) for name in names]
    path = _path(train, len(names))
    k = _chosen(path, train, held)
    found = [_equation(coefficients, monomials, problem) for coefficients in path]
    return {
        "pde": found[k],
        "threshold": float(THRESHOLDS[k]),
        "candidates": len(names),
        "seconds": round(time.perf_counter() - started, 1),
        "hindsight": None if problem.pde is None else _hindsight(found, problem.pde),
    }


def scored(found: PDE | None, truth: PDE) -> dict[str, Any]:
    """The scores of an equation, none of them in %, and the equation as text."""
    if found is None:
        return {"exact": False, "einf": 1.0, "e2": 1.0, "tpr": 0.0, "equations": []}
    scores = compare(found, truth)
    named = {name: getattr(scores, name) for name in ("exact", "einf", "e2", "tpr")}
    return {**named, "equations": list(found.equations())}


def _sets(data: Data, pooled: bool) -> tuple[Sequence[int], Sequence[int]]:
    """The trajectories that are fitted, and those on which the threshold is chosen."""
    train, held = (data.split[name].tolist() for name in ("train", "validation"))
    both = sorted({*train, *held})
    return (both, both) if pooled else (train, held)


# A library, and which of its columns are used.
_Libraries = Sequence[tuple[Any, slice]]


def _libraries(
    data: Data, weak: bool, degree: int, factors: int, order: int, windows: int
) -> _Libraries:
    """Fields and derivatives in one library, their products in another, on the same windows."""
    grid, times, fields = data.problem.grid, data.times, len(data.fields)
    settings = {
        "function_library": PolynomialLibrary(degree=factors, include_bias=False),
        "derivative_order": order,
        "differentiation_method": partial(FiniteDifference, order=4)
        if any(grid.endpoints)
        else SpectralDerivative,
    }
    if weak:
        axes = (*grid.coordinates(), times)
        half = [
            max(0.1, 3 / n) * length for n, length in zip(grid.shape, grid.lengths, strict=True)
        ]
        part = min(0.499, max(0.3, 20 / (len(times) - 1)))
        products = WeakPDELibrary(
            spatiotemporal_grid=np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1),
            K=windows,
            H_xt=[*half, part * (times[-1] - times[0])],
            p=POWER,
            **settings,
        )
    else:
        products = PDELibrary(spatial_grid=np.stack(grid.mesh(), axis=-1), **settings)
    alone = copy.copy(products)
    alone.function_library = PolynomialLibrary(degree=degree, include_bias=False)
    alone.include_interaction, alone.include_bias = False, True
    # What `products` has too: the polynomials of degree `factors` but 1, and the derivatives.
    twice = math.comb(fields + factors, factors) - 1 + fields * products.num_derivatives
    return (alone, slice(None)), (products, slice(twice, None))


def _rows(libraries: _Libraries, states: np.ndarray, times: np.ndarray, weak: bool) -> np.ndarray:
    """The factor R of [Θ, u_t] of one trajectory (frame, field, *space)."""
    values = np.moveaxis(states, (0, 1), (-2, -1))  # PySINDy's order: (*space, frame, field)
    x = AxesArray(values, comprehend_axes(values))
    columns = [np.asarray(library.fit(x).transform(x))[..., k] for library, k in libraries]
    if weak:
        rate = libraries[0][0].convert_u_dot_integral(values)
    else:
        difference = FiniteDifference(order=4, axis=values.ndim - 2, drop_endpoints=True)
        rate = difference._differentiate(values, times)
    rows = np.concatenate([*columns, np.asarray(rate)], axis=-1)
    rows = rows.reshape(-1, rows.shape[-1])
    return np.asarray(np.linalg.qr(rows[np.isfinite(rows).all(axis=1)], mode="r"))


def _monomial(name: str, fields: Sequence[str], ndim: int) -> sympy.Expr:
    """The product that PySINDy calls "x0^2 x1" (of fields) or "x0x1_12" (field 0 times v_xy)."""
    product: sympy.Expr = sympy.Integer(1)
    for field, power, axes in re.findall(r"x(\d+)(?:\^(\d+))?(?:_(\d+))?", name):
        index = tuple(axes.count(str(axis + 1)) for axis in range(ndim))
        product *= Jet(fields[int(field)], index).symbol ** int(power or 1)
    return product


def _path(factor: np.ndarray, candidates: int) -> list[np.ndarray]:
    """The coefficients (field, candidate) at every threshold."""
    theta, rate = factor[:, :candidates], factor[:, candidates:]
    size = np.linalg.norm(rate, axis=0)
    found = []
    for threshold in THRESHOLDS:
        optimizer = STLSQ(threshold=threshold, alpha=1e-8, normalize_columns=True, max_iter=100)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # of thresholds that leave no term
            optimizer.fit(theta, rate / size)
        found.append(optimizer.coef_ * size[:, None])
    return found


def _chosen(path: Sequence[np.ndarray], train: np.ndarray, held: np.ndarray) -> int:
    """The threshold of the least loss; the smallest of several."""
    candidates = path[0].shape[1]
    full, *_ = np.linalg.lstsq(train[:, :candidates], train[:, candidates:], rcond=None)
    predicted = held[:, :candidates] @ full
    losses = []
    for coefficients in path:
        change = np.linalg.norm(held[:, :candidates] @ coefficients.T - predicted, axis=0)
        share = change / np.linalg.norm(predicted, axis=0)
        losses.append(share.sum() + np.count_nonzero(coefficients) / candidates)
    return int(np.argmin(losses))


def _equation(
    coefficients: np.ndarray, monomials: Sequence[sympy.Expr], problem: Problem
) -> PDE | None:
    terms = {
        field: {m: float(c) for m, c in zip(monomials, row, strict=True) if c}
        for field, row in zip(problem.fields, coefficients, strict=True)
    }
    return PDE.from_terms(terms, problem.grid.axes) if coefficients.any() else None


def _hindsight(found: Sequence[PDE | None], truth: PDE) -> dict[str, Any]:
    """The equation of the highest TPR, among those the one of the least E2."""

    def rank(k: int) -> tuple[float, float]:
        scores = scored(found[k], truth)
        return -scores["tpr"], scores["e2"]

    best = min(range(len(found)), key=rank)
    return {"pde": found[best], "threshold": float(THRESHOLDS[best])}


@contextmanager
def _seeded(seed: int) -> Iterator[None]:
    """NumPy's global generator, which places PySINDy's windows, as it was afterwards."""
    before = np.random.get_state()
    np.random.seed(seed)
    try:
        yield
    finally:
        np.random.set_state(before)


def main() -> None:
    """Fit one file and print what was found, with its scores, as JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--strong", action="store_true", help="the strong form, not the weak one")
    parser.add_argument("--degree", type=int, default=2, help="of the polynomials of the fields")
    parser.add_argument("--factors", type=int, default=1, help="most fields before a derivative")
    parser.add_argument("--order", type=int, default=2, help="of the highest derivative")
    parser.add_argument("--windows", type=int, default=500, help="of a trajectory, weak form")
    parser.add_argument("--seed", type=int, default=0, help="of the windows")
    parser.add_argument("--pooled", action="store_true", help="choose the threshold on what is fit")
    settings = vars(parser.parse_args())
    data_path, weak = settings.pop("data"), not settings.pop("strong")
    result = sindy(data_path, weak, **settings)
    with open_data(data_path) as data:
        truth = data.problem.pde
    for each in filter(None, (result, result["hindsight"])):
        if truth is not None:
            each |= scored(each["pde"], truth)
        each["pde"] = each["pde"] and each["pde"].unicode()
    result["memory_gib"] = round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20, 2)
    print(json.dumps(result, indent=2, ensure_ascii=False))


if __name__ == "__main__":
    main()
