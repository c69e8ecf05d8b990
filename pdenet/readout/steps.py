"""One reading of a network: its data, its windows, and the steps that every read-out is made of.

Terms and filters are fitted to windows of the training trajectories, terms leave for as long as
held-out trajectories are predicted as well (`select`), and what stays is fitted to more windows.
The filters of the fit are longer than a network's and learn along their axis only: their low
moments are fixed to a high order, so that a coefficient cannot hide in them. Windows start from
smoothed frames (`pdenet.noise.first_frames`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from pdenet.dataset import Windows
from pdenet.errors import DiscoveryError, StoppedError
from pdenet.events import Event, Listener, Phase, TermDropped
from pdenet.library.terms import Library
from pdenet.model import PDENet
from pdenet.nn import FilterBank
from pdenet.nn.moments import Constraint, accuracy
from pdenet.noise.first_frames import Smoothing
from pdenet.noise.level import structured_share
from pdenet.pde import PDE
from pdenet.pde.jet import AXES
from pdenet.pde.render import format_number, to_text
from pdenet.readout.candidates import FLOOR, candidates, shares
from pdenet.readout.expand import expansion
from pdenet.readout.fit import Normal, Rollouts, gauss_newton, learned_axes, linearise, objective
from pdenet.readout.function_fit import FreeForm
from pdenet.readout.function_units import function_candidates
from pdenet.readout.select import eliminate, refitted
from pdenet.results.equation import DiscoveredEquation, FittedFilter
from pdenet.types import Trajectory
from pdenet.words import counted

__all__ = [
    "NOTHING_HELPS",
    "Reading",
    "ReadoutConfig",
    "misfit",
    "standard_errors",
    "while_finite",
]


NOTHING_HELPS = (
    "no term helps to predict held-out trajectories: the data show no change beyond their noise; "
    "use more frames or less noise"
)


@dataclass(frozen=True)
class ReadoutConfig:
    """How an equation is read and fitted.

    steps: frames that a fitted window spans, or fewer where trajectories are shorter.
    select_values, fit_values: numbers in the first frames of all windows for selection and for the
    final fit; structure_values: for the question which coefficients vary. select_iterations,
    iterations: of Gauss-Newton in either, at most. free_iterations: of L-BFGS for coefficients that
    vary and sources.
    size, order: points of the fitted filters (fewer on small grids), and the order of accuracy
    that they keep; order "frozen" fits coefficients alone.

    Good values: longer windows lessen the bias of noise in their first frame, which falls with
    their length; 10 to 20 steps in which the fields change by a tenth or more.
    """

    steps: int = 12
    select_values: int = 65536
    fit_values: int = 147456
    structure_values: int = 16384
    size: int = 13
    order: Constraint = 6
    select_iterations: int = 2
    iterations: int = 4
    free_iterations: int = 60


class Reading:
    """One read-out: the data, and what was said so far. late: whether its time is over. best: the
    last equation that it had, without standard errors. structure: the share of the squared
    residuals of all candidates that noise does not account for."""

    def __init__(
        self,
        model: PDENet,
        train: Trajectory,
        held_out: Trajectory,
        generator: torch.Generator,
        config: ReadoutConfig,
        on_event: Listener,
        late: Callable[[], bool] = lambda: False,
    ) -> None:
        self.model, self.train, self.held_out = model, train, held_out
        self.generator, self.config, self.on_event = generator, config, on_event
        self.late = late
        self.best: DiscoveredEquation | None = None
        self.structure = 0.0
        self.steps = min(config.steps, train.shape[1] - 1)
        self.dropped: list[TermDropped] = []

    def candidates(self) -> PDE:
        """The largest terms of the expanded network; however late, as there is no equation yet."""
        self.on_event(Phase("read-out", 0.0, "expanding the network"))
        found = expansion(self.model)
        states = self.train.flatten(0, 1)
        states = states[:: max(1, states[:, 0].numel() // 65536)]
        functions = function_candidates(found, self.model, states, FLOOR)
        pde = candidates(found, shares(found, self.model, states), self.drop, functions)
        if self.model.maps is None and self.model.source is None and any(pde.terms().values()):
            self.best = DiscoveredEquation(pde, {})
        return pde

    def select(
        self,
        library: Library,
        coefficients: Tensor,
        *,
        quickly: bool = False,
    ) -> tuple[Rollouts, Tensor]:
        """The problem and the unknowns of the terms that held-out trajectories ask for.

        quickly: for many terms that are near their optimum; one linearisation on few, shorter
        windows.
        """
        terms, iterations = library.terms, self.config.select_iterations
        values, steps = self.config.select_values, self.steps
        if quickly:
            values, steps, iterations = self.config.structure_values, (steps + 1) // 2, 1
        windows, _ = self.windows(self.train, values, steps)
        held_out, smoothing = self.windows(self.held_out, values, steps)
        problem = self.problem(library)
        x, windows = self.start(problem, problem.start(coefficients), windows)
        problem = problem.stabilised(x, windows[:, 0], self.generator)
        fit = gauss_newton(
            problem,
            x,
            windows,
            iterations=iterations,
            on_progress=lambda done, x: self.progress(
                "selection", 0.8 * done, f"fitting {counted(len(terms), 'term')}"
            ),
        )
        x, normal = fit.at, fit.normal
        # All candidates together may blow up where they were not fitted, the true terms do not.
        held_out = while_finite(problem, x, held_out[:, : windows.shape[1]])
        checked = linearise(problem, x, held_out)
        self.structure = structured_share(
            problem,
            x,
            held_out,
            smoothing.sigma,
            lambda noise: smoothing(noise, homogeneous=True),
            self.generator,
        )
        leaving, path = eliminate(x, len(terms), normal, checked, self.structure)
        for k, step in zip(leaving, path, strict=False):
            self.drop(
                TermDropped(
                    field=terms[k].field,
                    monomial_text=terms[k].text,
                    coefficient=float(x[k]),
                    scaled=float(x[k].abs() * normal.matrix.mean(0)[k, k].sqrt()),
                    reason=f"without it held-out trajectories are predicted as well: their squared "
                    f"error changes by {format_number(100 * step.growth, 2, 'unicode')} %",
                )
            )
        self.progress("selection", 1.0, f"{counted(len(terms) - len(leaving), 'term')} left")
        kept = [k not in leaving for k in range(len(terms))]
        smaller = replace(self.problem(library.only(kept)), substeps=problem.substeps)
        chosen = torch.tensor(kept, device=x.device)
        # Terms that are nearly alike share a coefficient between them, which those that stay take
        # over in the linearised problem; far from where that was made it may still be worse.
        starts = [
            smaller.start(each[: len(terms)][chosen], problem.moments(each))
            for each in (refitted(x, normal, leaving), fit.x)
        ]
        return smaller, min(starts, key=lambda each: objective(smaller, each, windows))

    def fit(
        self, problem: Rollouts, x: Tensor, held_out: Trajectory | None = None
    ) -> DiscoveredEquation:
        """The final fit of coefficients and filters, with standard errors.

        held_out: windows on which its error is measured; drawn where not given.
        """
        library = problem.library
        if not library.terms:
            raise DiscoveryError(NOTHING_HELPS)
        windows, _ = self.windows(self.train, self.config.fit_values)
        x, windows = self.start(problem, x, windows)
        problem = problem.stabilised(x, windows[:, 0], self.generator)
        fit = gauss_newton(
            problem,
            x,
            windows,
            iterations=self.config.iterations,
            on_progress=lambda done, x: self._refitted(library, done, x),
        )
        if held_out is None:
            held_out, _ = self.windows(self.held_out, self.config.select_values)
        held_out = held_out[:, : windows.shape[1]]
        errors = standard_errors(fit.normal)
        n = len(library.terms)
        return DiscoveredEquation(
            pde=library.pde(fit.x[:n]),
            stderr=library.errors_by_field(errors[:n]),
            filters=_filters(problem, fit.x),
            steps=windows.shape[1] - 1,
            misfit=misfit(problem.residuals(fit.x, held_out), held_out),
        )

    def problem(self, library: Library) -> Rollouts:
        """The rollouts of a library with filters as long as the grid allows."""
        grid, order = self.model.shape.grid, self.config.order
        shortest = min(grid.shape)
        size = min(self.config.size, shortest - 1 + shortest % 2)
        indices = {jet.index for jet in library.jets if jet.order}
        if isinstance(order, int):
            order = min([order, *(accuracy(index, size) for index in indices)])
        jets = library.jets or self.model.filters.jets[:1]
        bank = FilterBank(
            jets,
            library.fields,
            grid.spacing,
            size=size,
            constraint=order,
            boundaries=self.model.shape.boundaries,
        ).to(self.train)
        return Rollouts(library.on(grid, self.train), bank, learned_axes(bank), self.model.dt)

    def windows(
        self, states: Trajectory, values: int, steps: int | None = None
    ) -> tuple[Trajectory, Smoothing]:
        """Windows whose first frames hold about `values` numbers, at least four of them, and what
        smoothed their first frames."""
        chosen = Windows(states.shape[0], states.shape[1], steps or self.steps)
        n = max(4, values // states[0, 0].numel())
        raw = chosen.gather(states, chosen.sample(n, self.generator))
        smoothing = Smoothing.of(raw, self.model.shape.grid, self.model.filters.boundaries)
        return smoothing.starts(raw), smoothing

    def start(
        self, problem: Rollouts | FreeForm, x: Tensor, windows: Trajectory
    ) -> tuple[Tensor, Trajectory]:
        """The unknowns to start from, and windows so short that their rollout stays finite."""
        problem = problem.stabilised(x, windows[:, 0], self.generator)
        return x, while_finite(problem, x, windows)

    def drop(self, event: Event) -> None:
        """Keep and pass on that a term left."""
        if isinstance(event, TermDropped):
            self.dropped.append(event)
        self.on_event(event)

    def progress(self, name: str, fraction: float, detail: str) -> None:
        """Say how far a piece of work is. Raises StoppedError where it is late and not done."""
        self.on_event(Phase(name, fraction, detail))
        if fraction < 1 and self.late():
            raise StoppedError("the time of the read-out is over")

    def _refitted(self, library: Library, done: float, x: Tensor) -> None:
        """Keep and say how far the final fit is."""
        self.best = DiscoveredEquation(library.pde(x[: len(library.terms)]), {})
        self.progress("refit", done, _text(library, x))


def while_finite(problem: Rollouts | FreeForm, x: Tensor, windows: Trajectory) -> Trajectory:
    """The windows, halved until the squared residuals at x stay finite; of two frames at least."""
    while windows.shape[1] > 2 and not bool(
        problem.residuals(x, windows).square().isfinite().all()
    ):
        windows = windows[:, : (windows.shape[1] + 1) // 2]
    return windows


def standard_errors(normal: Normal) -> Tensor:
    """Standard error of each unknown: the sandwich A⁻¹ (Σ_w g_w g_wᵀ) A⁻¹ over windows.

    Windows count as independent, what happens within one does not: neighbouring points and frames
    share the noise of the first frame and the errors of the filters.
    Source: White, Econometrica 50 (1982) 1-25; Liang, Zeger, Biometrika 73 (1986) 13-22.
    """
    n = len(normal.gradient)
    inverse = torch.linalg.pinv(normal.matrix.sum(0), hermitian=True)
    scores = normal.gradient - normal.gradient.mean(0)
    covariance = inverse @ (scores.T @ scores) @ inverse * n / max(1, n - 1)
    errors: Tensor = covariance.diagonal().clamp_min(0).sqrt()
    return errors


def _text(library: Library, x: Tensor) -> str:
    return "; ".join(to_text(library.pde(x[: len(library.terms)].tolist()), digits=4))


def _filters(problem: Rollouts, x: Tensor) -> tuple[FittedFilter, ...]:
    """The fitted kernels beside those they started from, in units of the grid."""
    bank = problem.bank
    frozen = bank.kernels().detach().cpu().double().numpy()
    scale = bank.per_length.reshape([-1] + [1] * bank.ndim)
    learned = (problem.kernels(x) / scale).detach().cpu().double().numpy()
    names = [
        "".join(axis * count for axis, count in zip(AXES, index, strict=False))
        for index in bank.indices
    ]
    return tuple(map(FittedFilter, names, learned, frozen))


def misfit(residuals: Tensor, windows: Trajectory) -> float:
    """R.m.s. error of prediction over the r.m.s. change of the fields, on these windows."""
    change = (windows[:, 1:] - windows[:, :1]).square().mean().sqrt()
    return float(residuals.square().mean().sqrt() / change.clamp_min(1e-300))
