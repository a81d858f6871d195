"""Share of right answers to the sentences of tests/data/first_sentences.csv, over all and by kind.

An answer is right if it is among the accepted ones; `--wrong` lists the rows where it is not.

Run: python benchmarks/first_sentences.py MODEL [MODEL ...] [--wrong]
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
import record
from emoscope import EmotionClassifier
from sentence_list import Sentence, answer, read_sentences

Answers = Mapping[str, Sequence[str]]
"""Name of a model -> its answer to each sentence."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="+", metavar="MODEL")
    parser.add_argument("--wrong", action="store_true", help="list the sentences with wrong answers")
    args = parser.parse_args()
    sentences = read_sentences()
    answers = {name: _answers(name, sentences) for name in args.models}
    shares = {name: _shares(sentences, given) for name, given in answers.items()}
    print(_table(shares))
    if args.wrong:
        print("\n".join(_wrong(sentences, answers)))
    results = {"sentences": len(sentences), "share_right": shares}
    print(record.write("first_sentences", results, packages=("emoscope", "onnxruntime", "numpy")))


def _answers(name: str, sentences: Sequence[Sentence]) -> list[str]:
    predictions = EmotionClassifier.from_pretrained(name).predict([sentence.text for sentence in sentences])
    return [answer(prediction) for prediction in predictions]


def _shares(sentences: Sequence[Sentence], answers: Sequence[str]) -> dict[str, float]:
    """Share of right answers, over all sentences and by kind."""
    right: dict[str, list[bool]] = {"all": []}
    for sentence, given in zip(sentences, answers, strict=True):
        for kind in ("all", sentence.kind):
            right.setdefault(kind, []).append(given in sentence.answers)
    return {kind: sum(values) / len(values) for kind, values in right.items()}


def _table(shares: Mapping[str, Mapping[str, float]]) -> str:
    kinds = next(iter(shares.values()))
    width = max(map(len, kinds))
    rows = [
        f"{kind:{width}}" + "".join(f"  {row[kind]:{max(len(name), 6)}.1%}" for name, row in shares.items())
        for kind in kinds
    ]
    return "\n".join([f"{'kind':{width}}" + "".join(f"  {name:>6}" for name in shares), *rows])


def _wrong(sentences: Sequence[Sentence], answers: Answers) -> Iterator[str]:
    for name, all_given in answers.items():
        yield f"\n{name}, wrong answers:"
        for sentence, given in zip(sentences, all_given, strict=True):
            if given not in sentence.answers:
                yield f"{sentence.kind}: {sentence.text!r} is {given}, accepted: {', '.join(sentence.answers)}"


if __name__ == "__main__":
    main()
