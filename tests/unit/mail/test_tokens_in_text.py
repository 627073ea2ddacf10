"""Tokens in free text: found whatever a mail program made of them."""

from __future__ import annotations

import html
import random
from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from postroom.mail import tokens
from postroom.mail.tokens import FoundToken, Signer, Token, TooManyTries

KEY = b"k" * 32
SIGNER = Signer("acme", (KEY,))
PLUS, BARE = "support+{token}@example.com", "{token}@reply.example.com"
MAILBOXES = (PLUS, BARE)
TOKEN = Token("h", 123, 45)
TEXT = SIGNER.sign(TOKEN)
HALF = len(TEXT) // 2
AT_PLUS, AT_BARE = SIGNER.reply_address(PLUS, TOKEN), SIGNER.reply_address(BARE, TOKEN)

any_token = st.builds(
    Token,
    role=st.sampled_from("chnsbm"),
    object_id=st.integers(0, 2**35 - 1),
    participant_id=st.integers(0, 2**35 - 1),
)


def found(text: str) -> list[Token]:
    return [each.token for each in SIGNER.find_in_text(text, MAILBOXES)]


@pytest.mark.parametrize("address", [AT_PLUS, AT_BARE, TEXT, f"x{TEXT}y", f"no7{TEXT}"])
@pytest.mark.parametrize(
    "form", ["{}", "On Monday, Acme <{}> wrote:", "a{}", "mailto:{}?subject=x"]
)
def test_a_token_is_found_with_its_place(address: str, form: str) -> None:
    text = form.format(address)
    start = text.index(TEXT)
    expected = (FoundToken(TOKEN, start, start + len(TEXT)),)
    assert expected == SIGNER.find_in_text(text, MAILBOXES)
    assert expected == SIGNER.find_in_text(text.upper(), MAILBOXES)


@pytest.mark.parametrize(
    "text",
    [
        AT_PLUS.replace("+", "%2B").replace("@", "%40"),
        AT_PLUS.replace("+", "%252b").replace("@", "%2540"),
        AT_PLUS.replace("+", "=2B").replace("@", "=40"),
        AT_PLUS.replace("+", "&#43;").replace("@", "&#x40;"),
        AT_PLUS.replace("+", "&plus;").replace("@", "&commat;"),
        AT_PLUS.replace("+", " "),
        f"<a href='mailto:support%2B{TEXT}%40example.com'>",
        f"support+{TEXT[:HALF]}\n{TEXT[HALF:]}@example.com",
        f"support+{TEXT[:HALF]}\r\n> > {TEXT[HALF:]}@example.com",
        f"> | support+{TEXT[:HALF]} \n> | {TEXT[HALF:]}@example.com",
        f"{TEXT[:HALF]}\n > {TEXT[HALF:]}",
        f"{TEXT[:HALF]}\n&gt; {TEXT[HALF:]}",
        f"{TEXT[:HALF]}=\n{TEXT[HALF:]}",
        f"support=2B=\n{TEXT[:HALF]}=\n> {TEXT[HALF:]}",
        f"supp\n> ort+{TEXT[:HALF]}=20\n> {TEXT[HALF:]}",
        f"{TEXT[:HALF]}<wbr>{TEXT[HALF:]}",
        f"{TEXT[:HALF]}&lt;wbr&gt;{TEXT[HALF:]}",
        f"{TEXT[:HALF]}<wbr/>&shy;{TEXT[HALF:]}",
        f"{TEXT[:HALF]}</span>\n<span style='x'>{TEXT[HALF:]}",
        "\u00ad".join(TEXT),
        "\u200b".join(TEXT),
        "support + " + " ".join(TEXT),
        " ".join(AT_BARE),
        f"{TEXT[:HALF]}  {TEXT[HALF:]} @ reply.example. com",
        f"write to {TEXT[:HALF]} {TEXT[HALF:]}@reply.example.com, please",
        "".join(f"&#{ord(each)};" for each in TEXT),
        "".join(f"%{ord(each):02X}" for each in AT_PLUS),
        "\n".join(AT_PLUS),
    ],
)
def test_a_mangled_token_is_found(text: str) -> None:
    assert [TOKEN] == found(f"He wrote to {text}, I think.")
    assert [TOKEN] == found(text)


@given(any_token)
def test_every_role_and_every_length_is_found(token: Token) -> None:
    assert [token] == found(f"see:{SIGNER.sign(token)}.")
    assert [token] == found(SIGNER.reply_address(BARE, token))


@settings(deadline=None)
@given(any_token, st.text(max_size=30), st.text(max_size=30), st.integers(0, 10**6))
def test_a_token_is_found_between_any_texts(
    token: Token, before: str, after: str, seed: int
) -> None:
    chance = random.Random(seed)
    text = SIGNER.reply_address(chance.choice(MAILBOXES), token)
    if chance.random() < 0.5:
        text = chance.choice([str.upper, str.lower, str.title])(text)
    where = chance.randrange(len(text))
    junk = chance.choice(["\n", "\n> ", "\r\n| ", "\u200b", "=\n", "<wbr>", " \n  >> "])
    text = text[:where] + junk + text[where:]
    text = chance.choice([lambda one: one, html.escape, lambda one: one.replace("+", "%2B")])(text)
    assert token in found(f"{before} {text} {after}")


@given(st.text())
def test_any_text_is_searched_without_an_error(text: str) -> None:
    assert () == SIGNER.find_in_text(text, (*MAILBOXES, "{token}", "a{token}b", ""))
    assert [] == found(quote(text))


def test_several_tokens_come_in_the_order_of_the_text() -> None:
    other = Token("n", 9, 9)
    text = f"{SIGNER.sign(other)} {AT_PLUS} {AT_BARE}"
    assert [other, TOKEN, TOKEN] == found(text)


def test_two_tokens_without_a_gap_are_both_found() -> None:
    other = Token("n", 9, 9)
    assert [TOKEN, other] == found(TEXT + SIGNER.sign(other))


def test_foreign_and_changed_tokens_are_not_found() -> None:
    changed = TEXT[:-1] + ("a" if TEXT[-1] != "a" else "b")
    assert [] == found(f"{changed} support+{changed}@example.com")
    assert [] == found(Signer("other", (KEY,)).sign(TOKEN))


def test_tokens_of_an_older_key_are_found() -> None:
    rotated = Signer("acme", (b"new" * 8, KEY))
    assert 1 == len(rotated.find_in_text(AT_PLUS, MAILBOXES))


def test_a_text_full_of_near_tokens_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tokens, "MAX_TRIES", 100)
    with pytest.raises(TooManyTries, match="100"):
        SIGNER.find_in_text("hb" * 1_000, MAILBOXES)
    with pytest.raises(TooManyTries):
        SIGNER.find_in_text("support+hbbbbbbbbbbbbbbbbbbbbb! " * 1_000, MAILBOXES)
