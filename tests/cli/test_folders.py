"""A folder that a command writes to: one at a time, and nothing is lost wherever it is killed."""

import contextlib
import os
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from pdenet.cli.folders import Kind, new_folder
from pdenet.errors import OutputError
from pdenet.storage.atomic import replace_file
from pdenet.storage.claim import claimed_file, claimed_folder, is_claimed

RUN = Kind("run", ("config.json", "checkpoint", "prediction"), "checkpoint/state.json")
RUNS = Kind("runs", ("run-*", "plan.json"), "run-*/checkpoint/state.json", "run-*")


class Killed(BaseException):
    """What ends a process at once: nothing that would be done after it is done."""


def killed_after(monkeypatch, count):
    """Let `count` changes of the file system happen, and none after these."""
    left = [count]
    places = [
        *((os, name) for name in ("replace", "mkdir", "rmdir", "unlink", "fsync")),
        *((Path, name) for name in ("mkdir", "rmdir", "unlink", "write_text")),
        (shutil, "rmtree"),
    ]
    for module, name in places:
        original = getattr(module, name)

        def counted(*args, original=original, **options):
            if left[0] <= 0:
                raise Killed
            left[0] -= 1
            return original(*args, **options)

        monkeypatch.setattr(module, name, counted)
    return left


def contents(folder):
    return {
        str(path.relative_to(folder)): path.read_text()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def write(folder, words):
    """What a run writes, in its order."""
    replace_file(folder / "config.json", f"{words} config".encode())
    (folder / "checkpoint").mkdir()
    replace_file(folder / "checkpoint" / "weights", f"{words} weights".encode())
    replace_file(folder / "checkpoint" / "state.json", f"{words} state".encode())
    (folder / "prediction").mkdir()


def make(folder, words):
    """Replace what is there by a run, or by half of one."""
    with new_folder(folder, RUN, overwrite=True, resume=False):
        if words == "half":
            (folder / "config.json").write_text(words)
            raise ValueError
        write(folder, words)


WHOLE = {
    words: {
        "config.json": f"{words} config",
        "checkpoint/weights": f"{words} weights",
        "checkpoint/state.json": f"{words} state",
    }
    for words in ("old", "new", "third")
}


@pytest.mark.parametrize("earlier", [True, False], ids=["an earlier run", "no earlier run"])
@pytest.mark.parametrize("fails", [True, False], ids=["fails", "succeeds"])
def test_whoever_comes_after_a_kill_finds_the_old_run_or_the_new_one(
    tmp_path, monkeypatch, earlier, fails
):
    """A kill after every single change of the file system, one after the other."""
    seen = set()
    for count in range(100):
        folder = tmp_path / str(count)
        folder.mkdir()
        (folder / "notes.txt").write_text("mine")
        if earlier:
            write(folder, "old")
        else:
            (folder / "notes.txt").unlink()
        left = killed_after(monkeypatch, count)
        with contextlib.suppress(Killed, ValueError):
            make(folder, "half" if fails else "new")
        done = left[0] > 0
        monkeypatch.undo()
        with new_folder(folder, RUN, overwrite=False, resume=True):
            found = contents(folder)
        assert found.pop("notes.txt", "mine") == "mine"
        whole = [words for words, wanted in {**WHOLE, "nothing": {}}.items() if wanted == found]
        assert whole, found
        seen.update(whole)
        assert not list(folder.glob(".*")), "something was left"
        make(folder, "third")
        assert contents(folder).items() >= WHOLE["third"].items()
        assert not list(folder.rglob(".*"))
        if done:
            break
    assert done
    assert seen == {"old" if earlier else "nothing"} | (set() if fails else {"new"})


def test_a_second_writer_is_refused_and_nothing_is_touched(tmp_path):
    folder = tmp_path / "run"
    with new_folder(folder, RUN, overwrite=False, resume=False):
        write(folder, "new")
        before = contents(folder)
        for overwrite, resume in ((True, False), (False, True), (False, False)):
            with pytest.raises(OutputError, match="another command is writing"):
                elsewhere(lambda o=overwrite, r=resume: enter(folder, RUN, o, r))
        assert contents(folder) == before
    assert contents(folder) == WHOLE["new"]


def test_those_that_go_on_with_many_runs_share_them(tmp_path):
    with new_folder(tmp_path, RUNS, overwrite=False, resume=False):
        (tmp_path / "run-1").mkdir()
        elsewhere(lambda: enter(tmp_path, RUNS, False, True))
        with pytest.raises(OutputError, match="another command is writing"):
            elsewhere(lambda: enter(tmp_path, RUNS, True, False))
        write(tmp_path / "run-1", "new")
    assert contents(tmp_path / "run-1") == WHOLE["new"]


def test_runs_that_others_still_write_to_are_not_replaced(tmp_path):
    """Of a parent that was killed, children may live on."""
    (tmp_path / "run-1").mkdir()
    write(tmp_path / "run-1", "old")
    with claimed_folder(tmp_path / "run-1"):
        with pytest.raises(OutputError, match="run-1"):
            enter(tmp_path, RUNS, True, False)
        enter(tmp_path, RUNS, False, True)
    assert contents(tmp_path / "run-1") == WHOLE["old"]


def test_a_claim_nests_and_leaves_no_empty_folder(tmp_path):
    folder = tmp_path / "a" / "b"
    with claimed_folder(folder), claimed_folder(folder):
        assert is_claimed(folder)
    assert list(tmp_path.iterdir()) == []


def test_one_writer_of_a_file_at_a_time_and_none_beside_one_of_its_folder(tmp_path):
    path = tmp_path / "refined.json"
    with claimed_file(path), claimed_file(path):
        with pytest.raises(OutputError, match=r"writing to '.*refined\.json'"):
            elsewhere(lambda: claim_file(path))
        elsewhere(lambda: claim_file(tmp_path / "another.json"))
        with pytest.raises(OutputError, match="another command"):
            elsewhere(lambda: enter(tmp_path, RUN, True, False))
    with claimed_folder(tmp_path), pytest.raises(OutputError, match="another command"):
        elsewhere(lambda: claim_file(path))
    assert list(tmp_path.iterdir()) == []


def test_the_lock_of_a_writer_that_was_killed_is_taken_over(tmp_path):
    (tmp_path / ".refined.json.lock").touch()
    with claimed_file(tmp_path / "refined.json"):
        pass
    assert list(tmp_path.iterdir()) == []


def elsewhere(work):
    """What it returns, or raises, in another flow of control, as in another process."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(work).result()


def enter(folder, kind, overwrite, resume):
    with new_folder(folder, kind, overwrite=overwrite, resume=resume):
        pass


def claim_file(path):
    with claimed_file(path):
        pass
