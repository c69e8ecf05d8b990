"""What a report is made from: one frozen value of NumPy arrays and equations.

The report reads nothing else: no network, no file and no run folder. `gather` fills an `Evidence`
from the records of a run, and the same value gives the page, the paper's table and the JSON.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from pdenet.errors import DataError
from pdenet.evaluation.coefficients import Coefficient, Source, coefficients, sources
from pdenet.evaluation.stages import StageCurve
from pdenet.events import TermDropped
from pdenet.grid import Grid
from pdenet.pde import PDE
from pdenet.pde.compare import Comparison
from pdenet.pde.expression import Monomial
from pdenet.results import FittedCurve, FittedMap, Unknown, unknown_functions
from pdenet.results.refinement import Refinement
from pdenet.words import counted

__all__ = ["PAPERS", "DataSource", "Evidence"]

PAPERS = (
    "Z. Long, Y. Lu, X. Ma, B. Dong. PDE-Net: Learning PDEs from Data. ICML 2018, "
    "PMLR 80, 3208–3216. arXiv:1710.09668",
    "Z. Long, Y. Lu, B. Dong. PDE-Net 2.0: Learning PDEs from data with a numeric-symbolic hybrid "
    "deep network. Journal of Computational Physics 399 (2019), 108925. arXiv:1812.04426",
)


@dataclass(frozen=True)
class DataSource:
    """The data that the equation was found in.

    path: the file as it was given. digest: SHA-256 of the fields' bytes, in hexadecimal.
    shape: (trajectories, frames, field, *space). noise: standard deviation of the noise over that
    of the field, 0.001 for 0.1 %; None when unknown.
    """

    path: str
    digest: str
    shape: tuple[int, ...]
    noise: float | None = None


@dataclass(frozen=True, eq=False)
class Evidence:
    """A found equation and everything that speaks for or against it.

    found, truth: the equation, and the one the data were made from if that is known.
    stderr: {field: {monomial: standard error}}; terms without one may be left out.
    comparison: `compare(found, truth)`; None without a truth.
    dropped: the terms that went, with the reason.
    dt: time between two frames. fields: names, in the order of the arrays. units: of coordinates,
    "t" and fields, by name; what is missing is dimensionless.
    observed, predicted: (frames, field, *space) on one held-out trajectory; times: (frames,). No
    frames where nothing can be predicted, as from data that lack values.
    errors: {curve: (trajectory, time)} relative L2 errors ‖û - u‖/‖u‖ on held-out trajectories,
    curves "equation" and "network", at error_times (time,); NaN or inf where a run blew up. "noise"
    is what the noise of the data alone makes; predictions start from filtered frames then.
    horizon: time that the longest stage of training looked ahead.
    filters: {"x": (learned, frozen), "xx": ...}: kernels by derivative, indexed "ij" like the
    fields, in units of the grid (the derivative is kernel/(Δxᵃ Δyᵇ)).
    maps, curves: coefficients on `grid` and sources, before any formula, where there are any.
    refinement: what a fit by maximum likelihood found besides the coefficients, if there was one.
    caution: what the standard errors leave out, in words.
    settings: nested mappings of plain values. seeds, versions: by name. seconds: by phase.

    Raises DataError when shapes disagree.
    """

    title: str
    found: PDE
    stderr: Mapping[str, Mapping[Monomial, float]]
    grid: Grid
    dt: float
    fields: tuple[str, ...]
    observed: np.ndarray
    predicted: np.ndarray
    times: np.ndarray
    data: DataSource
    truth: PDE | None = None
    comparison: Comparison | None = None
    dropped: tuple[TermDropped, ...] = ()
    units: Mapping[str, str] = field(default_factory=dict)
    errors: Mapping[str, np.ndarray] = field(default_factory=dict)
    error_times: np.ndarray = field(default_factory=lambda: np.zeros(0))
    horizon: float | None = None
    filters: Mapping[str, tuple[np.ndarray, np.ndarray]] = field(default_factory=dict)
    maps: tuple[FittedMap, ...] = ()
    curves: tuple[FittedCurve, ...] = ()
    refinement: Refinement | None = None
    caution: str = ""
    loss: tuple[StageCurve, ...] = ()
    settings: Mapping[str, Any] = field(default_factory=dict)
    seeds: Mapping[str, int] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)
    seconds: Mapping[str, float] = field(default_factory=dict)
    references: tuple[str, ...] = PAPERS

    def __post_init__(self) -> None:
        expected = (len(self.times), len(self.fields), *self.grid.shape)
        for name in ("observed", "predicted"):
            shape = np.shape(getattr(self, name))
            if shape != expected:
                raise DataError(
                    f"{name} has shape {shape}, but times, fields and grid ask for "
                    f"(frames, field, *space) = {expected}"
                )
        for name, errors in self.errors.items():
            if np.ndim(errors) != 2 or np.shape(errors)[1] != len(self.error_times):
                raise DataError(
                    f"errors[{name!r}] has shape {np.shape(errors)}, but must be (trajectory, time)"
                    f" with {len(self.error_times)} times as in error_times"
                )
        for name, kernels in self.filters.items():
            if any(np.ndim(kernel) != self.grid.ndim for kernel in kernels):
                raise DataError(
                    f"filters[{name!r}] must hold two kernels with "
                    f"{counted(self.grid.ndim, 'axis', 'axes')}, as the "
                    f"grid has, not {' and '.join(str(np.ndim(kernel)) for kernel in kernels)}"
                )
        if self.comparison is not None and self.truth is None:
            raise DataError("a comparison without a truth: give truth, or leave comparison out")
        # Measured at once: a map of another grid is refused where it comes in.
        _ = self.coefficients, self.sources

    @cached_property
    def coefficients(self) -> tuple[Coefficient, ...]:
        """The maps beside the truth."""
        return coefficients(self.maps, self.found, self.grid, self.truth)

    @property
    def held_out(self) -> bool:
        """Whether what is predicted was left out of the fit; a file of one or two trajectories has
        none to leave out."""
        return len(self.data.shape) < 3 or self.data.shape[0] > 2

    @property
    def unknown(self) -> dict[str, tuple[Unknown, ...]]:
        """What no formula stands for, by field."""
        return unknown_functions(self.maps, self.curves, self.grid.axes)

    @cached_property
    def sources(self) -> tuple[Source, ...]:
        """The sources beside the truth."""
        return sources(self.curves, self.found, self.truth)
