"""Equations as they are printed in Unicode, written as they are typed.

    u_t = −1.0003(4) u·u_x + 1.2·10⁻⁵·u²·ν     u_t = -1.0003*u*u_x + 1.2e-5*u**2*nu

What pdenet prints, it reads: minus, dot, superscripts, Greek letters, a blank between a number or a
bracket and what it multiplies, and standard errors in brackets, which say nothing about the
equation and are left out. A few signs that word processors put in these places are read as well.
"""

import re

from pdenet.pde.names import GREEK

__all__ = ["typed"]

_SIGNS = {
    **dict.fromkeys("−–", "-"),
    **dict.fromkeys("·⋅∙×", "*"),
    "∕": "/",
    "π": "pi",
    **{letter: name for name, letter in GREEK.items()},
    "λ": "lam",  # lambda is a word of Python, whose parser reads the text
    "ϵ": "epsilon",
    "ϕ": "phi",
    "ϑ": "theta",
    "µ": "mu",
}
_SUPERSCRIPT = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻", "0123456789-")
_POWER = re.compile("[⁰¹²³⁴⁵⁶⁷⁸⁹⁻]+")
_NUMBER = r"(?<![A-Za-z0-9_.])(\d+\.?\d*|\.\d+)"
_SCALED = re.compile(_NUMBER + r"(?:\(\d+\))?·10([⁰¹²³⁴⁵⁶⁷⁸⁹⁻]+)")
_ERROR = re.compile(_NUMBER + r"\(\d+\)(?=e[+-]?\d|[^A-Za-z0-9_]|$)")

_FACTOR = re.compile(rf"({_NUMBER}(?:e[+-]?\d+)?|\))\s+(?=[A-Za-z(])")


def typed(text: str) -> str:
    """The text with plain characters in place of these; all others stay."""
    # 1.2·10⁻⁵ is the number 1.2e-5, to the last digit, and no product.
    text = _SCALED.sub(lambda found: f"{found[1]}e{found[2].translate(_SUPERSCRIPT)}", text)
    text = _POWER.sub(lambda found: "**" + found.group().translate(_SUPERSCRIPT), text)
    for sign, plain in _SIGNS.items():
        text = text.replace(sign, plain)
    return _FACTOR.sub(r"\1*", _ERROR.sub(r"\1", text))
