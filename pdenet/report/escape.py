"""Text from outside, made harmless for HTML addresses, Markdown and LaTeX.

HTML itself is escaped by Jinja's autoescape. `Raw` marks what is markup already: it is made here
from numbers and monomials, never from outside.
"""

import re
from typing import Any
from urllib.parse import quote

from pdenet.foreign import printable

__all__ = ["Raw", "data_uri", "html", "latex", "markdown"]

_GREEK = {
    **dict(α="alpha", β="beta", γ="gamma", δ="delta", ε="epsilon", ζ="zeta", η="eta", θ="theta"),
    **dict(κ="kappa", λ="lambda", μ="mu", ν="nu", ξ="xi", ρ="rho", σ="sigma", τ="tau", φ="phi"),
    **dict(χ="chi", ψ="psi", ω="omega", π="pi", Δ="Delta"),
}
_LATEX = {
    "\\": r"\textbackslash{}",
    **{char: f"\\{char}" for char in "{}$&#%_"},
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    '"': r"\textquotedbl{}",
    "[": "{[}",
    "]": "{]}",
    "–": "--",
    "\u202f": r"\,",
    "\u2009": r"\,",
    "−": r"\ensuremath{-}",
    "×": r"\ensuremath{\times}",
    "·": r"\ensuremath{\cdot}",
    "±": r"\ensuremath{\pm}",
    "∞": r"\ensuremath{\infty}",
    "‖": r"\ensuremath{\|}",
    "∂": r"\ensuremath{\partial}",
    **{letter: rf"\ensuremath{{\{name}}}" for letter, name in _GREEK.items()},
}
_RAISED = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻", "0123456789-")
_LATEX_SPECIAL = re.compile("[⁰¹²³⁴⁵⁶⁷⁸⁹⁻]+|" + "|".join(map(re.escape, _LATEX)))
# What pdflatex reads without more packages: ASCII and the letters of Latin-1 and Latin Extended-A.
_LATEX_UNKNOWN = re.compile(r"[^\x20-\x7e\u00c0-\u017f]")
_MARKDOWN_SPECIAL = re.compile(r"([\\`*_{}\[\]<>#|~&$])")
_URL_SAFE = " /:;,=()[]{}!?*+@$-_.~"


class Raw(str):
    """Text that is markup already."""

    __slots__ = ()


def data_uri(svg: str) -> str:
    """An SVG picture as the address of an image; nothing in it can run or load anything."""
    return f"data:image/svg+xml,{quote(svg, safe=_URL_SAFE)}"


def html(value: Any) -> Any:
    """Text without characters that are obeyed and not drawn; its markup is escaped by Jinja."""
    return printable(value) if type(value) is str else value


def latex(value: Any) -> str:
    """Text that LaTeX prints as it is; characters that pdflatex does not know become "?"."""
    if isinstance(value, Raw):
        return value
    parts = []
    end = 0
    text = printable(str(value))
    for match in _LATEX_SPECIAL.finditer(text):
        found = match.group()
        raised = rf"\ensuremath{{^{{{found.translate(_RAISED)}}}}}"
        parts += [_LATEX_UNKNOWN.sub("?", text[end : match.start()]), _LATEX.get(found, raised)]
        end = match.end()
    return "".join([*parts, _LATEX_UNKNOWN.sub("?", text[end:])])


def markdown(value: Any) -> str:
    """Text on one line in which no character is markup."""
    if isinstance(value, Raw):
        return value
    return _MARKDOWN_SPECIAL.sub(r"\\\1", printable(" ".join(str(value).splitlines())))
