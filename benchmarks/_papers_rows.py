"""What the papers report, and our numbers beside it: the table of `papers.py`.

A row says what was asked, what came out in the worst of all seeds, what was published, and whether
the target was met. The published numbers are those of the talks of 2019 on Burgers' equation, which
give three digits: half of the last one is what they leave open. For the other problems the papers
show figures only, so that the targets are our own.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

__all__ = ["HALF_DIGIT", "LEARNED", "TALKS", "Row", "markdown", "rows", "term_errors"]

# {(equation, term): (learned filters, frozen filters)}
TALKS: dict[tuple[str, str], tuple[float, float]] = {
    ("u", "u*u_x"): (-0.986, -0.906),
    ("u", "v*u_y"): (-0.972, -0.901),
    ("v", "u*v_x"): (-0.984, -0.907),
    ("v", "v*v_y"): (-0.982, -0.902),
    ("u", "u_xx"): (0.054, 0.033),
    ("u", "u_yy"): (0.052, 0.037),
    ("v", "v_xx"): (0.055, 0.039),
    ("v", "v_yy"): (0.050, 0.032),
}
LEARNED, FROZEN = 0, 1
HALF_DIGIT = 0.0005
NONE = "–"

Document = Mapping[str, Any]
# {experiment: documents of its runs, by seed}
Runs = Mapping[str, Sequence[Document]]


@dataclass(frozen=True)
class Row:
    """One line of the table. met: None where there is no target."""

    problem: str
    what: str
    ours: str
    published: str
    truth: str
    met: bool | None = None


def rows(runs: Runs, others: Mapping[str, Document | None]) -> list[Row]:
    """The table. others: the documents of the predictions and of the study."""
    found: list[Row] = []
    if runs.get("burgers"):
        found += _burgers(runs["burgers"])
    if runs.get("burgers-frozen"):
        found += _frozen(runs["burgers-frozen"], runs.get("burgers", ()))
    for name, said, target in (
        ("diffusion-32", "diffusion, 32² of 128²", 0.005),
        ("diffusion", "diffusion, 64² of 128²", 0.005),
    ):
        if runs.get(name):
            found += _terms(said, runs[name], "0.1", target, 1)
    for name, said, target in (
        ("reactive-source-32", "reactive source, 32² of 128²", 0.05),
        ("reactive-source", "reactive source, 64² of 128²", 0.05),
    ):
        if runs.get(name):
            found += _terms(said, runs[name], "9 terms each", target, 2)
    if runs.get("variable-coefficients"):
        found += _coefficients(runs["variable-coefficients"])
    if runs.get("nonlinear-source"):
        found += _source(runs["nonlinear-source"])
    found += _predictions(others)
    if others.get("study"):
        found += _study(others["study"] or {})
    return found


def markdown(table: Sequence[Row]) -> str:
    """The table as GitHub shows it."""
    lines = ["| problem | quantity | ours | published | truth | |", "| --- " * 6 + "|"]
    before = ""
    for row in table:
        met = {None: "", True: "✓", False: "missed"}[row.met]
        problem = row.problem if row.problem != before else ""
        before = row.problem
        cells = (problem, row.what, row.ours, row.published, row.truth, met)
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def term_errors(document: Document) -> dict[tuple[str, str], float]:
    """{(equation, term): relative error} of the true terms; a missing one counts 1."""
    return {
        (term["field"], term["term"]): term["relative_error"]
        for term in document["terms"]
        if term["relative_error"] is not None
    }


def _burgers(documents: Sequence[Document]) -> Iterator[Row]:
    count = len(documents)
    yield _exact("Burgers, 32² of 128²", documents, "8, and hundreds of small ones", "8 terms")
    for key, (learned, _) in TALKS.items():
        values = [_coefficient(document, key) for document in documents]
        worst = max(term_errors(document)[key] for document in documents)
        truth = -1.0 if "*" in key[1] else 0.05
        digits = 5 if "*" in key[1] else 6
        theirs = max(abs(learned - truth), HALF_DIGIT) / abs(truth)
        spread = f" ± {statistics.stdev(values):.{digits}f}" if count > 1 else ""
        yield Row(
            "Burgers, 32² of 128²",
            f"{key[0]}_t: {key[1]}".replace("*", "·"),
            f"{statistics.fmean(values):.{digits}f}{spread}, worst {_percent(worst)}".replace(
                "-", "−"
            ),
            f"{learned:.3f}".replace("-", "−"),
            f"{truth:g}".replace("-", "−"),
            worst < theirs,
        )


def _frozen(documents: Sequence[Document], learned: Sequence[Document]) -> Iterator[Row]:
    problem = "the same, frozen filters"
    yield _exact(problem, documents, NONE, "8 terms", target=False)
    for kind, convection in (("convection", True), ("diffusion", False)):
        keys = [key for key in TALKS if ("*" in key[1]) == convection]
        ours = max(term_errors(document)[key] for document in documents for key in keys)
        beside = max((term_errors(d)[key] for d in learned for key in keys), default=math.nan)
        truth = 1.0 if convection else 0.05
        theirs = max(abs(abs(TALKS[key][FROZEN]) - truth) / truth for key in keys)
        yield Row(
            problem,
            f"{kind}, largest error; above that of learned filters",
            f"{_percent(ours)} (learned {_percent(beside)})",
            f"{_percent(theirs)} (learned {_percent(_theirs(keys, truth))})",
            NONE,
            beside < ours,
        )


def _theirs(keys: Sequence[tuple[str, str]], truth: float) -> float:
    return max(abs(abs(TALKS[key][LEARNED]) - truth) / truth for key in keys)


def _terms(
    problem: str, documents: Sequence[Document], truth: str, target: float | None, fields: int
) -> Iterator[Row]:
    count = len([term for term in documents[0]["terms"] if term["truth"] is not None])
    words = f"{count // fields} terms" + " each" * (fields > 1)
    yield _exact(problem, documents, NONE, words, target=target is not None)
    worst = max(document["scores"]["einf"] for document in documents)
    met = None if target is None else worst <= target
    wanted = "" if target is None else f" (target {_percent(target)})"
    yield Row(problem, "largest error" + wanted, _percent(worst), NONE, truth, met)


def _coefficients(documents: Sequence[Document]) -> Iterator[Row]:
    problem = "variable coefficients, 50², 1.5 % noise"
    true = {
        "u_x": "a(x, y)",
        "u_y": "b(x, y)",
    }
    for term, said in true.items():
        worst = max(_map(document, term)["l2_error"] for document in documents)
        what = f"map of {said}, L2 error (target 3 %)"
        yield Row(problem, what, _percent(worst), "figure", said, worst <= 0.03)
    for term, value in {"u_xx": 0.2, "u_yy": 0.3}.items():
        found = [_coefficient(document, ("u", term)) for document in documents]
        worst = max(abs(each - value) / value for each in found)
        words = ", ".join(f"{each:.4f}" for each in found)
        what = f"coefficient of {term} (target 3 %)"
        yield Row(problem, what, words, "figure", f"{value:g}", worst <= 0.03)
    others = [
        (each["rms_error"], each["term"])
        for document in documents
        for each in document["maps"]
        if each["term"] not in (*true, "u_xx", "u_yy")
    ]
    worst, _ = max(others)
    what = "all other maps up to order 4, r.m.s. (target 0.02)"
    yield Row(problem, what, f"{worst:.2g}", "figure", "0", worst < 0.02)
    yield _exact(
        problem,
        documents,
        "no formulas",
        "9 products",
        what="terms of the formulas: exactly the true ones",
    )
    worst = max(document["scores"]["einf"] for document in documents)
    what = "constants of the formulas, largest error (target 3 %)"
    yield Row(problem, what, _percent(worst), NONE, NONE, worst <= 0.03)


def _source(documents: Sequence[Document]) -> Iterator[Row]:
    problem = "nonlinear source, 50², 1 % noise"
    worst = max(each["l2_error"] for document in documents for each in document["sources"])
    what = "f(u) over the visited range, L2 error (target 2 %)"
    yield Row(problem, what, _percent(worst), "figure", "15·sin(u)", worst <= 0.02)
    yield _exact(problem, documents, "no formula", "0.3·Δu + 15·sin(u)")
    for name in ("u_xx", "u_yy", "sin(u)"):
        found = [_coefficient(document, ("u", name)) for document in documents]
        worst = max(term_errors(document)[("u", name)] for document in documents)
        truth = 15.0 if name == "sin(u)" else 0.3
        words = ", ".join(f"{each:.{2 if truth > 1 else 4}f}" for each in found)
        what = f"constant of {name} (target 2 %)"
        yield Row(problem, what, words, "figure", f"{truth:g}", worst <= 0.02)


def _predictions(others: Mapping[str, Document | None]) -> Iterator[Row]:
    for name, problem in (
        ("predict-64", "prediction, Burgers 64²"),
        ("predict-paper", "prediction, Burgers 32²"),
    ):
        document = others.get(name)
        if document is None:
            continue
        times = f"{document['horizon']['times']:g} × the trained time"
        ends = {which: medians["end"] for which, medians in document["median"].items()}
        own, floor = ends["equation"], ends["true equation"]
        words = f"{_percent(own)} (network {_percent(ends['network'])})"
        yield Row(
            problem,
            f"median error at {times} (target 1 %)",
            words,
            "figure",
            f"{_percent(floor)} by the true equation",
            own is not None and own <= 0.01,
        )
        frozen = [which for which in ends if which.startswith("network of")]
        for which in frozen:
            medians = [
                document["predictors"][each]["percentiles"]["50"] for each in ("equation", which)
            ]
            below = all(ours < theirs for ours, theirs in zip(*medians, strict=True) if theirs)
            what = "the equation is below a frozen network at every time"
            words = (
                f"{'yes' if below else 'no'} ({_percent(own)}, {_percent(ends[which])} at the end)"
            )
            yield Row(problem, what, words, "figure", NONE, below)


def _study(document: Document) -> Iterator[Row]:
    """The network's own coefficients: the refit would hide what is compared."""
    centre = document["centre"]
    at = {run["variant"]: run for run in document["runs"]}
    middle = at.get(centre)
    if middle is None:
        return
    for run in document["runs"]:
        if run["variant"] != centre and run["constraint"] != "frozen":
            continue
        name = "frozen" if run["constraint"] == "frozen" else f"order {run['constraint']}"
        network, equation = run["network"] or {}, run["equation"]
        yield Row(
            "study, short training, 1 seed",
            f"{name} filters: convection, diffusion, in the weights",
            f"{_percent(network.get('convection'))}, {_percent(network.get('diffusion'))} "
            f"(refitted {_percent(equation['convection'])}, {_percent(equation['diffusion'])})",
            "figure",
            NONE,
        )


def _exact(
    problem: str,
    documents: Sequence[Document],
    published: str,
    truth: str,
    *,
    what: str = "terms: exactly the true ones",
    target: bool = True,
) -> Row:
    exact = [not d["scores"]["extra"] and not d["scores"]["missing"] for d in documents]
    ours = f"in {sum(exact)} of {len(exact)}"
    return Row(problem, what, ours, published, truth, all(exact) if target else None)


def _coefficient(document: Document, key: tuple[str, str]) -> float:
    """The coefficient that was found, 0 for a missing term."""
    for term in document["terms"]:
        if (term["field"], term["term"]) == key:
            return float(term["coefficient"] or 0.0)
    return 0.0


def _map(document: Document, term: str) -> Document:
    (found,) = [each for each in document["maps"] if each["term"] == term]
    return found


def _percent(value: float | None) -> str:
    if value is None or not math.isfinite(value):
        return NONE
    return f"{100 * value:.0f} %" if value >= 0.0995 else f"{100 * value:.2g} %"
