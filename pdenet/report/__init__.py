"""Reports: one page that shows what was found, how well, and how it was made.

    report = build(evidence)           # of `pdenet.evaluation.evidence_of`
    report.write("report.html")        # or .md, .tex, .json

Reports are read by people who were not there: every figure has its axes and units, every score its
definition, and every number comes from the same `Evidence`.
"""

from pdenet.report.document import Report, build, form_of

__all__ = ["Report", "build", "form_of"]
