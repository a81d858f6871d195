"""Exports of WhatsApp: forms of dates, lines that continue a message, lines of the program, marks and zip files."""

import zipfile
from datetime import datetime
from pathlib import Path

import pytest

from emoscope.conversations import parse_conversation, read_conversation
from emoscope.errors import DataError

DATA = Path(__file__).parents[1] / "data" / "conversations"


def chat(*lines, **options):
    return read(("\n".join(lines) + "\n").encode(), **options)


def read(content, name="chat.txt", **options):
    from emoscope.conversations import ReadOptions

    return parse_conversation(name, content, ReadOptions(**options))


def test_android_export_has_speakers_times_and_words():
    found = read_conversation(DATA / "WhatsApp Chat with Anna.txt")
    assert (found.format, found.clock, found.system) == ("WhatsApp", "local", 2)
    first = found.messages[0]
    assert first == ("Anna", "Anna", datetime(2025, 4, 12, 21, 7), "We got the flat! I am so happy!", 2)
    assert found.messages[3].text == "I love it.\nI am so happy for us!"
    assert [message.line for message in found.messages if message.text is None] == [4, 16, 20]
    assert found.messages[7].text == "So happy with this view"


def test_ios_export_without_marks():
    found = read_conversation(DATA / "_chat.txt")
    assert found.system == 2 and found.date_order == "dates with the month first, as in 04/13/25"
    assert [(m.speaker, m.text) for m in found.messages] == [
        ("Anna", "We got the flat! I am so happy!"),
        ("Ben", "@Anna this is wonderful, I am so glad!"),
        ("Anna", None),
        ("Ben", "First line\n\nthird line: I love it"),
        ("Anna", "Our new door"),
        ("Anna", None),
        ("Anna", "Good afternoon"),
    ]
    assert [m.time.hour for m in found.messages[-2:]] == [0, 12]


@pytest.mark.parametrize(
    ("head", "time"),
    [
        ("12/03/2025, 21:11 - ", (3, 12, 21)),
        ("12.03.25, 21:11 - ", (3, 12, 21)),
        ("13.3.2025 21:11 - ", (3, 13, 21)),
        ("13-03-2025 21:11 - ", (3, 13, 21)),
        ("2025-03-04, 9:11 p.m. - ", (3, 4, 21)),
        ("2025/03/04, 21:11 - ", (3, 4, 21)),
        ("3/13/25, 9:11\u202fPM - ", (3, 13, 21)),
        ("3/13/25, 12:11 am - ", (3, 13, 0)),
        ("13/03/2025 à 21:11 - ", (3, 13, 21)),
        ("[13/03/2025, 21:11:07] ", (3, 13, 21)),
        ("\u200e[2025-03-13, 9:11:07\u202fPM] ", (3, 13, 21)),
        ("[13.03.25, 21:11:07] ", (3, 13, 21)),
        ("[12.3.2025 klo 21.11.07] ", (3, 12, 21)),
        ("[2025/03/13\u200921:11:07] ", (3, 13, 21)),
        ("[13/03/2025, 9:11:07 p.m.] ", (3, 13, 21)),
        ("13/3/2025 9:11 p.\u00a0m. - ", (3, 13, 21)),
    ],
)
def test_forms_of_dates(head, time):
    (message,) = chat(f"{head}Anna: hi", date_order="day-first" if head.startswith("12/") else None).messages
    month, day, hour = time
    assert (message.time.month, message.time.day, message.time.hour) == (month, day, hour)
    assert message.time.year == 2025 and message.time.minute == 11 and message.text == "hi"


def test_dates_that_may_be_either_are_an_error_that_says_what_to_do():
    with pytest.raises(
        DataError, match=r"ambiguous.txt: .*first is 03/04/2025.*--date-order day-first or --date-order"
    ):
        read_conversation(DATA / "whatsapp_ambiguous.txt")
    for order, month in (("day-first", 4), ("month-first", 3)):
        found = read_conversation(DATA / "whatsapp_ambiguous.txt", date_order=order)
        assert found.messages[0].time.month == month and found.date_order.endswith("as chosen")


def test_order_of_messages_tells_day_from_month():
    found = read_conversation(DATA / "whatsapp_in_order.txt")
    assert [m.time.month for m in found.messages] == [3, 3, 4]
    assert found.date_order == "dates with the day first, as otherwise messages would go back in time"


