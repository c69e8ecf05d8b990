"""Fields between the points at which they were observed: the start of a solution on a finer grid.

Along a periodic axis the field is the trigonometric polynomial through its points,

    u(x) = Σ_{|k| ≤ N/2} û_k exp(2πi k x/L),

with half of û_{N/2} at either end where N is even; it is evaluated by a longer inverse transform.
Between walls it is the quintic spline through the points (de Boor's not-a-knot ends).

Reference: L. N. Trefethen, Spectral Methods in MATLAB (2000), chapters 2 and 3.
"""

import numpy as np
from scipy import fft, interpolate

from pdenet.errors import GridError
from pdenet.grid import Grid

__all__ = ["interpolated"]

_DEGREE = 5


def interpolated(u: np.ndarray, grid: Grid, factor: int) -> np.ndarray:
    """The field u on `grid.refine(factor)`; at the points of `grid` it is u, up to rounding.

    u: (..., *space) on `grid`. Raises GridError where the shapes do not fit.
    """
    if u.shape[u.ndim - grid.ndim :] != grid.shape:
        raise GridError(f"a field of shape {u.shape} does not lie on a grid of {grid.shape} points")
    fine = grid.refine(factor)
    for axis, (coarse_points, points) in enumerate(zip(grid.shape, fine.shape, strict=True)):
        place = u.ndim - grid.ndim + axis
        if points == coarse_points:
            continue
        # A periodic axis gains points beyond the last one as well, walls only between their ends.
        periodic = points == factor * coarse_points
        u = _fourier(u, points, place) if periodic else _spline(u, points, place)
    return u


def _fourier(u: np.ndarray, points: int, axis: int) -> np.ndarray:
    count = u.shape[axis]
    spectrum = np.moveaxis(fft.rfft(u, axis=axis), axis, -1)
    if count % 2 == 0:
        spectrum[..., -1] /= 2
    fine = fft.irfft(spectrum, points) * (points / count)
    return np.moveaxis(fine, -1, axis)


def _spline(u: np.ndarray, points: int, axis: int) -> np.ndarray:
    count = u.shape[axis]
    degree = min(_DEGREE, count - 1)
    spline = interpolate.make_interp_spline(
        np.linspace(0.0, 1.0, count), u, k=degree - (degree + 1) % 2, axis=axis
    )
    return np.asarray(spline(np.linspace(0.0, 1.0, points)))
