"""The variables of mail templates: empty, and as an example.

Plain JSON values: they are frozen in the database when a mail is queued, and rendered later.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

# Names of `reply.links`; each mail has those that fit.
LINKS = (
    *("accept", "refuse", "undo", "note", "take", "close", "status", "assign", "priority"),
    *("postpone", "tag", "show", "why", "help"),
)

# Every variable of every template, empty: what a mail does not know renders as nothing.
EMPTY: Mapping[str, Any] = {
    "request": {
        "id": 0,
        "reference": "",
        "subject": "",
        "status": "",
        "priority": "",
        "category": "",
        "owner": "",
        "tag": "",
        "deadline": "",
    },
    "contact": {"name": "", "address": ""},
    "company": "",
    "handler": {"name": "", "full_name": "", "email": ""},
    "mailbox": {"name": "", "address": "", "from_name": ""},
    "message": {
        "text": "",
        "from_name": "",
        "from_address": "",
        "subject": "",
        "at": "",
        "reply_to": "",
        "cc": [],
        "verdict": "",  # of the sender: pass none fail
        "attachments": [],
        "omitted": False,
        "pictures": [],  # shown in the text; core.pictures, and `cid` by work.letter
    },
    "quoted": {"text": "", "from_name": "", "at": ""},
    "participants": [],
    "reply": {"answer": "", "note": "", "hold": "", "links": {}},  # work.letter.addresses_in
    "reason": "",
    "link": "",
    "changes": [],
    "choices": [],
    "extracted": {},
    "neutral": False,
}

SAMPLE: Mapping[str, Any] = {
    "request": {
        "id": 123,
        "reference": "R-123",
        "subject": "The <b>printer</b> is on fire",
        "status": "open",
        "priority": "medium",
        "category": "support/technical",
        "owner": "eva",
        "tag": "[acme #123]",
        "deadline": "2026-12-01 09:00 CET",
    },
    "contact": {"name": "Kari Nordmann", "address": "kari@example.org"},
    "company": "Example & Sons",
    "handler": {"name": "eva", "full_name": "Eva Berg", "email": "eva@example.com"},
    "mailbox": {"name": "support", "address": "support@example.com", "from_name": "Acme Support"},
    "message": {
        "text": "It has been burning since Monday.\nCould you have a look?",
        "from_name": "Kari Nordmann",
        "from_address": "kari@example.org",
        "subject": "The <b>printer</b> is on fire",
        "at": "2026-11-20 14:15 CET",
        "reply_to": "printers@example.org",
        "cc": ["ola@example.org"],
        "verdict": "none",
        "attachments": [{"name": "fire & smoke.jpg", "size": "840 kB"}],
        "omitted": True,
        "pictures": [],  # SAMPLE_PICTURES, where a template is to be seen with them
    },
    "quoted": {
        "text": "Is it the <b>big</b> one?\n\nPlease answer soon.",
        "from_name": "Kari Nordmann",
        "at": "2026-11-20 14:15 CET",
    },
    "participants": ["ola@example.org"],
    "reply": {
        "answer": "support+h222example@example.com",
        "note": "support+n222example@example.com",
        "hold": "support+n2example@example.com",
        "links": {
            name: f"mailto:support%2Bn222example@example.com?subject=Re%3A%20Fire&body=%23{name}"
            for name in LINKS
        },
    },
    "reason": "no answer for an hour",
    "link": "https://postroom.example.com/requests/123",
    "changes": [
        {
            "request": "[acme #123] The printer is on fire",
            "what": "status",
            "from": "open",
            "to": "closed",
            "because": "#close",
        }
    ],
    "choices": ["#close", "#reopen"],
    "extracted": {"order": "4711"},
    "neutral": False,
}

# Below the first line of the sample's text.
SAMPLE_PICTURES: Sequence[Mapping[str, Any]] = (
    {"part": "2", "name": "<b>fire.png", "start": 33, "end": 33, "cid": "p1.x@example.com"},
)
