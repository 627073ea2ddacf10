"""The Date header as an instant."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone
from email.utils import parsedate_tz

_LONGEST = 200
_NESTED = 3  # comments inside of comments
_COMMENT = re.compile(r"\([^()]*+\)")
_ISO = re.compile(r"(\d{4})[-/](\d\d)[-/](\d\d)(?:[T ]+(\d\d:\d\d(?::\d\d)?))?\s*")
_NUMBERS = re.compile(
    r"(?:[a-z]{2,10},? )?(\d\d?)([./-])(\d\d?)\2(\d{4}|(?<=[./])\d\d)\b", re.IGNORECASE
)
# Written in the order of RFC 5322, one after the other.
_MENDS = (
    (re.compile(r" +,"), ","),
    # blanks there are obsolete (RFC 5322 §4.3)
    (re.compile(r"(?<=\d) ?: ?(?=\d)"), ":"),
    (re.compile(r"\A([^\W\d_]{2,10})\.(?= \d\d?\.? [^\W\d_])"), r"\1,"),
    (re.compile(r"\A([^\W\d_]{3,9})\. (?=\d\d?,? )"), r"\1 "),
    (re.compile(r"\bsept\b", re.IGNORECASE), "Sep"),
    (re.compile(r"(:\d\d)[.,]\d{1,9}(?!\d)"), r"\1"),
    (re.compile(r"(:\d\d)Z\b"), r"\1 +0000"),
    (re.compile(r"\b(\d\d?)([A-Za-z]{3})(\d{4})\b"), r"\1 \2 \3"),
    (re.compile(r"\b(\d\d?)([-/])([^\W\d_]{3,9})\2(\d{2,4})\b"), r"\1 \3 \4"),
)
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_PLAIN = re.compile(
    rf"(?:[A-Z][a-z][a-z], )?\d\d? (?:{'|'.join(_MONTHS)}) \d{{4}} \d\d:\d\d:\d\d [+-]\d{{4}}\Z"
)
# A day and a month in words of the sender's language, as old clients wrote: "20. Okt 2026".
_DAY_AND_MONTH = re.compile(
    r"\b(\d\d?)\.? (?:de )?([^\W\d_]{3,12})\.?,? (?:de )?(?=\d\d(?:\d\d)?\b)"
)
_FOREIGN_MONTHS = """
1 jän ene gen sty led ian янв січ
2 fév fev úno lut фев лют
3 mär mrz maa mrt már бер мар
4 avr abr kwi dub квіт апр
5 mai mag mei maj mag май мая трав
6 juin giu cze čer чер июн
7 juil lug lip iul лип июл
8 aoû aou ago sie srp сер авг
9 set wrz zář вер сен
10 okt out ott paź říj жов окт
11 lis лис ноя
12 dez déc dic des gru pro гру дек
"""
_MONTH_OF = {
    word: _MONTHS[int(number) - 1]
    for number, *words in map(str.split, _FOREIGN_MONTHS.strip().splitlines())
    for word in words
} | {month.lower(): month for month in _MONTHS}
# Behind the time: "GMT+01:00", "UTC+8", "-8:00", and what words may follow it.
_OFFSET = re.compile(
    r"(:\d\d *)(?:GMT|UTC?)? *([+-])(\d\d?)(?::?(\d\d))?(?!\d)[ ,;]*", re.IGNORECASE
)
# Names that have one meaning in use. Those of America and GMT the library knows (RFC 5322 §4.3);
# others mean one thing here and another there (IST, BST, CST in China), so they say nothing.
_ZONES = {
    "WEST": "+0100", "CET": "+0100", "MET": "+0100", "MEZ": "+0100",
    "CEST": "+0200", "MEST": "+0200", "MET DST": "+0200", "MESZ": "+0200",
    "EET": "+0200", "EEST": "+0300", "MSK": "+0300", "MSD": "+0400",
    "JST": "+0900", "KST": "+0900", "HKT": "+0800",
    "AEST": "+1000", "AEDT": "+1100", "NZST": "+1200", "NZDT": "+1300",
    "AKST": "-0900", "AKDT": "-0800", "HST": "-1000",
}  # fmt: skip
_ZONE = re.compile(r"(:\d\d(?: ?[AP]M)?) ?(MET DST|[A-Z]{3,4}\b)(?! ?[+-]\d)")
_HALF_DAY = re.compile(r"\b([AP])\.?M\b\.?", re.IGNORECASE)
_FIRST_OLD, _LAST_OLD = 2_050, 2_068  # the library takes 50 to 68 for years to come
_TIME = re.compile(r"\d\d?[:.]\d\d")


def read_date(value: str) -> datetime | None:
    """Read a Date header as an instant; None if it names none.

    Beside RFC 5322 with its obsolete forms: ISO 8601, the order of asctime, numbers only, and half
    days. A zone that is unknown or ambiguous, or none, says nothing, so the time is taken as UTC
    (§4.3).
    """
    try:
        text = " ".join(_without_comments(value[:_LONGEST]).split())
        return _read(text if _PLAIN.match(text) is not None else _as_rfc(text))
    except (ValueError, TypeError, IndexError, OverflowError):
        return None


def _without_comments(text: str) -> str:
    for _ in range(_NESTED):  # the innermost first
        text = _COMMENT.sub(" ", text)
    return text


def _as_rfc(text: str) -> str:
    """Write what is not in the order of RFC 5322 in it."""
    text = text.strip(' "').removeprefix("Date: ")
    for odd, plain in _MENDS:
        text = odd.sub(plain, text)
    text = _DAY_AND_MONTH.sub(_in_english, text, count=1)
    if (numbers := _NUMBERS.match(text)) is not None:
        text = f"{_of_numbers(numbers)}{text[numbers.end() :]}"
    elif (iso := _ISO.match(text)) is not None:
        month = _MONTHS[int(iso[2]) - 1] if iso[2] != "00" else ""
        zone = text[iso.end() :].replace("Z", "+0000")
        text = f"{iso[3]} {month} {iso[1]} {iso[4] or '00:00:00'} {zone}"
    if _TIME.search(text) is None:
        text = f"{text} 00:00:00"
    text = _ZONE.sub(lambda found: f"{found[1]} {_ZONES.get(found[2], found[2])}", text, count=1)
    return _OFFSET.sub(_offset, text, count=1)


def _in_english(found: re.Match[str]) -> str:
    word = found[2].lower()
    month = _MONTH_OF.get(word[:4]) or _MONTH_OF.get(word[:3])
    return found[0] if month is None else f"{found[1]} {month} "


def _of_numbers(found: re.Match[str]) -> str:
    """Write 20.11.2026, and 11/20/2026 as in America unless that is no month."""
    first, second = int(found[1]), int(found[3])
    day, month = (second, first) if found[2] == "/" and first <= len(_MONTHS) else (first, second)
    return f"{day} {_MONTHS[month - 1]} {found[4]}" if month > 0 else ""


def _offset(found: re.Match[str]) -> str:
    return f"{found[1].rstrip()} {found[2]}{int(found[3]):02}{found[4] or '00'} "


def _read(text: str) -> datetime | None:
    half = _HALF_DAY.search(text)
    if half is not None:
        text = f"{text[: half.start()]} {text[half.end() :]}"
    found = parsedate_tz(text)
    if found is None:
        return None
    year, month, day, hour, minute, second = found[:6]
    if 100 <= year < 1_000:  # RFC 5322 §4.3: software that counted years from 1900
        year += 1_900
    elif _FIRST_OLD <= year <= _LAST_OLD and str(year) not in text:  # of two digits (§4.3)
        year -= 100
    if half is not None:
        hour = hour % 12 + (12 if half[1] in "Pp" else 0)
    whole_days, hour = divmod(hour, 24) if (hour, minute, second) == (24, 0, 0) else (0, hour)
    offset = timedelta(seconds=found[9] or 0)
    if abs(offset) >= timedelta(days=1):
        offset = timedelta(0)
    date = datetime(year, month, day, hour, minute, min(second, 59), tzinfo=timezone(offset))
    return (date + timedelta(days=whole_days)).astimezone(UTC)
