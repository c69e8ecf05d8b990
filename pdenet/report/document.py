"""A report as a page, a table for a paper, or JSON, all from one `Evidence`.

The HTML page stands alone: pictures, style and text in one file, no script, nothing loaded from
anywhere. The LaTeX document compiles as it is (amsmath, booktabs, longtable) and its parts can be
copied into a paper; Markdown and LaTeX carry the numbers, `figures.save_all` writes the pictures.
Everything from outside is escaped where it is put in, never before.
"""

import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pdenet.errors import OutputError
from pdenet.evaluation.evidence import Evidence
from pdenet.evaluation.records import record
from pdenet.foreign import json_text
from pdenet.pde.compare import compare
from pdenet.report.figures import draw
from pdenet.report.files import write_text
from pdenet.report.page import render

__all__ = ["Report", "build", "form_of"]

FORMS = {
    ".htm": "HTML",
    ".html": "HTML",
    ".json": "JSON",
    ".markdown": "Markdown",
    ".md": "Markdown",
    ".tex": "LaTeX",
}
"""What a suffix stands for."""


@dataclass(frozen=True)
class Report:
    """A finished report; each method writes it in one form."""

    evidence: Evidence

    def html(self) -> str:
        """One self-contained page, figures as SVG within it."""
        return render("report.html.j2", self.evidence, plates=draw(self.evidence))

    def markdown(self) -> str:
        """GitHub's Markdown: equations, tables and sentences, no figures."""
        return render("report.md.j2", self.evidence)

    def latex(self) -> str:
        """A LaTeX document that compiles with pdflatex: equations and tables, no figures."""
        return render("report.tex.j2", self.evidence)

    def json(self) -> dict[str, Any]:
        """Equations, terms, scores and seconds as plain values; what is not finite is None."""
        return record(self.evidence)

    def write(self, path: str | os.PathLike[str], *, overwrite: bool = False) -> Path:
        """Write the report in the form that the suffix names, completely or not at all.

        path: ends in .html, .htm, .md, .markdown, .tex or .json.
        Raises OutputError for another suffix, an existing file (unless `overwrite`), or a file that
        cannot be written.
        """
        target = Path(path)
        forms = {
            "HTML": self.html,
            "Markdown": self.markdown,
            "LaTeX": self.latex,
            "JSON": self._json_text,
        }
        form = forms[form_of(target)]
        if target.exists() and not overwrite:
            raise OutputError(f"{target} exists already: allow overwriting or give another name")
        return write_text(target, form(), overwrite=overwrite)

    def _json_text(self) -> str:
        return json_text(self.json()) + "\n"


def form_of(path: str | os.PathLike[str]) -> str:
    """The form of a report that the suffix of its name asks for: HTML, Markdown, LaTeX or JSON.

    Raises OutputError for another suffix.
    """
    target = Path(path)
    form = FORMS.get(target.suffix.lower())
    if form is None:
        raise OutputError(
            f"a report cannot be written as {target.name!r}: end its name in "
            f"{', '.join(sorted(FORMS))}"
        )
    return form


def build(evidence: Evidence) -> Report:
    """The report of a discovery. With a truth but no comparison, the two are compared here."""
    if evidence.truth is not None and evidence.comparison is None:
        evidence = replace(evidence, comparison=compare(evidence.found, evidence.truth))
    return Report(evidence)
