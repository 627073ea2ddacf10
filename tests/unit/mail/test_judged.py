"""Mails whose reading was judged before any program had seen them.

`tests/judged` holds mails as clients, servers and people write them, in the proportions of real
archives, each with what its author, who did not know this code, calls the right reading (white
space does not matter; where an expert could read it in several ways, each is named). Those that are
read otherwise stand in `otherwise.toml`, with why; one that has become right has to leave it.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from postroom.mail.message import Address, ParsedMail
from postroom.mail.parse import read_mail

JUDGED = Path(__file__).parents[2] / "judged"
NAMES = sorted(f"{path.parent.name}/{path.stem}" for path in JUDGED.glob("*/*.eml"))
OTHERWISE = tomllib.loads((JUDGED / "otherwise.toml").read_text(encoding="utf-8"))
# White space, and the targets of links.
_BLANK = re.compile("[\\s\u00ad\u200b\ufeff]+|<https?://[^<>]*>")
_ADDRESS = re.compile(r"[\w.+-]+@[\w.-]+")


def bare(value: object) -> str:
    """Return the words without what does not matter in them."""
    return _BLANK.sub("", str(value or ""))


def otherwise(mail: ParsedMail, judged: dict[str, Any]) -> Iterator[str]:
    """Yield what of a mail is read otherwise than it was judged."""
    for key, value in judged.items():
        match key:
            case "origin":
                is_right = mail.origin in value
            case "recipients":
                is_right = _is_bounce(mail, value)
            case "original":
                found = (mail.bounce.message_id if mail.bounce is not None else None) or None
                is_right = found in [each or None for each in value]
            case "fresh":
                is_right = bare(mail.fresh) in map(bare, value)
            case "forward":
                is_right = _is_forward(mail, value)
            case _:
                is_right = _is_field(mail, key, value)
        if not is_right:
            yield key


def _is_bounce(mail: ParsedMail, judged: list[dict[str, Any]]) -> bool:
    found = {each.address.lower(): each for each in (mail.bounce.recipients if mail.bounce else ())}
    wanted = [
        next((each.lower() for each in one["address"] if each.lower() in found), "")
        for one in judged
    ]
    return set(wanted) == set(found) and all(
        found[address].status.startswith(tuple(one["class"]))
        and found[address].action in one["action"]
        for address, one in zip(wanted, judged, strict=True)
    )


def _is_forward(mail: ParsedMail, judged: dict[str, str]) -> bool:
    if mail.forward is None:
        return False
    who, found = bare(judged["from"]).lower(), bare(mail.forward.from_).lower()
    address = _ADDRESS.search(judged["from"].lower())
    is_sender = who in found or found in who or (address is not None and address[0] in found)
    return is_sender and all(
        bare(judged[key]) == bare(getattr(mail.forward, key)) for key in ("subject", "text")
    )


def _is_field(mail: ParsedMail, key: str, judged: Any) -> bool:
    match key:
        case "from":
            author = mail.from_ or Address("", "")
            return bare(judged["name"]) == bare(author.name) and author.address in judged["address"]
        case "reply_to" | "to" | "cc":
            found = [each.address.lower() for each in getattr(mail, key)]
            return [each.lower() for each in judged] == found
        case "date":
            date = mail.date and mail.date.strftime("%Y-%m-%dT%H:%M:%SZ")
            return bool(judged == date)
        case "attachments":
            return len(judged) == len(mail.attachments) and all(
                # What has no name is given one.
                (one["name"] is None or other.name in one["name"])
                and one["type"] in (None, other.type)
                and one["size"] in (None, other.size)
                for one, other in zip(judged, mail.attachments, strict=True)
            )
        case "text" | "subject":
            wanted = judged if isinstance(judged, list) else [judged]
            return bare(getattr(mail, key)) in map(bare, wanted)
        case "message_id":
            return (judged or None) == (mail.message_id or None)
        case _:
            return bool(judged == list(getattr(mail, key)))


@pytest.mark.parametrize("name", NAMES)
def test_a_mail_is_read_as_it_was_judged(name: str) -> None:
    judged = json.loads((JUDGED / f"{name}.json").read_text(encoding="utf-8"))
    found = list(otherwise(read_mail((JUDGED / f"{name}.eml").read_bytes()), judged))
    assert OTHERWISE.get(name, {}).get("keys", []) == found


def test_what_is_read_otherwise_exists() -> None:
    assert set(OTHERWISE) <= set(NAMES)
