"""L-BFGS on one flat vector: a step that turns to NaN is undone, and its state is plain tensors.

    x_(n+1) = x_n - t H_n g_n,        H_n from the last m pairs s = x_(n+1) - x_n, y = g_(n+1) - g_n

with t from a strong Wolfe line search: f(x + t d) ≤ f + c₁ t g·d and |g(x + t d)·d| ≤ c₂ |g·d|.

Why not torch's or SciPy's: torch.optim.LBFGS keeps its state in pickled lists, cannot undo a step
whose loss is NaN, and evaluates the loss once more at the start of every resumable call; SciPy's
goes through NumPy and cannot be stopped and resumed. Here one call is one iteration, the state is
passed in and out, and stopping in between changes no bit of what follows.

Reference: Nocedal, Wright, Numerical Optimization, 2nd ed., algorithms 3.5, 3.6 (line search), 7.4
(two-loop recursion), 7.5.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace
from typing import TypeAlias

import torch
from torch import Tensor

from pdenet.errors import CheckpointError, TrainingError
from pdenet.optimise.line_search import Point, search

__all__ = ["LBFGS", "Closure", "LBFGSState", "StepInfo"]

Closure: TypeAlias = Callable[[Tensor], tuple[Tensor, Tensor]]
"""Loss (a scalar) and gradient (as long as x) at x, both detached. It must not keep or change x."""


@dataclass(frozen=True)
class LBFGSState:
    """Everything between two iterations. All tensors; `tensors` and `from_tensors` for files.

    position, gradient: (n,). loss: scalar. steps, changes: ring buffers of s and y, (history, n).
    pairs: pairs stored since the last restart. iteration, evaluations: totals.
    converged: 1 where no further step is possible or wanted.
    """

    position: Tensor
    loss: Tensor
    gradient: Tensor
    steps: Tensor
    changes: Tensor
    pairs: int = 0
    iteration: int = 0
    evaluations: int = 1
    converged: bool = False

    def tensors(self) -> dict[str, Tensor]:
        """Every entry as a tensor: numbers as int64 scalars."""
        return {
            entry.name: torch.as_tensor(getattr(self, entry.name)).detach().clone()
            if entry.name in _TENSORS
            else torch.tensor(int(getattr(self, entry.name)))
            for entry in fields(self)
        }

    @classmethod
    def from_tensors(cls, tensors: Mapping[str, Tensor]) -> LBFGSState:
        """The state that `tensors` described.

        Raises CheckpointError where an entry is missing or of another shape.
        """
        names = [entry.name for entry in fields(cls)]
        if sorted(tensors) != sorted(names):
            raise CheckpointError(
                f"the optimiser state holds {', '.join(sorted(tensors)) or 'nothing'}; "
                f"it must hold {', '.join(sorted(names))}"
            )
        n, buffer = tensors["position"].shape, tensors["steps"].shape
        shapes = {"position": n, "gradient": n, "steps": buffer, "changes": buffer}
        for name in names:
            if tensors[name].shape != shapes.get(name, ()) or len(n) != 1 or buffer[1:] != n:
                raise CheckpointError(
                    f"the optimiser state has {name} of shape {tuple(tensors[name].shape)}, "
                    "which does not fit its other entries"
                )
        counts = [tensors[name] for name in names if name not in _TENSORS]
        real = [tensors[name].dtype for name in _TENSORS]
        if buffer[0] < 1 or any(c.is_floating_point() or int(c) < 0 for c in counts):
            raise CheckpointError("the optimiser state counts less than nothing")
        if not (real[0].is_floating_point and len(set(real)) == 1):
            raise CheckpointError("the optimiser state has entries of several kinds of numbers")
        return cls(
            position=tensors["position"],
            loss=tensors["loss"],
            gradient=tensors["gradient"],
            steps=tensors["steps"],
            changes=tensors["changes"],
            pairs=int(tensors["pairs"]),
            iteration=int(tensors["iteration"]),
            evaluations=int(tensors["evaluations"]),
            converged=bool(tensors["converged"]),
        )


_TENSORS = ("position", "loss", "gradient", "steps", "changes")


@dataclass(frozen=True)
class StepInfo:
    """What one iteration did.

    loss: after it. step: t along the direction; 0 where nothing moved. length: Euclidean norm of
    the move. evaluations: of the closure. undone: trial steps whose loss or gradient was NaN or
    infinite. restarted: the history was dropped for steepest descent. converged: no step will
    follow. reason: why it converged or restarted, "" otherwise.
    """

    loss: float
    step: float
    length: float
    evaluations: int
    undone: int = 0
    restarted: bool = False
    converged: bool = False
    reason: str = ""


@dataclass(frozen=True)
class LBFGS:
    """The method and its numbers; it holds no state.

    history: number m of pairs. gradient_tolerance: converged where max |g| is at most this.
    max_step: largest Euclidean norm of one move. max_evaluations: of one line search.
    sufficient_decrease, curvature: c₁ and c₂ of the Wolfe conditions.

    Good values: the defaults; history 20 needs up to a fifth fewer evaluations than 10.
    """

    history: int = 20
    gradient_tolerance: float = 1e-12
    max_step: float = math.inf
    max_evaluations: int = 25
    sufficient_decrease: float = 1e-4
    curvature: float = 0.9

    def init(self, x: Tensor, loss: Tensor, gradient: Tensor) -> LBFGSState:
        """The state at the start x (n,), from the closure's loss and gradient there.

        Raises TrainingError where these are not finite: there is nothing to fall back to.
        """
        if not _finite(loss, gradient):
            raise TrainingError(
                f"the loss at the start is {float(loss)} with "
                f"{int((~torch.isfinite(gradient)).sum())} non-finite entries in its gradient; "
                "start from smaller weights or fewer blocks"
            )
        buffer = torch.zeros((self.history, len(x)), dtype=x.dtype, device=x.device)
        return LBFGSState(
            x.detach().clone(),
            loss.detach().reshape(()).clone(),
            gradient.detach().clone(),
            buffer,
            buffer.clone(),
            converged=float(gradient.abs().max()) <= self.gradient_tolerance,
        )

    def step(self, state: LBFGSState, closure: Closure) -> tuple[LBFGSState, StepInfo]:
        """One iteration. The state passed in stays as it is, and the loss never rises.

        Where the line search finds no lower point along the L-BFGS direction, the history is
        dropped and steepest descent is tried; where that fails as well, the state has converged.
        """
        if state.converged:
            return state, StepInfo(float(state.loss), 0.0, 0.0, 0, converged=True, reason="before")
        evaluations = undone = 0
        restarted = False
        reason = ""
        while True:
            direction = self._direction(state)
            slope = float(direction @ state.gradient)
            found: Point | None = None
            if slope < 0 and math.isfinite(slope):
                start = Point(0.0, float(state.loss), slope, state.gradient)
                found, tried, lost = self._search(state, direction, start, closure)
                evaluations, undone = evaluations + tried, undone + lost
            if found is not None:
                break
            if state.pairs == 0:
                reason = "no lower loss along the negative gradient"
                after = replace(state, evaluations=state.evaluations + evaluations, converged=True)
                info = StepInfo(
                    float(state.loss), 0.0, 0.0, evaluations, undone, restarted, True, reason
                )
                return after, info
            state = replace(state, pairs=0)
            restarted, reason = True, "no lower loss along the L-BFGS direction"
        after = self._accept(state, direction, found, evaluations)
        if after.converged:
            reason = "the gradient is below its tolerance"
        length = float((after.position - state.position).norm())
        info = StepInfo(
            found.value, found.t, length, evaluations, undone, restarted, after.converged, reason
        )
        return after, info

    def _search(
        self, state: LBFGSState, direction: Tensor, start: Point, closure: Closure
    ) -> tuple[Point | None, int, int]:
        """The accepted point, the number of evaluations and how many of them were not finite."""
        limit = self.max_step / float(direction.norm())
        # Without history the gradient's length says nothing about the length of a good step.
        first = 1.0 if state.pairs else min(1.0, 1.0 / float(state.gradient.abs().sum()))

        def evaluate(t: float) -> Point:
            loss, gradient = closure(torch.add(state.position, direction, alpha=t))
            if not _finite(loss, gradient):
                return Point(t, math.inf, math.nan, gradient)
            return Point(t, float(loss), float(gradient @ direction), gradient)

        return search(
            evaluate,
            start,
            min(first, limit),
            limit=limit,
            sufficient_decrease=self.sufficient_decrease,
            curvature=self.curvature,
            max_evaluations=self.max_evaluations,
        )

    def _direction(self, state: LBFGSState) -> Tensor:
        """-H g by the two-loop recursion; -g without history."""
        if state.pairs == 0:
            return -state.gradient
        stored = min(state.pairs, self.history)
        order = [(state.pairs - 1 - k) % self.history for k in range(stored)]
        steps, changes = state.steps[order], state.changes[order]  # newest first
        inverses = 1.0 / (steps * changes).sum(1)
        direction = -state.gradient
        weights = []
        for k in range(stored):
            weight = inverses[k] * (steps[k] @ direction)
            weights.append(weight)
            direction = direction - weight * changes[k]
        direction = direction / (inverses[0] * (changes[0] @ changes[0]))
        for k in reversed(range(stored)):
            direction = direction + (weights[k] - inverses[k] * (changes[k] @ direction)) * steps[k]
        return direction

    def _accept(
        self, state: LBFGSState, direction: Tensor, found: Point, evaluations: int
    ) -> LBFGSState:
        """The state at the accepted point, with its pair in the history."""
        position = torch.add(state.position, direction, alpha=found.t)
        step, change = position - state.position, found.gradient - state.gradient
        steps, changes, pairs = state.steps, state.changes, state.pairs
        # Only a pair of positive curvature keeps H positive definite.
        size = float(change @ change)
        if float(step @ change) > 1e-10 * max(size, 1e-300):
            slot = pairs % self.history
            steps, changes = steps.clone(), changes.clone()
            steps[slot], changes[slot] = step, change
            pairs += 1
        return LBFGSState(
            position,
            torch.as_tensor(found.value, dtype=state.loss.dtype, device=state.loss.device),
            found.gradient.detach().clone(),
            steps,
            changes,
            pairs,
            state.iteration + 1,
            state.evaluations + evaluations,
            float(found.gradient.abs().max()) <= self.gradient_tolerance,
        )


def _finite(loss: Tensor, gradient: Tensor) -> bool:
    return bool(torch.isfinite(loss).all() & torch.isfinite(gradient).all())
