"""Checkpoints: what goes in comes out, damage is named, and a kill leaves a whole one."""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor

from pdenet.errors import CheckpointError, OutputError
from pdenet.training import checkpoint
from pdenet.training.checkpoint import load, save


def example() -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(3)
    return {
        "free": torch.randn(7, dtype=torch.float64, generator=generator),
        "single": torch.randn(2, 3, generator=generator).T,
        "scalar": torch.tensor(4),
        "empty": torch.zeros(0, 5),
        "generator": generator.get_state(),
    }


STATE = {"stage": 2, "losses": [0.1, 1e-300, 2.5], "name": "u_xx — ν", "none": None, "ok": True}


def test_round_trip_is_exact(tmp_path: Path) -> None:
    tensors = example()
    save(tmp_path / "run" / "checkpoint", tensors, STATE)
    back, state = load(tmp_path / "run" / "checkpoint")
    assert state == STATE
    assert sorted(back) == sorted(tensors)
    for name, tensor in tensors.items():
        assert back[name].dtype == tensor.dtype and torch.equal(back[name], tensor)


def test_tensors_that_share_memory_are_saved_apart(tmp_path: Path) -> None:
    vector = torch.arange(6.0)
    save(tmp_path, {"all": vector, "part": vector[2:4]}, {})
    back, _ = load(tmp_path)
    assert torch.equal(back["part"], torch.tensor([2.0, 3.0]))


def test_a_generator_continues_where_it_was(tmp_path: Path) -> None:
    generator = torch.Generator().manual_seed(5)
    torch.rand(3, generator=generator)
    save(tmp_path, {"generator": generator.get_state()}, {})
    wanted = torch.rand(4, generator=generator)
    other = torch.Generator()
    other.set_state(load(tmp_path)[0]["generator"])
    assert torch.equal(torch.rand(4, generator=other), wanted)


def test_saving_again_leaves_one_pair_and_no_strangers(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    (tmp_path / ".weights-0123456789abcdef.safetensors.0123abcd.partial").write_text(
        "left by a killed writer"
    )
    for k in range(3):
        save(tmp_path, {"x": torch.full((3,), float(k))}, {"k": k})
    names = sorted(path.name for path in tmp_path.iterdir())
    assert len(names) == 3 and names[0] == "notes.txt" and names[1] == "state.json"
    assert load(tmp_path)[1] == {"k": 2}


def rewrite(folder: Path, change: Callable[[dict[str, object]], object]) -> None:
    record = json.loads((folder / "state.json").read_text())
    change(record)
    (folder / "state.json").write_text(json.dumps(record))


def weights_of(folder: Path) -> Path:
    (path,) = folder.glob("weights-*.safetensors")
    return path


def flip(path: Path, place: int) -> None:
    content = bytearray(path.read_bytes())
    content[place] ^= 1
    path.write_bytes(bytes(content))


DAMAGE: dict[str, tuple[Callable[[Path], object], str]] = {
    "no state": (lambda f: (f / "state.json").unlink(), "there is no checkpoint"),
    "no folder": (shutil.rmtree, "there is no checkpoint"),
    "no weights": (lambda f: weights_of(f).unlink(), "lacks its weights"),
    "empty state": (lambda f: (f / "state.json").write_text(""), "cannot be read"),
    "cut state": (
        lambda f: (f / "state.json").write_text((f / "state.json").read_text()[:-40]),
        "cannot be read",
    ),
    "binary state": (lambda f: (f / "state.json").write_bytes(b"\xff\xfe\x00"), "cannot be read"),
    "nested state": (lambda f: (f / "state.json").write_text("[" * 100_000), "cannot be read"),
    "NaN": (lambda f: (f / "state.json").write_text('{"format": NaN}'), "NaN is no number"),
    "twice": (lambda f: (f / "state.json").write_text('{"a": 1, "a": 2}'), "occurs twice"),
    "list": (lambda f: (f / "state.json").write_text("[1, 2]"), "is no pdenet checkpoint"),
    "foreign": (lambda f: (f / "state.json").write_text('{"a": 1}'), "is no pdenet checkpoint"),
    "newer": (lambda f: rewrite(f, lambda r: r.update(format_version=2)), "reads version 1"),
    "true version": (lambda f: rewrite(f, lambda r: r.update(format_version=True)), "version True"),
    "no version": (lambda f: rewrite(f, lambda r: r.pop("format_version")), "version None"),
    "edited state": (lambda f: rewrite(f, lambda r: r["state"].update(stage=3)), "is damaged"),
    "other weights": (
        lambda f: rewrite(f, lambda r: r["weights"].update(file="../../etc/passwd")),
        "is damaged",
    ),
    "weights list": (lambda f: rewrite(f, lambda r: r.update(weights=[1])), "is damaged"),
    "state list": (lambda f: rewrite(f, lambda r: r.update(state=[1])), "is damaged"),
    "cut weights": (
        lambda f: weights_of(f).write_bytes(weights_of(f).read_bytes()[:-8]),
        "are damaged",
    ),
    "flipped weights": (lambda f: flip(weights_of(f), -1), "are damaged"),
    "flipped header": (lambda f: flip(weights_of(f), 3), "are damaged"),
    "empty weights": (lambda f: weights_of(f).write_bytes(b""), "are damaged"),
}


@pytest.mark.parametrize("name", DAMAGE)
def test_damage_is_named_in_one_line(name: str, tmp_path: Path) -> None:
    folder = tmp_path / "checkpoint"
    save(folder, example(), STATE)
    damage, message = DAMAGE[name]
    damage(folder)
    with pytest.raises(CheckpointError, match=message) as caught:
        load(folder)
    assert "\n" not in str(caught.value)


def test_weights_that_are_no_safetensors_are_refused_even_with_the_right_digest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checkpoint.safetensors.torch, "save", lambda tensors: b"pickle?")
    save(tmp_path, {}, {})
    with pytest.raises(CheckpointError, match="not safetensors"):
        load(tmp_path)


