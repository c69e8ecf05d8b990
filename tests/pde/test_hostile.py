"""Texts from anywhere: refused, or read so that what is written of them reads the same."""

import importlib.util
import random
import subprocess
import sys
from contextlib import suppress
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


HOSTILE = [
    "",
    " ",
    "=",
    "u_t",
    "u_t =",
    "= u",
    "u_t == u",
    "u_t = u;import os",
    "u_t = __import__('os').system('touch /tmp/owned')",
    'u_t = exec("1")',
    "u_t = eval(u)",
    "u_t = open(u)",
    "u_t = u.__class__",
    "u_t = u.__class__.__mro__",
    "u_t = sin.__globals__",
    "u_t = (lambda: u)()",
    "u_t = lambda: u",
    "u_t = [u for u in u]",
    "u_t = {u}",
    "u_t = (u for v in u)",
    "u_t = (u, v)",
    "u_t = u,",
    "u_t = u[0]",
    "u_t = u if u else u",
    "u_t = u and u",
    "u_t = not u",
    "u_t = u in u",
    "u_t = u is u",
    "u_t = u < u",
    "u_t = u // 2",
    "u_t = u % 2",
    "u_t = u @ u",
    "u_t = u << 2",
    "u_t = u & u",
    "u_t = ~u",
    "u_t = (v := u)",
    "u_t = await u",
    "u_t = yield u",
    "u_t = yield",
    "u_t = *u",
    "u_t = sin(*u)",
    "u_t = sin(**u)",
    "u_t = sin(x=u)",
    "u_t = sin()",
    "u_t = sin(u)(u)",
    "u_t = sin(sin)",
    "u_t = laplace(laplace)",
    "u_t = d_dt(u)",
    "u_t = d_dx(u, 2)",
    "u_t = 1j*u",
    "u_t = True*u",
    "u_t = None",
    "u_t = ...",
    "u_t = 'u'",
    "u_t = f'{u}'",
    "u_t = b'u'",
    "u_t = 0x10*u",
    "u_t = 0777*u",
    "u_t = 1_000*u",
    "u_t = 1__0*u",
    "u_t = 1e400*u",
    "u_t = 1e-400*u",
    "u_t = inf*u",
    "u_t = nan*u",
    "u_t = -1e308*10*u",
    "u_t = " + "9" * 5000 + "*u",
    "u_t = 9**9**9**9",
    "u_t = 10**10**10*u",
    "u_t = u**(10**10)",
    "u_t = u**-99999999999",
    "u_t = ((((u**16)**16)**16)**16)**16",
    "u_t = ((((10*u)**16)**16)**16)**16",
    "u_t = (u + u_x + u_xx + x + t)**16",
    "u_t = ((u + u_x)**16)**16",
    "u_t = " + "*".join(f"(u + {k}*u_x)" for k in range(40)),
    "u_t = exp(exp(exp(exp(1000))))",
    "u_t = exp(10**16*10**16*10**16)*u",
    "u_t = sin(1/0)",
    "u_t = 0**-1",
    "u_t = 0**0*u",
    "u_t = u/(u - u)",
    "u_t = u**u",
    "u_t = 2**u",
    "u_t = u**x",
    "u_t = (-1)**0.5",
    "u_t = " + "(" * 10_000 + "u" + ")" * 10_000,
    "u_t = " + "(" * 150 + "u" + ")" * 150,
    "u_t = " + "(" * 10_000,
    "u_t = " + "-" * 10_000 + "u",
    "u_t = " + "+" * 150 + "u",
    "u_t = " + "u+" * 10_000 + "u",
    "u_t = " + "u**" * 300 + "2",
    "u_t = " + "sin(" * 150 + "u" + ")" * 150,
    "u_t = " + "sin(" * 50 + "u" + ")" * 50,
    "u_t = " + "d_dx(" * 40 + "sin(sin(u))" + ")" * 40,
    "u_t = " + "laplace(" * 8 + "u_z*exp(u)" + ")" * 8,
    "u_t = " + "1/(u+" * 40 + "x" + ")" * 40,
    "u_t = " + "1/(u+u_x*" * 25 + "x" + ")" * 25,
    "u_t = u_" + "x" * 1000,
    "u_t = u_x_x",
    "u_t = u__x",
    "u_t = u_",
    "u_t = _u",
    "u_t = __u__",
    "u_t = u_xt",
    "u_tt = u_xx",
    "u_t = u_t",
    "u_t*u_t = u",
    "sin(u_t) = u",
    "1/u_t = u",
    "u_t/u_t = u",
    "0*u_t = u",
    "u_t - u_t = u",
    "x_t = x",
    "t_t = t",
    "pi_t = pi",
    "sin_t = sin",
    "d_dx_t = 1",
    "u_t = #u",
    "u_t = u # + u_x",
    "u_t = u \\\n + u",
    "u_t = u\x00",
    "u_t = \x00",
    "u_t = u\ud800",
    "u_t = ｕ",
    "u_t = u²",
    "u_t = −u",
    "u_t = u·u_x",
    "u_t = ν*u_xx",
    "u_t = \u202eu",
    "u_t = u\u200b",
    "u_t = u u_x",
    "u_t = 2u",
    "u_t = u_x u",
    "u_t = u +",
    "u_t = * u",
    "u_t = u * / u",
    "u_t = ()",
    "u_t = (u",
    "u_t = u)",
    "u_t = (u))(",
    "u_t = %s",
    "u_t = ${u}",
    "u_t = `u`",
    "u_t = u!",
    "u_t = u'",
    "u_t = import os",
    "import os",
    "del u_t = u",
    "u_t = u\nv_t = v",
    "u_t: float = u",
    "u_t += u",
    "u_t -> u",
    "assert u_t = u",
    "u_t = global u",
    "class u_t = u",
    "u_t = print(u)",
    "u_t = exit()",
    "u_t = quit()",
    "u_t = breakpoint()",
    "u_t = globals()",
    "u_t = getattr(u, u)",
    "u_t = S(1)",
    "u_t = Symbol(u)",
    "u_t = Integral(u, x)",
    "u_t = factorial(u)",
    "u_t = oo",
    "u_t = zoo",
    "u_t = I*u",
    "u_t = E*u",
]


