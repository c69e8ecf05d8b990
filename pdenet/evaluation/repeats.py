"""Independent repeats of one discovery: what was found how often, and how much it scatters.

A term is one product of jets (times a function of the coordinates) in one equation. Its statistics
are over the repeats that found it: mean, standard deviation (n - 1), median, extremes. Next to the
coefficients that stay stand the remainder weights: the coefficients of the terms that the read-out
dropped, weighed by their share of u_t, |c| rms(m) / rms(u_t) (PDE-Net 2.0, J. Comput. Phys. 399
(2019) 108925, section 3, looks at them in the same way).
"""

from __future__ import annotations

import math
import statistics
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from dataclasses import field as entry
from pathlib import Path
from typing import Any

from pdenet.errors import CheckpointError
from pdenet.evaluation.records import document
from pdenet.evaluation.remainder import Weight, dropped_weights, kept_weights, with_shares
from pdenet.evaluation.stages import seconds_of_training
from pdenet.pde import PDE
from pdenet.pde.compare import Comparison, compare
from pdenet.pde.expression import Monomial
from pdenet.pde.render import format_monomial
from pdenet.results import Unknown, load_equation
from pdenet.storage import open_data
from pdenet.training.records import recorded_data

__all__ = [
    "Repeat",
    "Spread",
    "agreed_unknown",
    "consensus",
    "load_repeat",
    "remainders",
    "spreads",
    "summary",
]


