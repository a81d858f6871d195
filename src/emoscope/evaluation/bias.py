"""Does a name or a pronoun move the emotion: pairs of texts that differ in nothing else.

Templates and names are our own (`bias.json`); the idea is that of Kiritchenko and Mohammad, "Examining Gender and Race
Bias in Two Hundred Sentiment Analysis Systems", *SEM 2018. Pairs of one template are alike, so templates are what is
drawn: the intervals are bootstrap intervals over them, and the p of a mean shift comes of flipping the sign of whole
templates, all shifts of all comparisons corrected together by Holm.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from textwrap import wrap
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from emoscope.evaluation.intervals import LEVEL
from emoscope.evaluation.significance import holm

if TYPE_CHECKING:
    from emoscope.classifier import Classifier

MATERIAL = Path(__file__).parent / "bias.json"
BASELINE = "English"
"""Names of every other origin are held against these."""
WIDTH = 110
RESAMPLES = 10_000
RESAMPLES_AT_ONCE = 1000
LIMITS = (
    "A few English templates of our own and short lists of names, which stand for a group by habit alone. No shift "
    "here does not mean no bias elsewhere; a shift is one of these texts, and rare names move a model for being rare, "
    "too. Hold a comparison of names against that of two names of one kind."
)

BiasReport = dict[str, Any]
"""What `check_bias` returns: `json.dumps` writes it as it is.

- `model`, `labels`, `templates` and `texts` (how many), `limits`
- `comparisons`, a list of {a, b, pairs, flips {share, low, high}, moved {mean, low, high}, shifts {label: {mean, low,
  high, p, p_holm}}, largest {moved, a {text, label, score}, b {text, label, score}}}: `flips`, the share of pairs with
  different labels; `moved`, the probability that goes from labels to others within a pair (half the sum of the
  absolute differences), its mean here and that of one pair in `largest`; `shifts`, the probability with `a` less that
  with `b`
