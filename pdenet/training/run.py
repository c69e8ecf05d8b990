"""A run folder: what it was given, its log, and checkpoints from which it goes on bitwise.

config.json   configuration, seed, versions, path and digest of the data
log.jsonl     the events, one JSON object a line
checkpoint/   weights, optimiser and generator (`pdenet.training.checkpoint`)

refinement.safetensors is there while the equation is refined (`pdenet.training.refined`).
"""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

from pdenet.boundary import endpoints
from pdenet.device import device_named
from pdenet.errors import CheckpointError, ConfigError, OutputError
from pdenet.events import CheckpointSaved, Event, Listener, to_record
from pdenet.model import NetworkShape, PDENet, SplineShape
from pdenet.optimise import LBFGSState
from pdenet.storage import Data
from pdenet.storage.atomic import reason, replace_file
from pdenet.storage.records import read_json
from pdenet.storage.values import as_kind, as_whole
from pdenet.training import checkpoint
from pdenet.training.config import CoefficientsSection, SourceSection, TrainingConfig, validated
from pdenet.training.progress import MOST_DOUBLINGS, MOST_SUBSTEPS, Progress
from pdenet.words import counted

__all__ = ["Run", "network_for", "read_run", "start_run", "versions"]


@dataclass(frozen=True)
class Run:
    """A folder with a configuration. `data`: path and SHA-256 of what it was trained on."""

    folder: Path
    config: TrainingConfig
    data: dict[str, str]

    @property
    def checkpoint(self) -> Path:
        """Where the checkpoint is."""
        return self.folder / "checkpoint"

    @property
    def begun(self) -> bool:
        """Whether there is a checkpoint."""
        return (self.checkpoint / checkpoint.STATE).exists()

    @property
    def equation(self) -> Path:
        """Where the equation is."""
        return self.folder / "equation.json"

    @property
    def refinement(self) -> Path:
        """Where the state of a refinement is, for as long as it goes on."""
        return self.folder / "refinement.safetensors"

    def listener(self, on_event: Listener | None) -> Listener:
        """A listener that keeps every event in the log and passes it on."""
        log = self.folder / "log.jsonl"
        torn = [_ends_in_a_line(log)]  # by a writer that was killed

        def listen(event: Event) -> None:
            try:
                with log.open("a", encoding="utf-8") as file:
                    file.write("\n" * torn.pop() if torn else "")
                    file.write(json.dumps(_finite(to_record(event))) + "\n")
            except OSError as error:
                raise OutputError(
                    f"'{log}' cannot be written: {reason(error)}; a run can be copied there"
                ) from error
            if on_event:
                on_event(event)

        return listen

    def save(
        self, model: PDENet, generator: torch.Generator, on_event: Listener
    ) -> Callable[[Progress], None]:
        """What writes a checkpoint of the model, the generator and the progress."""

        def write(progress: Progress) -> None:
            tensors = {f"model.{k}": v.cpu() for k, v in model.state_dict().items()}
            tensors["generator"] = generator.get_state()
            if progress.windows is not None:
                tensors["windows"] = progress.windows.cpu()
            if progress.optimiser is not None:
                found = progress.optimiser.tensors()
                tensors |= {f"optimiser.{k}": v.cpu() for k, v in found.items()}
            state = {
                "stage": progress.stage,
                "substeps": progress.substeps,
                "doublings": progress.doublings,
                "seconds": progress.seconds,
                "config": self.config.model_dump(mode="json"),
            }
            checkpoint.save(self.checkpoint, tensors, state)
            on_event(CheckpointSaved(str(self.checkpoint)))

        return write

    def restore(self, model: PDENet, generator: torch.Generator) -> Progress:
        """Put a checkpoint into the model and the generator; return where training stands.

        Raises CheckpointError where there is none or where it is of another network.
        """
        tensors, state = checkpoint.load(self.checkpoint)
        windows = tensors.get("windows")
        device = next(model.parameters()).device
        groups: dict[str, dict[str, torch.Tensor]] = {"model": {}, "optimiser": {}}
        for name, tensor in tensors.items():
            group, _, rest = name.partition(".")
            if rest:
                groups.setdefault(group, {})[rest] = tensor.to(device)
        try:
            model.load_state_dict(groups["model"])
            generator.set_state(tensors["generator"])
            progress = Progress(
                stage=as_whole(state["stage"], 0, len(self.config.stages)),
                substeps=as_whole(state["substeps"], 1, MOST_SUBSTEPS),
                windows=windows,
                optimiser=LBFGSState.from_tensors(groups["optimiser"])
                if groups["optimiser"]
                else None,
                seconds=as_kind(float, state["seconds"]),
                # Older checkpoints have none.
                doublings=as_whole(state.get("doublings", 0), 0, MOST_DOUBLINGS),
            )
            if windows is not None and (windows.dtype != torch.int64 or windows.dim() != 1):
                raise ValueError(f"windows are {windows.dtype} of shape {tuple(windows.shape)}")
        except (KeyError, RuntimeError, TypeError, ValueError) as error:
            raise CheckpointError(
                f"the checkpoint in '{self.folder}' is of another network or damaged "
                f"({str(error).splitlines()[0]}): train again"
            ) from error
        model.substeps = progress.substeps
        return progress


