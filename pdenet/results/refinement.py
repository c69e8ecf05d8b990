"""What a refinement found besides the equation: how sure it is, and what else might be true."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, get_args

from pdenet.pde.expression import Monomial

__all__ = ["VERDICTS", "Alternative", "Decision", "Refinement", "Table", "Verdict"]

Verdict = Literal["identified", "not identifiable", "not explained", "not converged"]
VERDICTS: tuple[Verdict, ...] = get_args(Verdict)
"""Whether the data decide for an equation, do not, ask for another one that is not in the library,
or were not fitted to the end."""

Table = Mapping[str, Mapping[Monomial, float]]
"""{field: {monomial, times its function of the coordinates: number}}."""


@dataclass(frozen=True)
class Decision:
    """One term that was judged.

    field, term: whose equation, and the term as text. kept: whether it is in the equation.
    gain: by how much chi² is lower with the term than without it, all else refitted, with the
    initial states marginalised; negative never. needed: the gain at which a term is worth its
    place: log n + 2 log P (P products to draw from), times the factor by which trajectories
    disagree more than their noise explains. held_out: gain on held-out trajectories; None where
    there are none.
    """

    field: str
    term: str
    kept: bool
    coefficient: float
    gain: float
    needed: float
    held_out: float | None
    reason: str


@dataclass(frozen=True)
class Alternative:
    """Another equation that the data do not exclude.

    equations: as text, one for each field. odds: its probability over that of the equation found,
    from the information criterion. gain: chi² of the found one less than its own. terms: how many
    it has. change: in words, "u_t: u_xx instead of u_yy".
    """

    equations: tuple[str, ...]
    odds: float
    gain: float
    terms: int
    change: str


@dataclass(frozen=True, eq=False)
class Refinement:
    """How an equation was fitted by maximum likelihood through its rollouts.

    converged: whether the last step was small beside the standard errors.
    iterations: of Gauss-Newton. chi2: squared residuals over σ², per degree of freedom; about 1
    where equation and noise explain the data. chi2_error: its standard deviation if they do.
    sigma: standard deviation of the noise of each field (r.m.s. over trajectories); noise_given:
    whether the user said it. laws: a², b² and c of its variance a² + b² u² + c |u| in each field,
    as the residuals show them; none where the noise was given.
    values, unknowns: numbers observed, and numbers of the initial states that they determine.
    shape, substeps: the grid of the states, and steps between two frames.
    bound: Cramér–Rao bound of the standard error of each coefficient, initial states marginalised.
    bootstrap: standard errors from resampled trajectories; empty where there are too few.
    bias: shift of each coefficient that a finer grid and smaller steps would make (measured).
    decisions: every term that was judged. alternatives: equations within odds of 1 : 1000.
    families: equations that fit as well for any value of a free number, as text. tried: the classes
    of products that terms were looked for in, in words.
    verdict, reason: whether the data decide for this equation, and why not if they do not. decides:
    what measurement would decide, in a sentence; "" where nothing can be computed.
    """

    converged: bool
    iterations: int
    chi2: float
    chi2_error: float
    sigma: Mapping[str, float]
    noise_given: bool
    values: int
    unknowns: float
    shape: tuple[int, ...]
    substeps: int
    bound: Table
    bootstrap: Table = field(default_factory=dict)
    bias: Table = field(default_factory=dict)
    decisions: tuple[Decision, ...] = ()
    alternatives: tuple[Alternative, ...] = ()
    families: tuple[str, ...] = ()
    tried: tuple[str, ...] = ()
    verdict: Verdict = "identified"
    reason: str = ""
    laws: Mapping[str, tuple[float, float, float]] = field(default_factory=dict)
    decides: str = ""

    @property
    def judgement(self) -> str:
        """The verdict, why it is that, and what would decide, as text."""
        reason = self.reason
        if not reason and self.verdict == "not identifiable":
            reason = "the data do not decide between equations"
        told = f"{self.verdict}: {reason}" if reason else self.verdict
        return f"{told}. {self.decides}" if self.decides else told
