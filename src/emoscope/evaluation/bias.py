"""Name and pronoun bias: score pairs of texts that differ only in the person, and compare them.

The templates and names in `bias.json` are our own; the method is that of Kiritchenko and Mohammad, "Examining Gender
and Race Bias in Two Hundred Sentiment Analysis Systems", *SEM 2018. Pairs with the same template are dependent, and so
are pairs with the same name, so the intervals are bootstrap intervals over both. Names represent a group, and any two
lists of names differ by some shift, so their shifts are tested by permuting the names between the two lists. A pronoun
represents only itself, so its shifts are tested by swapping the two pronouns in random templates. The p-values of all
shifts are corrected together by Holm's method.
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
    from emoscope.protocols import Classifier

MATERIAL = Path(__file__).parent / "bias.json"
BASELINE = "English"
"""Origin with whose names those of every other origin are compared."""
WIDTH = 110
RESAMPLES = 10_000
LIMITS = (
    "A few English templates of our own and short lists of names, which represent a group only by convention. No shift "
    "here does not mean no bias elsewhere; a shift is one of these texts; and rare names move a model because they are "
    "rare. Compare flips and moved of names with those of two names of the same list."
)
NOTE = (
    "flips: pairs with different labels; moved: probability that goes to other labels; chance: 95 % of the shifts are "
    "smaller if names are permuted between the two sides, or pronouns swapped; * significant, corrected for all labels "
    "and comparisons (Holm)"
)

BiasReport = dict[str, Any]
"""What `check_bias` returns; `json.dumps` accepts it.

- `model`, `labels`, `templates` and `texts` (their numbers), `limits`
- `comparisons`, a list of {a, b, pairs, flips {share, low, high}, moved {mean, low, high}, largest {moved, a {text,
  label, score}, b {text, label, score}}, shifts {label: {mean, low, high, chance, p, p_holm}}}: `flips` is the share of
  pairs with different labels; `moved` is the total variation distance within a pair, that is the probability that goes
  from labels to other labels, its mean here and its maximum in `largest`; `shifts` is the probability with `a` minus
  that with `b`; `chance` is the size that 95 % of the shifts by chance stay below
