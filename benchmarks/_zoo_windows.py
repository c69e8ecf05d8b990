"""Open windows of the zoo, cut out of larger periodic boxes, and the boxes they are compared with.

Each law is solved twice: in a periodic box, and in one two or three times as long along each axis,
of which a part with as many points, frames and trajectories is kept.
"""

from __future__ import annotations

import numpy as np
from _spectral import Box
from _zoo_data import TAU, Law, View, Zoo, enter, minus_k2, simulated, waves

__all__: list[str] = []


def _convection(box: Box, u: np.ndarray) -> np.ndarray:
    return np.asarray(-u * box.d(u, 1))


ADVECTION_DIFFUSION = Law(
    ("u_t = -0.7*u_x + 0.03*u_xx",),
    lambda box: (-0.7j * box.k[0] - 0.03 * box.k[0] ** 2)[None],
    None,
    waves(1, 5, 1.0),
)
BURGERS = Law(
    ("u_t = -u*u_x + 0.05*u_xx",),
    lambda box: 0.05 * minus_k2(box),
    _convection,
    waves(1, 4, 0.6, mean=0.3),
)
KDV = Law(
    ("u_t = -u*u_x - 0.02*u_xxx",),
    lambda box: (0.02j * box.k[0] ** 3)[None],
    _convection,
    waves(1, 3, 0.5),
)
KS = Law(
    ("u_t = -u*u_x - u_xx - u_xxxx",),
    lambda box: (box.k[0] ** 2 - box.k[0] ** 4)[None],
    _convection,
    waves(1, 6, 0.7),
)
LINE = View((64,), (TAU,), 0.05, 41, 4, steps=20, finer=4)
KDV_LINE = View((64,), (TAU,), 0.05, 41, 4, steps=20)
KS_LINE = View((64,), (32.0,), 0.4, 41, 4, steps=40, grown=60.0)


@enter()
def box_advection_diffusion(rng: np.random.Generator, fine: int) -> Zoo:
    return simulated(ADVECTION_DIFFUSION, LINE, rng, fine)


@enter("box_advection_diffusion")
def window_advection_diffusion(rng: np.random.Generator, fine: int) -> Zoo:
    return simulated(ADVECTION_DIFFUSION, LINE.window(), rng, fine)


@enter()
def box_burgers(rng: np.random.Generator, fine: int) -> Zoo:
    return simulated(BURGERS, LINE, rng, fine)


@enter("box_burgers")
def window_burgers(rng: np.random.Generator, fine: int) -> Zoo:
    return simulated(BURGERS, LINE.window(), rng, fine)


@enter()
def box_kdv(rng: np.random.Generator, fine: int) -> Zoo:
    return simulated(KDV, KDV_LINE, rng, fine)


@enter("box_kdv")
def window_kdv(rng: np.random.Generator, fine: int) -> Zoo:
    return simulated(KDV, KDV_LINE.window(), rng, fine)


@enter()
def box_ks(rng: np.random.Generator, fine: int) -> Zoo:
    return simulated(KS, KS_LINE, rng, fine)


@enter("box_ks")
def window_ks(rng: np.random.Generator, fine: int) -> Zoo:
    return simulated(KS, KS_LINE.window(), rng, fine)


# On a plane.


def _burgers_2d(box: Box, u: np.ndarray) -> np.ndarray:
    return np.asarray(-u[:1] * box.d(u, 1, 0) - u[1:] * box.d(u, 0, 1))


def _two(rms: float, mean: float) -> Law:
    """First fields of two fields."""
    each = waves(1, 3, rms, mean=mean)
    return Law(
        None,
        lambda box: np.concatenate([minus_k2(box)] * 2),
        None,
        lambda box, rng, boxes: np.concatenate([each(box, rng, boxes), each(box, rng, boxes)]),
        ("u", "v"),
    )


