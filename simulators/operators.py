"""Derivatives of fields on a grid, as products of blocked banded matrices.

A stencil on an axis of n points is a banded n × n matrix. Cut into blocks of B outputs, every block
is the same small matrix of (rows × B) × (B + 2 reach) numbers, applied to overlapping windows of
the padded field: one matrix product gives all derivatives along that axis. On one core this costs
about half of what adding shifted slices costs, and it is the same code on a GPU. The padding is
the other end of a periodic axis; beyond a wall it is another small matrix product
(`simulators.walls`).

The results stay where the product wrote them. They are views of shape (batch, field, *blocked),
where `blocked` splits every axis n into (n/B, B), so that nothing is copied; `Derivatives.blocked`
gives the same view of any contiguous array on the grid.
"""

import itertools
import math
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from pdenet.boundary import Boundaries
from pdenet.errors import GridError
from pdenet.grid import Grid
from pdenet.pde.jet import Jet
from pdenet.problem import boundaries_on
from pdenet.words import counted
from simulators.stencils import Stencil, central
from simulators.walls import Closure, check_size, closures, ghosts

__all__ = ["Derivatives", "Operator", "block_length", "jets", "operator"]

#: One stencil (or None) for each axis: their product is a partial derivative.
Operator = tuple[Stencil | None, ...]

_BLOCK = 8


def operator(index: Sequence[int], order: int) -> Operator:
    """The central operator of a multi-index: (1, 1) is ∂²/∂x∂y."""
    return tuple(central(count, order) if count else None for count in index)


def block_length(n: int) -> int:
    """The divisor of n nearest to 8 among 5 .. 20; n itself (one block) if there is none.

    Eight was the fastest of 8, 16 and 32 on the CPUs measured (benchmarks/simulator.py).
    """
    divisors = [b for b in range(5, 21) if n % b == 0]
    return min(divisors, key=lambda b: abs(b - _BLOCK)) if divisors else n