- `reference`, the same without `shifts`, for two names of the same list
- `settings` {level, resamples, seed}
"""


@dataclass(frozen=True)
class Group:
    """Two kinds of people that are compared.

    Attributes:
        a: name of the first kind.
        b: name of the second kind.
        lists: pairs of a list of `a` and a list of `b` that are alike in all else; the first person of one is paired
            with the first of the other, and so on. All lists have the same length.
    """

    a: str
    b: str
    lists: Sequence[tuple[Sequence[str], Sequence[str]]]


@dataclass(frozen=True)
class Material:
    """Templates, and the people that are put into them; a person is a pronoun or a name.

    Attributes:
        templates: texts with {subject}, {object} and {possessive}.
        pronouns: pronoun -> its subject, object and possessive form, as in "she cried", "they saw her", "her heart".
        names: origin -> "women" and "men" -> names; all lists have the same length.
    """

    templates: Sequence[str]
    pronouns: Mapping[str, Mapping[str, str]]
    names: Mapping[str, Mapping[str, Sequence[str]]]

    @classmethod
    def read(cls) -> Material:
        """The material of the package."""
        content = json.loads(MATERIAL.read_text(encoding="utf-8"))
        return cls([template["text"] for template in content["templates"]], content["pronouns"], content["names"])

    def text(self, template: str, person: str) -> str:
        """The template with the person in it, beginning with a capital letter."""
        forms = self.pronouns.get(person, {"subject": person, "object": person, "possessive": f"{person}'s"})
        text = template.format(**forms)
        return text[0].upper() + text[1:]

    @cached_property
    def groups(self) -> list[Group]:
        """Pronouns with each other, names of women with names of men, and each origin with BASELINE."""
        pronouns = (("she", "he"), ("they", "he"), ("they", "she"))
        women_and_men = [(lists["women"], lists["men"]) for lists in self.names.values()]
        baseline = self.names[BASELINE]
        return [
            *(Group(a, b, [([a], [b])]) for a, b in pronouns),
            Group("women's names", "men's names", women_and_men),
            *(
                Group(f"{origin} names", f"{BASELINE} names", [(lists[kind], baseline[kind]) for kind in lists])
                for origin, lists in self.names.items()
                if origin != BASELINE
            ),
        ]

    @cached_property
    def reference(self) -> Group:
        """Every second name of a list with its neighbour, from which it differs by chance alone."""
        lists = [names for kinds in self.names.values() for names in kinds.values()]
        return Group("a name", "another of its list", [(names[::2], names[1::2]) for names in lists])


def check_bias(classifier: Classifier, *, model_name: str, seed: int = 0) -> BiasReport:
    """Score every template with every person, and compare the kinds of people.

    Args:
        classifier: any classifier.
        model_name: name of the classifier in the report.
        seed: seed of the resamples.
    """
    material, labels = Material.read(), classifier.labels
    groups = (*material.groups, material.reference)
    people = {person: None for group in groups for pair in group.lists for side in pair for person in side}
    texts = [material.text(template, person) for template in material.templates for person in people]
    rows = classifier.predict_proba(texts).astype(np.float64).reshape(len(material.templates), len(people), -1)
    index = {person: i for i, person in enumerate(people)}
    scored = [rows[:, [[[index[person] for person in side] for side in pair] for pair in g.lists]] for g in groups]
    *comparisons, reference = (
        _compare(material, group, labels, of_group, seed) for group, of_group in zip(groups, scored, strict=True)
    )
    for comparison, of_group in zip(comparisons, scored, strict=False):
        comparison["shifts"] = _shifts(labels, of_group, seed)
    shifts = [shift for comparison in comparisons for shift in comparison["shifts"].values()]
    for shift, p_holm in zip(shifts, holm([shift["p"] for shift in shifts]), strict=True):
        shift["p_holm"] = p_holm
    return {
        "model": model_name,
        "labels": list(labels),
        "templates": len(material.templates),
        "texts": len(texts),
        "comparisons": comparisons,
        "reference": reference,
        "limits": LIMITS,
        "settings": {"level": LEVEL, "resamples": RESAMPLES, "seed": seed},
    }


def _compare(
    material: Material, group: Group, labels: Sequence[str], rows: NDArray[np.float64], seed: int
) -> dict[str, Any]:
    """How far the two texts of a pair are apart; `rows` is (templates, lists, 2, people, labels)."""
    a, b = rows[:, :, 0], rows[:, :, 1]
    moved = np.abs(a - b).sum(-1) / 2
    flips = a.argmax(-1) != b.argmax(-1)
    flips_interval, moved_interval = _intervals(np.stack((flips, moved), -1), seed)
    template, pair, position = map(int, np.unravel_index(moved.argmax(), moved.shape))
    largest: dict[str, Any] = {"moved": float(moved.max())}
    for side, people, scores in zip("ab", group.lists[pair], rows[template, pair, :, position], strict=True):
        text = material.text(material.templates[template], people[position])
        largest[side] = {"text": text, "label": labels[scores.argmax()], "score": float(scores.max())}
    return {
        "a": group.a,
        "b": group.b,
        "pairs": moved.size,
        "flips": {"share": float(flips.mean())} | flips_interval,
        "moved": {"mean": float(moved.mean())} | moved_interval,
        "largest": largest,
    }


def _shifts(labels: Sequence[str], rows: NDArray[np.float64], seed: int) -> dict[str, dict[str, float]]:
    """Mean shift of each label, its interval, and how it compares with shifts by chance; `rows` as in `_compare`."""
    differences = rows[:, :, 0] - rows[:, :, 1]
    shifts = differences.mean((0, 1, 2))
    by_chance = np.abs(_shifts_by_chance(rows, seed))
    p_values = (1 + (by_chance >= np.abs(shifts) - 1e-12).sum(0)) / (1 + RESAMPLES)
    chance = np.quantile(by_chance, LEVEL, axis=0)
    return {
        label: {"mean": float(shifts[i])} | interval | {"chance": float(chance[i]), "p": float(p_values[i])}
        for i, (label, interval) in enumerate(zip(labels, _intervals(differences, seed), strict=True))
    }


def _intervals(values: NDArray[np.float64], seed: int) -> list[dict[str, float]]:
    """Intervals of the mean of each column; templates are drawn again, and so are the pairs of people of each list.

    Args:
        values: (templates, lists, pairs, columns).
        seed: seed of the draws.
    """
    rng, (templates, lists, pairs, columns) = np.random.default_rng(seed), values.shape
    drawn_templates = rng.multinomial(templates, np.full(templates, 1 / templates), RESAMPLES)
    drawn_pairs = rng.multinomial(pairs, np.full(pairs, 1 / pairs), (RESAMPLES, lists)).reshape(RESAMPLES, -1)
    sums = (drawn_templates @ values.reshape(templates, -1)).reshape(RESAMPLES, lists * pairs, columns)
    means = np.einsum("rp,rpc->rc", drawn_pairs, sums) / (templates * lists * pairs)
    tail = (1 - LEVEL) / 2
    return [{"low": float(low), "high": float(high)} for low, high in np.quantile(means, (tail, 1 - tail), axis=0).T]


def _shifts_by_chance(rows: NDArray[np.float64], seed: int) -> NDArray[np.float64]:
    """Mean shifts if the two kinds were alike: the people of each pair of lists are permuted between its two sides.

    A pair of single people has no permutations of interest; instead, the two are swapped in random templates.

    Args:
        rows: (templates, lists, 2, people, labels).
        seed: seed of the draws.

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


def bias_text(report: BiasReport) -> str:
    """The report for a terminal: one line for each comparison, the pair that moved most, and the limits."""
    return "\n".join(_lines(report))


def _lines(report: BiasReport) -> Iterator[str]:
    yield f"{report['model']}: {report['templates']} templates, {report['texts']:,} texts"
    yield f"{'':<39}{'pairs':>6}{'flips':>7}{'moved':>7}{'chance':>8}   largest mean shift of a label"
    for row in report["comparisons"]:
        label, shift = max(row["shifts"].items(), key=lambda item: abs(item[1]["mean"]))
        star = " *" if shift["p_holm"] < 1 - report["settings"]["level"] else ""
        interval = f"{label} {shift['mean']:+.3f} ({shift['low']:+.3f} to {shift['high']:+.3f}){star}"
        yield f"{_figures(row)}{shift['chance']:>8.3f}   {interval}"
    yield _figures(report["reference"])
    largest = max((*report["comparisons"], report["reference"]), key=lambda row: row["largest"]["moved"])["largest"]
    yield ""
    yield f"the pair that moved most, {largest['moved']:.3f} of the probability:"
    for side in "ab":
        yield f"  {largest[side]['label']} {largest[side]['score']:.1%}  {largest[side]['text']}"
    yield ""
    yield from wrap(NOTE, WIDTH)
    yield from wrap(report["limits"], WIDTH)


def _figures(row: dict[str, Any]) -> str:
    both = f"{row['a']} / {row['b']}"
    return f"{both:<39}{row['pairs']:>6,}{row['flips']['share']:>7.1%}{row['moved']['mean']:>7.3f}"
