"""What a run learned, rolled out: what predictions are made of, and what they refuse."""

import numpy as np
import pytest

from pdenet.errors import CheckpointError, ConfigError, DataError
from pdenet.evaluation.run import Request, equation_of, predict_run
from pdenet.events import Phase
from pdenet.storage import open_data, write_arrays

pytestmark = pytest.mark.slow


def thinned(path, data, every=1):
    """Data without a truth: those of `data`, thinned in time."""
    with open_data(data) as opened:
        states = opened.read(trajectories=slice(1, None))[:, ::every]
        write_arrays(path, states, opened.problem.grid, every * opened.dt, fields=("u",))
    return path


def test_steps_between_frames_make_no_difference(extracted, data, tmp_path):
    every = predict_run(extracted, Request(thinned(tmp_path / "a.h5", data)))
    fifth = predict_run(extracted, Request(thinned(tmp_path / "b.h5", data, every=5)))
    assert fifth.errors["network"] == pytest.approx(every.errors["network"][:, ::5], abs=1e-13)


def test_a_prediction_without_wishes_is_far_and_fresh(extracted):
    events, steps = [], []
    found = predict_run(
        extracted, on_event=events.append, progress=lambda *done: steps.append(done)
    )
    assert found.reach() == pytest.approx(5) and found.trained == pytest.approx(0.1)
    assert {len(errors) for errors in found.errors.values()} == {20}
    last = {name: float(np.median(errors[:, -1])) for name, errors in found.errors.items()}
    assert last["true equation"] < last["equation"] < last["network"] < 0.1
    assert steps[-1][0] == steps[-1][1] and steps == sorted(steps)
    told = [event for event in events if isinstance(event, Phase)]
    assert {event.name for event in told} == set(found.errors)
    assert max(event.fraction for event in told) == pytest.approx(1)


def test_what_is_missing_is_said_without_a_flag(trained, extracted, data, tmp_path):
    with pytest.raises(CheckpointError, match=r"type extract\('.*'\) first") as caught:
        equation_of(trained)
    assert "'pdenet extract" in caught.value.shell
    with pytest.raises(DataError, match=r"as Request\.trained_on$") as other:
        predict_run(extracted, Request(trained_on=thinned(tmp_path / "other.h5", data)))
    assert "--trained-on" in other.value.shell
    with pytest.raises(ConfigError, match=r"twice in Request\.against"):
        predict_run(extracted, Request(against=(trained, trained, trained)))