def start_run(folder: Path, config: TrainingConfig, data: Data) -> Run:
    """A new run in `folder`: writes config.json and an empty log.

    Raises OutputError where a run is there already, or where it cannot be written.
    """
    run = Run(folder, config, {"path": str(Path(data.path).resolve()), "digest": data.digest()})
    if run.begun:
        raise OutputError(
            f"'{folder}' holds a trained run: resume it, remove it, or choose another folder"
        )
    record = {
        "config": config.model_dump(mode="json"),
        "seed": config.seed,
        "data": run.data,
        "versions": versions(),
    }
    try:
        folder.mkdir(parents=True, exist_ok=True)
        replace_file(folder / "config.json", (json.dumps(record, indent=1) + "\n").encode())
        (folder / "log.jsonl").write_text("", encoding="utf-8")
    except OSError as error:
        raise OutputError(
            f"the run folder '{folder}' cannot be written: {reason(error)}"
        ) from error
    return run


def versions() -> dict[str, str]:
    """The versions of what computes."""
    names = ("pdenet", "torch", "numpy", "scipy", "sympy")
    return {"python": platform.python_version(), **{name: version(name) for name in names}}


def read_run(folder: Path) -> Run:
    """The run in `folder`. Raises CheckpointError where there is none or where it is damaged."""
    path = folder / "config.json"
    try:
        record = as_kind(dict, read_json(path))
        data = as_kind(dict, record["data"])
        source = {key: as_kind(str, data[key]) for key in ("path", "digest")}
        if "\0" in source["path"]:
            raise ValueError("the path of the data holds a character that no path can hold")
        config = validated(record["config"], f"the configuration in '{path}'")
        if config.network.order is None:  # of a time when the highest order was the order
            network = config.network.model_copy(update={"order": config.network.max_order})
            config = config.model_copy(update={"network": network})
        as_kind(int, record.get("seed", config.seed))
        for text in as_kind(dict, record.get("versions", {})).values():
            as_kind(str, text)
    except FileNotFoundError:
        told = f"'{folder}' is no run: it has no config.json; make one with"
        raise CheckpointError(
            f"{told} train(data, {str(folder)!r})", shell=f"{told} 'pdenet train DATA -o {folder}'"
        ) from None
    except ConfigError:
        raise
    except (OSError, ValueError, KeyError) as error:
        reason = "an entry is missing: " * isinstance(error, KeyError) + str(error)
        raise CheckpointError(f"'{path}' cannot be read ({reason}): train again") from error
    return Run(folder, config, source)


def network_for(data: Data, config: TrainingConfig, generator: torch.Generator) -> PDENet:
    """The untrained network that a configuration describes for a data file.

    Raises ConfigError or GridError for filters, meshes, margins or boundaries that do not fit.
    """
    network, walled = config.network, endpoints(data.problem.boundaries)
    for axis, n, wall in zip(data.problem.grid.axes, data.problem.grid.shape, walled, strict=True):
        if wall and 2 * config.margin >= n:
            raise ConfigError(
                f"a margin of {counted(config.margin, 'point')} leaves none of the "
                f"{counted(n, 'point')} along {axis} to "
                f"the loss: use at most {(n - 1) // 2}"
            )
    shape = NetworkShape(
        fields=data.fields,
        grid=data.problem.grid,
        max_order=network.highest,
        size=network.filter_size,
        constraint=network.constraint,
        units=network.units,
        pseudo_upwind=network.pseudo_upwind,
        integrator=network.integrator,
        boundaries=data.problem.boundaries,
        coefficients=_spline(network.coefficients),
        source=_spline(network.source),
        functions=network.functions,
    )
    model = PDENet(shape, data.dt, generator)
    return model.to(device=device_named(config.device), dtype=getattr(torch, config.dtype))


def _spline(section: CoefficientsSection | SourceSection | None) -> SplineShape | None:
    return None if section is None else SplineShape(section.pieces, section.degree)


def _ends_in_a_line(log: Path) -> bool:
    """Whether the last line of a log has no end."""
    if not log.is_file():
        return False
    with log.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(0, size - 1))
        return file.read(1) not in (b"", b"\n")


def _finite(record: dict[str, Any]) -> dict[str, Any]:
    """The record with null for numbers that JSON does not have."""
    bad = ("nan", "inf", "-inf")
    return {
        key: None if isinstance(value, float) and str(value) in bad else value
        for key, value in record.items()
    }
