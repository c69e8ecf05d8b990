"""Small data sets by what is special about their equation: order, dimension, coupling, form."""

from __future__ import annotations

import numpy as np
from _kinds_data import LINE, TAU, Case, K, X, burgers, frames, kind, noisy, solved
from _spectral import Box, evolve

__all__: list[str] = []


# Coefficients and sources that are no constants and no polynomials.


@kind(noise=0.002)
def varying_speed(rng: np.random.Generator, noise: float) -> Case:
    firsts = [LINE.random(rng, 1, 4) for _ in range(4)]
    rate = (-0.02 * K**2)[None]
    u = solved(
        LINE, firsts, frames(0.06, 26), rate, lambda u, t: -(0.8 + 0.4 * np.sin(X)) * LINE.d(u, 1)
    )
    truth = ("u_t = -0.8*u_x - 0.4*sin(x)*u_x + 0.02*u_xx",)
    return Case(noisy(u, noise, rng), (TAU,), 0.06, ("u",), truth, "exact", "speed varies in x")


@kind(noise=0.002)
def saturating(rng: np.random.Generator, noise: float) -> Case:
    firsts = [1.2 + LINE.random(rng, 1, 4) for _ in range(4)]
    rate = (-0.05 * K**2)[None]
    u = solved(LINE, firsts, frames(0.08, 31), rate, lambda u, t: 3 * u**2 / (1 + u**2) - u)
    truth = ("u_t = 0.05*u_xx + 3*u**2/(1 + u**2) - u",)
    return Case(noisy(u, noise, rng), (TAU,), 0.08, ("u",), truth, "exact", "a rational source")


@kind(noise=0.01)
def no_space(rng: np.random.Generator, noise: float) -> Case:
    firsts = [1.3 * LINE.random(rng, 1, 4) for _ in range(4)]
    u = solved(LINE, firsts, frames(0.04, 26), 0 * K[None], lambda u, t: u - u**3)
    note = "no derivative in space"
    return Case(noisy(u, noise, rng), (TAU,), 0.04, ("u",), ("u_t = u - u**3",), "exact", note)


# Orders three, four and six.


@kind(noise=0.01)
def kdv(rng: np.random.Generator, noise: float) -> Case:
    firsts = [LINE.random(rng, 1, 3) for _ in range(4)]
    u = solved(LINE, firsts, frames(0.05, 31), (0.02j * K**3)[None], burgers)
    truth = ("u_t = -u*u_x - 0.02*u_xxx",)
    return Case(noisy(u, noise, rng), (TAU,), 0.05, ("u",), truth, "exact", "order 3, random start")


@kind(noise=0.01)
def two_solitons(rng: np.random.Generator, noise: float) -> Case:
    box, delta = Box((256,), (30.0,)), 0.3
    (k,), (x,) = box.k, box.x
    first = sum(
        3 * c / np.cosh(0.5 * np.sqrt(c / delta) * (x - at)) ** 2 for c, at in ((1.1, 6), (0.4, 13))
    )
    u = solved(
        box, [first], frames(0.3, 51), (1j * delta * k**3)[None], lambda u, t: -u * box.d(u, 1), 40
    )
    truth = ("u_t = -u*u_x - 0.3*u_xxx",)
    note = "a soliton overtakes another: unlike one alone it decides"
    return Case(noisy(u, noise, rng), (30.0,), 0.3, ("u",), truth, "exact", note)


@kind(noise=0.01)
def kawahara(rng: np.random.Generator, noise: float) -> Case:
    box = Box((128,), (30.0,))
    (k,) = box.k
    firsts = [box.random(rng, 1, 5, 0.5) for _ in range(4)]
    rate = (1j * k**3 + 0.5j * k**5)[None]
    u = solved(box, firsts, frames(0.2, 25), rate, lambda u, t: -3 * u * box.d(u, 1), 80)
    truth = ("u_t = -3*u*u_x - u_xxx + 0.5*u_xxxxx",)
    note = "order 5: the shortest waves turn 200 times between two frames"
    return Case(noisy(u, noise, rng), (30.0,), 0.2, ("u",), truth, "exact", note)


@kind(noise=0.01)
def porous_medium(rng: np.random.Generator, noise: float) -> Case:
    box = Box((128,), (10.0,))
    firsts = [1.2 + 0.5 * box.random(rng, 1, 4) for _ in range(6)]

    def rest(u: np.ndarray, t: float) -> np.ndarray:
        return box.d(0.5 * u**2, 2)

    u = solved(box, firsts, frames(0.05, 21), 0 * box.k[0][None], rest, 60)
    truth = ("u_t = u*u_xx + u_x**2",)
    note = "diffusion by what diffuses; a linear one comes near"
    return Case(noisy(u, noise, rng), (10.0,), 0.05, ("u",), truth, "exact", note)


