"""Events become a bar in a terminal, lines elsewhere, and nothing when quiet."""

import io

import pytest
from rich.console import Console

from pdenet.cli.progress import Monitor
from pdenet.events import (
    CheckpointSaved,
    Iteration,
    Phase,
    StageFinished,
    StageStarted,
    StepUndone,
    TermDropped,
)

EVENTS = (
    StageStarted("train", blocks=3, iterations=40, index=2, stages=10),
    Iteration("train", 1, 40, 0.5, 0.1),
    Iteration("train", 20, 40, 0.0123, 2.0, "u_t = -0.99*u*u_x"),
    StepUndone("train", 21, "the loss is NaN", 0.25),
    StageFinished("train", 40, 0.01, 0.02, 4.0),
    CheckpointSaved("run/checkpoint"),
    Phase("refit", 0.5, "chi² 1.02"),
    TermDropped("u", "u*v", 1e-4, 2e-5, "validation does not need it"),
    Phase("selection", 1.0, "3 terms stay"),
    Phase("refit", 0.9, "u_t = -1*u*u_x; v_t = -1*v*v_y"),
    Phase("refit", 1.0, "u_t = -1*u*u_x; v_t = -1*v*v_y"),
    Phase("refit", 1.0, "u_t = -1*u*u_x; v_t = -1*v*v_y"),
)


def shown(*, terminal, silent=False, talkative=False):
    stream = io.StringIO()
    console = Console(file=stream, force_terminal=terminal, width=160, color_system=None)
    with Monitor(console, silent=silent, talkative=talkative) as monitor:
        for event in EVENTS:
            monitor(event)
            if monitor.drawn:
                monitor.live.refresh()
        monitor.simulated(3, 12)
    return stream.getvalue()


def test_a_log_gets_one_line_for_each_stage_and_no_bar():
    lines = shown(terminal=False).splitlines()
    assert len(lines) == 4
    assert "step undone (the loss is NaN)" in lines[0]
    assert lines[1].startswith("stage 3/10: train: 40 iterations, loss 0.01")
    assert lines[2].startswith("selection: 3 terms stay, ")
    assert lines[3].startswith("refit: ") and "u_x" not in lines[3]


def test_dropped_terms_are_told_to_those_who_ask():
    assert "dropped u*v from u" in shown(terminal=False, talkative=True)
    assert "dropped" not in shown(terminal=False)


def test_every_field_has_its_line_below_the_bar():
    assert "\n  v_t = -1*v*v_y" in shown(terminal=True)


@pytest.mark.parametrize("part", ["stage 3/10", "50 %", "loss 0.0123", "-0.99*u*u_x", "chi² 1.02"])
def test_a_terminal_shows_the_bar(part):
    assert part in shown(terminal=True)


@pytest.mark.parametrize("terminal", [True, False])
def test_quiet_shows_nothing(terminal):
    assert shown(terminal=terminal, silent=True) == ""


def test_the_bar_is_gone_after_an_error():
    console = Console(file=io.StringIO(), force_terminal=True, width=80)
    with pytest.raises(ValueError), Monitor(console, silent=False) as monitor:
        monitor(EVENTS[0])
        raise ValueError
    assert not monitor.live.is_started
