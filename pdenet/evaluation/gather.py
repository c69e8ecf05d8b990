"""From the records and the data of a run to the `Evidence` that a report is made from."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from pdenet.evaluation.evidence import PAPERS, DataSource, Evidence
from pdenet.evaluation.held_out import predict_held_out
from pdenet.evaluation.stages import stage_curves
from pdenet.pde import PDE
from pdenet.pde.catalogue import Entry, entry_of
from pdenet.pde.compare import compare
from pdenet.results import DiscoveredEquation
from pdenet.results.caution import in_words
from pdenet.storage import Data
from pdenet.training.records import read_log, read_record
from pdenet.training.run import versions

__all__ = ["evidence_of"]


def evidence_of(
    found: DiscoveredEquation,
    data: Data,
    run: Path | None = None,
    *,
    seconds: Mapping[str, float] | None = None,
    settings: Mapping[str, Any] | None = None,
) -> Evidence:
    """All that speaks for or against an equation: beside the truth, on held-out trajectories, and
    how it was made.

    data: those that it was found in, open. run: the folder of the network that it was read from;
    None for an equation that no network was trained for, whose `settings` are shown then.
    seconds: by phase.
    Raises CheckpointError for a damaged run, DataError for data on another grid than that of the
    maps of the equation.
    """
    config = {"config": dict(settings or {}), "versions": versions()}
    if run is not None:
        config = read_record(run, "config.json")
    curves = stage_curves(read_log(run)) if run is not None else ()
    problem, truth = data.problem, data.problem.pde
    entry = entry_of(truth, data.metadata.get("name"))
    return Evidence(
        title=entry.title if entry else _title(truth, data, run),
        found=found.pde,
        stderr=found.stderr,
        grid=problem.grid,
        dt=data.dt,
        fields=data.fields,
        units=problem.units,
        data=_source(data),
        truth=truth,
        comparison=None if truth is None else compare(found.pde, truth),
        dropped=found.dropped,
        horizon=max((curve.blocks for curve in curves), default=0) * data.dt or None,
        maps=found.maps,
        curves=found.curves,
        refinement=found.refinement,
        caution=in_words(found.cautions),
        filters={each.name: (each.learned, each.frozen) for each in found.filters},
        loss=curves,
        settings=config.get("config", config),
        seeds=_whole({"data": data.metadata.get("seed"), "training": config.get("seed")}),
        versions={str(k): str(v) for k, v in dict(config.get("versions") or {}).items()},
        seconds=dict(seconds or {}),
        references=_references(entry),
        **_predictions(found, data, run),
    )


def _source(data: Data) -> DataSource:
    shape = (data.trajectories, data.frames, len(data.fields), *data.problem.grid.shape)
    return DataSource(str(data.path), data.digest(), shape, (data.noise or {}).get("level"))


def _predictions(found: DiscoveredEquation, data: Data, run: Path | None) -> dict[str, Any]:
    """The entries of the evidence that compare predictions with what was observed."""
    held_out = predict_held_out(found, data, run)
    if held_out is None:
        none = np.zeros((0, len(data.fields), *data.problem.grid.shape))
        return {"observed": none, "predicted": none, "times": np.zeros(0)}
    return {
        "observed": held_out.observed[0],
        "predicted": held_out.predicted[0],
        "times": held_out.times,
        "errors": held_out.errors,
        "error_times": held_out.times,
    }


def _title(pde: PDE | None, data: Data, run: Path | None) -> str:
    if pde is not None:
        return "; ".join(pde.equations())
    return data.name or (run.name if run is not None else Path(data.path).name)


def _whole(seeds: dict[str, Any]) -> dict[str, int]:
    return {name: seed for name, seed in seeds.items() if type(seed) is int}


def _references(entry: Entry | None) -> tuple[str, ...]:
    """The papers of the method, and that of the equation unless it is one of them."""
    if entry is None:
        return PAPERS
    numbers = [paper.split("arXiv:")[-1] for paper in PAPERS]
    known = any(number in entry.reference for number in numbers)
    return PAPERS if known else (*PAPERS, entry.reference)
