"""Kinds of data: what pdenet says of small data sets of every kind that people bring.

    python benchmarks/kinds.py                          # everything; goes on where it stopped
    python benchmarks/kinds.py --cases kdv gaps --noises 0.05 --seeds 0 1 2
    python benchmarks/kinds.py --module PATH/cases.py   # cases from a file of your own
    python benchmarks/kinds.py --module PATH/cases.py --given given_velocity=v
    python benchmarks/kinds.py --table                  # what is there, nothing is run

pdenet gets values, grid and time step and has its default settings; every run is a process of its
own with a limit on CPU seconds (`--limit`). What comes of it is

    RIGHT    exactly the true terms, "identified", no coefficient off by more than 1 % and five
             standard errors; "not identifiable" where a family of equations explains the data; no
             equation where none does
    WRONG    another equation, "identified", or a false reason ("no change" where there is much)
    MISSED   no such claim, and no answer where there is one
    FAULT    an error that is not pdenet's own
    NO END   nothing within the limit, or within pdenet's own time budget

A file given with --module has a dictionary CASES of functions without arguments that return
states, lengths, dt, fields, truth and answer. Results: benchmarks/results/kinds.json, each under
the last commit that changed pdenet/.
"""

from __future__ import annotations

import argparse
import importlib.util
import inspect
import json
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import _kinds_equations  # noqa: F401  (enter their cases)
import _kinds_nothing  # noqa: F401
import _kinds_numbers  # noqa: F401
import _kinds_shapes  # noqa: F401
from _blind import METHODS, pack
from _kinds_data import CASES
from _record import Rows, measured, revision

OUTCOMES = ("RIGHT", "WRONG", "MISSED", "FAULT", "NO END")
LATER = ("window", "given_velocity", "wave_one_field")
"""Cases of other files for which a refusal is right too, as `later` says of ours."""
NO_CHANGE = "no change beyond"
OUT_OF_TIME = "time budget"
"""Words of pdenet's reasons: that nothing changes, and that its own time was over."""
GIVEN = "a field without an equation of its own, where a case does not say so"
NEAR = 2.0
"""A χ² farther from 1 than this factor is marked in the table: whatever was found, equation and
noise do not explain the data (or explain more than there is)."""


def cases_of(module: Path | None) -> dict[str, Callable[..., Any]]:
    """Our cases, or those of a file."""
    if module is None:
        return CASES
    spec = importlib.util.spec_from_file_location(module.stem, module)
    if spec is None or spec.loader is None:
        raise SystemExit(f"{module} is no Python file")
    loaded = importlib.util.module_from_spec(spec)
    sys.modules[module.stem] = loaded
    spec.loader.exec_module(loaded)
    return dict(loaded.CASES)


def judged(found: dict[str, Any], answer: str, still: bool, later: bool) -> str:
    """One of OUTCOMES."""
    if not found.get("ended", True):
        return "NO END"
    if "failed" in found:
        return "FAULT"
    if found["verdict"] in ("identified", "no verdict"):
        right = answer != "family" and found["exact"] and not found["far"]
        return "RIGHT" if right else "WRONG"
    if NO_CHANGE in found["reason"] and not still:
        return "WRONG"
    if OUT_OF_TIME in found["reason"]:
        return "NO END"
    if found["verdict"] == "not identifiable":
        return "RIGHT" if answer == "family" else "MISSED"
    return "RIGHT" if answer == "none" or later else "MISSED"


def found_in(case: Any, given: Sequence[str], limit: int, script: list[str]) -> dict[str, Any]:
    """What a script finds in a case, whose file it gets last, in a process of its own."""
    with tempfile.TemporaryDirectory() as folder:
        path = pack(
            Path(folder) / "case.npz",
            case.states,
            case.lengths,
            case.dt,
            case.fields,
            case.truth,
            given=given,
        )
        numbers, text = measured([sys.executable, *script, str(path)], limit)
    return {**numbers, **(json.loads(text.strip().splitlines()[-1]) if text else {})}


def run(
    case: Any, method: str, limit: int, later: bool, given: Sequence[str] = ()
) -> dict[str, Any]:
    """One run and what came of it. given: fields that are said to have no equation."""
    script = Path(__file__).resolve().parent / "_blind.py"
    found = found_in(case, given, limit, [str(script), method])
    outcome = judged(found, case.answer, getattr(case, "still", False), later)
    named = {"answer": case.answer, "truth": list(case.truth), "note": case.note}
    return {"outcome": outcome, **named, **found}