- `settings` {level, resamples, seed}
"""


@dataclass(frozen=True)
class Person:
    """Who a template speaks of.

    Attributes:
        subject: as in "she cried".
        object: as in "they saw her".
        possessive: as in "her heart".
    """

    subject: str
    object: str
    possessive: str

    @classmethod
    def named(cls, name: str) -> Person:
        """Somebody with a name."""
        return cls(name, name, f"{name}'s")

    def in_template(self, template: str) -> str:
        """The template with the person in it, a capital first."""
        text = template.format(subject=self.subject, object=self.object, possessive=self.possessive)
        return text[0].upper() + text[1:]


@dataclass(frozen=True)
class Group:
    """Two kinds of people that are compared: the first of `a` with the first of `b`, and so on."""

    a: str
    b: str
    people: tuple[tuple[Person, Person], ...]


@dataclass(frozen=True)
class Material:
    """Templates, and who is put into them.

    Attributes:
        templates: with {subject}, {object} and {possessive}.
        pronouns: word to its forms.
        names: origin to names of women and of men, as many of each.
    """

    templates: tuple[str, ...]
    pronouns: Mapping[str, Person]
    names: Mapping[str, Mapping[str, Sequence[str]]]

    @classmethod
    def read(cls) -> Material:
        """What comes with the package."""
        content = json.loads(MATERIAL.read_text(encoding="utf-8"))
        pronouns = {word: Person(**forms) for word, forms in content["pronouns"].items()}
        return cls(tuple(template["text"] for template in content["templates"]), pronouns, content["names"])

    @cached_property
    def groups(self) -> tuple[Group, ...]:
        """Pronouns with each other, names of one kind, of women with those of men, of every origin with BASELINE."""
        pronouns = (("she", "he"), ("they", "he"), ("they", "she"))
        women, men = ([name for kinds in self.names.values() for name in kinds[kind]] for kind in ("women", "men"))
        return (
            *(Group(a, b, ((self.pronouns[a], self.pronouns[b]),)) for a, b in pronouns),
            Group("a name", "another of its kind", _named(*zip(*self._neighbours(), strict=True))),
            Group("women's names", "men's names", _named(women, men)),
            *(
                Group(f"{origin} names", f"{BASELINE} names", _named(*map(self._of, (origin, BASELINE))))
                for origin in self.names
                if origin != BASELINE
            ),
        )

    def _neighbours(self) -> Iterator[tuple[str, str]]:
        """Every name with the next of its list."""
        for kinds in self.names.values():
            for names in kinds.values():
                yield from zip(names, [*names[1:], names[0]], strict=True)

    def _of(self, origin: str) -> list[str]:
        return [name for names in self.names[origin].values() for name in names]


def check_bias(classifier: Classifier, *, model_name: str, seed: int = 0) -> BiasReport:
    """Score every template with every person, and compare.

    Args:
        classifier: any.
        model_name: what the report calls it.
        seed: of the resamples.
    """
    material = Material.read()
    people = list(dict.fromkeys(person for group in material.groups for pair in group.people for person in pair))
    texts = [person.in_template(template) for template in material.templates for person in people]
    rows = classifier.predict_proba(texts).astype(np.float64)
    scored = _Scored(classifier.labels, people, texts, rows.reshape(len(material.templates), len(people), -1))
    comparisons = [_compare(group, scored, seed) for group in material.groups]
    shifts = [shift for comparison in comparisons for shift in comparison["shifts"].values()]
    for shift, p_holm in zip(shifts, holm([shift["p"] for shift in shifts]), strict=True):
        shift["p_holm"] = p_holm
    return {
        "model": model_name,
        "labels": list(classifier.labels),
        "templates": len(material.templates),
        "texts": len(texts),
        "comparisons": comparisons,
        "limits": LIMITS,
        "settings": {"level": LEVEL, "resamples": RESAMPLES, "seed": seed},
    }


@dataclass(frozen=True)
class _Scored:
    labels: tuple[str, ...]
    people: list[Person]
    texts: list[str]
    rows: NDArray[np.float64]
    """(templates, people, labels)."""

    def said(self, template: int, person: int) -> dict[str, Any]:
        row = self.rows[template, person]
        text = self.texts[template * len(self.people) + person]
        return {"text": text, "label": self.labels[row.argmax()], "score": float(row.max())}


def _compare(group: Group, scored: _Scored, seed: int) -> dict[str, Any]:
    a, b = ([scored.people.index(pair[side]) for pair in group.people] for side in (0, 1))
    differences = scored.rows[:, a] - scored.rows[:, b]
    moved = np.abs(differences).sum(2) / 2
    flips = scored.rows[:, a].argmax(2) != scored.rows[:, b].argmax(2)
    template, pair = np.unravel_index(moved.argmax(), moved.shape)
    means, shifts = np.column_stack((flips.mean(1), moved.mean(1))), differences.mean(1)
    (flip_ends, moved_ends, *shift_ends), p_values = _resampled(means, shifts, seed)
    return {
        "a": group.a,
        "b": group.b,
        "pairs": moved.size,
        "flips": {"share": float(flips.mean())} | flip_ends,
        "moved": {"mean": float(moved.mean())} | moved_ends,
        "shifts": {
            label: {"mean": float(mean)} | ends | {"p": p}
            for label, mean, ends, p in zip(scored.labels, shifts.mean(0), shift_ends, p_values, strict=True)
        },
        "largest": {
            "moved": float(moved.max()),
            "a": scored.said(int(template), a[pair]),
            "b": scored.said(int(template), b[pair]),
        },
    }


def _resampled(
    means: NDArray[np.float64], shifts: NDArray[np.float64], seed: int
) -> tuple[list[dict[str, float]], list[float]]:
    """Intervals of the mean of each column of both, and two-sided p of those of `shifts` being 0; a row a template."""
    rng, templates = np.random.default_rng(seed), len(means)
    columns = np.column_stack((means, shifts))
    drawn, at_least = [], np.ones(shifts.shape[1])
    for start in range(0, RESAMPLES, RESAMPLES_AT_ONCE):
        count = min(RESAMPLES_AT_ONCE, RESAMPLES - start)
        drawn.append(rng.multinomial(templates, np.full(templates, 1 / templates), count) @ columns / templates)
        flipped = rng.choice((-1.0, 1.0), (count, templates)) @ shifts / templates
        at_least += (np.abs(flipped) >= np.abs(shifts.mean(0)) - 1e-12).sum(0)
    tail = (1 - LEVEL) / 2
    ends = np.quantile(np.concatenate(drawn), (tail, 1 - tail), axis=0).T
    intervals = [{"low": float(low), "high": float(high)} for low, high in ends]
    return intervals, (at_least / (RESAMPLES + 1)).tolist()


def _named(a: Sequence[str], b: Sequence[str]) -> tuple[tuple[Person, Person], ...]:
    return tuple((Person.named(x), Person.named(y)) for x, y in zip(a, b, strict=True))


def bias_text(report: BiasReport) -> str:
    """The report for a terminal: a line a comparison, the pair that moved most, and the limits."""
    return "\n".join(_lines(report))


def _lines(report: BiasReport) -> Iterator[str]:
    yield f"{report['model']}: {report['templates']} templates, {report['texts']:,} texts"
    yield f"{'':<41}{'pairs':>7}{'flips':>8}{'moved':>8}   label that moved most, on average"
    for row in report["comparisons"]:
        label, shift = max(row["shifts"].items(), key=lambda item: abs(item[1]["mean"]))
        star = " *" if shift["p_holm"] < 1 - report["settings"]["level"] else ""
        between = f"{label} {shift['mean']:+.3f} ({shift['low']:+.3f} to {shift['high']:+.3f}){star}"
        both = f"{row['a']} / {row['b']}"
        yield f"{both:<41}{row['pairs']:>7,}{row['flips']['share']:>8.1%}{row['moved']['mean']:>8.3f}   {between}"
    worst = max(report["comparisons"], key=lambda row: row["largest"]["moved"])["largest"]
    yield ""
    yield f"most of all, {worst['moved']:.3f} of the probability moves between"
    for side in "ab":
        yield f"  {worst[side]['label']} {worst[side]['score']:.1%}  {worst[side]['text']}"
    yield ""
    yield "flips: pairs with different labels; moved: probability that goes to other labels; * beyond chance (Holm)"
    yield from wrap(report["limits"], WIDTH)
