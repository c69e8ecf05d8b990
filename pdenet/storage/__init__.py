"""Files of trajectories: written in one go, checked, and read lazily.

The format is the table in `pdenet.storage.schema`; data/README.md shows it.
"""

from pdenet.storage.arrays import named_fields, write_arrays
from pdenet.storage.page import format_page
from pdenet.storage.periodic import looked_at, require_periodic, seam_in_words
from pdenet.storage.read import Data, check, open_data
from pdenet.storage.write import Writer, create

__all__ = [
    "Data",
    "Writer",
    "check",
    "create",
    "format_page",
    "looked_at",
    "named_fields",
    "open_data",
    "require_periodic",
    "seam_in_words",
    "write_arrays",
]
