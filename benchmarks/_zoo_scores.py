"""Scores of the zoo: what a run is worth, and tables over many of them.

exact     exactly the true terms, where the data decide for an equation
Einf      largest relative error of a true coefficient, None where the terms are not the true ones
z         error over standard error of every true coefficient
held      whether the intervals of 50, 90 and 99 % (normal, from the standard error) hold each
wrong     an equation that is claimed and has not the true terms: of pdenet one that is called
          "identified"; of PySINDy, which has no verdict, any that it gives
missed    the true terms, and no such claim
"""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Sequence
from typing import Any

from _zoo_data import ZOO

__all__ = ["scored", "tables"]

INTERVALS = {"50": 0.67449, "90": 1.64485, "99": 2.57583}
"""Standard errors to either side that hold these % of a normal distribution."""
ALLOWED = 1.5
"""Einf of a window over that of its box which is the goal."""
Row = dict[str, Any]


def scored(found: Row, truth: tuple[str, ...] | str | None) -> Row:
    """What a run found, with its scores. truth: as the case has it."""
    decides = isinstance(truth, tuple)
    exact = decides and bool(found.get("exact"))
    claims = bool(found.get("equations")) and found.get("verdict", "identified") == "identified"
    z = [
        (error / stderr if stderr else None)
        for error, stderr, _ in found.get("terms", {}).values()
        if exact
    ]
    known = [each for each in z if each is not None]
    return {
        **{key: value for key, value in found.items() if key != "far"},
        "truth": list(truth) if isinstance(truth, tuple) else truth,
        "exact": exact,
        "einf": found.get("einf") if exact else None,
        "z": z,
        "z_rms": (sum(each**2 for each in known) / len(known)) ** 0.5 if known else None,
        "held": {name: [abs(each) <= wide for each in known] for name, wide in INTERVALS.items()},
        "wrong": claims and not exact,
        "missed": exact and not claims,
    }


def tables(rows: Sequence[Row]) -> str:
    """All tables, in Markdown."""
    methods = list(dict.fromkeys(row["method"] for row in rows))
    parts = [_cases(rows), "", _overall(rows, methods)]
    for method in methods:
        ratios = _ratios([row for row in rows if row["method"] == method])
        parts += ["", f"Windows and their boxes, {method}:", "", ratios] if ratios else []
    return "\n".join(parts)


def _cases(rows: Sequence[Row]) -> str:
    lines = [
        "| case | noise | method | exact | Einf | z, worst | held 50/90/99 % | in short | wrong "
        "| CPU s | GiB |",
        "|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    for (case, noise, method), runs in _grouped(rows).items():
        exact = sum(row["exact"] for row in runs)
        told = sorted({_said(row) for row in runs})
        z = [row["z_rms"] for row in runs if row["z_rms"] is not None]
        cells = [case, noise, method, f"{exact} of {len(runs)}", _middle(_errors(runs))]
        cells += [f"{max(z):.1f}" if z else "–", _held(runs), "; ".join(told)]
        cells += [sum(row["wrong"] for row in runs), _middle(_all(runs, "cpu_seconds"))]
        cells += [f"{max(_all(runs, 'memory_gib'), default=0.0):.2f}"]
        lines.append("| " + " | ".join(map(str, cells)) + " |")
    return "\n".join(lines)


def _overall(rows: Sequence[Row], methods: Iterable[str]) -> str:
    lines = [
        "| method | runs | skipped | decided | exact | missed | wrong | held 50/90/99 % | "
        "r.m.s. z |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for method in methods:
        every = [row for row in rows if row["method"] == method]
        runs = [row for row in every if "skipped" not in row]
        able = [row for row in runs if isinstance(row["truth"], list)]
        z = [each for row in runs for each in row["z"] if each is not None]
        rms = (sum(each**2 for each in z) / len(z)) ** 0.5 if z else None
        cells = [method, len(runs), len(every) - len(runs), len(able)]
        cells += [_share(sum(row["exact"] for row in able), len(able))]
        cells += [_share(sum(row["missed"] for row in able), len(able))]
        cells += [_share(sum(row["wrong"] for row in runs), len(runs)), _held(runs)]
        cells += ["–" if rms is None else f"{rms:.2f}"]
        lines.append("| " + " | ".join(map(str, cells)) + " |")
    note = "decided: runs whose data decide for an equation. wrong: of all runs."
    return "\n".join([*lines, "", note])


def _ratios(rows: Sequence[Row]) -> str:
    groups = {(case, noise): runs for (case, noise, _), runs in _grouped(rows).items()}
    lines = [
        "| window | noise | exact | Einf | exact, box | Einf, box | ratio |",
        "|---|---|---|---|---|---|---|",
    ]
    for (case, noise), runs in groups.items():
        partner = ZOO[case].partner if case in ZOO else None
        beside = groups.get((partner or "", noise))
        if beside is None:
            continue
        ours, theirs = _errors(runs), _errors(beside)
        ratio = statistics.median(ours) / statistics.median(theirs) if ours and theirs else None
        said = "–" if ratio is None else f"{ratio:.2f}{'' if ratio <= ALLOWED else ' !'}"
        exact = [f"{sum(row['exact'] for row in each)} of {len(each)}" for each in (runs, beside)]
        cells = [case, noise, exact[0], _middle(ours), exact[1], _middle(theirs), said]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines) if len(lines) > 2 else ""


def _grouped(rows: Sequence[Row]) -> dict[tuple[str, str, str], list[Row]]:
    groups: dict[tuple[str, str, str], list[Row]] = {}
    for row in rows:
        groups.setdefault((row["case"], row["noise"], row["method"]), []).append(row)
    return groups


def _said(row: Row) -> str:
    """In a word or two, what came of a run."""
    if "skipped" in row:
        return f"skipped: {row['skipped']}"
    if not row.get("ended", True):
        return "no end"
    if "failed" in row:
        return "fault"
    return str(row.get("verdict", "an equation" if row.get("equations") else "none"))


def _errors(rows: Sequence[Row]) -> list[float]:
    return _all(rows, "einf")


def _all(rows: Sequence[Row], key: str) -> list[float]:
    return [row[key] for row in rows if row.get(key) is not None]


def _held(rows: Sequence[Row]) -> str:
    """The share of coefficients that each interval holds."""
    shares = []
    for name in INTERVALS:
        every = [each for row in rows for each in row["held"][name]]
        shares.append(f"{100 * sum(every) / len(every):.0f}" if every else "–")
    return "/".join(shares) if shares[0] != "–" else "–"


def _share(part: int, whole: int) -> str:
    return f"{part} ({100 * part / whole:.0f} %)" if whole else "–"


def _middle(values: Sequence[float]) -> str:
    """Median (and largest)."""
    if not values:
        return "–"
    middle = f"{statistics.median(values):.2g}"
    return middle if len(values) == 1 else f"{middle} ({max(values):.2g})"
