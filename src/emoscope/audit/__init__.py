"""The data set doctor: what is wrong with labelled rows, and a mended copy. Needs the extra `audit`.

`audit` finds and gives an `Audit`, plain data; `audit_text` and `audit_page` show one; `plan_fix` says which rows to
drop or edit and `write_repair` writes the copy.
"""

from __future__ import annotations

from emoscope.errors import require_extra

require_extra("audit")

from emoscope.audit.entries import Entry, Row
from emoscope.audit.examination import Audit, Problem, audit
from emoscope.audit.fix import Change, plan_fix
from emoscope.audit.form import SplitSummary
from emoscope.audit.label_errors import LabelErrors, SuspectRow
from emoscope.audit.near_duplicates import NearDuplicate
from emoscope.audit.page import audit_page
from emoscope.audit.shortcut import Shortcut
from emoscope.audit.terminal import audit_text
from emoscope.audit.writing import write_repair

__all__ = [
    "Audit",
    "Change",
    "Entry",
    "LabelErrors",
    "NearDuplicate",
    "Problem",
    "Row",
    "Shortcut",
    "SplitSummary",
    "SuspectRow",
    "audit",
    "audit_page",
    "audit_text",
    "plan_fix",
    "write_repair",
]