@dataclass(frozen=True, eq=False)
class Repeat:
    """One discovery.

    kept: the terms of `found`. remainder: those that were dropped. comparison: with the truth.
    unknown: what the equations hold besides, without a formula.
    """

    seed: int
    found: PDE
    stderr: Mapping[str, Mapping[Monomial, float]]
    comparison: Comparison | None
    seconds: Mapping[str, float]
    kept: tuple[Weight, ...]
    remainder: tuple[Weight, ...] = ()
    unknown: Mapping[str, tuple[Unknown, ...]] = entry(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Spread:
    """One term over the repeats that have it.

    values: {seed: coefficient}. shares: {seed: share of u_t}. errors: {seed: standard error}.
    of: number of repeats there are. truth: the true coefficient; None where there is none.
    """

    field: str
    monomial: Monomial
    values: Mapping[int, float]
    of: int
    truth: float | None = None
    shares: Mapping[int, float] = entry(default_factory=dict)
    errors: Mapping[int, float] = entry(default_factory=dict)

    @property
    def term(self) -> str:
        """The monomial as exact text."""
        return format_monomial(self.monomial)

    @property
    def count(self) -> int:
        """In how many repeats the term is."""
        return len(self.values)

    @property
    def mean(self) -> float:
        """Mean of the coefficient; NaN where no repeat has the term."""
        return statistics.fmean(self.values.values()) if self.values else math.nan

    @property
    def std(self) -> float:
        """Standard deviation of the coefficient; NaN for fewer than two."""
        return statistics.stdev(self.values.values()) if self.count > 1 else math.nan

    @property
    def median(self) -> float:
        """Median of the coefficient; NaN where no repeat has the term."""
        return statistics.median(self.values.values()) if self.values else math.nan

    def to_json(self) -> dict[str, Any]:
        """The statistics as plain values."""
        numbers = {
            "mean": self.mean,
            "std": self.std,
            "median": self.median,
            "min": min(self.values.values(), default=math.nan),
            "max": max(self.values.values(), default=math.nan),
            "stderr": _median(self.errors.values()),
            "share": _median(self.shares.values()),
            "truth": self.truth,
        }
        finite = {name: _finite(value) for name, value in numbers.items()}
        return {"field": self.field, "term": self.term, "count": self.count, **finite}


def load_repeat(run: Path, seed: int) -> Repeat:
    """A finished run as one of many.

    Raises CheckpointError where it holds no equation or its data are gone.
    """
    found, path = load_equation(run / "equation.json"), recorded_data(run)
    if path is None:
        raise CheckpointError(f"the data of '{run}' are gone: put them back where they were")
    kept, dropped = kept_weights(found.pde), dropped_weights(found)
    with open_data(path) as data:
        truth = data.problem.pde
        weighed = with_shares((*kept, *dropped), data)
    return Repeat(
        seed=seed,
        found=found.pde,
        stderr=found.stderr,
        comparison=None if truth is None else compare(found.pde, truth),
        seconds={"train": seconds_of_training(run), "extract": found.seconds.get("total", 0.0)},
        kept=weighed[: len(kept)],
        remainder=weighed[len(kept) :],
        unknown=found.unknown,
    )


def spreads(repeats: Sequence[Repeat]) -> tuple[Spread, ...]:
    """Every true term and every one that some repeat kept: by field, the true ones first, in the
    order of the truth; the others by how often they were found."""
    truth: dict[tuple[str, Monomial], float] = {}
    errors: dict[tuple[str, Monomial], dict[int, float]] = {}
    for repeat in repeats:
        for row in repeat.comparison.rows if repeat.comparison else ():
            if row.truth is not None:
                truth[row.field, row.monomial] = row.truth
        for name, table in repeat.stderr.items():
            for monomial, error in table.items():
                errors.setdefault((name, monomial), {})[repeat.seed] = error
    found = _collect(repeats, [repeat.kept for repeat in repeats], truth, errors)
    fields = list(dict.fromkeys(name for repeat in repeats for name in repeat.found.fields))
    places = {key: place for place, key in enumerate(truth)}

    def rank(spread: Spread) -> tuple[int, int, int]:
        place = places.get((spread.field, spread.monomial), len(places))
        return fields.index(spread.field), place, -spread.count

    return tuple(sorted(found, key=rank))


def remainders(repeats: Sequence[Repeat]) -> tuple[Spread, ...]:
    """Every term that some repeat dropped, by field; the largest median share first."""
    found = _collect(repeats, [repeat.remainder for repeat in repeats], {}, {})

    def rank(spread: Spread) -> tuple[str, float]:
        return spread.field, -(_finite(_median(spread.shares.values())) or 0.0)

    return tuple(sorted(found, key=rank))


def consensus(repeats: Sequence[Repeat]) -> PDE:
    """The terms that more than half of the repeats found, with the medians of their coefficients.

    repeats: at least one.
    """
    first = repeats[0].found
    terms: dict[str, dict[Monomial, float]] = {name: {} for name in first.fields}
    for spread in spreads(repeats):
        if 2 * spread.count > spread.of:
            terms[spread.field][spread.monomial] = spread.median
    return PDE.from_terms(terms, first.coordinates)


def agreed_unknown(repeats: Sequence[Repeat]) -> dict[str, tuple[Unknown, ...]]:
    """What more than half of the repeats hold without a formula, by field."""
    counts = Counter(
        (name, each)
        for repeat in repeats
        for name, every in repeat.unknown.items()
        for each in every
    )
    found: dict[str, tuple[Unknown, ...]] = {}
    for (name, each), count in counts.items():
        if 2 * count > len(repeats):
            found[name] = (*found.get(name, ()), each)
    return found


def summary(repeats: Sequence[Repeat], truth: PDE | None) -> dict[str, Any]:
    """Everything above as plain values; what is not finite is None.

    repeats: at least one. "exact": how many found the true terms and no others. "consensus" and
    each of "repeats" are objects of `pdenet.evaluation.records`.
    """
    agreed = consensus(repeats)
    known = [repeat.comparison for repeat in repeats if repeat.comparison is not None]
    comparison = None if truth is None else compare(agreed, truth)
    return {
        "consensus": document(agreed, {}, comparison, {}, unknown=agreed_unknown(repeats)),
        "count": len(repeats),
        "exact": sum(each.exact for each in known) if known else None,
        "terms": [spread.to_json() for spread in spreads(repeats)],
        "remainder": [spread.to_json() for spread in remainders(repeats)],
        "repeats": [
            {
                "seed": repeat.seed,
                **document(
                    repeat.found,
                    repeat.stderr,
                    repeat.comparison,
                    repeat.seconds,
                    unknown=repeat.unknown,
                ),
                "remainder": [
                    {
                        "field": weight.field,
                        "term": format_monomial(weight.monomial),
                        "coefficient": _finite(weight.value),
                        "share": _finite(weight.share),
                    }
                    for weight in repeat.remainder
                ],
            }
            for repeat in repeats
        ],
    }


def _collect(
    repeats: Sequence[Repeat],
    weights: Sequence[Sequence[Weight]],
    truth: Mapping[tuple[str, Monomial], float],
    errors: Mapping[tuple[str, Monomial], Mapping[int, float]],
) -> list[Spread]:
    values: dict[tuple[str, Monomial], dict[int, float]] = {key: {} for key in truth}
    shares: dict[tuple[str, Monomial], dict[int, float]] = {}
    for repeat, found in zip(repeats, weights, strict=True):
        for weight in found:
            key = weight.field, weight.monomial
            values.setdefault(key, {})[repeat.seed] = weight.value
            if weight.share is not None:
                shares.setdefault(key, {})[repeat.seed] = weight.share
    return [
        Spread(
            *key,
            values=table,
            of=len(repeats),
            truth=truth.get(key),
            shares=shares.get(key, {}),
            errors=errors.get(key, {}),
        )
        for key, table in values.items()
    ]


def _median(values: Iterable[float]) -> float:
    known = list(values)
    return statistics.median(known) if known else math.nan


def _finite(value: float | None) -> float | None:
    return float(value) if value is not None and math.isfinite(value) else None
