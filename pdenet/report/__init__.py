"""Reports: one page that shows what was found, how well, and how it was made.

    report = build(evidence)
    report.write("report.html")        # or .md, .tex, .json

Reports are read by people who were not there: every figure has its axes and units, every score its
definition, and every number comes from the same `Evidence`.
"""

from pdenet.report.document import Report, build, form_of
from pdenet.report.evidence import PAPERS, DataSource, Evidence, StageCurve

__all__ = ["PAPERS", "DataSource", "Evidence", "Report", "StageCurve", "build", "form_of"]
