"""Discord, Slack and Telegram, subtitles and transcripts."""

import json
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from emoscope.conversations import parse_conversation, read_conversation
from emoscope.errors import DataError

DATA = Path(__file__).parents[1] / "data" / "conversations"
SEVEN = datetime(2025, 4, 12, 19, 7)


def told(name):
    return [(m.speaker, m.text) for m in read_conversation(DATA / name).messages]


def test_discord_json():
    found = read_conversation(DATA / "discord.json")
    assert (found.format, found.clock, found.system) == ("Discord", "UTC", 1)
    assert told("discord.json") == [("Anna", "I am so happy!"), ("ben", "I love it\nso much"), ("ben", None)]
    assert found.messages[0].time == SEVEN and found.messages[0].conversation == "general"


def test_discord_csv():
    found = read_conversation(DATA / "discord.csv")
    assert told("discord.csv") == [("anna", "I am so happy!"), ("ben", 'I love it, "so"\nmuch'), ("ben", None)]
    assert found.messages[0].time == SEVEN and [m.line for m in found.messages] == [2, 3, 5]


@pytest.mark.parametrize(
    ("date", "time"),
    [("03-Apr-25 09:11 PM", (4, 3, 21)), ("13/04/2025 21:11", (4, 13, 21)), ("4/13/2025 9:11 PM", (4, 13, 21))],
)
def test_discord_csv_of_older_versions(date, time):
    content = f'AuthorID,Author,Date,Content,Attachments,Reactions\n"1","anna","{date}","hi","",""\n'
    (message,) = parse_conversation("general.csv", content.encode()).messages
    assert (message.time.month, message.time.day, message.time.hour) == time


def test_broken_discord_csv_names_its_line():
    content = b'AuthorID,Author,Date,Content\n"1","anna","x","hi"\n"1","ben","x","open\n'
    with pytest.raises(DataError, match="a.csv, line 3: a quote is not closed"):
        parse_conversation("a.csv", content)


def test_slack_folder_has_names_channels_and_plain_text():
    found = read_conversation(DATA / "slack")
    assert (found.format, found.clock, found.system) == ("Slack", "UTC", 1)
    assert [(m.conversation, m.speaker, m.text) for m in found.messages] == [
        ("general", "Anna Berg", "I am so happy, @Ben & @here! our flat"),
        ("general", "cleo", "I love it in #random"),
        ("general", "Ben", None),
        ("general", "Reminder", "It is Monday"),
        ("random", "Ben", "I am scared of the landlord"),
    ]
    assert found.messages[0].time == SEVEN


def test_slack_channel_has_the_users_beside_it():
    assert read_conversation(DATA / "slack" / "general").messages[0].speaker == "Anna Berg"


def test_slack_zip_equals_its_folder(tmp_path):
    import shutil

    zipped = shutil.make_archive(str(tmp_path / "export"), "zip", DATA / "slack")
    assert read_conversation(zipped).messages == read_conversation(DATA / "slack").messages


def test_broken_slack_day_is_named(tmp_path):
    import shutil

    shutil.copytree(DATA / "slack", tmp_path / "slack")
    (tmp_path / "slack" / "random" / "2025-04-13.json").write_text('[{"type"')
    with pytest.raises(DataError, match=r"random/2025-04-13.json is not a list of messages"):
        read_conversation(tmp_path / "slack")


def test_telegram_joins_entities_and_keeps_deleted_accounts():
    found = read_conversation(DATA / "telegram.json")
    assert (found.format, found.clock, found.system) == ("Telegram", "UTC", 1)
    assert found.messages[0].time == SEVEN
    assert told("telegram.json") == [
        ("Anna", "I am so happy!"),
        ("Ben", "I love it, see https://example.com"),
        ("Deleted account", None),
    ]


def test_telegram_export_of_all_chats_has_local_times():
    found = read_conversation(DATA / "telegram_all.json")
    assert found.clock == "local" and [m.conversation for m in found.messages] == ["Anna", "Flat"]
    assert found.messages[0].time == datetime(2025, 4, 12, 21, 7)


def test_lone_surrogates_in_json_are_replaced():
    chat = {"name": "A", "type": "x", "messages": [{"type": "message", "from": "A", "text": "so \ud83d happy"}]}
    (message,) = parse_conversation("result.json", json.dumps(chat).encode()).messages
    assert message.text == "so \ufffd happy"


def test_subrip_without_tags():
    found = read_conversation(DATA / "film.srt")
    assert found.format == "SubRip" and found.clock == "recording"
    assert told("film.srt") == [
        (None, "I am so happy today!"),
        ("ANNA", "Who is there?"),
        (None, "I am scared."),
        ("BEN", "It is only me,\ndo not be afraid."),
    ]
    assert found.messages[3].time == timedelta(minutes=1, seconds=5, milliseconds=200)


def test_webvtt_has_voices_and_no_notes():
    assert told("interview.vtt") == [
        ("Anna", "I am so happy today!"),
        ("Ben", "Tom & I were scared."),
        ("Anna", "Why?"),
        (None, "No one says this."),
    ]
    assert read_conversation(DATA / "interview.vtt").messages[3].time == timedelta(hours=1, seconds=7)


def test_a_word_with_a_colon_once_is_not_a_speaker():
    cue = "1\n00:00:01,000 --> 00:00:02,000\n{}\n\n"
    (message,) = parse_conversation("a.srt", cue.format("Remember: be kind.").encode()).messages
    assert (message.speaker, message.text) == (None, "Remember: be kind.")


def test_transcript():
    assert told("transcript.txt") == [
        ("ANNA", "I am so happy that you came."),
        ("BEN", "Thank you.\nIt was a long way."),
        ("Dr. Grey", "How do you feel?"),
        ("Speaker 2", "I am scared."),
    ]


def test_transcript_with_times():
    found = read_conversation(DATA / "transcript_times.txt")
    assert [m.time.total_seconds() for m in found.messages] == [1, 5, 3723, 3730] and found.clock == "recording"
    assert [m.speaker for m in found.messages] == ["Anna", "Ben", "Anna", "Ben"]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        (
            "a.csv",
            b"id,review\n1,fine\n",
            r"a.csv: not a conversation \(it begins with 'id,review'\); allowed: .*--text-column",
        ),
        ("a.json", b'{"rows": []}', r"JSON with 'rows'"),
        ("a.json", b"[1, 2]", "JSON with a list that no known program writes"),
        ("a.txt", b"", "it is empty"),
        ("a.txt", b"Dear Anna,\nI hope you are well: really.\n", "begins with 'Dear Anna,'"),
        ("a.zip", b"PK\x03\x04 damaged", "not a zip file that can be read"),
        ("a.json", b'{"name": "A", "type": "x", "messages": []}', "Telegram without any message"),
    ],
)
def test_other_files_are_an_error_that_says_what_is_read(name, content, message):
    with pytest.raises(DataError, match=message):
        parse_conversation(name, content)


def test_zip_with_several_conversations_names_them(tmp_path):
    import zipfile

    with zipfile.ZipFile(tmp_path / "two.zip", "w") as archive:
        for name in ("film.srt", "transcript.txt"):
            archive.write(DATA / name, name)
    with pytest.raises(DataError, match=r"2 conversations \(film.srt, transcript.txt\); unpack it"):
        read_conversation(tmp_path / "two.zip")


def test_missing_file_and_folder_without_export(tmp_path):
    with pytest.raises(DataError, match="none.txt: cannot be read"):
        read_conversation(tmp_path / "none.txt")
    with pytest.raises(DataError, match="a folder without a Slack export"):
        read_conversation(tmp_path)