@pytest.mark.parametrize(
    ("dates", "months", "why"),
    [
        (["01/02", "02/02", "05/02"], [2, 2, 2], "dates with the day first, as otherwise all messages were of one day"),
        (
            ["02/01", "02/02", "02/05"],
            [2, 2, 2],
            "dates with the month first, as otherwise all messages were of one day",
        ),
        (["03/03", "03/03"], [3, 3], None),
    ],
)
def test_dates_that_differ_in_one_number_differ_in_the_day(dates, months, why):
    found = chat(*(f"{date}/2025, 21:11 - Anna: hi" for date in dates))
    assert [m.time.month for m in found.messages] == months
    assert found.date_order == why or found.date_order.startswith(why)


def test_an_order_that_does_not_fit_is_an_error():
    with pytest.raises(DataError, match=r"not all are dates with the month first: 13/04/2025; leave --date-order out"):
        read_conversation(DATA / "WhatsApp Chat with Anna.txt", date_order="month-first")
    with pytest.raises(DataError, match="neither all the day first nor all the month first"):
        chat("13/04/2025, 21:11 - Anna: a", "04/13/2025, 21:11 - Anna: b")
    with pytest.raises(DataError, match="no date order 'dmy'; allowed: day-first, month-first"):
        chat("13/04/2025, 21:11 - Anna: a", date_order="dmy")


def test_zip_with_pictures_is_read_as_its_text(tmp_path):
    path = tmp_path / "WhatsApp Chat - Anna Berg.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.write(DATA / "_chat.txt", "_chat.txt")
        archive.writestr("00000012-PHOTO.jpg", b"\xff\xd8")
    found = read_conversation(path)
    assert len(found.messages) == 7 and found.messages[0].conversation == "Anna Berg"


def test_messages_with_colons_and_lines_that_look_like_speakers_stay_whole():
    found = chat("13.04.25, 21:11 - Anna: Note: a", "Ben: not a message", "https://x.y", "13.04.25, 21:12 - Ben: ok")
    assert [m.text for m in found.messages] == ["Note: a\nBen: not a message\nhttps://x.y", "ok"]


@pytest.mark.parametrize(
    "generated",
    [
        *("<Media omitted>", "IMG-20260601-WA0034.jpg (file attached)", "IMG-20260601-WA0034.jpg (archivo adjunto)"),
        *("Report of May.pdf (file attached)", "location: https://maps.google.com/?q=19.6,-99.1", "null"),
        *("You deleted this message", "This message was deleted", "Missed voice call", "\u200eVoice call, \u200e2 min"),
        *(
            "\u200evideo omitted",
            "\u200eLocation: https://maps.google.com/?q=1,2",
            "Waiting for this message. This may take",
            "Missed video call at 21:10",
            "\u200eMissed voice call, \u200eTap to call back",
        ),
    ],
)
def test_what_the_program_writes_for_a_person_is_no_words(generated):
    (message,) = chat(f"13.04.25, 21:11 - +44 7123 456789: {generated}").messages
    assert (message.speaker, message.text) == ("+44 7123 456789", None)


@pytest.mark.parametrize(
    "said", ["Video call tonight?", "This message is for you", "Waiting for this message all day", "omitted"]
)
def test_what_people_write_is_kept(said):
    (message,) = chat(f"13.04.25, 21:11 - Anna: {said}").messages
    assert message.text == said


def test_placeholders_of_other_languages_are_no_words():
    found = chat("13.04.25, 21:11 - Jörg: <Medien ausgeschlossen>", "13.04.25, 21:12 - Jörg: a <b> c")
    assert [m.text for m in found.messages] == [None, "a <b> c"]


def test_system_lines_with_a_colon_are_left_out():
    found = chat('13.04.25, 21:11 - Anna changed the group name from "A: b" to "c"', "13.04.25, 21:12 - Anna: hi")
    assert found.system == 1 and [m.text for m in found.messages] == ["hi"]


def test_other_encodings_are_named_and_read():
    content = "13.04.25, 21:11 - Jörg: café\n".encode("utf-16")
    with pytest.raises(DataError, match="UTF-16, not UTF-8; name its encoding: --encoding utf-16"):
        read(content)
    assert read(content, encoding="utf-16").messages[0][1:4:2] == ("Jörg", "café")