@kind(noise=0.01)
def kuramoto_sivashinsky(rng: np.random.Generator, noise: float) -> Case:
    box = Box((128,), (32.0,))
    (k,) = box.k

    def rest(u: np.ndarray, t: float) -> np.ndarray:
        return -u * box.d(u, 1)

    rate = (k**2 - k**4)[None]
    early = np.array([0.0, 60.0])
    firsts = [
        evolve(box, box.random(rng, 1, 6)[None], early, rate, rest, 1200)[-1] for _ in range(4)
    ]
    u = solved(box, firsts, frames(0.4, 26), rate, rest, 20)
    truth = ("u_t = -u*u_x - u_xx - u_xxxx",)
    return Case(noisy(u, noise, rng), (32.0,), 0.4, ("u",), truth, "exact", "order 4, chaos")


@kind(noise=0.01)
def swift_hohenberg(rng: np.random.Generator, noise: float) -> Case:
    box = Box((128,), (30.0,))
    (k,) = box.k
    firsts = [box.random(rng, 1, 12, 0.3) for _ in range(4)]
    rate = (0.4 - (1 - k**2) ** 2)[None]
    u = solved(box, firsts, frames(0.2, 31), rate, lambda u, t: -(u**3), 20)
    truth = ("u_t = -0.6*u - 2*u_xx - u_xxxx - u**3",)
    return Case(noisy(u, noise, rng), (30.0,), 0.2, ("u",), truth, "exact", "order 4, a band grows")


@kind(noise=0.01)
def swift_hohenberg_2d(rng: np.random.Generator, noise: float) -> Case:
    box = Box((64, 64), (20.0, 20.0))
    square = sum(k**2 for k in box.k)
    firsts = [box.random(rng, 1, 7, 0.3)[None] for _ in range(2)]
    rate = (0.4 - (1 - square) ** 2)[None]
    u = solved(box, firsts, frames(0.25, 17), rate, lambda u, t: -(u**3), 10)
    truth = ("u_t = -0.6*u - 2*u_xx - 2*u_yy - u_xxxx - 2*u_xxyy - u_yyyy - u**3",)
    note = "order 4 on a plane"
    return Case(noisy(u, noise, rng), (20.0, 20.0), 0.25, ("u",), truth, "exact", note)


@kind(noise=0.005)
def cahn_hilliard(rng: np.random.Generator, noise: float) -> Case:
    box = Box((128,), (TAU,))
    (k,) = box.k
    firsts = [0.1 + 0.8 * box.random(rng, 1, 5) for _ in range(4)]
    rate = (k**2 - 0.04 * k**4)[None]
    u = solved(box, firsts, frames(0.02, 31), rate, lambda u, t: box.d(u**3, 2), 40)
    truth = ("u_t = -u_xx - 0.04*u_xxxx + 3*u**2*u_xx + 6*u*u_x**2",)
    note = "order 4, products of three with derivatives"
    return Case(noisy(u, noise, rng), (TAU,), 0.02, ("u",), truth, "exact", note)


@kind(noise=0.005)
def phase_field_crystal(rng: np.random.Generator, noise: float) -> Case:
    box = Box((128,), (25.0,))
    (k,) = box.k
    firsts = [-0.2 + 0.5 * box.random(rng, 1, 8, 0.5) for _ in range(4)]
    rate = (-(k**2) * (-0.4 + (1 - k**2) ** 2))[None]
    u = solved(box, firsts, frames(0.1, 31), rate, lambda u, t: box.d(u**3, 2), 40)
    truth = ("u_t = 0.6*u_xx + 2*u_xxxx + u_xxxxxx + 3*u**2*u_xx + 6*u*u_x**2",)
    note = "order 6, products of three with derivatives"
    return Case(noisy(u, noise, rng), (25.0,), 0.1, ("u",), truth, "exact", note)


