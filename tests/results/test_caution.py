"""Where standard errors are known to be too small it is said beside them, and only there."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from pdenet.boundary import Dirichlet, Neumann, periodic
from pdenet.cli.results import Result
from pdenet.errors import CheckpointError
from pdenet.pde import PDE
from pdenet.results import DiscoveredEquation, load_equation, save_equation
from pdenet.results.caution import CAUTIONS, NOISY, cautions, in_words, level

FOUND = DiscoveredEquation(PDE("u_t = 0.1*u_xx"), {})
WALLS = ((Dirichlet(0.0), Neumann(1.0)),)


@pytest.mark.parametrize(
    ("boundaries", "noise", "structure", "expected"),
    [
        (periodic(1), 0.0, 0.1, ()),
        (periodic(1), NOISY / 2, 0.1, ()),
        (periodic(1), 0.01, 0.1, ("noise",)),
        (periodic(1), 0.0, 0.9, ("residuals",)),
        (WALLS, 0.0, 0.1, ("walls",)),
        ((*periodic(1), *WALLS), 0.4, 0.1, ("walls", "noise")),
    ],
)
def test_the_rule(boundaries, noise, structure, expected):
    found = cautions(boundaries, noise, structure)
    assert found == expected and bool(in_words(found)) == bool(expected)
    assert "bias" in in_words(found) or not expected


@given(noise=st.floats(1e-3, 1.0), scale=st.floats(1e-6, 1e6), shift=st.floats(-10, 10))
def test_the_level_has_no_units(noise, scale, shift):
    generator = torch.Generator().manual_seed(0)
    states = torch.randn(3, 4, 2, 16, generator=generator, dtype=torch.float64)
    sigma = noise * states[:, 0].flatten(2).std(2)
    found = level(scale * (states + shift), scale * sigma)
    assert found == pytest.approx(noise, rel=1e-6)


@pytest.mark.parametrize("kinds", [(), ("walls",), ("noise",), ("walls", "residuals")])
def test_a_record_keeps_it(tmp_path, kinds):
    save_equation(replace(FOUND, cautions=kinds), tmp_path / "equation.json")
    assert load_equation(tmp_path / "equation.json").cautions == kinds


@pytest.mark.parametrize("kinds", [["kitchen"], [1], [["walls"]], "walls", {"walls": 1}])
def test_a_record_that_names_another_is_refused(tmp_path, kinds):
    path = tmp_path / "equation.json"
    save_equation(FOUND, path)
    path.write_text(json.dumps({**json.loads(path.read_text()), "cautions": kinds}))
    with pytest.raises(CheckpointError) as caught:
        load_equation(path)
    assert "\n" not in str(caught.value)


def test_a_record_of_before_has_none(tmp_path: Path):
    path = tmp_path / "equation.json"
    save_equation(FOUND, path)
    record = json.loads(path.read_text())
    del record["cautions"]
    record["format_version"] = 4
    path.write_text(json.dumps(record))
    assert load_equation(path).cautions == ()


@pytest.mark.parametrize("kinds", [(), tuple(CAUTIONS)])
def test_it_stands_where_the_numbers_are_printed(kinds, capsys):
    words = in_words(kinds)
    result = Result(FOUND.pde, caution=words)
    result.print_summary()
    printed = capsys.readouterr().out
    assert ("between walls" in printed) == bool(kinds)
    assert words in result.to_markdown()
    assert result.to_json()["caution"] == (words or None)
