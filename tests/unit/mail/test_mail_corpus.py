"""Every mail of the corpus says what the file beside it says."""

from __future__ import annotations

import pickle
import tomllib
from pathlib import Path
from typing import Any

import mailparser
import pytest
from tests.cutting import cut_out

from postroom.mail.forward import find_forward
from postroom.mail.fresh import split_fresh
from postroom.mail.html import html_to_text
from postroom.mail.message import Address, ParsedMail
from postroom.mail.parse import read_mail, read_part

CORPUS = Path(__file__).parents[2] / "corpus"
NAMES = sorted(path.stem for path in CORPUS.glob("*.eml") if path.with_suffix(".toml").exists())


def _shown(address: Address | None) -> str:
    if address is None:
        return ""
    return f"{address.name} <{address.address}>" if address.name else address.address


def _found(mail: ParsedMail, key: str) -> Any:
    match key:
        case "from":
            return _shown(mail.from_)
        case "to" | "cc" | "reply_to":
            return [_shown(address) for address in getattr(mail, key)]
        case "message_id":
            return mail.message_id or ""
        case "has_html":
            return mail.html is not None
        case "text" | "fresh":
            return getattr(mail, key).rstrip("\n")
        case "references" | "in_reply_to" | "defects":
            return list(getattr(mail, key))
        case _:
            return getattr(mail, key)


def _check(expected: Any, found: Any) -> None:
    """Compare what is expected with what was found; keys that are not named do not matter."""
    if isinstance(expected, dict):
        for key, value in expected.items():
            _check(value, getattr(found, key))
    elif isinstance(expected, list) and expected and isinstance(expected[0], dict):
        assert len(expected) == len(found)
        for one, other in zip(expected, found, strict=True):
            _check(one, other)
    elif isinstance(expected, str):
        assert expected.rstrip("\n") == found
    else:
        assert expected == (list(found) if isinstance(found, tuple) else found)


@pytest.mark.parametrize("name", NAMES)
def test_mail_says_what_stands_beside_it(name: str) -> None:
    raw = (CORPUS / f"{name}.eml").read_bytes()
    expected = tomllib.loads((CORPUS / f"{name}.toml").read_text(encoding="utf-8"))
    for key in ("why", "mail_parser"):  # the latter: what mail-parser sees otherwise
        expected.pop(key, None)
    mail = read_mail(raw)
    for key, value in expected.items():
        _check(value, _found(mail, key))


@pytest.mark.parametrize("name", NAMES)
def test_every_attachment_can_be_cut_out(name: str) -> None:
    raw = (CORPUS / f"{name}.eml").read_bytes()
    mail = read_mail(raw)
    assert mail == pickle.loads(pickle.dumps(mail))
    for attachment in mail.attachments:
        kind, _, octets = read_part(raw, attachment.part)
        assert (attachment.type, attachment.size) == (kind, len(octets))
        if attachment.place is not None:
            assert octets == cut_out(raw, attachment.place, step=1_000)


@pytest.mark.parametrize("name", NAMES)
def test_mail_parser_agrees_on_subject_addresses_and_message_id(name: str) -> None:
    raw = (CORPUS / f"{name}.eml").read_bytes()
    mail = read_mail(raw)
    other = mailparser.parse_from_bytes(raw)
    differing = set()
    if (mail.message_id or "") != (other.message_id or "").strip("<>"):
        differing.add("message_id")
    if mail.subject != " ".join((other.subject or "").split()):
        differing.add("subject")
    for key, ours in (("from_", [mail.from_] if mail.from_ else []), ("to", mail.to)):
        theirs = {address.lower() for _, address in getattr(other, key) or [] if "@" in address}
        if {each.address.lower() for each in ours} != theirs:
            differing.add(key)
    expected = tomllib.loads((CORPUS / f"{name}.toml").read_text(encoding="utf-8"))
    assert set(expected.get("mail_parser", ())) == differing


QUOTING = [name for name in NAMES if name.startswith(("fresh-", "forward-"))]


@pytest.mark.parametrize("name", QUOTING)
def test_html_alone_tells_the_same_as_the_plain_text(name: str) -> None:
    mail = read_mail((CORPUS / f"{name}.eml").read_bytes())
    expected = tomllib.loads((CORPUS / f"{name}.toml").read_text(encoding="utf-8"))
    text = html_to_text(mail.html) if mail.html is not None else mail.text
    fresh = split_fresh(text, mail.html)
    if "fresh" in expected:
        assert expected["fresh"].split() == fresh.text.split()
    if "forward" in expected and not mail.attachments:
        forward = find_forward(mail.subject, text, fresh.older, is_answer=True)
        assert forward is not None
        for key, value in expected["forward"].items():
            assert value.split() == getattr(forward, key).split()
