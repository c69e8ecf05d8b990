"""Events become a bar in a terminal, lines elsewhere, and nothing when quiet."""

import io

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console

from pdenet.events import (
    CheckpointSaved,
    Iteration,
    Phase,
    Refining,
    StageFinished,
    StageStarted,
    StepUndone,
    TermDropped,
    TermJudged,
    to_record,
)
from pdenet.progress import SHARES, Course, Monitor, listening

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


REFINING = (
    Phase("terms from the data", 1.0, "7 candidates"),
    Refining(1, 12, 166.9141, float("inf"), "u_t = -0.7*u*u_x; v_t = 0.2*v_xx"),
    Refining(2, 12, 1.4152, 2.53, "u_t = -0.9*u*u_x; v_t = 0.1*v_xx"),
    TermJudged("u", "u*v", False, 1.4, 9.5, "it lowers chi² by 1.4 where 9.5 would be evidence"),
    TermJudged("v", "v_xx", True, 1e5, 9.5, "without it chi² is higher by 1e+05"),
    Refining(1, 12, 1.2345, 0.5, "u_t = -1*u*u_x; v_t = 0.1*v_xx"),
    Refining(14, 12, 1.0371, 0.05, "u_t = -1.01*u*u_x; v_t = 0.1*v_xx"),
)


def shown(*, terminal, silent=False, talkative=False, events=EVENTS):
    stream = io.StringIO()
    console = Console(file=stream, force_terminal=terminal, width=160, color_system=None)
    with Monitor(console, silent=silent, talkative=talkative) as monitor:
        for event in events:
            monitor(event)
            if monitor.drawn:
                monitor.live.refresh()
        if events is EVENTS:
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


def test_a_refinement_is_one_line_in_a_log():
    lines = shown(terminal=False, events=REFINING).splitlines()
    assert len(lines) == 2 and lines[0].startswith("terms from the data: 7 candidates, ")
    assert lines[1].startswith("refinement: chi² 1.037, ") and lines[1].endswith(" s")
    # What comes after it ends it as well.
    lines = shown(terminal=False, events=(*REFINING, Phase("other", 1.0, "done"))).splitlines()
    assert [line.split(":")[0] for line in lines[1:]] == ["refinement", "other"]


def test_judged_terms_are_told_to_those_who_ask():
    text = shown(terminal=False, talkative=True, events=REFINING)
    assert "u*v in u_t is left out: it lowers chi² by 1.4 where" in text
    assert "v_xx in v_t stays: without it chi² is higher" in text
    assert "stays" not in shown(terminal=False, events=REFINING)


@pytest.mark.parametrize(
    "part",
    ["refinement", "chi² 166.9 ", "chi² 1.415, step 2.5", "iteration 14,", "\n  v_t = 0.1*v_xx",
     "u_t = -1.01*u*u_x"],
)  # fmt: skip
def test_a_terminal_shows_how_a_refinement_converges(part):
    assert part in shown(terminal=True, events=REFINING)


def test_a_refinement_that_fails_is_not_said_to_be_done():
    stream = io.StringIO()
    console = Console(file=stream, width=80)
    with pytest.raises(ValueError), Monitor(console, silent=False) as monitor:
        monitor(REFINING[1])
        raise ValueError
    assert stream.getvalue() == ""


def test_every_field_has_its_line_below_the_bar():
    assert "\n  v_t = -1*v*v_y" in shown(terminal=True)


@pytest.mark.parametrize("part", ["stage 3/10", "20/40", "loss 0.0123", "-0.99*u*u_x", "chi² 1.02"])
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


ONE, COUNT = st.just(1.0), st.integers(1, 50)
STAGE = st.builds(StageStarted, st.just("a"), st.just(1), COUNT, st.integers(0, 4), st.just(5))
ITERATION = st.builds(Iteration, st.just("a"), st.integers(0, 99), COUNT, ONE, ONE)
PHASE = st.builds(Phase, st.sampled_from(["refit", "selection", "maps"]), st.floats(0, 1))
FIT = st.builds(Refining, st.integers(1, 99), COUNT, ONE, ONE, st.just(""))


@given(
    st.lists(STAGE | ITERATION | PHASE | FIT),
    st.lists(st.sampled_from(sorted(SHARES)), min_size=1, unique=True),
)
@settings(deadline=None)
def test_the_whole_never_falls_and_is_never_full_before_the_end(events, parts):
    course, seen = Course(parts), [0.0]
    for event in events:
        course.take(to_record(event))
        seen.append(course.done)
    assert seen == sorted(seen) and seen[-1] < 1


def test_the_bar_is_that_of_the_whole():
    console = Console(file=io.StringIO(), force_terminal=True, width=80)
    monitor = Monitor(console)
    (bar,), seen = monitor.bars.tasks, []
    for event in (*EVENTS, *REFINING):
        monitor(event)
        seen.append(bar.percentage)
    assert monitor.bars.tasks == [bar] and bar.total == 1
    assert seen == sorted(seen) and seen[0] > 0 and seen[-1] < 100


def test_python_shows_it_in_a_terminal_and_not_elsewhere(monkeypatch):
    assert isinstance(heard(monkeypatch, terminal=True), Monitor)
    assert heard(monkeypatch, terminal=False) is None


def test_python_shows_nothing_where_that_is_asked_for(monkeypatch):
    assert heard(monkeypatch, terminal=True, on_event=False) is None
    assert heard(monkeypatch, terminal=True, on_event=print) is print


def test_a_notebook_gets_lines(monkeypatch):
    console = Console(file=io.StringIO(), force_jupyter=True)
    monkeypatch.setattr("pdenet.progress.console", lambda *, stderr: console)
    with listening(None) as monitor:
        assert isinstance(monitor, Monitor) and not monitor.drawn


def heard(monkeypatch, *, terminal, on_event=None):
    """Who listens where stderr is, or is not, a terminal."""
    console = Console(file=io.StringIO(), force_terminal=terminal)
    monkeypatch.setattr("pdenet.progress.console", lambda *, stderr: console)
    with listening(on_event) as listener:
        return listener


def test_a_decision_is_said_once_and_again_where_it_changes():
    judged = REFINING[3:5]
    changed = TermJudged("u", "u*v", True, 12.0, 9.5, "without it chi² is higher by 12")
    events = (*judged, *judged, changed, changed, *judged[1:])
    lines = shown(terminal=False, talkative=True, events=events).splitlines()
    assert [line.split(":")[0] for line in lines] == [
        "u*v in u_t is left out",
        "v_xx in v_t stays",
        "u*v in u_t stays",
    ]
