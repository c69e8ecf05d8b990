"""A trained source f(u): one piecewise polynomial of each field.

    f(u) = Σ_m w_m B_m(u) on [low, high],    linear beyond, with the slope that f has at the end,

B-splines of one degree on equal pieces of the range that the data visit.

Reference: Long, Lu, Ma, Dong, "PDE-Net", ICML 2018, section 3.2 (diffusion with a nonlinear
source).
"""

from __future__ import annotations

import numpy as np
import torch
from scipy.interpolate import BSpline
from torch import Tensor, nn

from pdenet.errors import ConfigError
from pdenet.nn import splines
from pdenet.types import State
from pdenet.words import counted

__all__ = ["PiecewiseSource"]


class PiecewiseSource(nn.Module):
    """f of every field, a function of that field alone; zero at the start.

    fields: how many. pieces: of the range. degree: of the polynomials.

    `weights` (field, pieces + degree) is trained; `low`, `high` (field,) are the range, [0, 1]
    until `set_range` is called.
    Good values: 16 pieces of degree 3.
    Raises ConfigError for fewer than one piece or a degree below 1.
    """

    low: Tensor
    high: Tensor
    polynomials: Tensor

    def __init__(self, fields: int, pieces: int, degree: int) -> None:
        super().__init__()
        if fields < 1 or pieces < 1 or degree < 1:
            raise ConfigError(
                f"a source of {counted(fields, 'field')} with {counted(pieces, 'piece')} of "
                f"degree {degree} was asked "
                "for; give at least one of each"
            )
        self.fields, self.pieces, self.degree = fields, pieces, degree
        self.register_buffer("low", torch.zeros(fields, dtype=torch.float64))
        self.register_buffer("high", torch.ones(fields, dtype=torch.float64))
        self.register_buffer("polynomials", _polynomials(degree), persistent=False)
        size = splines.functions(pieces, degree, periodic=False)
        self.weights = nn.Parameter(torch.zeros(fields, size, dtype=torch.float64))

    def set_range(self, low: Tensor, high: Tensor) -> None:
        """The values (field,) between which the pieces lie; a field that is constant keeps one."""
        wide = high > low
        self.low.copy_(torch.where(wide, low, low - 0.5))
        self.high.copy_(torch.where(wide, high, low + 0.5))

    def forward(self, u: State) -> State:
        """f(u) at every point, (batch, field, *space)."""
        shape = (1, -1, *[1] * (u.dim() - 2))
        step = ((self.high - self.low) / self.pieces).reshape(shape)
        place = (u - self.low.reshape(shape)) / step
        inside = place.clamp(0, self.pieces)
        # A state that has become NaN stays so, in any piece.
        piece = inside.detach().nan_to_num(0.0).floor().clamp(max=self.pieces - 1)
        local = inside - piece
        # In each piece the polynomial Σ_p c_p s^p of s in [0, 1], from its degree + 1 weights.
        windows = self.weights.unfold(1, self.degree + 1, 1)  # (field, piece, degree + 1)
        rows = (windows @ self.polynomials).flatten(0, 1)  # (field · piece, power)
        offset = torch.arange(self.fields, device=u.device).reshape(shape) * self.pieces
        chosen = rows.index_select(0, (piece.long() + offset).flatten())
        chosen = chosen.reshape(*u.shape, self.degree + 1)
        value, slope = chosen[..., -1], torch.zeros_like(local)
        for power in range(self.degree - 1, -1, -1):
            slope = slope * local + value
            value = value * local + chosen[..., power]
        return value + slope * (place - inside)

    def fit(self, field: int, values: Tensor) -> None:
        """Bring f of a field as near as the pieces allow to its values at equidistant points from
        `low` to `high`, by least squares."""
        with torch.no_grad():
            self.weights[field] = self.nearest(field, values[:, None])[:, 0]

    def nearest(self, field: int, values: Tensor) -> Tensor:
        """The weights (weight, function) of the curves that come nearest, by least squares, to
        functions at equidistant points from `low` to `high`, (point, function)."""
        design = self.design(field, len(values))
        found: Tensor = torch.linalg.lstsq(design, values.to(design))[0]
        return found

    def curve(self, field: int, points: int) -> tuple[Tensor, Tensor]:
        """Equidistant points u from `low` to `high` and f(u) of a field there, both (points,)."""
        low, high = float(self.low[field]), float(self.high[field])
        u = torch.linspace(low, high, points, dtype=torch.float64).to(self.weights)
        with torch.no_grad():
            return u, self.design(field, points) @ self.weights[field]

    def unresolved(self, field: int, values: Tensor) -> Tensor:
        """How far f of `values` at equidistant points may be from what it was fitted to."""
        low, high = float(self.low[field]), float(self.high[field])
        axis = (np.linspace(low, high, len(values)), low, high, False)
        return splines.unresolved(values, [axis], self.pieces, self.degree)

    def design(self, field: int, points: int) -> Tensor:
        """The value of every B-spline at equidistant points from `low` to `high` of a field,
        (point, weight)."""
        low, high = float(self.low[field]), float(self.high[field])
        u = np.linspace(low, high, points)
        values = splines.values_at(u, low, high, self.pieces, self.degree, periodic=False)
        return values.to(self.weights)

    def extra_repr(self) -> str:
        """Sizes."""
        return f"fields={self.fields}, pieces={self.pieces}, degree={self.degree}"


def _polynomials(degree: int) -> Tensor:
    """The B-splines that reach into one piece as polynomials of its local coordinate s in [0, 1].

    Returns (degree + 1, degree + 1): row m holds the powers of B_m.
    """
    points = np.linspace(0, 1, degree + 1)
    row = splines.knots(0.0, 1.0, 1, degree)
    values = BSpline.design_matrix(points, row, degree).toarray()  # (point, function)
    powers = np.vander(points, degree + 1, increasing=True)
    return torch.from_numpy(np.linalg.solve(powers, values).T.copy())
