"""What is said of many runs while they work."""

import io
import json

from rich.console import Console

from pdenet.cli.board import Board, Follower
from pdenet.cli.children import cores, jobs_for


def write(log, *events):
    with log.open("a") as file:
        file.writelines(json.dumps(event) + "\n" for event in events)


STAGE = {"event": "StageStarted", "stage": "2 blocks", "index": 1, "stages": 3}


def test_a_follower_reads_a_log_as_it_grows(tmp_path):
    log = tmp_path / "log.jsonl"
    follower = Follower(log)
    follower.look()
    assert (follower.course.doing, follower.course.done) == ("starting", 0)
    write(log, STAGE, {"event": "Iteration", "iteration": 3, "iterations": 12})
    follower.look()
    assert follower.course.doing == "stage 2/3: 2 blocks"
    seen = [follower.course.done]
    with log.open("a") as file:
        file.write('{"event": "Phase", "name": "re')
    follower.look()
    assert follower.course.doing == "stage 2/3: 2 blocks"
    with log.open("a") as file:
        file.write('fit", "fraction": 0.5}\nno record\n{"event": "Phase"}\n')
    follower.look()
    assert follower.course.doing == "refit"
    seen.append(follower.course.done)
    log.write_text("")  # the run was begun anew
    write(log, STAGE)
    follower.look()
    assert follower.course.doing == "stage 2/3: 2 blocks"
    seen.append(follower.course.done)
    assert seen == sorted(seen) and 0 < seen[0] < seen[1] < 1


def test_a_follower_leaves_out_what_was_before(tmp_path):
    log = tmp_path / "log.jsonl"
    write(log, STAGE)
    follower = Follower(log)
    follower.look()
    assert follower.course.doing == "starting"


def test_the_bar_of_all_runs_counts_parts_of_those_at_work(tmp_path):
    """It never falls, and is full when the last run has ended and not before."""
    write(tmp_path / "log.jsonl")
    board = Board("repeat", 2, Console(file=io.StringIO(), force_terminal=True))
    everything = board.bars.tasks[0]
    seen = [everything.completed]
    board.started("seed-0", tmp_path / "log.jsonl")
    for event in (STAGE, STAGE | {"index": 2}, {"event": "Phase", "name": "refit", "fraction": 1}):
        write(tmp_path / "log.jsonl", event)
        board.look()
        seen.append(everything.completed)
    board.ended("seed-0", "3 s")
    seen.append(everything.completed)
    assert seen[-1] == 1 and everything.total == 2
    board.ended("seed-1", "failed", failed=True)
    seen.append(everything.completed)
    assert seen == sorted(seen) and seen[-1] == 2 and len(set(seen)) == len(seen)


def test_a_board_in_a_terminal_shows_every_run(tmp_path):
    out = io.StringIO()
    console = Console(file=out, force_terminal=True, width=120, highlight=False)
    write(tmp_path / "log.jsonl")
    with Board("repeat", 3, console) as board:
        board.started("seed-0", tmp_path / "log.jsonl")
        board.started("seed-1", None)
        write(tmp_path / "log.jsonl", STAGE)
        board.look()
        board.live.refresh()
        board.ended("seed-1", "failed: no terms", failed=True)
        board.ended("seed-2", "done before")
        board.live.refresh()
    shown = out.getvalue()
    assert "0 of 3 done, 2 running" in shown and "1 of 3 done, 1 running, 1 failed" in shown
    assert "seed-0" in shown and "stage 2/3: 2 blocks" in shown
    assert "repeat seed-1: failed: no terms" in shown and "repeat seed-2: done before" in shown


def test_elsewhere_each_run_that_ends_is_a_line():
    out = io.StringIO()
    with Board("run", 1, Console(file=out, width=80)) as board:
        board.started("a", None)
        board.look()
        board.ended("a", "3 s")
    assert out.getvalue() == "run a: 3 s\n"


def test_as_many_processes_as_cores_and_no_more_than_runs():
    assert jobs_for(None, 1000, "cpu") == cores() >= 1
    assert jobs_for(7, 3, "cpu") == 3
    assert jobs_for(2, 3, "cpu") == 2
    assert jobs_for(None, 5, "cuda") == 1
    assert jobs_for(4, 5, "cuda") == 4
