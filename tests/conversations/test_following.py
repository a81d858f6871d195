"""A conversation message by message: speakers, turning points, JSON and HTML."""

import json
import re
from pathlib import Path

import numpy as np

from emoscope.conversations import Conversation, Message, follow, read_conversation
from emoscope.conversations.following import page

DATA = Path(__file__).parents[1] / "data" / "conversations"


class Words:
    """Joy for "happy", anger for "mad", else neutral."""

    labels = ("joy", "anger")

    def predict_with_neutral(self, texts):
        return np.array([self._row(text) for text in texts], np.float32).reshape(-1, 3)

    def predict_proba(self, texts):
        return self.predict_with_neutral(texts)[:, :2]

    def _row(self, text):
        return [0.9, 0.1, 0.1] if "happy" in text else [0.1, 0.9, 0.1] if "mad" in text else [0.6, 0.4, 0.9]


def conversation(*said):
    messages = [Message("chat", speaker, None, text) for speaker, text in said]
    return Conversation("transcript", messages, "none")


def quarrel():
    happy = [("Anna", f"happy {n}") for n in range(8)]
    return conversation(*happy, ("Ben", "so it goes"), ("Ben", None), *[("Ben", f"<mad> {n}") for n in range(8)])


def test_speakers_are_counted_by_emotion():
    timeline = follow(Words(), quarrel())
    assert [speaker.to_json() for speaker in timeline.speakers] == [
        {"speaker": "Ben", "messages": 10, "neutral": 1, "without_text": 1, "labels": {"joy": 0, "anger": 8}},
        {"speaker": "Anna", "messages": 8, "neutral": 0, "without_text": 0, "labels": {"joy": 8, "anger": 0}},
    ]


def test_a_turning_point_is_named():
    (turn,) = follow(Words(), quarrel()).to_json()["turning_points"]
    assert turn == {
        "message": 11,
        "conversation": "chat",
        "speaker": "Ben",
        "time": None,
        "text": "<mad> 0",
        "from": "joy",
        "to": "anger",
    }


def test_each_conversation_has_turning_points_of_its_own():
    messages = [Message("a", "A", None, "happy")] * 10 + [Message("b", "B", None, "mad")] * 10
    assert follow(Words(), Conversation("Slack", messages, "UTC")).turns == ()


def test_json_has_messages_with_and_without_words():
    told = json.loads(json.dumps(follow(Words(), read_conversation(DATA / "film.srt")).to_json()))
    assert told["labels"] == ["joy", "anger"] and told["clock"] == "recording"
    assert told["messages"][0]["time"] == 1.0 and told["messages"][0]["label"] == "joy"
    assert told["messages"][0].keys() == {
        "conversation",
        "speaker",
        "time",
        "text",
        "label",
        "score",
        "scores",
        "neutral",
    }
    silent = follow(Words(), quarrel()).to_json()["messages"][9]
    assert silent == {"conversation": "chat", "speaker": "Ben", "time": None, "text": None}


def test_page_escapes_what_people_write():
    shown = page(follow(Words(), quarrel()), "A & B")
    assert "&lt;mad&gt; 0" in shown and "<mad>" not in shown and "A &amp; B" in shown
    assert "joy → anger" in shown and "<script" not in shown


def test_a_notebook_shows_bars_and_names_without_the_style_of_the_page():
    shown = follow(Words(), quarrel())._repr_html_()
    assert re.search(r'<svg style="[^"]*height:14px', shown)
    assert re.search(r"</span> <b[^>]*>Anna</b> <span", shown) and "</span>joy</span> <span style" in shown


def test_no_messages_with_words_is_a_page_too():
    timeline = follow(Words(), conversation(("Anna", None), ("Ben", None)))
    assert timeline.turns == () and "None found." in page(timeline, "silent")
    assert timeline.columns(10).shape == (0, 2)