def broken(count):
    """Random damage to a good equation, and random strings of its pieces."""
    rng = random.Random(20)
    good = "u_t = -u*u_x + 0.05*(u_xx + u_yy)**2 - sin(x)*d_dx(u**2/2)/3"
    names = ["u", "u_t", "u_x", "v", "x", "t", "pi", "nu", "if", "else", "lambda", "__class__"]
    signs = [*"=()+-*/^,.'\"[]{}:;#\\@\x00\né", "**", "1", "0", "2.5", "1e9", "99999999"]
    pieces = [*names, *signs, "sin(", "exp(", "tanh(", "d_dx(", "laplace("]
    for k in range(count):
        if k % 2:
            yield "u_t = " + "".join(rng.choice(pieces) for _ in range(rng.randint(1, 14)))
        else:
            text = list(good)
            for _ in range(rng.randint(1, 4)):
                place = rng.randrange(len(text))
                text[place : place + rng.randint(0, 2)] = rng.choice(pieces)
            yield "".join(text)


@pytest.fixture
def nothing_runs(monkeypatch):
    """Fail when anything is compiled to code, executed, imported by name or opened."""

    # sympy loads its assumptions, by exec, when it first differentiates a power or compares.
    for text in ("1/u_t = u", "u_t = u"):
        with suppress(EquationError):
            PDE(text)

    def forbidden(*arguments, **options):
        raise AssertionError(f"called with {arguments!r:.80}")

    for name in ("eval", "exec", "open", "input"):
        monkeypatch.setattr(f"builtins.{name}", forbidden)
    monkeypatch.setattr("os.system", forbidden)
    monkeypatch.setattr(sympy, "sympify", forbidden)
    monkeypatch.setattr(sympy, "lambdify", forbidden)


@pytest.fixture
def outcome(nothing_runs, calls):
    """A function that reads a text, with work of a second or two at most: "read" or "refused"."""

    def read(text):
        results = []

        def work():
            try:
                pde = PDE(text)
            except EquationError as error:
                message = str(error)
                assert message and "\n" not in message and len(message) < 500, message
                message.encode("utf-8")
                results.append("refused")
            else:
                assert pde.fields
                results.append("read")

        calls(work, most=5e6)
        return results[0]

    return read


def test_there_are_enough_hostile_strings():
    assert len(set(HOSTILE)) + len(set(broken(200))) >= 300


@pytest.mark.parametrize("text", HOSTILE, ids=lambda text: ascii(text[:24]))
def test_hostile_text_is_refused_or_read_but_never_run(text, outcome):
    outcome(text)


def test_broken_text_is_refused_or_read_but_never_run(outcome):
    results = [outcome(text) for text in broken(200)]
    assert results.count("refused") > 100


def test_python_that_text_could_reach_stays_unreached(tmp_path):
    """A fresh interpreter with an audit hook sees no exec, no subprocess and no file written."""
    script = (
        "import sys\n"
        "from pdenet.pde import PDE\n"
        "def attack():\n"
        "    for text in sys.argv[1:]:\n"
        "        try:\n"
        "            PDE(text)\n"
        "        except ValueError:\n"
        "            pass\n"
        "attack()\n"  # SymPy loads some of its own modules on first use
        "seen = []\n"
        "sys.addaudithook(lambda name, args: seen.append(name)"
        " if name in ('exec', 'os.system', 'subprocess.Popen', 'import', 'open') else None)\n"
        "attack()\n"
        "assert not seen, seen\n"
    )
    attacks = [text for text in HOSTILE if "(" in text and "\x00" not in text and len(text) < 80]
    attacks = [text for text in attacks if text.isascii()]
    assert len(attacks) > 40
    subprocess.run([sys.executable, "-c", script, *attacks], check=True, cwd=tmp_path, timeout=600)
