"""Preprocessing in this process and in others, which leave nothing behind."""

from __future__ import annotations

import gc
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import emoscope.text_model
from emoscope import EmotionClassifier
from emoscope.errors import EmoscopeError
from emoscope.model_folder import BUNDLED
from emoscope.parallel import map_in_threads
from emoscope.preprocessing import Preprocessor, PreprocessorPool
from emoscope.text import NORMALIZERS, normalize
from emoscope.tokenization import TokenBatch, Tokenizer
from hub.vocabularies import byte_level, unigram, wordpiece
from waiting import DEADLINE

TEXTS = ["I am SO happy", "", "stunned, and 42 zebras", "so sad " * 100, "\ud800 lone", "naïve café <pad>"]


def bundled() -> Tokenizer:
    return Tokenizer.from_file(BUNDLED / "tokenizer.json", max_length=64)


def hostile(text: str) -> str:
    """A normalizer that prints, and raises for one text."""
    sys.stdout.write("what a library prints\n")
    if text == "bad":
        raise ValueError(f"cannot normalize {text}")
    return text


def killed(text: str) -> str:
    """A normalizer that ends its process for one text."""
    if text == "bad":
        os.kill(os.getpid(), signal.SIGKILL)
    return text


def assert_equal(batch: TokenBatch, expected: TokenBatch) -> None:
    for name in ("ids", "offsets", "text_index"):
        np.testing.assert_array_equal(getattr(batch, name), getattr(expected, name))
    assert batch.texts == expected.texts


def pids(processes: PreprocessorPool) -> list[int]:
    return [process._popen.pid for process in processes._started]


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def wait_for_end(pid: int) -> None:
    deadline = time.monotonic() + 30
    while alive(pid) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not alive(pid)


@pytest.fixture(scope="module")
def processes() -> PreprocessorPool:
    return PreprocessorPool(Preprocessor(normalize, bundled()), 2)


@settings(deadline=None, max_examples=20)
@given(texts=st.lists(st.sampled_from(TEXTS) | st.text(max_size=30), max_size=12))
def test_a_process_returns_what_this_one_does(processes: PreprocessorPool, texts: list[str]) -> None:
    assert_equal(processes(texts), Preprocessor(normalize, bundled())(texts))


@pytest.mark.parametrize("vocabulary", [wordpiece, byte_level, unigram], ids=lambda kind: kind.__name__)
def test_the_tokenizers_of_every_architecture_reach_a_process(vocabulary) -> None:
    tokenizer = Tokenizer(vocabulary()[0], max_length=40)
    expected = tokenizer.encode(TEXTS)
    assert_equal(PreprocessorPool(Preprocessor(NORMALIZERS["raw"], tokenizer), 1)(TEXTS), expected)


def test_several_threads_keep_several_processes_busy(processes: PreprocessorPool) -> None:
    chunks = [[f"{text} number {i}" for text in TEXTS] for i in range(12)]
    preprocessor = Preprocessor(normalize, bundled())
    batches = list(map_in_threads(processes, chunks, threads=processes.count))
    for batch, chunk in zip(batches, chunks, strict=True):
        assert_equal(batch, preprocessor(chunk))
    assert len(set(pids(processes))) == processes.count


def test_an_error_in_a_process_is_raised_here_and_the_process_continues() -> None:
    processes = PreprocessorPool(Preprocessor(hostile, bundled()), 1)
    assert processes(["happy"]).texts == 1
    with pytest.raises(ValueError, match="cannot normalize bad"):
        processes(["happy", "bad"])
    assert_equal(processes(["sad"]), bundled().encode(["sad"]))
    assert len(pids(processes)) == 1


def test_a_process_that_ends_is_an_error_and_is_replaced() -> None:
    processes = PreprocessorPool(Preprocessor(killed, bundled()), 1)
    with pytest.raises(EmoscopeError, match="ended with exit status -9; if memory was short"):
        processes(["bad"])
    assert_equal(processes(["sad"]), bundled().encode(["sad"]))
    assert len(pids(processes)) == 2


def test_processes_end_with_their_pool() -> None:
    processes = PreprocessorPool(Preprocessor(normalize, bundled()), 1)
    assert pids(processes) == []
    processes(["happy"])
    (pid,) = pids(processes)
    assert alive(pid)
    del processes
    gc.collect()
    assert not alive(pid)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*:DeprecationWarning")
def test_a_fork_does_not_write_into_the_pipes_of_its_parent(processes: PreprocessorPool) -> None:
    expected = processes(TEXTS)
    child = os.fork()
    if not child:
        try:
            processes(["happy"])
        except EmoscopeError as error:
            os._exit(0 if "load it in the new process" in str(error) else 1)
        finally:
            os._exit(2)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert_equal(processes(TEXTS), expected)


SCRIPT = """
import os, signal, sys
from emoscope.preprocessing import Preprocessor, PreprocessorPool
from emoscope.model_folder import BUNDLED
from emoscope.text import normalize
from emoscope.tokenization import Tokenizer

processes = PreprocessorPool(Preprocessor(normalize, Tokenizer.from_file(BUNDLED / "tokenizer.json", max_length=64)), 1)
print(len(processes(["happy"]).ids), processes._started[0]._popen.pid, flush=True)
if "killed" in sys.argv:
    os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.parametrize("how", ["ends", "killed"])
def test_a_script_needs_no_main_guard_and_leaves_no_process_behind(tmp_path: Path, how: str) -> None:
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    run = subprocess.run(
        [sys.executable, str(script), how], capture_output=True, text=True, check=False, timeout=DEADLINE
    )
    assert (run.returncode, run.stderr) == (0 if how == "ends" else -signal.SIGKILL, "")
    tokens, pid = map(int, run.stdout.split())
    assert tokens == len(bundled().encode(["happy"]).ids)
    wait_for_end(pid)


def test_a_classifier_with_processes_gives_the_same_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(emoscope.text_model, "CHUNK", 50)
    monkeypatch.setattr(emoscope.text_model, "PROCESS_CHUNK", 7)
    plain = EmotionClassifier.from_pretrained()
    texts = [f"{text} {i}" for i in range(20) for text in TEXTS]
    expected = plain.predict_proba(texts)

    pooled = with_processes(plain)
    np.testing.assert_allclose(pooled.predict_proba(texts[:50]), expected[:50], atol=1e-6)
    assert pids(pooled._model._processes) == []
    np.testing.assert_allclose(pooled.predict_proba(texts), expected, atol=1e-6)
    assert len(pids(pooled._model._processes)) == 2


def with_processes(classifier: EmotionClassifier) -> EmotionClassifier:
    """The same classifier, with two processes for long lists of texts."""
    return EmotionClassifier(
        classifier.labels,
        classifier._model.preprocessor,
        classifier._model.runtime,
        calibration=classifier.calibration,
        processes=2,
    )
