"""Repeats of a discovery of Burgers' equation, made up."""

from __future__ import annotations

from pdenet.evaluation.remainder import Weight
from pdenet.evaluation.repeats import Repeat
from pdenet.pde import PDE
from pdenet.pde.compare import compare

TRUTH = PDE("u_t = -u*u_x + nu*u_xx", nu=0.1)


def weights(pde, share=0.5):
    return tuple(
        Weight(name, monomial, value, share)
        for name, terms in pde.numeric_terms().items()
        for monomial, value in terms.items()
    )


def repeat(seed, text, left="", truth=TRUTH):
    found = PDE(f"u_t = {text}", coordinates=("x",))
    return Repeat(
        seed=seed,
        found=found,
        stderr={"u": dict.fromkeys(found.numeric_terms()["u"], 0.01)},
        comparison=None if truth is None else compare(found, truth),
        seconds={"train": 1.0},
        kept=weights(found),
        remainder=weights(PDE(f"u_t = {left}", coordinates=("x",)), 1e-3) if left else (),
    )


THREE = [
    repeat(0, "-1.02*u*u_x + 0.1*u_xx", "0.01*u"),
    repeat(1, "-1*u*u_x + 0.3*u_xx + 0.3*u^2", "0.03*u + 0.01*u_x"),
    repeat(2, "-0.98*u*u_x + 0.3*u_x"),
]