def table(rows: Sequence[dict[str, Any]]) -> str:
    """The rows in Markdown, and how many there are of each outcome."""
    lines = [
        "| case | noise | seed | answer | outcome | verdict | found | Einf | z | χ² | CPU s |",
        "|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        said = "; ".join(row.get("equations", [])) or row.get("reason") or row.get("failed", "")
        cells = [row["case"], row["noise"], row["seed"], row["answer"], row["outcome"]]
        cells += [row.get("verdict", "–"), _short(said)]
        cells += [_number(row.get(key)) for key in ("einf", "z", "chi2")] + [row["cpu_seconds"]]
        cells[-2] += " !" if _is_off(row) else ""
        lines.append("| " + " | ".join(str(cell).replace("|", "/") for cell in cells) + " |")
    count = Counter(row["outcome"] for row in rows)
    total = ", ".join(f"{count[each]} {each}" for each in OUTCOMES)
    off = sum(row["outcome"] == "RIGHT" and _is_off(row) for row in rows)
    return "\n".join([*lines, "", f"{len(rows)} runs: {total}; {off} of the RIGHT with χ² off (!)"])


def _is_off(row: dict[str, Any]) -> bool:
    chi2 = row.get("chi2")
    return chi2 is not None and not 1 / NEAR <= chi2 <= NEAR


def _short(text: str, most: int = 110) -> str:
    text = " ".join(text.split())
    return text if len(text) <= most else text[: most - 1] + "…"


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.3g}"


def levels(make: Callable[..., Any], noises: Sequence[float] | None) -> list[float | None]:
    """The noise levels of a case; None as it is made."""
    if "noise" not in inspect.signature(make).parameters:
        return [None]
    return list(noises) if noises else [make.noise]  # type: ignore[attr-defined]


def _made(
    name: str, make: Any, noise: float | None, seed: int, options: argparse.Namespace, told: Any
) -> dict[str, Any]:
    """The case of that name, run. told: of each case the fields that have no equation."""
    case = make() if noise is None else make(noise=noise, seed=seed)
    later = getattr(case, "later", name in LATER)
    given = told.get(name, getattr(case, "given", ()))
    return run(case, options.method, options.limit, later, given)


def main() -> None:
    """Run what is missing and write the results after every run."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cases", nargs="+", help="names; all by default")
    parser.add_argument("--noises", nargs="+", type=float, help="of the std; each case has its own")
    parser.add_argument("--seeds", nargs="+", type=int, default=[0])
    parser.add_argument("--method", choices=METHODS, default="refine")
    parser.add_argument("--module", type=Path, help="a Python file with CASES of its own")
    parser.add_argument("--given", nargs="+", default=[], metavar="CASE=FIELD", help=GIVEN)
    parser.add_argument("--limit", type=int, default=120, help="CPU seconds of a run")
    parser.add_argument("--table", action="store_true", help="print what is there, run nothing")
    parser.add_argument("--again", action="store_true", help="run also what has results")
    options = parser.parse_args()
    told: dict[str, list[str]] = {}
    for each in options.given:
        told.setdefault(each.partition("=")[0], []).append(each.partition("=")[2])
    cases, origin = cases_of(options.module), options.module.stem if options.module else "own"
    unknown = set(options.cases or ()) - set(cases)
    if unknown:
        parser.error(f"no such cases: {', '.join(sorted(unknown))}; there are {', '.join(cases)}")
    now, shown = revision(), list[dict[str, Any]]()
    kept = Rows("kinds", options.limit, again=options.again, still=options.table)
    for name in options.cases or cases:
        make = cases[name]
        for noise in levels(make, options.noises):
            for seed in options.seeds if noise is not None else [0]:
                key = {"set": origin, "case": name, "noise": noise, "seed": seed}
                key |= {"method": options.method, "revision": now}

                made = partial(_made, name, make, noise, seed, options, told)
                rows, new = kept.of(key, made)
                if new:
                    print(table(rows).splitlines()[2], flush=True)
                shown += rows
    print(table(shown))


if __name__ == "__main__":
    main()
