"""The types that read options."""

import math

import click
import pytest

from pdenet.cli import main
from pdenet.cli.extract import stages_left
from pdenet.cli.group import commands
from pdenet.cli.options import LENGTHS, PARAMETER, PRESETS, SHAPE, given
from pdenet.cli.settings import training_config
from pdenet.training import config
from pdenet.training.run import read_run


@pytest.mark.parametrize(
    ("text", "shape"), [("64", (64,)), ("64x32", (64, 32)), ("8x9x10", (8, 9, 10)), ("4,5", (4, 5))]
)
def test_grid(text, shape):
    assert SHAPE.convert(text, None, None) == shape


@pytest.mark.parametrize("text", ["", "x", "64x", "-1", "0", "6.4", "64x²", "64 by 64"])
def test_wrong_grid(text):
    with pytest.raises(click.BadParameter, match="64x64"):
        SHAPE.convert(text, None, None)


@pytest.mark.parametrize(
    ("text", "lengths"),
    [
        ("1", (1.0,)),
        ("2pi", (2 * math.pi,)),
        ("2πx1", (2 * math.pi, 1.0)),
        ("pi x 0.5*pi", (math.pi, math.pi / 2)),
        ("1e-3", (1e-3,)),
    ],
)
def test_lengths(text, lengths):
    assert LENGTHS.convert(text, None, None) == pytest.approx(lengths)


@pytest.mark.parametrize("text", ["", "x", "-1", "0", "nan", "inf", "2 pies", "1e999"])
def test_wrong_lengths(text):
    with pytest.raises(click.BadParameter, match="2pi"):
        LENGTHS.convert(text, None, None)


def test_parameter():
    assert PARAMETER.convert("nu=0.05", None, None) == ("nu", 0.05)
    assert PARAMETER.convert(" a = -1e3 ", None, None) == ("a", -1000.0)


@pytest.mark.parametrize("text", ["nu", "nu=", "=1", "nu=one", "nu=nan", "nu=inf", "1=2", "a b=1"])
def test_wrong_parameter(text):
    with pytest.raises(click.BadParameter, match=r"nu=0\.05"):
        PARAMETER.convert(text, None, None)


def test_given_keeps_what_was_typed_zero_included():
    options = {"noise": 0.0, "dt": None, "pde": (), "frames": 3, "other": 1}
    assert given(options, "noise", "dt", "pde", "frames") == {"noise": 0.0, "frames": 3}


def test_the_presets_of_the_help_are_those_of_the_configuration():
    assert tuple(config.PRESETS) == PRESETS


def test_a_limit_of_the_order_and_a_budget_are_settings():
    config = training_config({"max_order": 3, "budget": 0.5})
    assert (config.network.max_order, config.refine.order, config.budget) == (3, 3, 30.0)
    assert config.network.order is None  # the data choose, up to it
    named = training_config({"preset": "variable-coefficients", "max_order": 2})
    assert named.network.highest == 2


def test_a_run_goes_on_with_the_order_that_its_data_chose(data, settings, tmp_path, refused):
    """What was typed is compared with what was asked for then, not with what the data said."""
    run = tmp_path / "run"
    words = ["train", str(data), "-o", str(run), "--config", str(settings)]
    assert main([*words, "-q", "--budget", "1e-9"]) == 0
    assert read_run(run).config.network.order == 2
    assert main([*words, "-q", "--resume", "--budget", "60"]) == 0
    assert not stages_left(run, data)
    assert "another network" in refused([*words, "--resume", "--max-order", "3"])


@pytest.mark.parametrize("command", ["train", "discover", "extract", "refine"])
@pytest.mark.parametrize("budget", ["0", "-1", "nan", "x"])
def test_a_budget_is_a_number_of_minutes(command, budget, data, tmp_path, refused):
    output = ["-o", str(tmp_path / "out")] if command != "extract" else []
    assert "budget" in refused([command, str(data), *output, "--budget", budget])


@pytest.mark.parametrize("name", commands.list_commands(None))
def test_every_whole_number_has_a_limit_that_files_and_generators_hold(name):
    options = commands.get_command(None, name).params
    whole = [each.type for each in options if isinstance(each.type, click.IntRange)]
    assert all(kind.max is not None and kind.max < 2**63 for kind in whole)
    assert not any(each.type is click.INT for each in options)


@pytest.mark.parametrize("number", ["9" * 400, str(2**63), "-1", "1e3", "x"])
@pytest.mark.parametrize(
    "words",
    [
        *(["simulate", "burgers", "-o", "out", "--substeps"], ["refine", "data", "--seed"]),
        *(["predict", "run", "--trajectories"], ["discover", "burgers", "-o", "out", "--repeats"]),
    ],
)
def test_a_whole_number_out_of_reach_is_one_line(words, number, refused):
    assert "is not a whole number from" in refused([*words, number])
