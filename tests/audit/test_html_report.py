"""An audit as a page."""

from __future__ import annotations

from audit.made_rows import clean, rows
from emoscope.audit import audit, audit_page


def test_the_page_names_the_errors_and_escapes_texts() -> None:
    text = '<script>alert("x")</script>'
    page = audit_page(audit({"train": rows(*clean(), (text, "calm"), (text, "cross"))}))
    assert "<script" not in page and "&lt;script&gt;" in page
    assert "http" not in page.split("</style>")[0]
    assert '<li class="error"><b>error</b>texts with more than one label in train: 1</li>' in page
    assert "<summary><h2>Equal texts with different labels in train (1)</h2></summary>" in page


def test_the_bar_of_a_share_is_beside_its_digits() -> None:
    page = audit_page(audit({"train": rows(*clean())}))
    assert '<td class="figure"><span class="share" style="background: linear-gradient(' in page


def test_the_page_of_clean_rows_has_no_errors() -> None:
    assert '<li class="fine">No errors.</li>' in audit_page(audit({"train": rows(*clean())}))
