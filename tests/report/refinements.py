"""What refinements might say, for reports."""

from __future__ import annotations

from pdenet.pde import PDE
from pdenet.pde.render import format_monomial
from pdenet.results.refinement import Decision, Refinement


def refinement(found: PDE, stderr: dict, **changes) -> Refinement:
    """What a refinement might say of an equation: sure of it, unless `changes` say otherwise."""

    def table(factor: float) -> dict:
        return {
            field: {monomial: factor * error for monomial, error in terms.items()}
            for field, terms in stderr.items()
        }

    kept = [
        Decision(
            field,
            format_monomial(monomial),
            True,
            float(value),
            3.1e3 / (k + 1),
            11.2,
            8.4e2 / (k + 1),
            "held-out trajectories are explained better with it",
        )
        for field, terms in found.numeric_terms().items()
        for k, (monomial, value) in enumerate(terms.items())
    ]
    dropped = [
        Decision(field, f"{field}**{n}*{field}_x", False, 1.7e-5, 1.9, 11.2, -0.4, "not worth it")
        for field in found.fields
        for n in range(2, 9)
    ]
    entries = {
        "converged": True,
        "iterations": 23,
        "chi2": 1.0021,
        "chi2_error": 0.0038,
        "sigma": {name: 0.0101 * (k + 1) for k, name in enumerate(found.fields)},
        "noise_given": False,
        "values": 2_293_760,
        "unknowns": 41_003.7,
        "shape": (64,) * found.ndim,
        "substeps": 2,
        "bound": table(0.93),
        "bootstrap": table(1.08),
        "bias": table(-0.02),
        "decisions": (*dropped, *kept),
    }
    return Refinement(**{**entries, **changes})
