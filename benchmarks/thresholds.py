"""How much the answers depend on thresholds: each of them halved and doubled on small data sets.

    python benchmarks/thresholds.py             # everything; goes on where it stopped
    python benchmarks/thresholds.py --table     # what is there, nothing is run

The cases are those of `kinds.py` that take few seconds, one of each answer at least, and three of
`zoo.py`: two windows with 1 % of noise, and a travelling wave without any. A threshold
that only decides how long something takes changes nothing but seconds; one that decides an answer
has to stand far from where the answers change. Results: benchmarks/results/thresholds.json.
"""

from __future__ import annotations

import argparse
import importlib
import json
import sys
from collections import Counter
from functools import partial
from typing import Any

import _kinds_equations  # noqa: F401  (enter their cases)
import _kinds_nothing  # noqa: F401
import _kinds_numbers  # noqa: F401
import _kinds_shapes  # noqa: F401
import _zoo_nothing  # noqa: F401
import _zoo_windows  # noqa: F401
from _blind import result_of
from _kinds_data import CASES, Case
from _record import Rows, revision
from _zoo_data import ZOO, noisy
from kinds import found_in, judged

QUICK = (
    "no_space",
    "kdv",
    "swift_hohenberg",
    "gray_scott",
    "heat_3d",
    "light",
    "still",
    "delayed",
    "brownian",
    "bistable_front",
    "one_wave",
    "two_frames",
    "counts",
)
ZOOS = {"window_advection_diffusion": "0.01", "window_burgers": "0.01", "travelling_wave": "0"}
"""Cases of the zoo, and their noise."""
HOMES = {
    "likelihood.selection.regression": ("WORTH", "EXPLAINED"),
    "likelihood.verdict.misfit": ("EXPLAINED", "LARGE", "SMALL", "SIGNIFICANT", "SURPRISING"),
    "likelihood.selection.relations": ("HOLDS", "VISIBLE"),
    "likelihood.families": ("ALIKE", "FAR", "SCATTER", "TOLD"),
    "likelihood.fit.setup": ("DEAR", "EDGES", "LONGEST"),
    "likelihood.trial": ("COSTLY", "NEAR", "SHIFTED"),
    "likelihood.better": ("WORSE", "VAIN"),
    "likelihood.fit.information": ("FINEST", "MOST_LARGER"),
    "likelihood.selection.choose": ("RESOLVED",),
    "likelihood.selection.linear": ("SEEN",),
    "likelihood.propose": ("LAWLESS",),
    "likelihood.verdict.verdict": ("LEAST", "DOUBTFUL"),
    "noise.spectrum": ("MISTAKEN", "FAINT"),
    "likelihood.verdict.uncertainty": ("SLOPES",),
    "spectral.window": ("EDGE", "PAD", "TAPER"),
    "likelihood.states.latent": ("RATE",),
    "likelihood.fit.edge": ("SHARE",),
}
"""Where each threshold lives, in pdenet."""
FACTORS = (0.5, 2.0)
AS_IT_IS = ("", 1.0)


def changed(home: str, name: str, factor: float) -> None:
    """Multiply a threshold in its module, and in those that took it from there."""
    module = importlib.import_module(f"pdenet.{home}")
    value = getattr(module, name)
    for other in [each for key, each in sys.modules.items() if key.startswith("pdenet")]:
        if vars(other).get(name) is value:
            setattr(other, name, type(value)(factor * value))


def one(threshold: str, factor: float, path: str) -> None:
    """Print what comes of one packed case with one threshold changed."""
    if threshold:
        home, _, name = threshold.rpartition(".")
        changed(home, name, factor)
    print(json.dumps(result_of("refine", path)))


def case_of(name: str) -> Case:
    """A case of the kinds, or one of the zoo; of a window nothing is told but its points."""
    if name in CASES:
        return CASES[name](noise=CASES[name].noise, seed=0)  # type: ignore[attr-defined]
    zoo, noise = ZOO[name].make(0), ZOOS[name]
    points = zip(zoo.lengths, zoo.endpoint, zoo.states.shape[3:], strict=True)
    lengths = tuple(length * n / (n - last) for length, last, n in points)
    truth = zoo.truth if isinstance(zoo.truth, tuple) else ()
    answer = "exact" if truth else "family"
    return Case(noisy(zoo, noise, 0), lengths, zoo.dt, zoo.fields, truth, answer, noise)


def run(name: str, threshold: str, factor: float, limit: int) -> dict[str, Any]:
    """One case with one threshold changed, in a process of its own."""
    case = case_of(name)
    script = [__file__, "--one", threshold, str(factor)]
    found = found_in(case, case.given, limit, script)
    kept = ("cpu_seconds", "ended", "limit", "verdict", "einf", "failed")
    return {
        "outcome": judged(found, case.answer, case.still, case.later),
        **{key: found[key] for key in kept if key in found},
    }


def table(rows: list[dict[str, Any]]) -> str:
    """One line for each threshold: outcomes, and the cases in which they differ."""
    own = {row["case"]: row for row in rows if row["threshold"] == ""}
    lines = [
        "| threshold | times | outcomes | other than as it is | CPU s |",
        "|---|---|---|---|---|",
    ]
    for key in dict.fromkeys((row["threshold"], row["factor"]) for row in rows):
        mine = [row for row in rows if (row["threshold"], row["factor"]) == key]
        count = Counter(row["outcome"] for row in mine)
        other = [
            f"{row['case']}: {row['outcome']}"
            for row in mine
            if row["case"] in own and row["outcome"] != own[row["case"]]["outcome"]
        ]
        total = sum(row["cpu_seconds"] for row in mine)
        said = ", ".join(f"{number} {each}" for each, number in count.most_common())
        name = key[0] or "as it is"
        lines.append(f"| {name} | {key[1]:g} | {said} | {'; '.join(other) or '–'} | {total:.0f} |")
    return "\n".join(lines)


def main() -> None:
    """Run what is missing and write the results after every run."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cases", nargs="+", choices=(*QUICK, *ZOOS), default=(*QUICK, *ZOOS))
    parser.add_argument(
        "--only", nargs="+", help="thresholds, as noise.spectrum.FAINT; all by default"
    )
    parser.add_argument("--limit", type=int, default=60, help="CPU seconds of a run")
    parser.add_argument("--table", action="store_true", help="print what is there, run nothing")
    parser.add_argument("--one", nargs=3, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        one(options.one[0], float(options.one[1]), options.one[2])
        return
    named = [f"{home}.{name}" for home, names in HOMES.items() for name in names]
    named = [name for name in named if not options.only or name in options.only]
    wanted = [AS_IT_IS, *((name, factor) for name in named for factor in FACTORS)]
    kept, shown, now = (
        Rows("thresholds", options.limit, again=False, still=options.table),
        [],
        revision(),
    )
    for threshold, factor in wanted:
        for case in options.cases:
            key = {"threshold": threshold, "factor": factor, "case": case, "revision": now}
            shown += kept.of(key, partial(run, case, threshold, factor, options.limit))[0]
        if not options.table:
            print(table(shown).splitlines()[-1], flush=True)
    print(table(shown))


if __name__ == "__main__":
    main()
