"""Does a name or a pronoun move the emotion: pairs of texts that differ in nothing else.

Templates and names are our own (`bias.json`); the idea is that of Kiritchenko and Mohammad, "Examining Gender and Race
Bias in Two Hundred Sentiment Analysis Systems", *SEM 2018. Pairs of one template are alike, and so are those of one
name: the intervals are bootstrap intervals over both. Names stand for a group, and any two lists of names differ by
some shift: its p comes of dealing the names anew between the two lists (a permutation test). Pronouns stand for
themselves: there it comes of flipping the sign of whole templates. All shifts are corrected together by Holm.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
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
    from emoscope.protocols import Classifier

MATERIAL = Path(__file__).parent / "bias.json"
BASELINE = "English"
"""Names of every other origin are held against these."""
WIDTH = 110
RESAMPLES = 10_000
LIMITS = (
    "A few English templates of our own and short lists of names, which stand for a group by habit alone. No shift "
    "here does not mean no bias elsewhere; a shift is one of these texts, and rare names move a model for being rare, "
    "too. Hold flips and moved of names against those of two names of one kind."
)
NOTE = (
    "flips: pairs with different labels; moved: probability that goes to other labels; chance: 95 % of the shifts are "
    "smaller if names are dealt anew to both sides, or pronouns swapped; * beyond chance, of all labels (Holm)"
)

BiasReport = dict[str, Any]
"""What `check_bias` returns: `json.dumps` writes it as it is.

- `model`, `labels`, `templates` and `texts` (how many), `limits`
- `comparisons`, a list of {a, b, pairs, flips {share, low, high}, moved {mean, low, high}, largest {moved, a {text,
  label, score}, b {text, label, score}}, shifts {label: {mean, low, high, chance, p, p_holm}}}: `flips`, the share of
  pairs with different labels; `moved`, the probability that goes from labels to others within a pair (half the sum of
  the absolute differences), its mean here and that of one pair in `largest`; `shifts`, the probability with `a` less
  that with `b`, and what 95 % of the shifts of chance stay below
- `reference`, the same without `shifts` of two names of one kind
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
    """Two kinds of people that are compared.

    Attributes:
        a: what the first are called.
        b: what the second are called.
        lists: people of `a` and as many of `b`, alike in all else: the first with the first, and so on. All lists
            are of one length.
    """

    a: str
    b: str
    lists: tuple[tuple[tuple[Person, ...], tuple[Person, ...]], ...]


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
        """Pronouns with each other, names of women with those of men, of every origin with BASELINE."""
        pronouns = (("she", "he"), ("they", "he"), ("they", "she"))
        of_women, of_men = zip(*((kinds["women"], kinds["men"]) for kinds in self.names.values()), strict=True)
        return (
            *(Group(a, b, (((self.pronouns[a],), (self.pronouns[b],)),)) for a, b in pronouns),
            Group("women's names", "men's names", _named(of_women, of_men)),
            *(
                Group(f"{origin} names", f"{BASELINE} names", _named(kinds.values(), self.names[BASELINE].values()))
                for origin, kinds in self.names.items()
                if origin != BASELINE
            ),
        )

    @cached_property
    def reference(self) -> Group:
        """Every name with its neighbour in the list, which differs from it by chance alone."""
        lists = [names for kinds in self.names.values() for names in kinds.values()]
        return Group("a name", "another of its kind", _named([x[::2] for x in lists], [x[1::2] for x in lists]))


