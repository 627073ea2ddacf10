"""The variables of mail templates: empty, and as an example.

Plain JSON values: they are frozen in the database when a mail is queued, and rendered later.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

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
    },
    "contact": {"name": "", "address": ""},
    "company": "",
    "handler": {"name": "", "full_name": "", "email": ""},
    "mailbox": {"name": "", "address": "", "from_name": ""},
    "message": {"text": "", "from_name": "", "subject": "", "at": ""},
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
    },
    "contact": {"name": "Kari Nordmann", "address": "kari@example.org"},
    "company": "Example & Sons",
    "handler": {"name": "eva", "full_name": "Eva Berg", "email": "eva@example.com"},
    "mailbox": {"name": "support", "address": "support@example.com", "from_name": "Acme Support"},
    "message": {
        "text": "It has been burning since Monday.\nCould you have a look?",
        "from_name": "Kari Nordmann",
        "subject": "The <b>printer</b> is on fire",
        "at": "2026-11-20T13:15:00Z",
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
