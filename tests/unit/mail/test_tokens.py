"""Tokens: what is signed verifies, everything else is None."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postroom.mail.tokens import Signer, Token

AT = datetime(2026, 11, 20, 13, 15, tzinfo=UTC)
KEY = b"k" * 32
SIGNER = Signer("acme", (KEY,))
TEMPLATES = ("support+{token}@example.com", "{token}@reply.Example.com")

tokens = st.builds(
    Token,
    role=st.sampled_from("chnsbm"),
    object_id=st.integers(0, 2**35 - 1),
    participant_id=st.integers(0, 2**35 - 1),
)


@given(tokens)
def test_a_signed_token_verifies_in_any_case_and_fits_32_characters(token: Token) -> None:
    text = SIGNER.sign(token)
    assert len(text) <= 32
    assert text == text.lower()
    assert text[0] == token.role
    assert SIGNER.verify(text) == token
    assert SIGNER.verify(text.upper()) == token


@given(tokens, st.integers(0, 31), st.sampled_from("abcdefghijklmnopqrstuvwxyz234567=-+ éK"))
def test_any_changed_character_makes_it_junk(token: Token, where: int, letter: str) -> None:
    text = SIGNER.sign(token)
    where %= len(text)
    changed = text[:where] + letter + text[where + 1 :]
    assert SIGNER.verify(changed) == (token if changed.lower() == text else None)


@given(st.text(max_size=60))
def test_junk_is_none_and_never_an_error(text: str) -> None:
    assert SIGNER.verify(text) is None
    assert SIGNER.verify_message_id(text) is None
    assert SIGNER.find([text, f"support+{text}@example.com"], TEMPLATES) == ()


def test_a_leading_zero_is_not_another_spelling() -> None:
    text = SIGNER.sign(Token("c", 5, 9))
    assert text.startswith("cbfj")  # one digit of object; 5, 9
    assert SIGNER.verify("c" + "c" + "af" + text[3:]) is None
    assert SIGNER.verify("c" + "b" + "f" + "a" + text[3:]) is None


def test_ids_do_not_run_into_each_other() -> None:
    assert SIGNER.sign(Token("c", 1, 32))[2:5] == SIGNER.sign(Token("c", 33, 0))[2:4] + "a"
    assert SIGNER.sign(Token("c", 1, 32))[-16:] != SIGNER.sign(Token("c", 33, 0))[-16:]


def test_another_instance_or_key_does_not_verify() -> None:
    text = SIGNER.sign(Token("h", 7, 3))
    assert Signer("other", (KEY,)).verify(text) is None
    assert Signer("acme", (b"x" * 32,)).verify(text) is None


def test_all_keys_verify_and_the_first_signs() -> None:
    rotated = Signer("acme", (b"new" * 8, KEY))
    token = Token("h", 7, 3)
    assert rotated.verify(SIGNER.sign(token)) == token
    assert SIGNER.verify(rotated.sign(token)) is None


@pytest.mark.parametrize(
    "token",
    [
        Token("x", 1, 1),
        Token("ch", 1, 1),
        Token("", 1, 1),
        Token("c", -1, 1),
        Token("c", 2**63, 2**40),
    ],
)
def test_what_cannot_be_written_is_refused(token: Token) -> None:
    with pytest.raises(ValueError, match="token"):
        SIGNER.sign(token)


def test_a_signer_without_a_key_is_refused() -> None:
    with pytest.raises(ValueError, match="key"):
        Signer("acme", ())
    with pytest.raises(ValueError, match="key"):
        Signer("acme", (b"",))


@pytest.mark.parametrize("template", TEMPLATES)
def test_tokens_are_found_in_addresses_of_the_reply_form(template: str) -> None:
    token = Token("c", 123, 4)
    address = SIGNER.reply_address(template, token)
    found = SIGNER.find(["eva@example.net", address, address.upper(), f"<{address}>"], TEMPLATES)
    assert found == (token,)
    assert len(address.partition("@")[0]) <= 64


def test_tokens_elsewhere_in_an_address_are_not_found() -> None:
    text = SIGNER.sign(Token("c", 123, 4))
    addresses = [
        f"help+{text}@example.com",
        f"support+{text}@example.org",
        f"support+x{text}@example.com",
        text,
    ]
    assert SIGNER.find(addresses, TEMPLATES) == ()


def test_a_token_of_a_message_id_is_no_reply_address() -> None:
    text = SIGNER.sign(Token("m", 123, 4))
    assert SIGNER.find([f"support+{text}@example.com"], TEMPLATES) == ()


def test_several_tokens_are_found_in_order_once_each() -> None:
    first, second = Token("h", 1, 2), Token("n", 1, 2)
    addresses = [SIGNER.reply_address(TEMPLATES[0], token) for token in (first, second, first)]
    assert SIGNER.find(addresses, TEMPLATES) == (first, second)


@pytest.mark.parametrize("request_id", [0, 123])
def test_a_message_id_is_canonical_and_verifiable(request_id: int) -> None:
    message_id = SIGNER.message_id(request_id, 77, AT, "Example.com")
    assert message_id.endswith(".acme@example.com")
    assert not set(message_id) & set("<> ")
    assert SIGNER.verify_message_id(message_id) == Token("m", request_id, 77)
    assert SIGNER.verify_message_id(message_id.upper()) == Token("m", request_id, 77)


@pytest.mark.parametrize("instance", ["acme.support", "a-b"])
def test_an_instance_may_hold_dots(instance: str) -> None:
    signer = Signer(instance, (KEY,))
    assert signer.verify_message_id(signer.message_id(1, 2, AT, "x.org")) == Token("m", 1, 2)


def test_message_ids_of_the_same_row_at_another_moment_differ() -> None:
    later = AT.replace(microsecond=1000)
    assert SIGNER.message_id(1, 2, AT, "x.org") != SIGNER.message_id(1, 2, later, "x.org")


def test_foreign_message_ids_are_not_ours() -> None:
    message_id = SIGNER.message_id(1, 2, AT, "x.org")
    local = message_id.partition("@")[0]
    address_token = SIGNER.sign(Token("c", 1, 2))
    for foreign in (
        local,
        local + "@",
        f"<{message_id}>",
        message_id.replace(".acme", ".other"),
        message_id.replace(".acme", ""),
        f"{address_token}.abc.acme@x.org",
        f"{local.partition('.')[0]}..acme@x.org",
        f"{local.partition('.')[0]}.a_b.acme@x.org",
    ):
        assert SIGNER.verify_message_id(foreign) is None
