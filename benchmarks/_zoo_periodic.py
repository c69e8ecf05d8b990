"""Cases of the zoo in periodic boxes: spectra, orders 1 to 4, systems, c(x), f(u), 1 to 3 axes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from _spectral import Box
from _zoo_data import MULTIPLIED, TAU, Law, View, Zoo, enter, minus_k2, simulated, waves

__all__: list[str] = []

LINE = View((64,), (TAU,), 0.05, 41, 4)
PLANE = View((32, 32), (TAU, TAU), 0.08, 16, 2)


def convection(box: Box, u: np.ndarray) -> np.ndarray:
    """−u u_x on a line."""
    return np.asarray(-u * box.d(u, 1))


# Spectra of the first fields.


@enter()
def band(rng: np.random.Generator, fine: int) -> Zoo:
    law = Law(
        ("u_t = -0.6*u_x + 0.02*u_xx",),
        lambda box: (-0.6j * box.k[0] - 0.02 * box.k[0] ** 2)[None],
        None,
        waves(4, 6, 1.0, 0.0),
    )
    return simulated(law, LINE, rng, fine)


@enter()
def ring_2d(rng: np.random.Generator, fine: int) -> Zoo:
    law = Law(
        ("u_t = -0.5*u_x + 0.3*u_y + 0.02*u_xx + 0.02*u_yy",),
        lambda box: -0.5j * box.k[0] + 0.3j * box.k[1] + 0.02 * minus_k2(box),
        None,
        waves(4, 6, 1.0, 0.0),
    )
    return simulated(law, PLANE, rng, fine)


@enter(more=(MULTIPLIED,))
def one_wave(rng: np.random.Generator, fine: int) -> Zoo:
    def first(box: Box, rng: np.random.Generator, boxes: int) -> np.ndarray:
        size, phase = rng.uniform(0.7, 1.3), rng.uniform(0, TAU)
        return np.asarray(0.5 + size * np.sin(box.x[0] + phase))[None]

    law = Law(("u_t = -u*u_x + 0.1*u_xx",), lambda box: 0.1 * minus_k2(box), convection, first)
    return simulated(law, LINE, rng, fine)


@enter()
def two_scales(rng: np.random.Generator, fine: int) -> Zoo:
    long, short = waves(1, 2, 0.7), waves(10, 12, 0.15, 0.0)

    def first(box: Box, rng: np.random.Generator, boxes: int) -> np.ndarray:
        return long(box, rng, boxes) + short(box, rng, boxes)

    law = Law(("u_t = -u*u_x + 0.04*u_xx",), lambda box: 0.04 * minus_k2(box), convection, first)
    return simulated(law, replace(LINE, finer=4), rng, fine)


@enter()
def red(rng: np.random.Generator, fine: int) -> Zoo:
    law = Law(
        ("u_t = 0.05*u_xx + 1.5*u - u**2",),
        lambda box: 0.05 * minus_k2(box) + 1.5,
        lambda box, u: -(u**2),
        waves(1, 16, 0.25, 3.0, mean=0.7),
    )
    return simulated(law, LINE, rng, fine)


@enter()
def flat(rng: np.random.Generator, fine: int) -> Zoo:
    law = Law(
        ("u_t = 0.8*u_x + 0.004*u_xx - 0.3*u",),
        lambda box: (0.8j * box.k[0] - 0.004 * box.k[0] ** 2 - 0.3)[None],
        None,
        waves(1, 24, 1.0, 0.0),
    )
    return simulated(law, LINE, rng, fine)


# Orders and forms.


@enter()
def first_order(rng: np.random.Generator, fine: int) -> Zoo:
    law = Law(
        ("u_t = -0.7*u_x + u - u**3",),
        lambda box: (-0.7j * box.k[0] + 1)[None],
        lambda box, u: -(u**3),
        waves(1, 3, 0.35),
    )
    return simulated(law, View((64,), (TAU,), 0.04, 41, 4, finer=4), rng, fine)


@enter()
def swift_hohenberg(rng: np.random.Generator, fine: int) -> Zoo:
    law = Law(
        ("u_t = -0.6*u - 2*u_xx - u_xxxx - u**3",),
        lambda box: (0.4 - (1 - box.k[0] ** 2) ** 2)[None],
        lambda box, u: -(u**3),
        waves(1, 12, 0.4, 0.3),
    )
    return simulated(law, View((64,), (30.0,), 0.2, 41, 4, steps=20), rng, fine)


@enter()
def porous_medium(rng: np.random.Generator, fine: int) -> Zoo:
    law = Law(
        ("u_t = u*u_xx + u_x**2",),
        lambda box: minus_k2(box),
        lambda box, u: box.d(0.5 * u**2 - u, 2),
        waves(1, 4, 0.25, mean=1.2),
    )
    return simulated(law, View((64,), (10.0,), 0.04, 41, 4, steps=20), rng, fine)


@enter()
def varying_speed(rng: np.random.Generator, fine: int) -> Zoo:
    law = Law(
        ("u_t = -0.8*u_x - 0.4*sin(x)*u_x + 0.02*u_xx",),
        lambda box: 0.02 * minus_k2(box),
        lambda box, u: -(0.8 + 0.4 * np.sin(box.x[0])) * box.d(u, 1),
        waves(1, 4, 0.7),
    )
    return simulated(law, LINE, rng, fine)


@enter()
def sine_source(rng: np.random.Generator, fine: int) -> Zoo:
    law = Law(
        ("u_t = 0.1*u_xx + 2*sin(u)",),
        lambda box: 0.1 * minus_k2(box),
        lambda box, u: 2 * np.sin(u),
        waves(1, 4, 1.2, mean=0.5),
    )
    return simulated(law, View((64,), (TAU,), 0.04, 41, 4), rng, fine)


@enter(more=("counts", MULTIPLIED))
def fisher_front(rng: np.random.Generator, fine: int) -> Zoo:
    def first(box: Box, rng: np.random.Generator, boxes: int) -> np.ndarray:
        (x,), height, width = box.x, rng.uniform(0.4, 0.9), rng.uniform(1.5, 3)
        middle = rng.uniform(8, 22)
        away = (x - middle + 15.0) % 30.0 - 15.0
        return np.asarray(height * np.exp(-((away / width) ** 2)))[None]

    law = Law(
        ("u_t = 0.5*u_xx + u - u**2",),
        lambda box: 0.5 * minus_k2(box) + 1,
        lambda box, u: -(u**2),
        first,
    )
    return simulated(law, View((96,), (30.0,), 0.12, 41, 4), rng, fine)


# Several fields.


@enter(more=(MULTIPLIED,))
def fitzhugh_nagumo(rng: np.random.Generator, fine: int) -> Zoo:
    u0, v0 = waves(1, 5, 1.0), waves(1, 5, 0.5, mean=0.5)
    law = Law(
        ("u_t = u_xx + u - 0.3333333333333333*u**3 - v + 0.5", "v_t = 0.1*u + 0.07 - 0.08*v"),
        lambda box: np.concatenate([minus_k2(box), 0 * minus_k2(box)]),
        lambda box, u: np.stack(
            [u[0] - u[0] ** 3 / 3 - u[1] + 0.5, 0.1 * (u[0] + 0.7 - 0.8 * u[1])]
        ),
        lambda box, rng, boxes: np.concatenate([u0(box, rng, boxes), v0(box, rng, boxes)]),
        ("u", "v"),
    )
    return simulated(law, View((64,), (40.0,), 0.2, 41, 4), rng, fine)


@enter()
def schroedinger(rng: np.random.Generator, fine: int) -> Zoo:
    each = waves(1, 4, 0.5)

    def rest(box: Box, u: np.ndarray) -> np.ndarray:
        size = 2 * (u[0] ** 2 + u[1] ** 2)
        return np.stack([-box.d(u[1], 2) - size * u[1], box.d(u[0], 2) + size * u[0]])

    law = Law(
        ("u_t = -v_xx - 2*u**2*v - 2*v**3", "v_t = u_xx + 2*u**3 + 2*u*v**2"),
        lambda box: np.zeros((2, *box.shape)),
        rest,
        lambda box, rng, boxes: np.concatenate([each(box, rng, boxes), each(box, rng, boxes)]),
        ("u", "v"),
    )
    return simulated(law, View((64,), (12.0,), 0.05, 41, 4, steps=80), rng, fine)


# Three axes.

SPACE = View((16, 16, 16), (TAU, TAU, TAU), 0.12, 10, 2, steps=4)


@enter()
def heat_3d(rng: np.random.Generator, fine: int) -> Zoo:
    law = Law(
        ("u_t = -0.8*u_x + 0.1*u_xx + 0.1*u_yy + 0.05*u_zz",),
        lambda box: (
            -0.8j * box.k[0] - 0.1 * (box.k[0] ** 2 + box.k[1] ** 2) - 0.05 * box.k[2] ** 2
        )[None],
        None,
        waves(1, 2, 1.0),
    )
    return simulated(law, SPACE, rng, fine)


@enter()
def burgers_3d(rng: np.random.Generator, fine: int) -> Zoo:
    law = Law(
        ("u_t = -u*u_x + 0.1*u_xx + 0.1*u_yy + 0.1*u_zz",),
        lambda box: 0.1 * minus_k2(box),
        lambda box, u: -u * box.d(u, 1, 0, 0),
        waves(1, 2, 0.5, mean=0.5),
    )
    return simulated(law, SPACE, rng, fine)
