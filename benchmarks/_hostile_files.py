"""Damage to data files and run folders: by accident, by malice, and by what is no regular file."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import h5py
import numpy as np
import safetensors.torch
import torch

__all__ = ["damage_data", "damage_run", "odd_value"]

RECORDS = ("config.json", "equation.json", "log.jsonl", "checkpoint/state.json")


def odd_value(random: Random) -> Any:
    """A JSON value that nobody expects where it stands."""
    return random.choice(
        (
            *(None, True, -3, 0, 1, 1e-320, 1e300, -1e308, 10**30, 10**400, "", "x", "\x1b[2J", []),
            *({}, [1], [0.5], {"level": "x"}, {"a": {}}, [[1], [1, 2]], "u" * 5000, "\ud800", 0.5),
            *("\0", "exp(exp(u))", ["u_t = exp(exp(u))"], float("nan"), float("inf"), 10**6),
            *("../x", ["\x1b]0;t\x07"], [None], {"": ""}, [[[[]]]], "1", "/dev/zero"),
        )
    )  # fmt: skip


def damage_data(path: Path, random: Random) -> None:
    """Damage a data file in place: bytes, attributes, values, or what it is at all."""
    random.choice((_flip, _flip, _cut, _attribute, _attribute, _value, _special))(path, random)


def damage_run(run: Path, random: Random) -> None:
    """Damage one part of a run folder in place; digests may be made to agree again."""
    kinds: tuple[Callable[[Path, Random], None], ...] = (
        _record,
        _record,
        _record,
        _state,
        _tensors,
    )
    kind = random.choice((*kinds, _text, _part))
    kind(run, random)


def _flip(path: Path, random: Random) -> None:
    content = bytearray(path.read_bytes())
    first = random.random() < 0.7  # descriptions lie in front
    for _ in range(random.randint(1, 8)):
        content[random.randrange(min(len(content), 4096) if first else len(content))] ^= (
            1 << random.randrange(8)
        )
    path.write_bytes(bytes(content))


def _cut(path: Path, random: Random) -> None:
    content = path.read_bytes()
    path.write_bytes(content[: random.randrange(len(content))] + b"\0" * random.choice((0, 9999)))


def _attribute(path: Path, random: Random) -> None:
    """Another value of one attribute of an HDF5 file."""
    with h5py.File(path, "r+") as file:
        places = [("/", name) for name in file.attrs]
        file.visititems(lambda at, node: places.extend((at, name) for name in node.attrs))
        place, name = random.choice(places)
        value = odd_value(random)
        json_like = random.random() < 0.6
        try:
            file[place].attrs[name] = json.dumps(value) if json_like else value
        except (TypeError, ValueError, OverflowError, UnicodeError):
            file[place].attrs[name] = json.dumps(value)


def _value(path: Path, random: Random) -> None:
    """Another number in one dataset."""
    with h5py.File(path, "r+") as file:
        names: list[str] = []
        file.visititems(lambda at, node: names.append(at) if hasattr(node, "shape") else None)
        dataset = file[random.choice(names)]
        values = np.asarray(dataset[()])
        if values.dtype.kind == "f" and values.size:
            odd = (1e308, -1e308, 1e-308, 1e150, 0.0, np.nan, np.inf, -1e99, 1e20)
            values.flat[random.randrange(values.size)] = random.choice(odd)
            if random.random() < 0.2:
                values[...] = random.choice(odd)
            dataset[...] = values


def _special(path: Path, random: Random) -> None:
    """Something else in its place."""
    path.unlink()
    kind = random.randrange(8)
    if kind == 0:
        path.symlink_to("/dev/zero")
    elif kind == 1:
        os.mkfifo(path)
    elif kind == 2:
        path.symlink_to(path.name)
    elif kind == 3:
        path.mkdir()
    elif kind == 4:
        path.symlink_to("/dev/null")
    elif kind == 5:
        path.write_bytes(random.randbytes(random.randint(0, 5000)))
    elif kind == 6:
        path.write_text("x" * random.randint(0, 100))
    elif kind == 7:
        with path.open("wb") as file:  # sparse
            file.truncate(1 << 36)


def _places(value: Any, at: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Every place in a JSON value."""
    found = [at]
    if isinstance(value, dict):
        found += [each for key, part in value.items() for each in _places(part, (*at, key))]
    elif isinstance(value, list):
        found += [each for k, part in enumerate(value[:4]) for each in _places(part, (*at, k))]
    return found


