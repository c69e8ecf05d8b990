"""A found equation on its way to the user: table, text, LaTeX, Markdown and JSON.

Numbers and scores are those of `pdenet.pde.compare`; nothing is computed here. Of an equation that
was refined, every digit that is printed is one that its standard error leaves.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pdenet.cli.console import note, print_json, print_rows, print_text
from pdenet.evaluation.coefficients import Coefficient, Source
from pdenet.evaluation.records import document
from pdenet.pde import PDE
from pdenet.pde.compare import Comparison, Row, compare
from pdenet.pde.expression import Monomial
from pdenet.pde.render import Style, format_monomial, format_number, format_value
from pdenet.report import refined
from pdenet.report.summaries import coefficient_line, source_line
from pdenet.report.typeset import equations, unicode_text
from pdenet.results import Unknown, complete_lines
from pdenet.results.refinement import Refinement

__all__ = ["Result"]


@dataclass(frozen=True)
class Result:
    """A found equation, its standard errors, the truth if known, and the time it took.

    coefficients, sources: what the formulas of the equation stand for, where the network has it.
    refinement: what the fit by maximum likelihood says, if there was one; noise: the level that it
    was given. unknown: what the equations hold without a formula, by field. caution: what the
    standard errors leave out, in words.
    """

    found: PDE
    stderr: Mapping[str, Mapping[Monomial, float]] = field(default_factory=dict)
    truth: PDE | None = None
    seconds: Mapping[str, float] = field(default_factory=dict)
    coefficients: tuple[Coefficient, ...] = ()
    sources: tuple[Source, ...] = ()
    refinement: Refinement | None = None
    noise: float | None = None
    unknown: Mapping[str, tuple[Unknown, ...]] = field(default_factory=dict)
    caution: str = ""

    @property
    def comparison(self) -> Comparison | None:
        """The found equation beside the truth."""
        return None if self.truth is None else compare(self.found, self.truth)

    def rows(self) -> tuple[Row, ...]:
        """All terms, in canonical order; without a truth the found ones alone."""
        return (self.comparison or compare(self.found, self.found)).rows

    def error_of(self, row: Row) -> float | None:
        """The standard error of a term, if it has one."""
        return self.stderr.get(row.field, {}).get(row.monomial)

    def to_json(self) -> dict[str, Any]:
        """The document that `--json` prints."""
        found = document(
            self.found,
            self.stderr,
            self.comparison,
            self.seconds,
            self.coefficients,
            self.sources,
            self.refinement,
            self.unknown,
        )
        return {**found, "caution": self.caution or None}

    def tell(self) -> None:
        """Say on stderr what a reader must know before believing the numbers."""
        if self.refinement is not None:
            for warning in refined.warnings(self.refinement, self.noise):
                note(f"note: {warning}")

    def lines(self) -> list[str]:
        """A line for each map and each source, what errors leave out, what a refinement says."""
        system = len(self.found.fields) > 1
        varying = [each for each in self.coefficients if each.fitted.kind == "varying"]
        return [
            *(coefficient_line(each, system=system) for each in varying),
            *map(source_line, self.sources),
            *([self.caution] if self.caution else []),
            *self._verdict(),
        ]

    def _verdict(self) -> list[str]:
        """chi², noise and verdict; equations that the data do not exclude, where they matter."""
        if self.refinement is None:
            return []
        lines = [
            f"χ² = {refined.agreement(self.refinement)} per degree of freedom, "
            f"{refined.noise(self.refinement)} in the residuals"
            + ", not converged"
            * (not self.refinement.converged),
            self.refinement.judgement,
            *filter(None, [refined.acting(self.found)]),
        ]
        if self.refinement.verdict == "identified":
            return lines
        return lines + [
            f"  odds {refined.odds(other)}: {unicode_text(other.change)}"
            for other in refined.alternatives(self.refinement)
        ]

    def table(self, style: Style) -> tuple[list[str], list[list[str]]]:
        """Header and rows: equation, term, found with its standard error, and the truth."""
        header = ["equation", "term", "found"]
        if self.truth is not None:
            header += ["true", "error"]
        return header, [self._cells(row, style) for row in self.rows()]

    def _cells(self, row: Row, style: Style) -> list[str]:
        found = "missing"
        if row.found is not None:
            found = format_value(row.found, self.error_of(row), style)
        cells = [f"{row.field}_t", format_monomial(row.monomial, style), found]
        if self.truth is not None:
            true = "absent" if row.truth is None else format_number(row.truth, 5, style)
            error = row.relative_error
            cells += [true, row.kind if error is None else f"{100 * error:.2g} %"]
        return cells

    def to_markdown(self) -> str:
        """The equations and the table, as GitHub shows them."""
        header, rows = self.table("text")
        lines = ["```", self.text("text"), "```", "", "| " + " | ".join(header) + " |"]
        lines.append("|" + "|".join(" --- " if name in header[:2] else " ---: " for name in header))
        lines[-1] += "|"
        for field_t, term, *numbers in rows:
            cells = [f"`{field_t}`", f"`{term}`", *numbers]
            lines.append("| " + " | ".join(cells) + " |")
        lines += ["", self.caution] if self.caution else []
        return "\n".join(lines)

    def print(self, form: str) -> None:
        """Print in one of `pdenet.cli.options.FORMATS`."""
        if form == "json":
            print_json(self.to_json())
        elif form == "markdown":
            print_text(self.to_markdown())
        elif form == "latex":
            print_text(self.text("latex"))
        elif form == "unicode":
            print_text(self.text("unicode"))
        else:
            print_text(self.text("text"))

    def text(self, style: Style) -> str:
        """The equations, a line each, complete."""
        return "\n".join(complete_lines(self.found, self.unknown, style))

    def print_summary(self) -> None:
        """The equation, the table and the scores, to be read."""
        if self.refinement is None:
            print_text(self.text("unicode"))
        else:
            for equation in equations(self.found, self.stderr, self.unknown):
                print_text(equation.line())
        print_text("")
        header, rows = self.table("unicode")
        print_rows("", header, rows, numeric=header[2:])
        for line in self.lines():
            print_text(line)
        known = self.comparison
        if known is not None:
            print_text(
                f"TPR {known.tpr:.3g}, recall {known.recall:.3g}, precision {known.precision:.3g}, "
                f"E2 {100 * known.e2:.2g} %, Einf {100 * known.einf:.2g} %"
            )
        if self.seconds:
            print_text(", ".join(f"{name} {value:.1f} s" for name, value in self.seconds.items()))
