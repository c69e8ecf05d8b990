"""A refinement in words: rows of tables, and the sentences that page and command line share."""

import math
from dataclasses import dataclass

from pdenet.evaluation.evidence import Evidence
from pdenet.pde import PDE
from pdenet.pde.expression import Monomial
from pdenet.pde.render import Style, format_number, format_value
from pdenet.report.typeset import flat_terms
from pdenet.results.refinement import Alternative, Decision, Refinement, Table
from pdenet.words import counted

__all__ = [
    "RefinedRow",
    "acting",
    "agreement",
    "alternatives",
    "decisions",
    "noise",
    "noise_law",
    "odds",
    "refined_rows",
    "setting",
    "warnings",
]

_CONTRADICTS, _GIVEN, _ESTIMATED = 4.0, 0.05, 0.25
"""Standard deviations from one at which chi² contradicts equation or noise, and the least distance
from it: 2.5 % of a noise level, which nobody knows better, and 12 % of one that differences between
frames show, which know it no better."""


@dataclass(frozen=True)
class RefinedRow:
    """A coefficient, its standard error, and what bounds and checks that.

    bound: Cramér–Rao. bootstrap: from resampled trajectories. bias: that a finer grid would remove.
    """

    field: str
    monomial: Monomial
    found: float
    stderr: float | None
    bound: float | None
    bootstrap: float | None
    bias: float | None

    @property
    def ratio(self) -> float | None:
        """The standard error over the bound: 1 where nobody could do better."""
        if self.stderr is None or not self.bound:
            return None
        return self.stderr / self.bound


def refined_rows(evidence: Evidence) -> tuple[RefinedRow, ...]:
    """A row for each term of an equation that was refined; none where there was no refinement."""
    refinement = evidence.refinement
    if refinement is None:
        return ()
    return tuple(
        RefinedRow(
            term.field,
            term.whole,
            term.value,
            term.stderr,
            *(
                _entry(table, term.field, term.whole)
                for table in (refinement.bound, refinement.bootstrap, refinement.bias)
            ),
        )
        for term in flat_terms(evidence.found, evidence.stderr)
    )


def _entry(table: Table, field: str, monomial: Monomial) -> float | None:
    return table.get(field, {}).get(monomial)


def decisions(refinement: Refinement) -> tuple[Decision, ...]:
    """What was decided about terms: those that stay, then those that do not, close calls first."""

    def closeness(decision: Decision) -> tuple[bool, float]:
        margin = decision.gain - decision.needed
        return not decision.kept, abs(margin) if not math.isnan(margin) else math.inf

    return tuple(sorted(refinement.decisions, key=closeness))


def alternatives(refinement: Refinement) -> tuple[Alternative, ...]:
    """The equations that the data do not exclude, the likeliest first."""
    return tuple(sorted(refinement.alternatives, key=lambda other: -other.odds))


def agreement(refinement: Refinement, style: Style = "unicode") -> str:
    """chi² per degree of freedom with its standard deviation: "1.002(4)"."""
    return format_value(refinement.chi2, refinement.chi2_error, style)


def noise(refinement: Refinement) -> str:
    """The noise that the residuals show: "σ of u 0.0101, of v 0.0098"; where it is not additive
    with its law: "σ of u 0.0947 (10 % of the field: multiplicative)"."""
    found = []
    for name, s in refinement.sigma.items():
        law = noise_law(refinement, name)
        plain = not law or law.startswith("additive")
        found.append(f"of {name} {_short(s)}" + ("" if plain else f" ({law})"))
    return "σ " + ", ".join(found)


def noise_law(refinement: Refinement, name: str) -> str:
    """How the noise of a field depends on it, in words; "" where that is not known."""
    if name not in refinement.laws:
        return ""
    additive, multiplicative, counts = refinement.laws[name]
    share = f"{_short(100 * math.sqrt(multiplicative))} %"
    if not multiplicative and not counts:
        return f"additive, {_short(math.sqrt(additive))}"
    if not additive and not counts:
        return f"{share} of the field: multiplicative"
    if not additive and not multiplicative:
        return f"counts: variance {_short(counts)} |{name}|"
    parts = [
        f"{_short(math.sqrt(additive))}²" if additive else "",
        f"({share} of {name})²" if multiplicative else "",
        f"{_short(counts)} |{name}|" if counts else "",
    ]
    return f"variance {' + '.join(filter(None, parts))}"


def setting(refinement: Refinement) -> str:
    """What was fitted to what, in one sentence."""
    points = "×".join(str(count) for count in refinement.shape)
    return (
        f"{counted(refinement.values, 'value')} observed, {refinement.unknowns:.0f} numbers of "
        "initial states "
        f"determined by them; states on {points} points, "
        f"{counted(refinement.substeps, 'step')} from frame to frame, "
        f"{counted(refinement.iterations, 'iteration')}"
    )


def acting(pde: PDE) -> str:
    """Which fields were given; "" where none."""
    if not pde.given:
        return ""
    names = ", ".join(pde.given)
    verbs = "acts and has" if len(pde.given) == 1 else "act and have"
    return f"{names} given: {verbs} no equation here"


def odds(other: Alternative) -> str:
    """The odds of another equation against the one found: "1 : 12"."""
    if not other.odds > 0:
        return "0"
    if other.odds < 1:
        return f"1 : {_short(1 / other.odds)}"
    return f"{_short(other.odds)} : 1"


def warnings(refinement: Refinement, level: float | None = None) -> tuple[str, ...]:
    """What a reader must know before believing the numbers.

    level: the noise that was given, as a fraction of the fields, to say what it should have been.
    """
    found = []
    if not refinement.converged:
        found.append(
            f"not converged: after {counted(refinement.iterations, 'iteration')} the coefficients "
            "still moved; they are the best so far, and their errors may be larger than said"
        )
    if _contradicts(refinement):
        found.append(_contradiction(refinement, level))
    return tuple(found)


def _contradiction(refinement: Refinement, level: float | None) -> str:
    factor = math.sqrt(refinement.chi2)
    sizes = ", ".join(
        f"σ of {name} {_short(size)}, not {_short(size / factor)}"
        for name, size in refinement.sigma.items()
    )
    if level is not None and refinement.noise_given:
        sizes = f"the noise level {_short(level * factor)}, not {_short(level)}"
    shown = f"χ² = {agreement(refinement)} per degree of freedom: the residuals show {sizes}"
    if refinement.noise_given:
        more = "; or the equation lacks something" * (factor > 1)
        return f"the noise level given contradicts the data, {shown}{more}"
    if _grid_limits(refinement):
        return (
            f"the error of the grid and the time steps is larger than the noise, {shown}; the "
            "standard errors hold what it does to the coefficients"
        )
    return f"the equation explains the data less well than their noise allows, {shown}"


def _grid_limits(refinement: Refinement) -> bool:
    """Whether a finer grid would move a coefficient by more than the noise does."""
    return any(
        abs(bias) > refinement.bound[field][monomial]
        for field, biases in refinement.bias.items()
        for monomial, bias in biases.items()
    )


def _contradicts(refinement: Refinement) -> bool:
    """Whether chi² is not what the noise makes it; an estimate that is too large is no harm."""
    away = refinement.chi2 - 1
    least = _GIVEN if refinement.noise_given else _ESTIMATED
    away = abs(away) if refinement.noise_given else away
    return away > max(_CONTRADICTS * refinement.chi2_error, least)


def _short(value: float) -> str:
    return format_number(value, 3, "unicode") if math.isfinite(value) else "∞"