class Derivatives:
    """Applies a fixed set of operators to states (batch, field, *space) of a fixed shape.

    All buffers are made once. The views that a call returns are overwritten by the next call.
    Raises GridError if an axis is shorter than the stencil.
    """

    def __init__(
        self,
        operators: Sequence[Operator],
        grid: Grid,
        channels: tuple[int, int],
        *,
        walls: Sequence[Closure | None] | None = None,
        dtype: torch.dtype = torch.float64,
        device: torch.device | str = "cpu",
    ) -> None:
        """channels: (batch, field), the leading shape of the states.

        walls: what closes each axis, None for periodic ones.
        """
        self.operators = tuple(operators)
        lengths = [block_length(n) for n in grid.shape]
        split = ((n // b, b) for n, b in zip(grid.shape, lengths, strict=True))
        self.shape = (*channels, *itertools.chain.from_iterable(split))
        root: Operator = (None,) * grid.ndim
        like = torch.empty(0, dtype=dtype, device=device)
        made: dict[Operator, Tensor | None] = {root: None}
        self._passes: list[tuple[Tensor | None, _AxisPass]] = []
        for axis in range(grid.ndim):
            for source, targets in _targets(self.operators, axis).items():
                rows = [target[axis] for target in targets]
                stencils = [row for row in rows if row is not None]
                closure = walls[axis] if walls is not None else None
                if closure is not None and source != root:
                    closure = closure.homogeneous
                check_size(stencils, closure, grid, axis)
                step = _AxisPass(stencils, axis, grid, channels, self.shape, closure, like)
                self._passes.append((made[source], step))
                made.update(zip(targets, step.views, strict=True))
        #: the result of every operator, None for the identity, whose result is u itself
        self.views = [made[key] for key in self.operators]

    def blocked(self, array: Tensor) -> Tensor:
        """A contiguous (batch, field, *space) array seen as (batch, field, *blocked)."""
        return array.view(self.shape)

    def __call__(self, u: Tensor) -> list[Tensor]:
        """The derivatives of u, one view (batch, field, *blocked) for each operator, in order."""
        state = self.blocked(u)
        for source, step in self._passes:
            step(state if source is None else source)
        return [state if view is None else view for view in self.views]


def _targets(operators: Sequence[Operator], axis: int) -> dict[Operator, list[Operator]]:
    """What to make along `axis`: {operator on the axes before: [that operator with this axis]}."""
    found: dict[Operator, list[Operator]] = {}
    for whole in operators:
        rest: Operator = (None,) * (len(whole) - axis - 1)
        target: Operator = (*whole[: axis + 1], *rest)
        source: Operator = (*whole[:axis], None, *rest)
        if whole[axis] is not None and target not in found.setdefault(source, []):
            found[source].append(target)
    return {source: targets for source, targets in found.items() if targets}


class _AxisPass:
    """All stencils along one axis at once: pad, one batched matrix product, views."""

    def __init__(
        self,
        stencils: list[Stencil],
        axis: int,
        grid: Grid,
        channels: tuple[int, int],
        blocked: tuple[int, ...],
        closure: Closure | None,
        like: Tensor,
    ) -> None:
        n = grid.shape[axis]
        reach = max(stencil.reach for stencil in stencils)
        block = block_length(n)
        whole = block == n and n > 20  # no divisor fits: work in blocks of 8, gather at the end
        block = _BLOCK if whole else block
        weights = _block_matrix(stencils, grid.spacing[axis], block, reach).to(like)
        outer = math.prod(channels) * math.prod(grid.shape[:axis])
        inner = math.prod(grid.shape[axis + 1 :])
        last = axis == grid.ndim - 1
        layout = _rows_layout if last else _columns_layout
        made = layout(weights, (outer, n, inner), (len(stencils), block, reach), channels[0])
        self._left, self._right, self._out = made.left, made.right, made.out
        padded, parts = made.padded, made.parts
        self._interior = padded[:, reach : reach + n].view(blocked)
        self._fills: list[_Fill] = []
        self._before = list(made.gathers)
        if closure is None:
            self._before = [
                (padded[:, :reach], padded[:, n : n + reach]),
                (padded[:, n + reach : n + 2 * reach], padded[:, reach : 2 * reach]),
                *made.gathers,
            ]
        else:
            lines = (n, reach, grid.spacing[axis])
            self._fills = _wall_fills(closure, padded, lines, channels[0] if last else None)
        self._after: list[tuple[Tensor, Tensor]] = []
        if whole:
            for k, part in enumerate(parts):
                target = like.new_zeros(part.shape)
                self._after.append((target, part))
                parts[k] = target.view(outer, -1, inner)[:, :n]
        self.views = [part.view(blocked) for part in parts]

    def __call__(self, source: Tensor) -> None:
        self._interior.copy_(source)
        for fill in self._fills:
            fill()
        for target, part in self._before:
            target.copy_(part)
        torch.bmm(self._left, self._right, out=self._out)
        for target, part in self._after:
            target.copy_(part)


class _Fill(NamedTuple):
    """The ghosts beyond one wall: target = constant + left @ right."""

    target: Tensor
    constant: Tensor
    left: Tensor
    right: Tensor
    affine: bool

    def __call__(self) -> None:
        torch.baddbmm(self.constant, self.left, self.right, beta=int(self.affine), out=self.target)


def _wall_fills(
    closure: Closure, padded: Tensor, line: tuple[int, int, float], batch: int | None
) -> list[_Fill]:
    """How to fill the ghosts at both ends of the lines of padded (outer, length, inner).

    line: points, reach and step of a line. batch: states, where lines are rows (the last axis).
    """
    n, reach, dx = line
    fills = []
    for upper, condition in enumerate((closure.lower, closure.upper)):
        matrix, offsets = ghosts(condition, closure.degree, reach)
        if upper:
            matrix, offsets = matrix[::-1, ::-1], offsets[::-1]
        weights = torch.from_numpy(matrix.copy()).to(padded)
        constant = torch.from_numpy(dx * offsets).to(padded)
        used = matrix.shape[1]
        near = slice(reach + n - used, reach + n) if upper else slice(reach, reach + used)
        beyond = slice(n + reach, n + 2 * reach) if upper else slice(0, reach)
        affine = bool(offsets.any())
        if batch is None:
            left = weights.expand(len(padded), -1, -1)
            right = padded[:, near]
            fills.append(_Fill(padded[:, beyond], constant[:, None], left, right, affine))
        else:
            # One product for each state, as for the derivatives along this axis.
            rows = padded.view(batch, -1, padded.shape[1])
            right = weights.t().contiguous().expand(batch, -1, -1)
            fills.append(_Fill(rows[..., beyond], constant, rows[..., near], right, affine))
    return fills


class _Layout(NamedTuple):
    """Padded field (outer, length, inner), what to gather from it, the factors and their product,
    and one view (outer, blocks, B, inner) of the product for each stencil."""

    padded: Tensor
    gathers: list[tuple[Tensor, Tensor]]
    left: Tensor
    right: Tensor
    out: Tensor
    parts: list[Tensor]


def _columns_layout(
    weights: Tensor, shape: tuple[int, int, int], sizes: tuple[int, int, int], batch: int
) -> _Layout:
    """An axis before the last: windows are (B + 2 reach, inner), weights multiply from the left."""
    (outer, n, inner), (rows, block, reach) = shape, sizes
    used = -(-n // block)
    blocks = -(-(n + 2 * reach) // block)  # the last ones of every line are padding
    length = blocks * block
    # The windows of the last line run 2 reach rows past its end; zeros keep them finite.
    flat = weights.new_zeros((outer * length + 2 * reach) * inner)
    padded = flat[: outer * length * inner].view(outer, length, inner)
    windows = flat.as_strided((outer * blocks, block + 2 * reach, inner), (block * inner, inner, 1))
    out = weights.new_zeros(outer * blocks, rows * block, inner)
    parts = out.view(outer, blocks, rows, block, inner)[:, :used]
    left = weights.expand(outer * blocks, -1, -1)
    return _Layout(padded, [], left, windows, out, [parts[:, :, k] for k in range(rows)])


def _rows_layout(
    weights: Tensor, shape: tuple[int, int, int], sizes: tuple[int, int, int], batch: int
) -> _Layout:
    """The last axis: windows are rows of B + 2 reach, weights multiply from the right.

    BLAS takes no overlapping rows, so the windows are gathered first. There is one product for
    each state of the batch: products of one size round alike, however many states there are.
    """
    (outer, n, _), (rows, block, reach) = shape, sizes
    blocks = -(-n // block)
    length = blocks * block + 2 * reach
    padded = weights.new_zeros(outer, length)
    windows = padded.as_strided((outer, blocks, block + 2 * reach), (length, block, 1))
    gathered = torch.empty_like(windows, memory_format=torch.contiguous_format)
    out = weights.new_zeros(batch, outer // batch * blocks, rows * block)
    parts = out.view(outer, blocks, rows, block)
    left = gathered.view(batch, -1, block + 2 * reach)
    right = weights.t().contiguous().expand(batch, -1, -1)
    views = [parts[:, :, k, :, None] for k in range(rows)]
    return _Layout(padded[..., None], [(gathered, windows)], left, right, out, views)


def _block_matrix(stencils: list[Stencil], dx: float, block: int, reach: int) -> Tensor:
    """The (rows × B, B + 2 reach) matrix: row (s, i) holds stencil s shifted by i."""
    matrix = torch.zeros(len(stencils), block, block + 2 * reach, dtype=torch.float64)
    for k, stencil in enumerate(stencils):
        line = torch.from_numpy(stencil.dense(reach)) / dx**stencil.derivative
        for i in range(block):
            matrix[k, i, i : i + 2 * reach + 1] = line
    return matrix.view(len(stencils) * block, -1)


def jets(
    u: Tensor,
    grid: Grid,
    boundaries: Boundaries | None,
    variables: Sequence[Jet],
    *,
    fields: Sequence[str] | None = None,
    order: int = 8,
) -> Tensor:
    """The jet variables of u by central differences.

    u: (batch, field, *space), contiguous or not; boundaries: None where all are periodic.
    fields: names of u's fields; by default those of `variables` in the order of appearance.
    Returns (batch, variable, *space).
    Raises GridError if shapes, names or boundaries do not fit.
    """
    walls = closures(boundaries_on(grid, boundaries), order)
    names = tuple(fields if fields is not None else dict.fromkeys(v.field for v in variables))
    if u.ndim != grid.ndim + 2 or tuple(u.shape[2:]) != grid.shape or u.shape[1] != len(names):
        raise GridError(
            f"a state of fields {names} on grid {grid.shape} has the shape "
            f"(batch, {len(names)}, {', '.join(map(str, grid.shape))}), given {tuple(u.shape)}"
        )
    unknown = [v.name for v in variables if v.field not in names or len(v.index) != grid.ndim]
    if unknown:
        raise GridError(
            f"{unknown[0]} is no jet of the fields {names} in {counted(grid.ndim, 'dimension')}"
        )
    operators = list(dict.fromkeys(operator(v.index, order) for v in variables))
    channels = (u.shape[0], u.shape[1])
    apply = Derivatives(operators, grid, channels, walls=walls, dtype=u.dtype, device=u.device)
    views = dict(zip(operators, apply(u.contiguous()), strict=True))
    columns = [views[operator(v.index, order)][:, names.index(v.field)] for v in variables]
    return torch.stack(columns, dim=1).reshape(u.shape[0], len(variables), *grid.shape)