def test_a_state_that_is_not_json_leaves_the_old_checkpoint(tmp_path: Path) -> None:
    save(tmp_path, {"x": torch.ones(2)}, {"k": 1})
    for bad in ({"loss": float("nan")}, {"x": torch.ones(1)}, {"p": tmp_path}):
        with pytest.raises(CheckpointError, match="must be JSON"):
            save(tmp_path, {"x": torch.zeros(2)}, bad)
    assert load(tmp_path)[1] == {"k": 1}


def test_a_full_disk_leaves_the_old_checkpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save(tmp_path, {"x": torch.ones(2)}, {"k": 1})

    def full(handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OutputError, match="the disk is full: free some space"):
        save(tmp_path, {"x": torch.zeros(2)}, {"k": 2})
    monkeypatch.undo()
    assert load(tmp_path)[1] == {"k": 1}
    assert not list(tmp_path.glob(".*"))


# Imports torch once; each line on stdin forks a writer that saves until it is killed.
WRITERS = """
import os, sys, torch
from pathlib import Path
from pdenet.training.checkpoint import save
for line in sys.stdin:
    k = int(line)
    child = os.fork()
    if child == 0:
        while True:
            k += 1
            save(Path(sys.argv[1]), {"x": torch.full((20000,), float(k))}, {"k": k})
            print(os.getpid(), flush=True)
    os.waitpid(child, 0)
    print("gone", flush=True)
"""


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_kill_at_any_time_leaves_a_whole_checkpoint(tmp_path: Path) -> None:
    folder = tmp_path / "checkpoint"
    save(folder, {"x": torch.zeros(20000)}, {"k": 0})
    last = 0
    with subprocess.Popen(
        [sys.executable, "-W", "ignore", "-c", WRITERS, str(folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as writers:
        assert writers.stdin is not None and writers.stdout is not None
        for attempt in range(8):
            writers.stdin.write(f"{last}\n")
            writers.stdin.flush()
            for _ in range(1 + attempt):
                child = int(writers.stdout.readline())
            os.kill(child, signal.SIGKILL)
            while writers.stdout.readline() != "gone\n":
                pass
            tensors, state = load(folder)
            assert state["k"] >= last + 1 + attempt
            last = state["k"]
            assert torch.equal(tensors["x"], torch.full((20000,), float(last)))


def test_a_stop_after_every_single_system_call_leaves_a_whole_checkpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a kill would, but at each place in turn: no clean-up runs after the stop."""

    class Killed(BaseException):
        pass

    def stopping_after(count: int) -> list[int]:
        left = [count]
        for module, name in [(os, "fsync"), (os, "replace"), (os, "open"), (Path, "unlink")]:
            original = getattr(module, name)

            def counted(*args: object, original: Callable[..., object] = original, **kw: object):
                if left[0] <= 0:
                    raise Killed
                left[0] -= 1
                return original(*args, **kw)

            monkeypatch.setattr(module, name, counted)
        return left

    seen = set()
    for count in range(30):
        folder = tmp_path / str(count)
        save(folder, {"x": torch.zeros(9)}, {"k": 0})
        left = stopping_after(count)
        with contextlib.suppress(Killed):
            save(folder, {"x": torch.ones(9)}, {"k": 1})
        done = left[0] > 0
        monkeypatch.undo()
        tensors, state = load(folder)
        assert torch.equal(tensors["x"], torch.full((9,), float(state["k"])))
        seen.add(state["k"])
        if done:
            break
    assert seen == {0, 1} and done
