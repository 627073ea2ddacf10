"""Where the HTML of a mail shows its own pictures, and where that is in the new words."""

from __future__ import annotations

from email.message import EmailMessage

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postroom.mail.message import Attachment, Belongs, Picture
from postroom.mail.parse import read_mail
from postroom.mail.pictures import find_pictures

ONE, TWO, THREE = "cid:one@x", "cid:two@x", "cid:three@x"
FILES = tuple(
    Attachment(part, f"{name}.png", "image/png", 9, inline=True, content_id=f"{name}@x")
    for part, name in (("2", "one"), ("3", "two"), ("4", "three"))
)
QUOTE = (
    '<br><div class="gmail_quote"><div class="gmail_attr">On Fri, 20 Nov 2026 at 10:12, Eva wrote:'
    "</div>"
)


def img(source: str, more: str = "") -> str:
    return f'<img {more} src="{source}">'


NAMED, ALSO = img(ONE, "alt='one'"), img(ONE, 'alt="a&amp;b"')


def places(fresh: str, markup: str | None) -> list[tuple[str, str, int, int]]:
    found = find_pictures(fresh, markup, FILES)
    return [(one.part, one.belongs.value, one.start, one.end) for one in found]


@pytest.mark.parametrize(
    ("expected", "fresh", "markup"),
    [
        # The plain text says nothing of the picture: it stands below the line before it.
        ([("2", "own", 6, 6)], "Hello.\nBye.", f"<p>Hello.</p>{img(ONE)}<p>Bye.</p>"),
        ([("2", "own", 0, 0)], "Hello.", f"{img(ONE)}<p>Hello.</p>"),
        ([("2", "own", 6, 6)], "Hello.", f"<p>Hello.</p>{img(ONE)}"),
        ([("2", "own", 12, 12)], "Hello there.\nBye.", f"<p>Hello {img(ONE)} there.</p>Bye."),
        # The plain text is wrapped otherwise than the HTML.
        ([("2", "own", 12, 12)], "a long\nli\nne\nBye", f"<p>a long line</p>{img(ONE)}Bye"),
        # It names the picture.
        ([("2", "own", 2, 13)], "A [cid:one@x] B", f"A {img(ONE)} B"),
        ([("2", "own", 2, 14)], "A [image: one] B", f"A {NAMED} B"),
        ([("2", "own", 2, 7)], "A [a&b] B", f"A {ALSO} B"),
        # Two of them, and the second one only by the words between.
        (
            [("2", "own", 2, 2), ("3", "own", 5, 5)],
            "A.\nB.\nC.",
            f"A.<br>{img(ONE)}<br>B.<br>{img(TWO)}<br>C.",
        ),
        # The same words twice: the first picture below the second of them.
        ([("2", "own", 7, 7)], "Yes\nYes\nNo", f"Yes<br>Yes<br>{img(ONE)}<br>No"),
        # The text says something else than the HTML: at its end.
        ([("2", "own", 9, 9)], "Other one", f"<p>What is not there.</p>{img(ONE)}"),
        # Shown in the sender's words and in the quote: his own.
        (
            [("2", "own", 5, 5), ("3", "older", -1, -1)],
            "Hello",
            f"Hello<br>{img(ONE)}{QUOTE}<blockquote>{img(ONE)} {img(TWO)}</blockquote></div>",
        ),
        # In a signature that the HTML names, and in one that only the text tells.
        (
            [("2", "signature", -1, -1)],
            "Hello",
            f'Hello<br><div class="gmail_signature">Eva {img(ONE)}</div>',
        ),
        ([("2", "below", -1, -1)], "Hello", f"Hello<br>-- <br>Eva<br>{img(ONE)}"),
        # Nothing typed but a picture.
        (
            [("2", "own", 0, 0), ("3", "older", -1, -1)],
            "",
            f"{img(ONE)}{QUOTE}<blockquote>Hello {img(TWO)}</blockquote></div>",
        ),
        # Not shown: elsewhere, hidden, unknown, in a comment, in a style.
        ([], "A", img("https://example.net/x.png")),
        ([], "A", f'<div style="display:none">{img(ONE)}</div>A'),
        ([], "A", img("cid:nobody@x")),
        ([], "A", f"<!-- {img(ONE)} -->A"),
        ([], "A", f"<style>{img(ONE)}</style>A"),
        ([], "A", None),
        ([("2", "own", 1, 1)], "A", "A <IMG SRC=cid:one%40x>"),
        ([("2", "own", 1, 1)], "A", "A <img alt='' src = 'CID:one&#64;x' >"),
    ],
)
def test_a_picture_stands_where_the_html_shows_it(
    expected: list[tuple[str, str, int, int]], fresh: str, markup: str | None
) -> None:
    assert expected == places(fresh, markup)


def test_only_pictures_count() -> None:
    file = Attachment("2", "a.pdf", "application/pdf", 9, inline=True, content_id="one@x")
    assert () == find_pictures("A", f"A {img(ONE)}", (file,))


def test_a_sender_cannot_write_our_marks_himself() -> None:
    assert [("2", "own", 3, 3)] == places("A 1", f"A \ue0000\ue001 1 {img(ONE)}")


def test_it_is_read_with_the_mail() -> None:
    built = EmailMessage()
    built.set_content("Look:\n\nBye\n")
    built.add_alternative(f"<p>Look:</p>{img(ONE)}<p>Bye</p>", subtype="html")
    html = built.get_body(("html",))
    assert html is not None
    html.add_related(b"\x89PNG\r\n\x1a\n", "image", "png", cid="<one@x>")
    mail = read_mail(built.as_bytes())
    assert (Picture("2.2", Belongs.OWN, 5, 5),) == mail.pictures


pieces = st.sampled_from(
    f"{img(ONE)}|{img(TWO)}|{img(THREE)}|<p>|</p>|Hello|-- |\n|<br>|{QUOTE}|</div>|<blockquote>"
    "|</blockquote>|[cid:one@x]|\ue000|2|\ue001|<img|'|\"|[image: x]|&#xe000;7&#xe001;|İ|ß|<|>"
    "|On Monday, Eva wrote:|> ".split("|")
)


def test_a_picture_without_a_place_does_not_move_the_next_one() -> None:
    markup = f"Not there<br>{img(ONE)}<br>This line is.<br>{img(TWO)}<br>End"
    assert [("3", "own", 13, 13), ("2", "own", 17, 17)] == places("This line is.\nEnd", markup)


@given(st.lists(pieces, max_size=40), st.lists(pieces, max_size=40))
def test_any_markup_and_text_give_places_inside_the_text(
    markup: list[str], words: list[str]
) -> None:
    fresh = "".join(words)
    last = 0
    for one in find_pictures(fresh, "".join(markup), FILES):
        if one.belongs is Belongs.OWN:
            assert last <= one.start <= one.end <= len(fresh)
            last = one.end
        else:
            assert (-1, -1) == (one.start, one.end)
