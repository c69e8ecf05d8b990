"""What the pictures show: axes the right way round, percentiles, kernels, numbers."""

from __future__ import annotations

import runpy
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from pdenet.report import curves, fields, kernels, panel, style
from pdenet.report.curves import error_figure, loss_figure
from pdenet.report.kernels import derivative_name

SYNTHETIC = runpy.run_path(str(Path(__file__).with_name("synthetic.py")))
VARIANTS, burgers = SYNTHETIC["VARIANTS"], SYNTHETIC["burgers"]
three_dimensions = SYNTHETIC["three_dimensions"]


def first_image(monkeypatch, module, draw):
    """The axes of the first picture that `draw` makes."""
    made = []
    new_axes = style.new_axes

    def keep(*arguments):
        made.append(new_axes(*arguments))
        return made[-1]

    monkeypatch.setattr(module, "new_axes", keep)
    with style.styled():
        next(draw())
    return made[0]


def test_the_legend_of_the_errors_is_inside_the_picture(monkeypatch):
    made = []
    new_axes = curves._log_axes
    monkeypatch.setattr(curves, "_log_axes", lambda: made.append(new_axes()) or made[-1])
    with style.styled():
        evidence = burgers()
        noise = 0 * next(iter(evidence.errors.values())) + 1e-3
        error_figure(replace(evidence, errors={**evidence.errors, "noise": noise}))
        figure = made[0].figure
        (legend,) = figure.legends
        figure.canvas.draw()
        assert len(legend.get_texts()) == 5
        box, whole = legend.get_window_extent(), figure.bbox
    assert whole.x0 <= box.x0 and box.x1 <= whole.x1 and box.y1 <= whole.y1


def test_x_runs_to_the_right_and_y_upwards(monkeypatch):
    evidence = burgers()
    observed = np.zeros_like(evidence.observed)
    observed[:, :, 5, 50] = 1.0
    evidence = replace(evidence, observed=observed)
    axes = first_image(monkeypatch, panel, lambda: fields.field_rows(evidence))
    (image,) = axes.images
    left, right, bottom, top = image.get_extent()
    row, column = np.argwhere(np.asarray(image.get_array()) == 1.0)[0]
    rows, columns = image.get_array().shape
    assert image.origin == "lower"
    step = evidence.grid.spacing[0]
    assert left + (column + 0.5) * (right - left) / columns == pytest.approx(5 * step)
    assert bottom + (row + 0.5) * (top - bottom) / rows == pytest.approx(50 * step)
    assert axes.get_xlabel() == "x"
    assert axes.get_ylabel() == "y"
    assert axes.get_xlim() == (left, right)


def test_one_dimension_is_drawn_over_x_and_t_with_units(monkeypatch):
    evidence = VARIANTS["one_dimension"]()
    axes = first_image(monkeypatch, panel, lambda: fields.field_rows(evidence))
    assert axes.get_xlabel() == "x (cm)"
    assert axes.get_ylabel() == "t (ms)"
    assert axes.images[0].get_array().shape == (21, 128)


def test_a_large_field_is_thinned(monkeypatch):
    evidence = VARIANTS["one_dimension"]()
    wide = np.repeat(evidence.observed, 8, axis=-1)
    grid = evidence.grid.refine(8)
    evidence = replace(evidence, grid=grid, observed=wide, predicted=wide)
    axes = first_image(monkeypatch, panel, lambda: fields.field_rows(evidence))
    assert max(axes.images[0].get_array().shape) <= 160


def test_the_middle_plane_is_said():
    evidence = three_dimensions()
    assert fields.middle_plane(evidence) == pytest.approx(np.pi)
    assert fields.middle_plane(burgers()) is None


def test_there_is_no_curve_without_numbers():
    evidence = replace(burgers(), errors={"equation": np.zeros((2, 81))}, loss=())
    with style.styled():
        assert error_figure(evidence) is None
        assert loss_figure(evidence) is None


def test_kernels_lie_as_the_fields_do(monkeypatch):
    learned = np.zeros((5, 5))
    learned[4, 2] = 1.0  # one point to the right of x's neighbour, on y's axis
    evidence = replace(burgers(), filters={"x": (learned, learned)})
    axes = first_image(monkeypatch, kernels, lambda: kernels.filter_figures(evidence))
    image = axes.images[0]
    assert image.origin == "lower"
    assert np.argwhere(np.asarray(image.get_array()) == 1.0).tolist() == [[2, 4]]
    assert [text.get_text() for text in axes.get_xticklabels()][-1] == "2"


def test_in_three_dimensions_the_plane_of_the_derivative_is_shown(monkeypatch):
    kernel = np.zeros((5, 5, 5))
    kernel[2, 2, 3] = 0.5
    evidence = replace(three_dimensions(), filters={"z": (kernel, kernel)})
    axes = first_image(monkeypatch, kernels, lambda: kernels.filter_figures(evidence))
    assert axes.get_ylabel() == "offset in z"
    assert np.asarray(axes.images[0].get_array())[3, 2] == 0.5


@pytest.mark.parametrize(
    ("name", "shown"), [("x", "∂/∂x"), ("xxy", "∂³/∂x²∂y"), ("yz", "∂²/∂y∂z"), ("<b>", "<b>")]
)
def test_derivatives_have_their_names(name, shown):
    assert derivative_name(name) == shown


@pytest.mark.parametrize(
    ("value", "shown"),
    [(0.0, "0"), (-0.08333, "−.083"), (1.25, "1.250"), (-30.0, "−30"), (0.9999, "1.000")],
)
def test_entries_of_a_kernel_are_short(value, shown):
    assert kernels.number(value) == shown


@pytest.mark.parametrize("text", ["a\nb", "温", "$x$", "x" * 99, "\x00"])
def test_text_from_outside_can_be_drawn(text):
    drawn = style.plain(text)
    assert "\n" not in drawn
    assert len(drawn) <= 28
    with style.styled():
        axes = style.new_axes((2.0, 2.0), (0.5, 0.5, 1.0, 1.0))
        style.label(axes.set_title(drawn))
        assert "<svg" in style.Drawing.of(axes, name="a", alt="b").svg


def test_long_kernels_along_an_axis_are_weights_over_the_offset(monkeypatch):
    learned, frozen = np.zeros((13, 13)), np.zeros((13, 13))
    frozen[6, [5, 7]] = -0.5, 0.5
    learned[6, [4, 5, 7, 8]] = 0.1, -0.7, 0.7, -0.1
    evidence = replace(burgers(), filters={"y": (learned, frozen)})
    seen = []
    original = kernels._weights
    monkeypatch.setattr(kernels, "_weights", lambda *args: seen.append(original(*args)) or seen[-1])
    with style.styled():
        assert len(list(kernels.filter_figures(evidence))) == 1
    first, second = seen[0].figure.axes
    assert first.get_xlabel() == "offset in y"
    np.testing.assert_array_equal(first.lines[0].get_xdata(), np.arange(-6, 7))
    np.testing.assert_allclose(first.lines[0].get_ydata(), learned[6])
    np.testing.assert_allclose(first.lines[1].get_ydata(), frozen[6])
    np.testing.assert_allclose(second.lines[0].get_ydata(), (learned - frozen)[6])