BURGERS_2D = Law(
    (
        "u_t = -u*u_x - v*u_y + 0.08*u_xx + 0.08*u_yy",
        "v_t = -u*v_x - v*v_y + 0.08*v_xx + 0.08*v_yy",
    ),
    lambda box: 0.08 * np.concatenate([minus_k2(box)] * 2),
    _burgers_2d,
    _two(0.5, 0.2).first,
    ("u", "v"),
)
PREY = Law(
    (
        "u_t = 0.04*u_xx + 0.04*u_yy + u - u*v",
        "v_t = 0.02*v_xx + 0.02*v_yy + u*v - v",
    ),
    lambda box: np.concatenate([0.04 * minus_k2(box) + 1, 0.02 * minus_k2(box) - 1]),
    lambda box, u: np.stack([-u[0] * u[1], u[0] * u[1]]),
    _two(0.3, 1.2).first,
    ("u", "v"),
)
PLANE = View((32, 32), (TAU, TAU), 0.08, 16, 2, finer=3)
PREY_PLANE = View((32, 32), (TAU, TAU), 0.2, 16, 2)


@enter()
def box_burgers_2d(rng: np.random.Generator, fine: int) -> Zoo:
    return simulated(BURGERS_2D, PLANE, rng, fine)


@enter("box_burgers_2d")
def window_burgers_2d(rng: np.random.Generator, fine: int) -> Zoo:
    return simulated(BURGERS_2D, PLANE.window(2), rng, fine)


@enter()
def box_reaction_diffusion_2d(rng: np.random.Generator, fine: int) -> Zoo:
    return simulated(PREY, PREY_PLANE, rng, fine)


@enter("box_reaction_diffusion_2d")
def window_reaction_diffusion_2d(rng: np.random.Generator, fine: int) -> Zoo:
    return simulated(PREY, PREY_PLANE.window(2), rng, fine)


# A hole: a body in the window in which something else happens, and of which nothing is seen.

RADIUS = 0.8
HOLE = Law(
    ("u_t = -u*u_x + 0.4*u_y + 0.08*u_xx + 0.08*u_yy",),
    lambda box: 0.4j * box.k[1] + 0.08 * minus_k2(box),
    lambda box, u: -u * box.d(u, 1, 0),
    waves(1, 3, 0.5),
)
HOLE_PLANE = View((36, 36), (TAU, TAU), 0.08, 16, 2, finer=3)
WHOLE_PLANE = View((35, 35), (35 / 36 * TAU, 35 / 36 * TAU), 0.08, 16, 2, finer=3)
"""As many values as around the hole, to 2 in 1000."""


def _away(box: Box, view: View) -> np.ndarray:
    """Distance from the middle of the window, over the radius of the hole."""
    square = sum((x - length / 2) ** 2 for x, length in zip(box.x, view.lengths, strict=True))
    return np.asarray(np.sqrt(square) / RADIUS)


@enter()
def box_hole_2d(rng: np.random.Generator, fine: int) -> Zoo:
    return simulated(HOLE, WHOLE_PLANE, rng, fine)


@enter("box_hole_2d")
def window_hole_2d(rng: np.random.Generator, fine: int) -> Zoo:
    view = HOLE_PLANE.window(2)
    away = _away(view.box(fine), view)
    inside = away < 1
    # Smooth, and exactly zero from the rim on.
    pull = np.where(inside, 4 * np.exp(1 - 1 / np.where(inside, 1 - away**2, 1.0)), 0.0)
    rest = HOLE.rest
    assert rest is not None
    law = Law(
        HOLE.truth,
        HOLE.linear,
        lambda box, u: rest(box, u) + pull * (1.0 - u),
        HOLE.first,
    )
    case = simulated(law, view, rng, fine)
    seen = Box(view.shape, view.lengths)
    outside = _away(seen, view) <= 1
    states = np.where(outside, np.nan, case.states)
    return Zoo(states, case.lengths, case.dt, case.fields, case.truth, case.boundary, outside)