def check_bias(classifier: Classifier, *, model_name: str, seed: int = 0) -> BiasReport:
    """Score every template with every person, and compare.

    Args:
        classifier: any.
        model_name: what the report calls it.
        seed: of the resamples.
    """
    material = Material.read()
    sides = [side for group in (*material.groups, material.reference) for pair in group.lists for side in pair]
    people = list(dict.fromkeys(person for side in sides for person in side))
    texts = [person.in_template(template) for template in material.templates for person in people]
    rows = classifier.predict_proba(texts).astype(np.float64)
    scored = _Scored(classifier.labels, people, texts, rows.reshape(len(material.templates), len(people), -1))
    comparisons = [
        _compare(group, scored, seed) | {"shifts": _shifts(group, scored, seed)} for group in material.groups
    ]
    shifts = [shift for comparison in comparisons for shift in comparison["shifts"].values()]
    for shift, p_holm in zip(shifts, holm([shift["p"] for shift in shifts]), strict=True):
        shift["p_holm"] = p_holm
    return {
        "model": model_name,
        "labels": list(classifier.labels),
        "templates": len(material.templates),
        "texts": len(texts),
        "comparisons": comparisons,
        "reference": _compare(material.reference, scored, seed),
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

    def places(self, group: Group) -> NDArray[np.int64]:
        """Where the people of a group stand: (lists, 2, people of a list)."""
        return np.array([[[self.people.index(person) for person in side] for side in pair] for pair in group.lists])

    def said(self, template: int, person: int) -> dict[str, Any]:
        row = self.rows[template, person]
        text = self.texts[template * len(self.people) + person]
        return {"text": text, "label": self.labels[row.argmax()], "score": float(row.max())}


def _compare(group: Group, scored: _Scored, seed: int) -> dict[str, Any]:
    """How far the two texts of a pair are apart."""
    places = scored.places(group)
    a, b = (scored.rows[:, places[:, side]] for side in (0, 1))
    moved = np.abs(a - b).sum(-1) / 2
    flips = a.argmax(-1) != b.argmax(-1)
    flip_ends, moved_ends = _intervals(np.stack((flips, moved), -1), seed)
    template, *place = map(int, np.unravel_index(moved.argmax(), moved.shape))
    farthest_a, farthest_b = places[place[0], :, place[1]].tolist()
    return {
        "a": group.a,
        "b": group.b,
        "pairs": moved.size,
        "flips": {"share": float(flips.mean())} | flip_ends,
        "moved": {"mean": float(moved.mean())} | moved_ends,
        "largest": {
            "moved": float(moved.max()),
            "a": scored.said(template, farthest_a),
            "b": scored.said(template, farthest_b),
        },
    }


def _shifts(group: Group, scored: _Scored, seed: int) -> dict[str, dict[str, float]]:
    """The mean shift of each label, and what chance makes of it."""
    rows = scored.rows[:, scored.places(group)]
    differences = rows[:, :, 0] - rows[:, :, 1]
    shifts = differences.mean((0, 1, 2))
    by_chance = np.abs(_by_chance(rows, seed))
    p_values = (1 + (by_chance >= np.abs(shifts) - 1e-12).sum(0)) / (1 + RESAMPLES)
    chance = np.quantile(by_chance, LEVEL, axis=0)
    return {
        label: {"mean": float(shifts[i])} | ends | {"chance": float(chance[i]), "p": float(p_values[i])}
        for i, (label, ends) in enumerate(zip(scored.labels, _intervals(differences, seed), strict=True))
    }


def _intervals(values: NDArray[np.float64], seed: int) -> list[dict[str, float]]:
    """Intervals of the mean of each column: templates are drawn again, and so are the pairs of people of each list.

    Args:
        values: (templates, lists, pairs, columns).
        seed: of the draws.
    """
    rng, (templates, lists, pairs, columns) = np.random.default_rng(seed), values.shape
    of_templates = rng.multinomial(templates, np.full(templates, 1 / templates), RESAMPLES)
    of_pairs = rng.multinomial(pairs, np.full(pairs, 1 / pairs), (RESAMPLES, lists)).reshape(RESAMPLES, -1)
    sums = (of_templates @ values.reshape(templates, -1)).reshape(RESAMPLES, lists * pairs, columns)
    means = np.einsum("rp,rpc->rc", of_pairs, sums) / (templates * lists * pairs)
    tail = (1 - LEVEL) / 2
    return [{"low": float(low), "high": float(high)} for low, high in np.quantile(means, (tail, 1 - tail), axis=0).T]


def _by_chance(rows: NDArray[np.float64], seed: int) -> NDArray[np.float64]:
    """Mean shifts where the groups are alike: the people of each list dealt anew to its two sides.

    Two people cannot be dealt anew; there each template may have them the other way round.

    Args:
        rows: (templates, lists, 2, people, labels).
        seed: of the draws.

    Returns:
        (RESAMPLES, labels).
    """
    rng, (templates, lists, _, people, labels) = np.random.default_rng(seed), rows.shape
    if lists * people == 1:
        signs = rng.choice((-1.0, 1.0), (RESAMPLES, templates))
        signed = rows[:, 0, 0, 0] - rows[:, 0, 1, 0]
    else:
        sides = np.broadcast_to(np.repeat((1.0, -1.0), people), (RESAMPLES, lists, 2 * people))
        signs = rng.permuted(sides, axis=2).reshape(RESAMPLES, -1)
        signed = rows.sum(0).reshape(-1, labels)
    shifts: NDArray[np.float64] = signs @ signed / (templates * lists * people)
    return shifts


def _named(
    a: Iterable[Sequence[str]], b: Iterable[Sequence[str]]
) -> tuple[tuple[tuple[Person, ...], tuple[Person, ...]], ...]:
    return tuple((tuple(map(Person.named, x)), tuple(map(Person.named, y))) for x, y in zip(a, b, strict=True))


def bias_text(report: BiasReport) -> str:
    """The report for a terminal: a line a comparison, the pair that moved most, and the limits."""
    return "\n".join(_lines(report))


def _lines(report: BiasReport) -> Iterator[str]:
    yield f"{report['model']}: {report['templates']} templates, {report['texts']:,} texts"
    yield f"{'':<39}{'pairs':>6}{'flips':>7}{'moved':>7}{'chance':>8}   label that shifts most, on average"
    for row in report["comparisons"]:
        label, shift = max(row["shifts"].items(), key=lambda item: abs(item[1]["mean"]))
        star = " *" if shift["p_holm"] < 1 - report["settings"]["level"] else ""
        between = f"{label} {shift['mean']:+.3f} ({shift['low']:+.3f} to {shift['high']:+.3f}){star}"
        yield f"{_figures(row)}{shift['chance']:>8.3f}   {between}"
    yield _figures(report["reference"])
    worst = max((*report["comparisons"], report["reference"]), key=lambda row: row["largest"]["moved"])["largest"]
    yield ""
    yield f"most of all, {worst['moved']:.3f} of the probability moves between"
    for side in "ab":
        yield f"  {worst[side]['label']} {worst[side]['score']:.1%}  {worst[side]['text']}"
    yield ""
    yield from wrap(NOTE, WIDTH)
    yield from wrap(report["limits"], WIDTH)


def _figures(row: dict[str, Any]) -> str:
    both = f"{row['a']} / {row['b']}"
    return f"{both:<39}{row['pairs']:>6,}{row['flips']['share']:>7.1%}{row['moved']['mean']:>7.3f}"