@kind(noise=0.005)
def nikolaevskiy(rng: np.random.Generator, noise: float) -> Case:
    box = Box((128,), (40.0,))
    (k,) = box.k
    firsts = [1.5 * box.random(rng, 1, 12, 0.5) for _ in range(4)]
    rate = (k**2 * (0.5 - (1 - k**2) ** 2))[None]
    u = solved(box, firsts, frames(0.2, 31), rate, lambda u, t: -u * box.d(u, 1), 20)
    truth = ("u_t = -u*u_x + 0.5*u_xx + 2*u_xxxx + u_xxxxxx",)
    return Case(noisy(u, noise, rng), (40.0,), 0.2, ("u",), truth, "exact", "order 6")


# Several fields.


@kind(noise=0.01)
def fitzhugh_nagumo(rng: np.random.Generator, noise: float) -> Case:
    box = Box((128,), (40.0,))
    (k,) = box.k
    firsts = [np.stack([2 * box.random(rng, 1, 5), 0.5 + box.random(rng, 1, 5)]) for _ in range(4)]

    def rest(u: np.ndarray, t: float) -> np.ndarray:
        return np.stack([u[0] - u[0] ** 3 / 3 - u[1] + 0.5, 0.1 * (u[0] + 0.7 - 0.8 * u[1])])

    u = solved(box, firsts, frames(0.2, 41), np.stack([-(k**2), 0 * k]), rest)
    truth = (
        "u_t = u_xx + u - 0.3333333333333333*u**3 - v + 0.5",
        "v_t = 0.1*u + 0.07 - 0.08*v",
    )
    note = "one of two fields diffuses"
    return Case(noisy(u, noise, rng), (40.0,), 0.2, ("u", "v"), truth, "exact", note)


@kind(noise=0.005)
def gray_scott(rng: np.random.Generator, noise: float) -> Case:
    box = Box((128,), (40.0,))
    (k,) = box.k
    firsts = [
        np.stack([0.6 + 0.35 * box.random(rng, 1, 5), 0.3 + 0.25 * box.random(rng, 1, 5)])
        for _ in range(4)
    ]

    def rest(u: np.ndarray, t: float) -> np.ndarray:
        made = u[0] * u[1] ** 2
        return np.stack([0.04 - made, made])

    rate = np.stack([-(k**2) - 0.04, -0.5 * k**2 - 0.1])
    u = solved(box, firsts, frames(0.5, 31), rate, rest)
    truth = ("u_t = u_xx - u*v**2 + 0.04 - 0.04*u", "v_t = 0.5*v_xx + u*v**2 - 0.1*v")
    note = "two fields, a cubic product"
    return Case(noisy(u, noise, rng), (40.0,), 0.5, ("u", "v"), truth, "exact", note)


@kind(noise=0.01)
def lambda_omega(rng: np.random.Generator, noise: float) -> Case:
    box = Box((128,), (20.0,))
    (k,) = box.k
    firsts = [np.stack([box.random(rng, 1, 5), box.random(rng, 1, 5)]) for _ in range(3)]

    def rest(u: np.ndarray, t: float) -> np.ndarray:
        size = u[0] ** 2 + u[1] ** 2
        return np.stack([-size * u[0] + 1.5 * size * u[1], -size * u[1] - 1.5 * size * u[0]])

    rate = np.stack([1 - 0.2 * k**2] * 2)
    u = solved(box, firsts, frames(0.15, 31), rate, rest)
    truth = (
        "u_t = 0.2*u_xx + u - u**3 - u*v**2 + 1.5*u**2*v + 1.5*v**3",
        "v_t = 0.2*v_xx + v - u**2*v - v**3 - 1.5*u**3 - 1.5*u*v**2",
    )
    note = "six terms in each equation"
    return Case(noisy(u, noise, rng), (20.0,), 0.15, ("u", "v"), truth, "exact", note)


@kind(noise=0.01)
def schroedinger(rng: np.random.Generator, noise: float) -> Case:
    box = Box((128,), (12.0,))
    firsts = [np.stack([box.random(rng, 1, 4), box.random(rng, 1, 4)]) for _ in range(4)]

    def rest(u: np.ndarray, t: float) -> np.ndarray:
        size = 2 * (u[0] ** 2 + u[1] ** 2)
        return np.stack([-box.d(u[1], 2) - size * u[1], box.d(u[0], 2) + size * u[0]])

    zero = np.zeros((2, 128))
    u = solved(box, firsts, frames(0.05, 31), zero, rest, 80)
    truth = ("u_t = -v_xx - 2*u**2*v - 2*v**3", "v_t = u_xx + 2*u**3 + 2*u*v**2")
    note = "fields that disperse together"
    return Case(noisy(u, noise, rng), (12.0,), 0.05, ("u", "v"), truth, "exact", note)


