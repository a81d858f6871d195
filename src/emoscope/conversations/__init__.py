"""Conversations: exports of chats, subtitles and transcripts as messages with a speaker, a time and a text.

`read_conversation` reads a file or folder of any known format, which it tells by the content; `follow` scores the
messages with any `Classifier`, counts the emotions of each speaker, and finds turning points. Needs no extra.
"""

from __future__ import annotations

from emoscope.conversations.following import ConversationTimeline, follow
from emoscope.conversations.messages import Conversation, Message
from emoscope.conversations.overview import Speaker, Turn
from emoscope.conversations.recognition import ReadOptions, parse_conversation, read_conversation

__all__ = [
    "Conversation",
    "ConversationTimeline",
    "Message",
    "ReadOptions",
    "Speaker",
    "Turn",
    "follow",
    "parse_conversation",
    "read_conversation",
]
