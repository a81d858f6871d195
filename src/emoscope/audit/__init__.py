"""The data-quality audit: what is wrong with labelled rows, and a fixed copy. Needs the extra `audit`.

`audit` returns an `Audit`, plain data, which `audit_text` and `audit_page` show. `plan_fix` decides which rows to drop
or edit, and `write_fixed_copy` writes the copy.
"""

from __future__ import annotations

from emoscope.errors import require_extra

require_extra("audit")

from emoscope.audit.fix import Change, plan_fix
from emoscope.audit.fixed_copy import write_fixed_copy
from emoscope.audit.html_report import audit_page
from emoscope.audit.label_issues import LabelIssue, LabelIssues
from emoscope.audit.near_duplicates import NearDuplicate
from emoscope.audit.report import Audit, Issue, audit
from emoscope.audit.shortcut import Shortcut
from emoscope.audit.split_summary import SplitSummary
from emoscope.audit.text_report import audit_text
from emoscope.audit.unique_texts import RowRef, UniqueText

__all__ = [
    "Audit",
    "Change",
    "Issue",
    "LabelIssue",
    "LabelIssues",
    "NearDuplicate",
    "RowRef",
    "Shortcut",
    "SplitSummary",
    "UniqueText",
    "audit",
    "audit_page",
    "audit_text",
    "plan_fix",
    "write_fixed_copy",
]
