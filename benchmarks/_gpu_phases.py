"""What `gpu.py` runs: one case in the plane and one in space, from simulation to refinement.

Every phase gives its answer as arrays of numbers and texts, by which devices are compared. It takes
its data, and the trained network that it reads, from the folder of the case; they are those of the
reference, whatever device the phase runs on.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from pdenet.estimator import extract, refine, train
from pdenet.events import Event, Iteration, Listener, Phase, StageFinished
from pdenet.likelihood.config import RefineConfig
from pdenet.pde import PDE
from pdenet.pde.catalogue import get
from pdenet.pde.render import to_text
from pdenet.results import DiscoveredEquation
from pdenet.storage import open_data
from pdenet.training import TrainingConfig
from simulators import simulate

__all__ = ["CASES", "COUNTED", "DEVICE", "PHASES", "REFERENCE", "ROLES", "Answer", "Job", "work"]

ROLES = REFERENCE, DEVICE, COUNTED = "reference", "device", "counted"
"""The CPU, whose data and trained network all use, the device, and the device being counted."""

Answer = dict[str, np.ndarray]

PLANE = get("burgers").pde.numeric()
SPACE = PDE("u_t = -u*u_x - u*u_y - u*u_z + nu*laplace(u)", nu=0.3).numeric()


@dataclass(frozen=True)
class Case:
    """An equation with its data, stages (blocks, iterations, whether filters learn), and sizes of
    training and read-out."""

    equation: PDE
    data: Mapping[str, Any]
    stages: tuple[tuple[int, int, bool], ...]
    values: int
    readout: Mapping[str, int]


def _readout(values: int, iterations: int) -> dict[str, int]:
    names = ("select_values", "fit_values", "structure_values")
    passes = {"select_iterations": iterations, "iterations": iterations}
    return {"steps": 4, **dict.fromkeys(names, values), **passes}


_STAGES = ((1, 20, False), (1, 10, True), (2, 10, True))
_SHORT_STAGES = ((1, 12, False), (1, 5, True), (2, 5, True))
_TINY_STAGES = ((1, 20, False), (1, 2, True))
_COMMON = {"dt": 0.02, "noise": 0.005, "seed": 0}
_SMOOTH = {"refine": 1, "late_start": 0.0, "initial": {"waves": 2, "amplitude": 1.0}}

CASES: dict[str, Case] = {
    "burgers-2d": Case(
        PLANE,
        {"shape": (64, 64), "trajectories": 8, "frames": 10, **_SMOOTH, **_COMMON},
        _STAGES,
        2**16,
        _readout(2**15, 6),
    ),
    "burgers-3d": Case(
        SPACE,
        {"shape": (24, 24, 24), "trajectories": 6, "frames": 6, **_SMOOTH, **_COMMON},
        _SHORT_STAGES,
        2**16,
        _readout(2**15, 4),
    ),
    "burgers-2d-tiny": Case(
        PDE("u_t = -u*u_x - u*u_y + nu*laplace(u)", nu=0.1).numeric(),
        {"shape": (16, 16), "trajectories": 4, "frames": 5, **_SMOOTH, **_COMMON},
        _TINY_STAGES,
        2**10,
        _readout(2**10, 2),
    ),
    "burgers-3d-tiny": Case(
        SPACE,
        {"shape": (10, 10, 10), "trajectories": 4, "frames": 4, **_SMOOTH, **_COMMON},
        _TINY_STAGES,
        2**10,
        _readout(2**10, 2),
    ),
}
"""Each case, such that a CPU does each phase in some ten seconds, and a tiny one of its kind."""


@dataclass(frozen=True)
class Job:
    """A phase of a case on a device. role: whose answer it is. folder: of all jobs."""

    case: str
    phase: str
    device: str
    role: str
    folder: Path

    @property
    def name(self) -> str:
        """A name for its files."""
        return "-".join([*self.phase.replace(",", "").split(), self.case, self.role])

    def file(self, kind: str, role: str = "") -> Path:
        """Where something of the case is."""
        return self.folder / f"{self.case}-{kind}-{role or self.role}"

    @property
    def settings(self) -> Case:
        """Of the case."""
        return CASES[self.case]

    @property
    def small(self) -> Job:
        """The same of a tiny case, in a folder of its own: what is loaded at first use is then
        loaded."""
        name = self.case if self.case.endswith("-tiny") else f"{self.case}-tiny"
        return replace(self, case=name, folder=self.folder / f"first-{self.name}")


def work(job: Job, listen: Listener) -> Answer:
    """Do what a job asks for."""
    job.folder.mkdir(parents=True, exist_ok=True)
    return PHASES[job.phase](job, listen)


def prepare(job: Job) -> None:
    """Make what a phase needs and nobody has made so far, on the CPU."""
    origin = replace(job, device="cpu", role=REFERENCE)
    if job.phase != "simulate" and not job.file("data", REFERENCE).exists():
        work(replace(origin, phase="simulate"), _silent)
    if job.phase == "read" and not (job.file("run", REFERENCE) / "checkpoint").exists():
        work(replace(origin, phase="train"), _silent)


def _silent(event: Event) -> None:
    """Nobody listens."""


def _simulated(job: Job, listen: Listener) -> Answer:
    path = job.file("data")
    settings: dict[str, Any] = dict(job.settings.data)

    def progress(done: int, total: int) -> None:
        listen(Phase("simulation", done / total))

    simulate(
        job.settings.equation,
        path,
        progress=progress,
        overwrite=True,
        device=job.device,
        **settings,
    )
    with open_data(path) as data:
        return {"states": data.read(range(settings["trajectories"]), slice(None), dtype="float64")}


def _trained(job: Job, listen: Listener) -> Answer:
    case, losses, ends = job.settings, list[float](), list[float]()

    def heard(event: Event) -> None:
        if isinstance(event, Iteration):
            losses.append(event.loss)
        if isinstance(event, StageFinished):
            ends.extend([event.loss, event.validation])
        listen(event)

    stages = [
        {"blocks": blocks, "iterations": iterations, "filters": learn, "penalties": learn}
        for blocks, iterations, learn in case.stages
    ]
    config = TrainingConfig.model_validate(
        {
            **{"stages": stages, "values": case.values, "readout": case.readout},
            **{"device": job.device, "compile": "off", "checkpoint_minutes": 60.0},
        }
    )
    shutil.rmtree(job.file("run"), ignore_errors=True)
    train(job.file("data", REFERENCE), job.file("run"), config, on_event=heard)
    return {"losses": np.array(losses), "losses at ends of stages": np.array(ends)}


def _read(job: Job, listen: Listener) -> Answer:
    """The read-out of the network that the reference trained, without a refinement."""
    copy = job.file("read")
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(job.file("run", REFERENCE), copy)
    config = json.loads((copy / "config.json").read_text(encoding="utf-8"))
    config["config"]["device"] = job.device
    (copy / "config.json").write_text(json.dumps(config), encoding="utf-8")
    return _equation(extract(copy, data=job.file("data", REFERENCE), refine=False, on_event=listen))


def _refined(job: Job, listen: Listener, *, choose: bool) -> Answer:
    """From the true terms with coefficients a tenth off."""
    terms = {
        name: {monomial: 0.9 * float(value) for monomial, value in table.items()}
        for name, table in job.settings.equation.numeric_terms().items()
    }
    start = PDE.from_terms(terms, job.settings.equation.coordinates)
    config = RefineConfig(choose=choose, finest=1)
    found = refine(
        start, job.file("data", REFERENCE), config=config, device=job.device, on_event=listen
    )
    assert found.refinement is not None
    return {**_equation(found), "chi2": np.array([found.refinement.chi2])}


def _equation(found: DiscoveredEquation) -> Answer:
    """Terms, coefficients and standard errors in one order."""
    rows = [
        (name, str(monomial), float(value), found.stderr[name][monomial])
        for name, table in found.pde.numeric_terms().items()
        for monomial, value in table.items()
    ]
    return {
        "equation": np.array(to_text(found.pde, digits=6)),
        "terms": np.array([f"{name}: {monomial}" for name, monomial, _, _ in rows]),
        "coefficients": np.array([value for _, _, value, _ in rows]),
        "errors": np.array([error for _, _, _, error in rows]),
    }


PHASES: dict[str, Callable[[Job, Listener], Answer]] = {
    "simulate": _simulated,
    "train": _trained,
    "read": _read,
    "refine, terms kept": lambda job, listen: _refined(job, listen, choose=False),
    "refine, terms judged": lambda job, listen: _refined(job, listen, choose=True),
}
