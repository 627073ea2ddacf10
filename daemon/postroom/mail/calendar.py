"""Invitations (RFC 5545, 5546) as words: what, when in its own zone, where, and who.

Promise: any text gives some words or none, in linear time; nothing is reckoned, so no time is
moved into another zone.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

_FOLD = re.compile(r"\n[ \t]")
_LINE = re.compile(r'([A-Za-z0-9-]{1,60})((?:;[^":]*+(?>(?:"[^"]*+"[^":]*+)*))?):(.*)')
_PARAMETER = re.compile(r';([A-Za-z0-9-]{1,60})=(?:"([^"]*)"|([^";:]*))')
_MOMENT = re.compile(r"(\d{4})(\d\d)(\d\d)(?:T(\d\d)(\d\d)(?:\d\d)?(Z)?)?")
_ESCAPE = re.compile(r"\\(.)")
_METHODS = {
    "request": "Invitation",
    "publish": "Event",
    "cancel": "Cancelled",
    "reply": "Answer to an invitation",
    "counter": "Another time is proposed",
    "declinecounter": "The proposed time is declined",
}
_ANSWERS = {"accepted": "accepts", "declined": "declines", "tentative": "accepts tentatively"}
_EVENTS = 10
_ATTENDEES = 50
_LINES = 20_000
_LINE_CHARS = 20_000


@dataclass(slots=True)
class _Event:
    values: dict[str, str] = field(default_factory=dict)
    moments: dict[str, str] = field(default_factory=dict)
    attendees: list[str] = field(default_factory=list)


def calendar_to_text(source: str) -> str:
    """Describe the events of a calendar file; "" if there is none."""
    method, events = "", list[_Event]()
    current: _Event | None = None
    is_inside = False
    for line in _FOLD.sub("", source).split("\n", _LINES)[:_LINES]:
        match = _LINE.match(line[:_LINE_CHARS])
        if match is None:
            continue
        name, value = match[1].upper(), match[3].strip()
        if name == "METHOD":
            method = value.lower()
        elif name == "BEGIN" and value.upper() in {"VEVENT", "VTODO"} and len(events) < _EVENTS:
            current, is_inside = _Event(), False
            events.append(current)
        elif name == "END" and value.upper() in {"VEVENT", "VTODO"}:
            current = None
        elif name in {"BEGIN", "END"}:  # an alarm inside the event has a description, too
            is_inside = name == "BEGIN"
        elif current is not None and not is_inside:
            _add(current, name, match[2], value)
    return "\n\n".join(_describe(event, method) for event in events)


def _add(event: _Event, name: str, written: str, value: str) -> None:
    parameters = {found[1].upper(): found[2] or found[3] for found in _PARAMETER.finditer(written)}
    match name:
        case "DTSTART" | "DTEND" | "DUE":
            event.moments.setdefault(name, _moment(value, parameters.get("TZID", "")))
        case "ATTENDEE" | "ORGANIZER":
            who = _person(value, parameters)
            if name == "ORGANIZER":
                event.values.setdefault(name, who)
            elif len(event.attendees) < _ATTENDEES:
                answer = _ANSWERS.get(parameters.get("PARTSTAT", "").lower(), "")
                event.attendees.append(f"{who} {answer}".strip())
        case "SUMMARY" | "LOCATION" | "DESCRIPTION" | "RRULE" | "URL" | "COMMENT" | "DURATION":
            event.values.setdefault(name, _ESCAPE.sub(_unescaped, value).strip())


def _unescaped(match: re.Match[str]) -> str:
    return "\n" if match[1] in "nN" else match[1]


def _moment(value: str, zone: str) -> str:
    match = _MOMENT.match(value)
    if match is None:
        return value
    date = f"{match[1]}-{match[2]}-{match[3]}"
    if match[4] is None:
        return date
    zone = "UTC" if match[6] else zone
    return f"{date} {match[4]}:{match[5]}" + (f" ({zone})" if zone else "")


def _person(value: str, parameters: dict[str, str]) -> str:
    address = value[7:] if value[:7].lower() == "mailto:" else value
    name = parameters.get("CN", "")
    return f"{name} <{address}>" if name and name != address else address


def _describe(event: _Event, method: str) -> str:
    get = event.values.get
    what = ": ".join(filter(None, (_METHODS.get(method, ""), get("SUMMARY", ""))))
    lines = [
        what,
        _when(event),
        *(
            f"{label}: {value}"
            for label, value in (
                ("Repeats", get("RRULE", "")),
                ("Where", get("LOCATION", "")),
                ("Organiser", get("ORGANIZER", "")),
                ("Attendees", ", ".join(event.attendees)),
                ("Link", get("URL", "")),
            )
            if value
        ),
    ]
    words = [get("DESCRIPTION", ""), get("COMMENT", "")]
    return "\n\n".join(filter(None, ["\n".join(filter(None, lines)), *words]))


def _when(event: _Event) -> str:
    start = event.moments.get("DTSTART", "")
    end = event.moments.get("DTEND", "") or event.moments.get("DUE", "")
    if not end:
        duration = event.values.get("DURATION", "")
        return f"When: {start} {duration}".rstrip() if start else ""
    day, _, rest = end.partition(" ")
    if start.startswith(day) and rest:
        clock, _, zone = start.partition(" (")
        end_clock, _, end_zone = rest.partition(" (")
        if zone == end_zone:
            return f"When: {clock} - {end_clock}" + (f" ({zone}" if zone else "")
    return f"When: {start} - {end}" if start else f"When: until {end}"
