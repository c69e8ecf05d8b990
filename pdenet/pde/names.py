"""Which names an equation may use: fields, coordinates and parameters that cannot be confused."""

import difflib
import math
import re
from collections.abc import Iterable, Mapping, Sequence

from pdenet.errors import EquationError
from pdenet.pde.expression import FUNCTIONS
from pdenet.pde.jet import AXES, FIELD

__all__ = [
    "GREEK",
    "PARAMETER",
    "RESERVED",
    "check_coordinates",
    "check_fields",
    "check_given",
    "check_parameters",
    "closest",
]

OPERATORS = ("laplace", *(f"d_d{axis}" for axis in AXES))
RESERVED = frozenset({*AXES, "t", "pi", *FUNCTIONS, *OPERATORS})

GREEK = {
    "alpha": "α",
    "beta": "β",
    "gamma": "γ",
    "delta": "δ",
    "epsilon": "ε",
    "eta": "η",
    "theta": "θ",
    "kappa": "κ",
    "lambda": "λ",
    "mu": "μ",
    "nu": "ν",
    "rho": "ρ",
    "sigma": "σ",
    "tau": "τ",
    "phi": "φ",
    "chi": "χ",
    "omega": "ω",
}
"""The letters that stand for names in Unicode, where they are printed and where they are read."""

PARAMETER = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,63}")
"""What a parameter, or an unknown number or function, may be called."""


def check_coordinates(coordinates: Sequence[str]) -> tuple[str, ...]:
    """The coordinates as a tuple. Raises EquationError unless they are x, (x, y) or (x, y, z)."""
    names = tuple(coordinates)
    if not names or names != AXES[: len(names)]:
        raise EquationError(
            f"coordinates {names} are not known: use ('x',), ('x', 'y') or ('x', 'y', 'z')"
        )
    return names


def check_fields(fields: Iterable[str]) -> tuple[str, ...]:
    """The fields as a tuple. Raises EquationError for a name that means something else."""
    names = tuple(fields)
    if not names:
        raise EquationError("no equation was given: write e.g. 'u_t = 0.1*u_xx'")
    for name in names:
        if not isinstance(name, str) or name in RESERVED or not FIELD.fullmatch(name):
            raise EquationError(
                f"{name!r:.40} cannot name a field: use up to 32 letters and digits, and none of "
                f"{', '.join(sorted(RESERVED))}"
            )
    return names


def check_given(given: Iterable[str], fields: tuple[str, ...]) -> tuple[str, ...]:
    """All fields: those with an equation, then those that are given.

    Raises EquationError for a given field that has an equation, or a name that is none.
    """
    names = check_fields([*fields, *given])
    for name in names[len(fields) :]:
        if name in fields:
            raise EquationError(
                f"'{name}' is given, so it has no equation of its own: leave out '{name}_t = ...', "
                "or do not give it"
            )
    return tuple(dict.fromkeys(names))


def check_parameters(parameters: Mapping[str, float], fields: Sequence[str]) -> dict[str, float]:
    """The parameters as floats, sorted by name.

    Raises EquationError for a value that is not a finite number or a name that means something
    else already.
    """
    jets = re.compile(rf"({'|'.join(map(re.escape, fields))})(_[xyzt]+)?")
    checked = {}
    for name, value in sorted(parameters.items()):
        if name in RESERVED or jets.fullmatch(name) or not PARAMETER.fullmatch(name):
            raise EquationError(
                f"{name!r:.40} cannot name a parameter: it is a field, a derivative, a coordinate, "
                "a function or no plain name; rename it"
            )
        try:
            checked[name] = float(value)
        except (TypeError, ValueError, OverflowError):
            raise EquationError(f"parameter {name}={value!r:.40} must be a number") from None
        if not math.isfinite(checked[name]):
            raise EquationError(f"parameter {name}={value} must be a finite number")
    return checked


def closest(name: str, known: Iterable[str]) -> str:
    """The known name that looks most like `name`, as " (did you mean 'u_x'?)", or nothing."""
    match = difflib.get_close_matches(name, list(known), n=1)
    return f" (did you mean '{match[0]}'?)" if match else ""
