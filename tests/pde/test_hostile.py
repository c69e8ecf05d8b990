"""Texts from anywhere: refused, or read so that what is written of them reads the same."""

import importlib.util
from pathlib import Path
from random import Random

import pytest
import sympy
from hypothesis import given, settings
from hypothesis import strategies as st

from pdenet.errors import EquationError
from pdenet.pde import PDE
from pdenet.pde.expression import MAX_POWER, MAX_WEIGHT
from pdenet.pde.parse import MAX_CALLS

TEXTS = Path(__file__).resolve().parents[2] / "benchmarks" / "_hostile_texts.py"
spec = importlib.util.spec_from_file_location("_hostile_texts", TEXTS)
texts = importlib.util.module_from_spec(spec)
spec.loader.exec_module(texts)


@settings(deadline=None, max_examples=25)
@given(st.integers(0, 2**32))
def test_a_text_that_is_accepted_is_its_own_round_trip(seed):
    try:
        pde = PDE(texts.equation(Random(seed)))
    except EquationError as error:
        assert "\n" not in str(error) and str(error).isprintable()
        return
    again = PDE(*pde.equations(), coordinates=pde.coordinates)
    assert again == pde and again.equations() == pde.equations()


@pytest.mark.parametrize(
    "text",
    [
        "sin(2.0*u)",  # 2 and 2.0 are one number, also inside functions
        "exp(u + 1)*sin(exp(x + 2)*u)",
        "sin(610025842970196.0*u) + sin(1e16*u)",
        "u**60*u**4",
        "(u + x)**8*u**16",
        "1/(1 + u)/(1 + u)/(1 + u)**3",
    ],
)
def test_numbers_and_powers_read_back_as_they_were_written(text):
    pde = PDE(f"u_t = {text}")
    assert PDE(*pde.equations(), coordinates=pde.coordinates) == pde


@pytest.mark.parametrize(
    "text, says",
    [
        ("u**40*u**25", f"power 65 is too high: at most {MAX_POWER}"),
        ("sin(u**40*u**25)", f"power 65 is too high: at most {MAX_POWER}"),
        ("+".join(f"sin((u + u_x + x + {i})**9)" for i in range(98)), f"more than {MAX_WEIGHT}"),
        ("+".join(f"1/(u + u_x + x + {i})**9" for i in range(98)), f"more than {MAX_WEIGHT}"),
        ("(u + sin(" * 14 + "u" + "))**2" * 14, f"more than {MAX_WEIGHT}"),
        ("+".join(f"sin({i}*u)" for i in range(MAX_CALLS + 2)), "different functions"),
        # What is typed keeps to the limits, what it means does not.
        ("+".join(f"exp({i}*u + {i}*x)" for i in range(1, 150)), "multiplied out"),
    ],
)
def test_what_costs_too_much_is_refused_before_it_is_worked_on(text, says, monkeypatch):
    if says.startswith("more than"):
        monkeypatch.setattr("sympy.expand", lambda *a, **k: pytest.fail("it was multiplied out"))
    with pytest.raises(EquationError, match=says):
        PDE(f"u_t = {text}")


def test_a_pde_of_terms_that_cannot_be_written_says_so():
    name = "a" * 32
    u, u_x = (sympy.Symbol(text, real=True) for text in (name, f"{name}_x"))
    few = {u**k * u_x**j: 0.1 * (k + j) for k in range(1, 9) for j in range(1, 9)}
    PDE.from_terms({name: few}, ("x",)).require_readable()
    many = {u**k * u_x**j: 0.1 * (k + j) for k in range(1, 25) for j in range(1, 25)}
    with pytest.raises(EquationError, match=r"cannot be written: the equation has .* characters"):
        PDE.from_terms({name: many}, ("x",)).require_readable()
