"""A mail as one page: nothing else is needed to show it, and nothing is loaded."""

from __future__ import annotations

import re
from email.message import EmailMessage
from pathlib import Path

import pytest

from postroom.mail.page import Page, Wanted, make_page

CORPUS = Path(__file__).parents[2] / "corpus"
PNG = b"\x89PNG\r\n\x1a\n" + bytes(20)
QUOTED = """Yes.

On Fri, 20 Nov 2026 at 10:12, Eva <eva@x.example> wrote:
> Really <now>?

--\x20
Ann
"""


def page(raw: bytes, part: str = "", *, allows_remote: bool = False) -> Page:
    made = make_page(Wanted(raw, part, allows_remote))
    assert made is not None
    return made


def mail(text: str = "Hello\n", html: str = "", **pictures: bytes) -> EmailMessage:
    built = EmailMessage()
    built["From"] = '"<b>Ann" <ann@x.example>'
    built["To"] = "support@example.com"
    built["Subject"] = "</title><script>alert(1)</script>"
    built.set_content(text)
    if html:
        built.add_alternative(html, subtype="html")
        shown = built.get_body(("html",))
        assert shown is not None
        for name, octets in pictures.items():
            shown.add_related(octets, "image", "png", cid=f"<{name}@x>", filename=f"{name}.png")
    return built


def test_headers_and_names_are_escaped() -> None:
    built = mail()
    built.add_attachment(b"x", "a", "b", filename='<img src=x onerror="alert(1)">.bin')
    shown = page(built.as_bytes()).html
    assert "<script" not in shown
    assert "<img" not in shown
    assert "<title>&lt;/title&gt;" in shown
    assert "&lt;b&gt;Ann &lt;ann@x.example&gt;" in shown


def test_the_policy_of_the_page_comes_first_and_forbids_what_is_left() -> None:
    head = page(mail().as_bytes()).html.partition("<title>")[0]
    assert (
        '<meta http-equiv="Content-Security-Policy" content="default-src \'none\'; style-src '
        "'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'\">" in head
    )
    open_page = page(mail().as_bytes(), allows_remote=True).html
    assert "img-src data: https: http:; base-uri" in open_page


def test_pictures_of_the_mail_are_in_the_page_by_what_they_look_like() -> None:
    html = '<p>Look:</p><img src="cid:one@x"><img src="cid:two@x"><img src="https://x.example/y">'
    made = page(mail("Look\n", html, one=PNG, two=b"<svg onload=alert(1)>").as_bytes())
    assert (1, 1) == (made.pictures, made.blocked)
    assert 1 == made.html.count('<img src="data:image/png;base64,iVBORw0KGgo')
    assert "svg+xml" not in made.html
    assert "1 references to elsewhere are not shown" in made.html
    assert "x.example/y" not in made.html
    assert "one.png" in made.html
    assert "part 2.2, image/png" in made.html


def test_a_large_picture_is_not_shown_again_and_again() -> None:
    html = '<img src="cid:one@x">' * 400
    made = page(mail("x\n", html, one=PNG + bytes(3_000_000)).as_bytes())
    assert 8 == made.pictures  # of 25 MB


def test_quotes_of_a_plain_text_are_folded() -> None:
    shown = page(mail(QUOTED).as_bytes()).html
    assert '<pre dir="auto" class="own">Yes.' in shown
    pattern = r"<details><summary>quoted: 2 lines</summary>(.*?)</details>"
    folded = re.search(pattern, shown, re.DOTALL)
    assert folded is not None
    assert "&gt; Really &lt;now&gt;?" in folded[1]
    assert "Yes." not in folded[1]
    assert '<pre dir="auto" class="signature">-- \nAnn' in shown


def test_an_attached_mail_or_text_is_a_page_of_its_own() -> None:
    built = mail("Outer\n")
    built.add_attachment(mail("Inner\n"))
    built.add_attachment("<p onclick=x()>Words</p>", subtype="html", filename="a.html")
    built.add_attachment(PNG, "image", "png", filename="a.png")
    raw = built.as_bytes()
    assert "Inner" in page(raw, "2").html
    words = page(raw, "3").html
    assert "<p>Words</p>" in words
    assert "<title>a.html</title>" in words
    assert make_page(Wanted(raw, "4")) is None
    assert make_page(Wanted(raw, "9")) is None


@pytest.mark.parametrize("path", sorted(CORPUS.glob("*.eml")), ids=lambda path: path.stem)
def test_every_mail_of_the_corpus_has_a_page_that_loads_nothing(path: Path) -> None:
    shown = page(path.read_bytes()).html
    body = shown.partition("<body>")[2]
    assert shown.endswith("</body></html>")
    assert not re.search(r"<(?:script|iframe|object|embed|link|style|svg|form|base|meta)\b", body)
    assert not re.search(r"<[^>]*\s(?:on\w+|srcset|background|poster)=", body)
    assert not re.search(r"""<img[^>]*\ssrc="(?!data:image/)""", body)
    assert "url(" not in body


@pytest.mark.parametrize("raw", [b"", b"\xff\0", b"Content-Type: text/html\n\n<b>", b"\n\n" * 999])
def test_any_octets_have_a_page(raw: bytes) -> None:
    assert "</html>" in page(raw).html
