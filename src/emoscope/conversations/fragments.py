"""Speakers and turning points as HTML, for the page of `timeline` and the report of `score`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from emoscope.conversations.overview import Speaker, Turn
from emoscope.html_page import escaped, label_colour, label_colours, note
from emoscope.terminal import counted

MAX_SPEAKERS = 30
"""Maximum number of speakers that are shown."""

STYLE = """
.speakers td.bar { width: 45%; min-width: 4rem; vertical-align: middle; } .speakers th.figure { white-space: normal; }
.speakers td:first-child { min-width: 3.4rem; }
.turns q { overflow-wrap: anywhere; } .turns .note { font-size: .9rem; }
@media (max-width: 40rem) { .speakers .wide { display: none; } .speakers :is(td, th) { padding-right: .4rem; } }
""".lstrip()

PLAIN_LIST = "list-style:none;margin:.6rem 0 0;padding:0"
"""CSS of a list without numbers. It is in the elements, as is all without which a notebook would show nothing."""
_ENTRY = "margin-right:.8rem;white-space:nowrap"
_KEY = "display:inline-block;width:.75rem;height:.75rem;border-radius:2px;margin-right:.4rem"
_BAR = "display:block;width:100%;height:14px"
_TURN = "border-left:4px solid;padding:.1rem 0 .1rem .8rem;margin-top:.8rem"


def colours_of(labels: Sequence[str]) -> dict[str, str]:
    """CSS colour of each label."""
    return dict(zip(labels, map(label_colour, label_colours(labels)), strict=True))


def legend(labels: Sequence[str]) -> str:
    """The labels with their colours."""
    keys = (
        f'<span style="{_ENTRY}"><span style="{_KEY};background:{colour}"></span>{escaped(name)}</span> '
        for name, colour in colours_of(labels).items()
    )
    return f'<p class="legend">{"".join(keys)}</p>'


def speakers_table(speakers: Sequence[Speaker], labels: Sequence[str]) -> Iterator[str]:
    """A row for each speaker: a bar of the shares of emotions, the most frequent emotion, and numbers of messages."""
    yield note(
        "Shares of emotions among the messages that express one; beside them, how many of all messages more likely "
        "express none."
    )
    yield '<table class="speakers"><tr><th>speaker</th><td class="bar"></td><th class="wide">most often</th>'
    yield '<th class="figure">messages</th><th class="figure">no emotion</th></tr>'
    colours = colours_of(labels)
    for speaker in speakers[:MAX_SPEAKERS]:
        most = max(speaker.labels, key=speaker.labels.__getitem__) if speaker.expressive else ""
        share = f" {speaker.labels[most] / speaker.expressive:.0%}" if most else ""
        with_text = speaker.messages - speaker.without_text
        none = f"{speaker.neutral / with_text:.0%}" if with_text else ""
        yield (
            f'<tr><td dir="auto">{escaped(speaker.name)}</td><td class="bar">{_bar(speaker, colours)}</td>'
            f'<td class="short wide">{escaped(most)}{share}</td><td class="figure">{speaker.messages:,}</td>'
            f'<td class="figure">{none}</td></tr>'
        )
    yield "</table>"
    if len(speakers) > MAX_SPEAKERS:
        yield note(f"and {counted(len(speakers) - MAX_SPEAKERS, 'more speaker')} with fewer messages")
    yield legend(labels)


def _bar(speaker: Speaker, colours: dict[str, str]) -> str:
    """The shares of the emotions of a speaker, side by side."""
    done, rects = 0.0, []
    for label, count in speaker.labels.items():
        if count:
            width = 100 * count / speaker.expressive
            title = f"<title>{escaped(label)} {width:.1f} %: {counted(count, 'message')}</title>"
            place = f'x="{done:.2f}%" width="{width:.2f}%" height="14"'
            rects.append(f'<rect {place} style="fill:{colours[label]}">{title}</rect>')
            done += width
    return f'<svg style="{_BAR}" role="img" aria-label="emotions of {escaped(speaker.name)}">{"".join(rects)}</svg>'


def turns_list(turns: Sequence[Turn], labels: Sequence[str], *, several: bool) -> Iterator[str]:
    """The turning points: from which emotion to which, who, when, and the words.

    Args:
        turns: the turning points.
        labels: names of the labels.
        several: whether the names of the conversations are shown.
    """
    yield note(
        "Where another emotion begins to prevail, and chance alone would rarely explain it (a permutation test, "
        "p ≤ 0.01). The words are those of the first message with the new emotion."
    )
    if not turns:
        yield "<p>None found.</p>"
        return
    colours = colours_of(labels)
    yield f'<ol class="turns" style="{PLAIN_LIST}">'
    for turn in turns:
        place = [f"message {turn.message:,}", *([turn.time] if turn.time else [])]
        place += [turn.conversation] if several else []
        yield (
            f'<li style="{_TURN};border-color:{colours[turn.after]}">'
            f"<b>{escaped(turn.before)} → {escaped(turn.after)}</b><br>"
            f'<span dir="auto">{escaped(turn.speaker)}: <q>{escaped(turn.text)}</q></span>'
            f"{note(escaped(', '.join(place)))}</li>"
        )
    yield "</ol>"