def _changed(value: Any, random: Random) -> Any:
    """A JSON value with another one somewhere in it, or without one of its entries."""
    place = random.choice(_places(value))
    if not place:
        return odd_value(random)
    inside = value
    for key in place[:-1]:
        inside = inside[key]
    if random.random() < 0.2:
        del inside[place[-1]]
    else:
        inside[place[-1]] = odd_value(random)
    return value


def _record(run: Path, random: Random) -> None:
    path = run / random.choice(RECORDS)
    lines = path.read_text().splitlines() if path.suffix == ".jsonl" else [path.read_text()]
    at = random.randrange(len(lines))
    lines[at] = json.dumps(_changed(json.loads(lines[at]), random))
    path.write_text("\n".join(lines) + "\n")


def _state(run: Path, random: Random) -> None:
    """Another state of the training, with a digest that agrees."""
    path = run / "checkpoint/state.json"
    record = json.loads(path.read_text())
    name = random.choice(list(record["state"]))
    record["state"][name] = odd_value(random)
    _signed(path, record)


def _signed(path: Path, record: dict[str, Any]) -> None:
    text = json.dumps(record["state"], sort_keys=True, separators=(",", ":"))
    record["state_sha256"] = hashlib.sha256(text.encode()).hexdigest()
    path.write_text(json.dumps(record))


def _tensors(run: Path, random: Random) -> None:
    """Another tensor among the weights, with digests that agree."""
    path = run / "checkpoint/state.json"
    record = json.loads(path.read_text())
    weights = path.parent / record["weights"]["file"]
    tensors = safetensors.torch.load_file(weights)
    name = random.choice([*tensors, "windows", "new"])
    own = tensors.get(name, torch.zeros(3))
    tensors[name] = random.choice(
        (
            torch.tensor([0.5]),
            torch.zeros(2**20),
            torch.full(own.shape, float("nan")).to(own.dtype),
            torch.full(own.shape, 1e30).to(own.dtype),
            torch.tensor(-3),
            own[:1] if own.dim() else own[None],
            torch.arange(7) * 10**9,
            own.to(torch.float32),
        )
    ).contiguous()
    if random.random() < 0.2:
        del tensors[name]
    content = safetensors.torch.save(tensors)
    digest = hashlib.sha256(content).hexdigest()
    weights.unlink()
    record["weights"] = {"file": f"weights-{digest[:16]}.safetensors", "sha256": digest}
    (path.parent / record["weights"]["file"]).write_bytes(content)
    path.write_text(json.dumps(record))


def _text(run: Path, random: Random) -> None:
    """A record that is no JSON, or far too much of it."""
    path = run / random.choice(RECORDS)
    path.write_bytes(
        random.choice(
            (
                *(b"[" * 100_000, b"\xff\xfe", b"", b"\0" * 100, b"9" * 10_000, b'{"a":' * 500),
                *(b"{" + b'"a":1,' * 100_000, b"NaN", b'{"event": "StageStarted", "stage": {}}\n'),
                *(b'{"a": 1e999}', b"1" + path.read_bytes(), path.read_bytes()[:-20]),
            )
        )
    )


def _part(run: Path, random: Random) -> None:
    """A part that is missing, or is no regular file."""
    parts = [*RECORDS, "checkpoint", "data.h5"]
    parts += [f"checkpoint/{path.name}" for path in (run / "checkpoint").iterdir()]
    path = run / random.choice(parts)
    if path.is_dir():
        shutil.rmtree(path)
        path.touch()
    elif path.exists():
        _special(path, random)
