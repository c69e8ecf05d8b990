"""Every experiment of both papers, with its number beside the published one and its figure.

    python benchmarks/papers.py            # all of it; goes on where it was stopped
    python benchmarks/papers.py --quick    # small data, one seed: whether everything works
    python benchmarks/papers.py --table    # what there is so far, without running anything
    python benchmarks/papers.py --readme   # the same, and put the table into README.md

PDE-Net 2.0: Burgers' equation in the papers' setting (ten seeds, learned and frozen filters),
diffusion, convection and diffusion with a reactive source. PDE-Net 1.0: variable coefficients, a
nonlinear source between walls. Both: frozen against learned filters, their size, the number of
blocks, integrators, and predictions far past the training.

The runs are kept in runs/papers (-o), commands of pdenet each, with their reports. The table, ours
beside published, goes to stdout as Markdown, the numbers to benchmarks/results/papers.json and the
figures to benchmarks/results/papers; those of --quick stay in its folder. Targets that were missed
are named in all of them. Exit status 1 where a command failed.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from _papers_figures import draw
from _papers_rows import markdown, rows
from _papers_runs import EXPERIMENTS, ROOT, Job, jobs, load, run_all
from _record import RESULTS, record

BEGIN, END = "<!-- PAPERS TABLE -->", "<!-- END OF PAPERS TABLE -->"
OTHERS = ("predict-64", "predict-paper", "study")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what is missing, then write the table and the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("-o", "--output", type=Path, help="the folder of the runs")
    parser.add_argument("--quick", action="store_true", help="small data, one seed")
    parser.add_argument("--table", action="store_true", help="run nothing")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="processes at once")
    parser.add_argument("--readme", action="store_true", help="run nothing, write to README.md")
    options = parser.parse_args(arguments)
    if options.quick and options.readme:
        parser.error("--readme shows the full experiments: leave out --quick")
    usual = ROOT / "runs" / ("papers-quick" if options.quick else "papers")
    folder = (options.output or usual).resolve()
    every = jobs(folder, options.jobs, quick=options.quick)
    only_shown = options.table or options.readme
    failed = [] if only_shown else run_all(folder, every, options.jobs)
    figures = folder / "figures" if options.quick else RESULTS / "papers"
    table = summarise(folder, every, failed, figures)
    if options.readme:
        put_into(ROOT / "README.md", table)
    return 1 if failed else 0


def summarise(folder: Path, every: Sequence[Job], failed: Sequence[str], figures: Path) -> str:
    """Write the numbers and the figures of the jobs that are done; print and return the table."""
    done = {job.name: found for job in every if (found := load(folder, job.name)) is not None}
    runs = {
        each.name: [
            done[name]["document"]
            for seed in each.seeds
            if (name := f"{each.name}/seed-{seed}") in done
        ]
        for each in EXPERIMENTS
    }
    others = {name: done[name]["document"] for name in OTHERS if name in done}
    table = rows(runs, others)
    drawn = draw(folder, figures, runs)
    misses = [f"{row.problem}: {row.what}: {row.ours}" for row in table if row.met is False]
    payload = {
        "table": [asdict(row) for row in table],
        "missed": misses,
        "failed": list(failed),
        "not_run": [job.name for job in every if job.name not in done],
        "figures": [path.name for path in drawn],
        "cpu_seconds": round(sum(found["cpu_seconds"] for found in done.values()), 1),
        "commands": {name: _measured(found) for name, found in done.items()},
    }
    quick = figures.parent == folder
    path = record("papers", payload, folder if quick else RESULTS)
    print(markdown(table))
    for miss in misses:
        print(f"missed: {miss}")
    for name in failed:
        print(f"failed: {name}")
    print(f"{path}, figures in {figures}")
    return markdown(table)


def put_into(page: Path, table: str) -> None:
    """Replace what stands between the marks of `page` by the table."""
    text = page.read_text(encoding="utf-8")
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    page.write_text(f"{before}{BEGIN}\n\n{table}\n\n{END}{after}", encoding="utf-8")


def _measured(found: dict[str, Any]) -> dict[str, Any]:
    """What is kept of a command: cost, equations and scores, maps and sources without values."""
    document = found["document"]
    kept = {key: found[key] for key in ("seconds", "cpu_seconds", "memory_gib", "commit")}
    names = ("equations", "scores", "maps", "sources", "median", "horizon", "exact", "count")
    return {**kept, **{name: document[name] for name in names if document.get(name)}}


if __name__ == "__main__":
    raise SystemExit(main())
