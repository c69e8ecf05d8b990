"""Whether what is said of a wall contradicts what was measured beside it.

Along every line of points that ends at a wall, a polynomial in the distance is fitted to the m
nearest values y by weighted least squares, W = 1/(σ s)². With V its powers at the points and b the
condition a u + b ∂u/∂n of each power at the wall,

    d = bᵀ C Vᵀ W y − g,      C = (Vᵀ W V)⁻¹,      s² = max(1, χ²) bᵀ C b + β²,

where χ² of the fit, per degree of freedom, and β², the square by which a quartic and a cubic differ
beyond what noise makes of it, stand for what a polynomial of so many points cannot follow. Of
several m the one of least mean s² counts. Where the wall is as it was said, the mean of d²/s² is 1
or less, give or take √(2/n).

Before a fit y are the data; afterwards y − H u, with g − B u in place of g. Both tell the same d,
but of the second nothing is left that a polynomial could not follow.

A wall that is wrong beyond doubt and by a fair part of the field is refused before the fit: it is
known `walls.KNOWN` times as well as a value, so that the fit would make up a layer beside it. One
that is less wrong is left in, and the verdict says which it is: its effect may be small, and where
fields are nearly without noise any wall is wrong by many of its standard deviations.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from pdenet.boundary import Boundary, Open, PerField, for_field, numbers_of, to_text
from pdenet.errors import DiscoveryError, StoppedError
from pdenet.likelihood.fit.setup import Setup
from pdenet.likelihood.verdict.misfit import ABOVE_NOISE, SURPRISING, Final
from pdenet.noise.observations import Observations
from pdenet.noise.walls import KNOWN, Side
from pdenet.problem import Problem

__all__ = ["Contradiction", "check_walls", "contradictions", "left_at_walls"]

POINTS = (6, 8, 12, 16, 24)
"""Points of a line that a polynomial is fitted to: those of least error of these numbers."""

DEGREE = 4
"""Of the polynomial; its error is what the last power adds."""

GROSS = 0.05
"""Share of the size of a field, or of its slopes, by which a wall that is refused is wrong, at
least: beside fields without noise any wall of a simulation is wrong by many standard deviations."""


@dataclass(frozen=True)
class Contradiction:
    """A wall that the data contradict.

    axis, end, field: which ("x", "lower", "u"). told: the condition, as text. sigmas: how far it is
    from what the data say in one place and frame, in standard deviations of that, r.m.s.; most,
    frame: the same in the frame where it is farthest, counted from 1. share: how far it is, over
    the size of the field or of its slopes. instead: the ends that leave it open.
    """

    axis: str
    end: str
    field: str
    told: str
    sigmas: float
    most: float
    frame: int
    share: float
    instead: str

    def __str__(self) -> str:
        return (
            f"{self.told} is said of {self.field} at the {self.end} end of {self.axis}, and is "
            f"{self.sigmas:.3g} standard deviations of the noise from what was measured beside it "
            f"({self.most:.3g} in frame {self.frame}, where it is most)"
        )


def check_walls(setup: Setup, problem: Problem) -> None:
    """Raise DiscoveryError for the wall that the data contradict most, where it is beyond doubt and
    wrong by a fair part of the field. problem: with the walls."""
    found = contradictions(setup, problem, setup.seen, setup.seen.values)
    gross = [each for each in found if each.sigmas > KNOWN and each.share > GROSS]
    if gross:
        worst = max(gross, key=lambda each: each.sigmas)
        told = f"a wall contradicts the data: {worst}. Give what holds there, or leave it open with"
        raise DiscoveryError(
            f"{told} boundary='{worst.instead}'", shell=f"{told} --boundary {worst.instead}"
        )


def left_at_walls(final: Final, problem: Problem) -> tuple[Contradiction, ...]:
    """The walls that the data contradict by what a fit leaves beside them."""
    now = final.estimate
    if final.setup.walls is None or not now.finite:
        return ()
    try:
        left = final.fit.residuals(now, walls=True)
    except StoppedError:
        return ()
    weight = now.seen.weight
    left = torch.where(weight > 0, left / weight.clamp_min(1e-300), 0.0)
    return contradictions(final.setup, problem, now.seen, left)


def contradictions(
    setup: Setup, problem: Problem, seen: Observations, values: Tensor
) -> tuple[Contradiction, ...]:
    """The walls that values contradict: measured ones, or what a fit leaves of them, (trajectory,
    frame, field, *box), with what is said of a wall, or left of that, in its place."""
    found = []
    for side in seen.walls.sides if seen.walls is not None else ():
        for field, name in enumerate(setup.fields):
            if float(side.plain[field].abs().max() + side.slope[field].abs().max()) > 0:
                compared = _compared(setup, side, field, seen, values)
                each = compared and _judged(setup, problem, side, name, compared)
                found += [each] if each else []
    return tuple(found)


@dataclass(frozen=True, eq=False)
class _Compared:
    """One field at one wall: d²/s² of every line (trajectory, frame, line), 0 where it tells
    nothing, and which do; share: r.m.s. of d beyond its error, over the size of the field or of its
    slopes."""

    square: Tensor
    there: Tensor
    share: float


def _judged(
    setup: Setup, problem: Problem, side: Side, name: str, compared: _Compared
) -> Contradiction | None:
    """A contradiction, where it is more than noise makes."""
    count = int(compared.there.sum())
    mean = float(compared.square.sum()) / count
    if not mean > max(ABOVE_NOISE, 1 + SURPRISING * math.sqrt(2 / count)):
        return None
    each = compared.square.sum(2) / compared.there.sum(2).clamp_min(1)
    row, frame = divmod(int(each.argmax()), each.shape[1])
    axis, upper = problem.grid.axes[side.axis], int(side.place > 0)
    ends = problem.boundaries[side.axis]
    return Contradiction(
        axis,
        ("lower", "upper")[upper],
        name,
        to_text(for_field(ends[upper], name)),
        math.sqrt(mean - 1),
        math.sqrt(float(each.max()) - 1),
        setup.origins[row][1] + frame + 1,
        compared.share,
        _opened(axis, upper, ends),
    )


def _opened(axis: str, place: int, ends: Sequence[Boundary]) -> str:
    """The ends of an axis with one of them open, as text; both, where the other has no text."""
    other = ends[1 - place]
    changes = any(isinstance(value, tuple) for value in numbers_of(other).values())
    if changes or isinstance(other, PerField | Open):
        return f"{axis}:open"
    pair = [to_text(other)] * 2
    pair[place] = "open"
    return f"{axis}:{','.join(pair)}"


def _compared(
    setup: Setup, side: Side, field: int, seen: Observations, values: Tensor
) -> _Compared | None:
    """What values say of one field at one wall; None where no line holds enough of them."""
    window, walls = setup.window, seen.walls
    assert window is not None and walls is not None
    points, dx = window.shape[side.axis], window.box.spacing[side.axis]
    way = 1 if side.place == 0 else -1

    def along(each: Tensor) -> Tensor:
        """(trajectory, frame, line, point), from the wall on, and then what is said of it."""
        moved = each[:, :, field].movedim(side.axis + 2, -1)
        places = [side.place + way * k for k in range(points)]
        return moved.reshape(*moved.shape[:2], -1, moved.shape[-1])[..., [*places, side.slot]]

    lines, weight = along(values), along(seen.weight)
    plain, slope = float(side.plain[field].sum()), way * float(side.slope[field].sum()) / dx
    told, best = weight[..., -1] > 0, None
    for count in (m for m in POINTS if m <= points):
        found, square, enough = _condition(lines[..., :count], weight[..., :count], plain, slope)
        there = enough & told
        if bool(there.any()) and (best is None or float(square[there].mean()) < best[0]):
            best = float(square[there].mean()), found - lines[..., -1], square, there
    if best is None:
        return None
    _, off, square, there = best
    excess = max(0.0, float((off.square() - square)[there].mean()))
    size = _size(along(setup.seen.values)[..., :points], along(setup.seen.seen)[..., :points])
    share = math.sqrt(excess) / max(abs(plain) * size[0] + abs(slope) * size[1], 1e-300)
    return _Compared(torch.where(there, off.square() / square, 0.0), there, share)


def _condition(
    values: Tensor, weight: Tensor, plain: float, slope: float
) -> tuple[Tensor, Tensor, Tensor]:
    """bᵀ C Vᵀ W y and s² of lines (.., point) from the wall on, and whether they hold values
    enough. slope: of a derivative by the number of the point."""
    count = values.shape[-1]
    powers = torch.linspace(0, 1, count).to(values)[:, None] ** torch.arange(DEGREE + 1).to(values)
    enough = (weight > 0).sum(-1) > DEGREE
    square = torch.where(enough[..., None], weight.square(), 1.0)
    gram = torch.einsum("...m,mi,mj->...ij", square, powers, powers)
    right = torch.einsum("...m,mi->...i", square * values, powers)
    wall = values.new_tensor([plain, slope / (count - 1)])

    def of(degree: int) -> tuple[Tensor, Tensor]:
        size = degree + 1
        inverse = torch.linalg.inv(gram[..., :size, :size])[..., :2, :]
        estimate = torch.einsum("i,...ij,...j->...", wall, inverse, right[..., :size])
        return estimate, torch.einsum("i,...ij,j->...", wall, inverse[..., :2], wall)

    (quartic, noise), (cubic, less) = of(DEGREE), of(DEGREE - 1)
    bias = ((quartic - cubic).square() - (noise - less)).clamp_min(0)
    curve = torch.einsum("...ij,...j,mi->...m", torch.linalg.inv(gram), right, powers)
    freedom = ((weight > 0).sum(-1) - DEGREE - 1).clamp_min(1)
    misfit = ((values - curve) * weight).square().sum(-1) / freedom
    return quartic, noise * misfit.clamp_min(1) + bias, enough


def _size(lines: Tensor, there: Tensor) -> tuple[float, float]:
    """The standard deviation of a field, and the r.m.s. difference between neighbouring points."""
    count = there.sum().clamp_min(1)
    mean = (lines * there).sum() / count
    both = there[..., 1:] * there[..., :-1]
    rise = (lines.diff(dim=-1).square() * both).sum() / both.sum().clamp_min(1)
    return math.sqrt(float(((lines - mean).square() * there).sum() / count)), math.sqrt(float(rise))
