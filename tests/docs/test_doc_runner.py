"""The runner of the pages finds what is wrong with them."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("transformers", reason="the pages' models need the extra torch")

from doc_blocks import Block, blocks_of, with_output
from doc_output import same_output
from doc_run import PageError, PageRun
from doc_shell import CommandError, check_script, run_script

PAGE = """# A page

```csv title="rows.csv"
id
1
```

=== "A tab"

    ```bash
    cat rows.csv
    ```

    ```text
    id
    1
    ```

<!-- not run: needs a GPU -->
```python
from emoscope import EmotionClassifier
```
"""


@pytest.fixture(autouse=True)
def _own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def page(markdown: str) -> Path:
    file = Path("page.md")
    file.write_text(markdown, encoding="utf-8")
    return file


def run(markdown: str) -> PageRun:
    state = PageRun("page.md")
    state.run(blocks_of(page(markdown)))
    return state


def test_blocks_their_titles_marks_and_outputs() -> None:
    assert blocks_of(page(PAGE)) == [
        Block(4, "csv", "rows.csv", "id\n1\n"),
        Block(11, "bash", None, "cat rows.csv\n"),
        Block(15, "text", None, "id\n1\n", is_output=True),
        Block(21, "python", None, "from emoscope import EmotionClassifier\n", not_run="needs a GPU"),
    ]


def test_a_correct_page_runs() -> None:
    assert run(PAGE).different == []


def test_a_stale_output_is_found_and_rewritten() -> None:
    stale = PAGE.replace("    id\n    1\n    ```\n\n<", "    number\n    ```\n\n<")
    assert stale != PAGE
    ((block, printed),) = run(stale).different
    assert (block.line, printed) == (15, "id\n1\n")
    assert with_output(stale, [(block, printed)]) == PAGE


@pytest.mark.parametrize(
    ("markdown", "message"),
    [
        ("<!-- not run: no time -->\n```bash\nls\n```\n", "not a reason"),
        ("<!-- not run: needs a GPU -->\n\nText.\n\n```bash\nls\n```\n", "between a mark and its block"),
        ("```bash\nls\n", "not closed"),
    ],
)
def test_a_mark_needs_a_reason_and_a_block(markdown: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        blocks_of(page(markdown))


@pytest.mark.parametrize(
    ("markdown", "message"),
    [
        ("```python\nx = 1\n```\n\n```python\nassert x == 2\n```\n", "line 6: AssertionError"),
        ("```python\nx = \n```\n", "SyntaxError"),
        ("<!-- not run: needs a GPU -->\n```python\nfrom emoscope import NoSuchThing\n```\n", "NoSuchThing"),
        ("<!-- not run: takes minutes -->\n```bash\nemoscope train --no-such-flag\n```\n", "no-such-flag"),
        ("```bash\nemoscope predict --no-such-flag\n```\n", "exit code 2"),
        ("```bash\nno-such-program\n```\n", "no program"),
        ("```bash\nemoscope serve\ncurl 127.0.0.1:8000\n```\n", "last of its block"),
        ("```console\n$ echo a\nb\n```\n", "the output was"),
        ("```json\n{]\n```\n", "JSONDecodeError"),
        ("```cobol\nDISPLAY 'a'\n```\n", "cannot be run"),
    ],
)
def test_a_wrong_block_fails_the_page(markdown: str, message: str) -> None:
    with pytest.raises(PageError, match=message):
        run(markdown)


def test_emoscope_runs_in_a_pipe_and_on_a_terminal() -> None:
    Path("texts.txt").write_text("i feel so happy today\n")
    assert run_script("emoscope predict < texts.txt > out.jsonl\n") == ""
    assert '"label": "joy"' in Path("out.jsonl").read_text()
    assert run_script("cat texts.txt | emoscope predict").startswith("i feel so happy today\n  sadness ")
    assert run_script("cat texts.txt | emoscope predict | grep -c joy\n").strip() == "1"


def test_an_exit_code_must_be_announced() -> None:
    with pytest.raises(CommandError, match="unannounced exit code 1"):
        run_script("emoscope predict --model nowhere/at/all a\n")
    assert "no model at" in run_script("emoscope predict --model nowhere/at/all a  # exit code 1: no such model\n")


def test_scripts_with_loops_go_to_bash() -> None:
    assert run_script("for number in 1 2; do echo $number; done\n") == "1\n2\n"
    with pytest.raises(CommandError, match="exit code 3"):
        run_script("(exit 3)\n")


@pytest.mark.parametrize(
    "script",
    [
        "pip install 'emoscope[nosuchextra]'",
        "pip install somethingelse",
        "make nosuchtarget",
        "emoscope nosuchcommand",
        "torchrun --nproc-per-node 4 -m emoscope train --no-such-flag",
        "cat a.csv | emoscope score - - --no-such-flag",
    ],
)
def test_names_in_a_script_that_does_not_run_must_exist(script: str) -> None:
    with pytest.raises(CommandError):
        check_script(script)


def test_existing_names_pass_the_check() -> None:
    check_script("pip install .\npip install '.[serve]'\npip install 'emoscope[train,export]'\nmake test\n")
    check_script("torchrun --nproc-per-node 4 -m emoscope train \\\n  --data D --output O\n")


@pytest.mark.parametrize(
    ("shown", "printed"),
    [
        ("joy 0.99", "joy   0.985"),
        ("  joy  99.69%  ████▉", "  joy  99.70%  █████"),
        ("a\n...\nz", "a\nb\nc\nz"),
        ("wrote x in ... s", "wrote x in 1.25 s"),
        ("20 rows in 2.0 s, 10,242 rows/s: a.csv", "20 rows in 0.5 s, 40 rows/s: a.csv"),
        ("3 rows, 0.50", "3 rows, 0.51"),
        ("2024-01: 5 rows, +1.52 points", "2024-01: 5 rows, +1.51 points"),
    ],
)
def test_equal_outputs(shown: str, printed: str) -> None:
    assert same_output(shown, printed)


@pytest.mark.parametrize(
    ("shown", "printed"),
    [
        ("joy 0.99", "love 0.99"),
        ("joy 0.99", "joy 0.91"),
        ("3 rows", "4 rows"),
        ("a", "a\nb"),
        ("a\nb", "a"),
        ("", "a"),
        ("a\n...\nz", "a\nb"),
        ("wrote 3 in ... s", "wrote 4 in 1.25 s"),
        ("20 rows in 2.0 s, 10,242 rows/s: a.csv", "21 rows in 2.0 s, 10,242 rows/s: a.csv"),
        ("2024-01: 5 rows", "2024-02: 5 rows"),
    ],
)
def test_different_outputs(shown: str, printed: str) -> None:
    assert not same_output(shown, printed)
