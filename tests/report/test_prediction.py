"""A long prediction: what the figures show."""

from __future__ import annotations

import itertools
import runpy
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pdenet.errors import OutputError
from pdenet.evaluation.prediction import record
from pdenet.report.animation import animate
from pdenet.report.forecast import colour_of, error_figure, ordered
from pdenet.report.gallery import gallery_figure, shown_times
from pdenet.report.outlook import write_prediction
from pdenet.report.style import styled

MADE = runpy.run_path(str(Path(__file__).parents[1] / "evaluation" / "made_prediction.py"))
SHAPES, made = MADE["SHAPES"], MADE["made"]


def test_error_figure_draws_the_medians_and_the_horizon():
    prediction = made(window=0.05)
    assert ordered(prediction) == ("equation", "network", "network of frozen", "true equation")
    with styled():
        (axes,) = error_figure(prediction).axes
    curves = {line.get_label(): line for line in axes.lines if line.get_xdata()[0] > 0}
    assert axes.get_yscale() == "log"
    for name, words in (("equation", "found equation"), ("network", "network")):
        line = curves[words]
        assert line.get_color() == colour_of(prediction, name)
        assert line.get_ydata() == pytest.approx(3 * prediction.errors[name][0, 1:])
    vertical = {line.get_xdata()[0] for line in axes.lines if len(set(line.get_xdata())) == 1}
    assert vertical == {0.05, 0.2}
    assert {text.get_text() for text in axes.texts} == {
        *("training\nwindow", "end of the\ntraining data"),
    }
    low, high = axes.get_ylim()
    assert 1e-8 < low < 1e-6 and 0.5 < high < 2


def test_marks_that_are_close_share_a_name():
    with styled():
        (axes,) = error_figure(made(window=0.19)).axes
    assert [text.get_text() for text in axes.texts] == [
        "training window,\nend of the training data"
    ]


def test_error_figure_of_a_run_that_blew_up():
    lost = np.full((5, 11), np.nan)
    lost[:, 0] = 0
    prediction = made(errors={"equation": lost, "network": lost})
    with styled():
        (axes,) = error_figure(prediction).axes
    assert np.isfinite(axes.get_ylim()).all()


def images(figure):
    return [axes.images[0] for axes in figure.axes if axes.images and axes.get_label() == ""]


@pytest.mark.parametrize(
    ("fields", "columns"), [(("u",), 5), (("u", "v"), 3), (("a", "b", "c"), 3)]
)
@pytest.mark.parametrize("ndim", [2, 3])
def test_gallery_of_planes(ndim, fields, columns):
    prediction = made(ndim, fields)
    with styled():
        figure = gallery_figure(prediction)
    shown = images(figure)
    assert len(shown) == 5 * columns * len(fields)
    # Row by row within a field: truth, network, its error, equation, its error.
    places = shown_times(prediction, columns)
    assert places[0] == 2 and places[-1] == 10
    for column, place in enumerate(places):
        truth = prediction.observed[place, 0]
        by_network = prediction.predicted["network"][place, 0]
        if ndim == 3:
            truth, by_network = truth[:, :, 4], by_network[:, :, 4]
        assert np.array_equal(shown[column].get_array(), truth.T)
        error = shown[2 * columns + column]
        assert np.array_equal(error.get_array(), (by_network - truth).T)
        assert error.get_clim()[0] == -error.get_clim()[1]
        assert shown[column].get_clim() == shown[columns].get_clim()
        assert shown[column].origin == "lower"
    titles = [axes.get_title() for axes in figure.axes if axes.get_title()]
    assert titles[:columns][-1] == "t = 1"


def test_gallery_of_lines_is_over_x_and_t():
    prediction = made(1, units={"x": "cm", "t": "ms", "u": "V"})
    with styled():
        figure = gallery_figure(prediction)
    shown = images(figure)
    assert len(shown) == 5
    assert np.array_equal(shown[0].get_array(), prediction.observed[:, 0])
    labels = {axes.get_xlabel() for axes in figure.axes} | {a.get_ylabel() for a in figure.axes}
    assert {"x (cm)", "t (ms)"} <= labels
    assert any("u (V) at t = 0, 0.2, 1" in axes.get_title("left") for axes in figure.axes)


def test_what_blew_up_is_said():
    lost = made().predicted["equation"].copy()
    lost[5:] = np.nan
    prediction = made()
    prediction = replace(prediction, predicted={**prediction.predicted, "equation": lost})
    with styled():
        figure = gallery_figure(prediction)
    said = [text.get_text() for axes in figure.axes for text in axes.texts]
    assert said == ["blown up"] * len(said) and len(said) == 2 * 3


@pytest.mark.slow
@pytest.mark.parametrize(("ndim", "fields"), [(1, ("u",)), (2, ("u", "v")), (3, ("u",))])
def test_a_moving_picture_moves(tmp_path, ndim, fields):
    path, done = tmp_path / "film.gif", []
    with styled():
        animate(made(ndim, fields), path, done.append)
    assert done == sorted(done) and done[-1] == 1
    with Image.open(path) as film:
        assert film.n_frames == 11  # equal pictures at the end are one that stays
        durations, pictures = [], []
        for number in range(film.n_frames):
            film.seek(number)
            durations.append(film.info["duration"])
            pictures.append(np.asarray(film.convert("RGB"), dtype=int))
    assert durations[-1] > 5 * durations[0]
    assert all(np.abs(a - b).max() > 50 for a, b in itertools.pairwise(pictures))


@pytest.mark.slow
def test_the_same_prediction_gives_the_same_files(tmp_path):
    prediction = made(fields=("u", "v"))
    document = record(prediction)
    folders = [tmp_path / "a", tmp_path / "b"]
    for folder in folders:
        write_prediction(prediction, document, folder, animation=folder.with_suffix(".gif"))
    for name in ("prediction.json", "error.png", "gallery.png"):
        assert (folders[0] / name).read_bytes() == (folders[1] / name).read_bytes()
    assert (tmp_path / "a.gif").read_bytes() == (tmp_path / "b.gif").read_bytes()
    with pytest.raises(OutputError, match="overwrite=True"):
        write_prediction(prediction, document, folders[0])
