"""Checkpoints: named tensors and a JSON state, replaced as one or not at all.

A checkpoint is a folder with two files:

    weights-<first 16 digits of its SHA-256>.safetensors       every tensor by name
    state.json                                                 the state, and which weights it is of

The weights are written first, under a name that their content decides; replacing state.json, which
names them, is the one moment at which the new checkpoint takes the place of the old one. Only then
is the old weights file removed. A process that is killed at any point leaves the old checkpoint or
the new one, whole. State.json holds digests of both parts, so that damage is noticed on reading.

A `torch.Generator` goes into the tensors as `generator.get_state()`, a uint8 tensor, and comes back
through `generator.set_state`. Nothing is pickled.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import safetensors
import safetensors.torch
from torch import Tensor

from pdenet.errors import CheckpointError, OutputError
from pdenet.storage.atomic import reason, remove_orphans, replace_file
from pdenet.storage.records import read_bytes, read_json

__all__ = ["FORMAT", "FORMAT_VERSION", "STATE", "digest", "load", "save"]

FORMAT = "pdenet checkpoint"
FORMAT_VERSION = 1

STATE = "state.json"
"""What a folder holds as soon as there is a checkpoint in it."""

MAX_BYTES = 1 << 32
"""Of the tensors of a checkpoint: a thousand times those of the largest network that fits here."""

_WEIGHTS = re.compile(r"weights-[0-9a-f]{16}\.safetensors")


def save(folder: Path, tensors: Mapping[str, Tensor], state: Mapping[str, Any]) -> None:
    """Replace the checkpoint in `folder`, which is made if need be.

    tensors: by name, of any shape, type and device. state: whatever JSON can hold; no NaN.
    Raises CheckpointError for a state that JSON cannot hold, OutputError where writing fails; the
    checkpoint that was there then stays.
    """
    held = {name: tensor.detach().cpu().contiguous().clone() for name, tensor in tensors.items()}
    weights = safetensors.torch.save(held)
    digest = hashlib.sha256(weights).hexdigest()
    name = f"weights-{digest[:16]}.safetensors"
    try:
        text = _canonical(state)
        record = {
            "format": FORMAT,
            "format_version": FORMAT_VERSION,
            "weights": {"file": name, "sha256": digest},
            "state_sha256": _digest(text),
            "state": json.loads(text),
        }
    except (TypeError, ValueError) as error:
        raise CheckpointError(
            f"the state of a checkpoint must be JSON without NaN or infinity: {error}"
        ) from error
    try:
        folder.mkdir(parents=True, exist_ok=True)
        replace_file(folder / name, weights)
        replace_file(folder / STATE, (json.dumps(record, indent=1) + "\n").encode())
        _remove_stale(folder, name)
    except OSError as error:
        raise OutputError(f"the checkpoint {folder} cannot be written: {reason(error)}") from error


def load(folder: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """The tensors (on the CPU) and the state of the checkpoint in `folder`.

    Raises CheckpointError where there is none, or where it is truncated, damaged, foreign or of
    another format version.
    """
    # A run that is still training may replace the weights between the two reads.
    for _ in range(3):
        record = _read_record(folder)
        try:
            weights = read_bytes(folder / record["weights"]["file"], MAX_BYTES)
            break
        except ValueError as error:
            raise CheckpointError(
                f"the weights {folder / record['weights']['file']} cannot be read: {error}; "
                "restore the file or train again"
            ) from None
        except OSError:
            continue
    else:
        raise CheckpointError(
            f"the checkpoint {folder} lacks its weights {record['weights']['file']}; "
            "restore the file or train again"
        )
    if hashlib.sha256(weights).hexdigest() != record["weights"]["sha256"]:
        raise CheckpointError(
            f"the weights {folder / record['weights']['file']} are damaged: their digest is not "
            f"that in {STATE}; restore both files or train again"
        )
    try:
        return safetensors.torch.load(weights), record["state"]
    except (safetensors.SafetensorError, ValueError, KeyError) as error:
        raise CheckpointError(f"the weights in {folder} are not safetensors: {error}") from error


def digest(folder: Path) -> str:
    """SHA-256 of the checkpoint in `folder`; no two trainings have the same.

    Raises CheckpointError where there is none, or where its record is damaged.
    """
    return _digest(_canonical(_read_record(folder)))


def _read_record(folder: Path) -> dict[str, Any]:
    path = folder / STATE
    try:
        record = read_json(path)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise CheckpointError(
            f"there is no checkpoint in {folder}: {STATE} is missing; give the folder of a run "
            "that has been trained"
        ) from error
    except (OSError, ValueError) as error:
        raise CheckpointError(
            f"the checkpoint {path} cannot be read: {error}; restore it or train again"
        ) from error
    if not isinstance(record, dict) or record.get("format") != FORMAT:
        raise CheckpointError(f"{path} is no {FORMAT}; give the folder of a run of pdenet")
    version = record.get("format_version")
    if version != FORMAT_VERSION or isinstance(version, bool):
        raise CheckpointError(
            f"{path} has format version {version!r}; this pdenet reads version {FORMAT_VERSION}"
        )
    _check_record(record, path)
    return record


def _check_record(record: dict[str, Any], path: Path) -> None:
    weights, state = record.get("weights"), record.get("state")
    whole = (
        isinstance(weights, dict)
        and isinstance(weights.get("file"), str)
        and isinstance(weights.get("sha256"), str)
        and _WEIGHTS.fullmatch(weights["file"]) is not None
        and isinstance(state, dict)
    )
    if not whole or record.get("state_sha256") != _digest(_canonical(state)):
        raise CheckpointError(
            f"the checkpoint {path} is damaged: its entries do not agree with their digest; "
            "restore it or train again"
        )


def _canonical(state: Any) -> str:
    return json.dumps(state, sort_keys=True, allow_nan=False, separators=(",", ":"))


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _remove_stale(folder: Path, current: str) -> None:
    """Remove the weights of earlier checkpoints and what killed writers left."""
    for path in folder.iterdir():
        if path.name != current and _WEIGHTS.fullmatch(path.name):
            path.unlink(missing_ok=True)
    remove_orphans(folder)
