"""A house whose levels tell the contact, and what tests of that look at."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from email.message import EmailMessage
from pathlib import Path

from tests.houses import CONFIG, LOUD, clock_of, fire, mail, put_in, send, sound_house

from postroom.house import House

ANN = "ann@example.net"
EVA, OMAR, KIM, BOSS = "eva@example.com", "omar@example.com", "kim@example.com", "boss@example.com"
MINE = '\n[trust]\nauthserv_id = ["mx.example.com"]\n'
LEVELS = """
[[priority]]
name = "medium"
default = true
calendar = "always"
first_reply = "3h"

  [[priority.level]]
  level = 1
  after = "1h"
  notify = ["contact"]

  [[priority.level]]
  level = 2
  after = "1h"
  notify = ["owner", "contact", "boss@example.com"]

  [[priority.warning]]
  of = "first_reply"
  after = "0m"
  notify = ["contact", "owner"]
  contact_template = "sorry"
"""
SORRY = """{% block subject %}Sorry {{ request.subject }}{% endblock %}
{% block text %}We are late: {{ contact.name }}{{ request.owner }}{{ request.priority }}
{{ request.status }}{{ request.category }}{{ request.deadline }}{{ reason }}.{% endblock %}
"""
ALWAYS = """
[[calendar]]
name = "always"
time_zone = "UTC"
monday = ["24h"]
tuesday = ["24h"]
wednesday = ["24h"]
thursday = ["24h"]
friday = ["24h"]
saturday = ["24h"]
sunday = ["24h"]
"""
CALENDARS = (
    ALWAYS
    + """
[[calendar]]
name = "office"
time_zone = "Europe/Oslo"
monday = ["08:00-16:00"]
tuesday = ["08:00-16:00"]
wednesday = ["08:00-16:00"]
thursday = ["08:00-16:00"]
friday = ["08:00-13:30"]
"""
)


@contextmanager
def house_with(folder: Path, **rules: str) -> Iterator[House]:
    (folder / "templates" / "mail").mkdir(parents=True)
    (folder / "templates" / "mail" / "sorry.en.j2").write_text(SORRY)
    given = {"team": LOUD, "priorities": LEVELS, "calendars": CALENDARS} | rules
    with sound_house(folder, rules=given, config_extra=MINE, config=CONFIG) as made:
        yield made


def proven(raw: bytes, verdict: str = "pass", domain: str = "example.net") -> bytes:
    """Let our mail server vouch for a mail, or say that it is forged."""
    head = f"Authentication-Results: mx.example.com; dmarc={verdict} header.from={domain}\r\n"
    head += "Received: from out.x.example (out.x.example [203.0.113.9]) by mx.example.com; x\r\n"
    return head.encode() + raw


def opened(house: House, raw: bytes | None = None) -> list[EmailMessage]:
    assert put_in(house, raw or proven(mail())).outcome == "opened"
    return send(house)


def later(house: House, **by: float) -> list[EmailMessage]:
    """Turn the clock, fire what is due, and return what was sent."""
    clock_of(house).forward(**by)
    while fire(house):
        pass
    return send(house)


def to(sent: list[EmailMessage], address: str) -> list[EmailMessage]:
    return [one for one in sent if one["Delivered-To"] == address]
