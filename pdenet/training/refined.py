"""The state of a refinement, from which an interrupted one goes on.

One safetensors file, replaced as a whole or not at all. Its metadata say of which data, equation
and settings it is, so that it goes on with nothing else, and hold a digest of the tensors, so that
damage is noticed.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import safetensors
import safetensors.torch
import torch
from torch import Tensor

from pdenet.errors import CheckpointError, OutputError
from pdenet.likelihood.config import RefineConfig
from pdenet.pde import PDE
from pdenet.pde.unknown import OpenPDE
from pdenet.storage.atomic import reason, replace_file
from pdenet.storage.records import as_json

__all__ = ["RefinementState"]

FORMAT = "pdenet refinement"
FORMAT_VERSION = 1
FREE = ("workers", "budget", "sigma")
"""Settings that do not decide what a refinement comes to, so that they may change when it goes
on."""


@dataclass(frozen=True)
class RefinementState:
    """Where the state of one refinement is kept, and what it is of.

    data: digest of the fields. pde: what the refinement began with; None where it had no equation.
    """

    path: Path
    data: str
    pde: PDE | OpenPDE | None
    config: RefineConfig

    def save(self, tensors: Mapping[str, Tensor]) -> None:
        """Replace what is kept by these tensors.

        Raises OutputError where it cannot be written; what was kept then stays.
        """
        held = {name: tensor.detach().cpu().clone() for name, tensor in tensors.items()}
        complex_ones = sorted(name for name, tensor in held.items() if tensor.is_complex())
        for name in complex_ones:  # which safetensors does not know
            held[name] = torch.view_as_real(held[name])
        held = {name: tensor.contiguous() for name, tensor in held.items()}
        metadata = {
            "format": FORMAT,
            "format_version": FORMAT_VERSION,
            "complex": complex_ones,
            **self._origin(),
        }
        metadata["sha256"] = _digest(metadata, held)
        texts = {name: json.dumps(value) for name, value in metadata.items()}
        content = safetensors.torch.save(held, texts)
        try:
            replace_file(self.path, content)
        except OSError as error:
            raise OutputError(
                f"the state of the refinement '{self.path}' cannot be written: {reason(error)}"
            ) from error

    def load(self) -> dict[str, Tensor]:
        """What was kept, on the CPU.

        Raises CheckpointError where nothing is, where it is damaged, or where it is of other data,
        another equation or other settings.
        """
        metadata, tensors = self._read()
        settings, split = metadata.get("settings"), metadata.get("complex")
        if not (isinstance(settings, dict) and isinstance(split, list)) or not all(
            tensors[name].is_floating_point() and tensors[name].shape[-1:] == (2,)
            if name in tensors
            else False
            for name in map(str, split)
        ):
            raise CheckpointError(f"'{self.path}' is damaged: remove it and begin anew")
        if metadata.pop("sha256", "") != _digest(metadata, tensors):
            raise CheckpointError(
                f"'{self.path}' is damaged (its digest is another): remove it and begin anew"
            )
        differing = self._differing(metadata)
        if differing:
            raise CheckpointError(
                f"the refinement in '{self.path}' was begun with {differing}: go on with what it "
                "was begun with, or begin anew"
            )
        for name in metadata["complex"]:
            tensors[name] = torch.view_as_complex(tensors[name])
        return tensors

    def remove(self) -> None:
        """Remove what was kept: the refinement is complete."""
        with suppress(OSError):
            self.path.unlink(missing_ok=True)

    def _read(self) -> tuple[dict[str, Any], dict[str, Tensor]]:
        if not self.path.is_file():  # nor a device or a pipe
            raise CheckpointError(
                f"there is no state of a refinement in '{self.path}' to go on from: begin anew"
            )
        try:
            with safetensors.safe_open(self.path, "pt") as file:
                metadata = {name: as_json(text) for name, text in file.metadata().items()}
                # Copies: what is mapped from a file is not aligned as complex numbers need it.
                names = list(file.keys())
                tensors = {name: file.get_tensor(name).clone() for name in names}
        except (safetensors.SafetensorError, OSError, ValueError, AttributeError) as error:
            reason = str(error).splitlines()[0]
            raise CheckpointError(
                f"'{self.path}' is damaged ({reason}): remove it and begin anew"
            ) from error
        if metadata.get("format") != FORMAT or metadata.get("format_version") != FORMAT_VERSION:
            raise CheckpointError(
                f"'{self.path}' is no {FORMAT} of version {FORMAT_VERSION}: begin anew"
            )
        return metadata, tensors

    def _origin(self) -> dict[str, Any]:
        """What the refinement is of, as JSON."""
        known = self.pde.numeric() if isinstance(self.pde, PDE) else self.pde
        equations = None if known is None else list(known.equations())
        settings = _plain(self.config)
        return {"data": self.data, "equations": equations, "settings": settings}

    def _differing(self, metadata: Mapping[str, Any]) -> str:
        """The first thing that differs: "noise 0.01, not 0.02"; "" where nothing does."""
        own = self._origin()
        if metadata.get("data") != own["data"]:
            return "other data"
        if metadata.get("equations") != own["equations"]:
            return f"{_shown(metadata.get('equations'))}, not {_shown(own['equations'])}"
        before: dict[str, Any] = metadata["settings"]
        for name, value in own["settings"].items():
            known = before.get(name, DEFAULTS[name])
            if known != value:
                return f"{name} {_said(known)}, not {_said(value)}"
        return ""


def _plain(config: RefineConfig) -> dict[str, Any]:
    """The settings that decide what a refinement comes to, as JSON has them. Standard deviations
    of every value come with data in memory, which no state is kept of."""
    return {
        name: list(value) if isinstance(value, tuple) else value
        for name, value in asdict(config).items()
        if name not in FREE
    }


DEFAULTS = _plain(RefineConfig())
"""What states of before an entry was there were begun with."""


def _said(value: Any) -> str:
    return ", ".join(map(str, value)) or "nothing" if isinstance(value, list) else str(value)


def _shown(equations: Any) -> str:
    return f"'{'; '.join(map(str, equations))}'" if isinstance(equations, list) else "no equation"


def _digest(metadata: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> str:
    """SHA-256 of the metadata, and of names, kinds, shapes and values of the tensors."""
    total = hashlib.sha256(json.dumps(metadata, sort_keys=True).encode())
    for name in sorted(tensors):
        tensor = tensors[name]
        total.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        total.update(tensor.reshape(-1).view(torch.uint8).numpy().data)
    return total.hexdigest()