# Two and three dimensions.


@kind(noise=0.01)
def burgers_2d(rng: np.random.Generator, noise: float) -> Case:
    box = Box((64, 64), (TAU, TAU))
    square = sum(k**2 for k in box.k)
    firsts = [box.random(rng, 1, 3)[None] for _ in range(3)]

    def rest(u: np.ndarray, t: float) -> np.ndarray:
        return -u * box.d(u, 1, 0) - 0.5 * u * box.d(u, 0, 1)

    u = solved(box, firsts, frames(0.08, 16), (-0.08 * square)[None], rest)
    truth = ("u_t = -u*u_x - 0.5*u*u_y + 0.08*u_xx + 0.08*u_yy",)
    note = "one field on a plane"
    return Case(noisy(u, noise, rng), (TAU, TAU), 0.08, ("u",), truth, "exact", note)


@kind(noise=0.01)
def heat_3d(rng: np.random.Generator, noise: float) -> Case:
    box = Box((24, 24, 24), (TAU,) * 3)
    kx, ky, kz = box.k
    firsts = [box.random(rng, 1, 2)[None] for _ in range(2)]
    rate = -0.4j * kx - 0.1 * (kx**2 + ky**2) - 0.05 * kz**2
    u = solved(box, firsts, frames(0.1, 9), rate[None], None, 1)
    truth = ("u_t = -0.4*u_x + 0.1*u_xx + 0.1*u_yy + 0.05*u_zz",)
    note = "three dimensions"
    return Case(noisy(u, noise, rng), (TAU,) * 3, 0.1, ("u",), truth, "exact", note)


# Fields that were measured, act on others, and have no law of their own.


@kind(noise=0.01)
def light(rng: np.random.Generator, noise: float) -> Case:
    times, found = frames(0.1, 31), []
    for _ in range(4):
        p, speed = rng.uniform(0, TAU, 3), rng.uniform(1, 2)

        def shine(t: float, x: np.ndarray, p: np.ndarray = p, speed: float = speed) -> np.ndarray:
            moving = 0.5 * np.sin(x + p[0] + 0.5 * t) * np.cos(speed * t + p[1])
            return 1 + moving + 0.2 * np.cos(2 * x + p[2])

        first = 0.6 + 0.3 * LINE.random(rng, 1, 3)
        grown = solved(
            LINE, [first], times, (-0.05 * K**2)[None],
            lambda u, t, shine=shine: 1.5 * shine(t, X) * u - u**2,
        )[0]  # fmt: skip
        found.append(np.stack([grown[:, 0], [shine(t, X[::2]) for t in times]], 1))
    truth = ("n_t = 0.05*n_xx + 1.5*I*n - n**2",)
    states = noisy(np.array(found), noise, rng)
    note = "growth in measured light"
    return Case(states, (TAU,), 0.1, ("n", "I"), truth, "exact", note, given=("I",))


@kind(noise=0.01)
def tracer(rng: np.random.Generator, noise: float) -> Case:
    box, times, found = Box((64, 64), (TAU, TAU)), frames(0.08, 16), []
    square = box.k[0] ** 2 + box.k[1] ** 2
    for _ in range(3):
        p = rng.uniform(0, TAU, 4)

        def flow(t: float, p: np.ndarray = p) -> np.ndarray:
            stream = 0.6 * np.cos(0.8 * t + p[0]) * np.sin(box.x[0] + box.x[1] + p[1])
            stream = stream + 0.2 * np.sin(1.1 * t + p[2]) * np.sin(box.x[0] + 2 * box.x[1] + p[3])
            return np.stack([0.3 + box.d(stream, 0, 1), -box.d(stream, 1, 0)])

        carried = solved(
            box, [box.random(rng, 1, 3)[None]], times, (-0.03 * square)[None],
            lambda c, t, flow=flow: -(flow(t)[:1] * box.d(c, 1, 0) + flow(t)[1:] * box.d(c, 0, 1)),
        )[0]  # fmt: skip
        winds = np.array([flow(t)[:, ::2, ::2] for t in times])
        found.append(np.concatenate([carried, winds], 1))
    truth = ("c_t = 0.03*c_xx + 0.03*c_yy - u*c_x - v*c_y",)
    states = noisy(np.array(found), noise, rng)
    note = "carried by a measured flow without sources"
    return Case(states, (TAU, TAU), 0.08, ("c", "u", "v"), truth, "exact", note, given=("u", "v"))
