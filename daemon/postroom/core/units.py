"""Words for amounts: durations, working time, sizes, budgets, addresses, and "did you mean".

Everything here turns a text that a person wrote into a value, or raises ValueError with words for
that person. The grammar is POLICY.md's: "90s" "30m" "8h" "2d" "1h30m", "2wd", "25MB", "2 per 20m".
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import timedelta
from difflib import get_close_matches
from zoneinfo import ZoneInfo, available_timezones

from postroom.core.model import Span
from postroom.core.site import Budget

SECONDS = {"d": 86_400, "h": 3_600, "m": 60, "s": 1}
OCTETS = {"B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9}
# A hundred years: longer is a slip of the pen, and would overflow a date.
LONGEST = 100 * 366 * 86_400
LARGEST = 10**15

_DURATION = re.compile(r"(?:(\d{1,9})d)?(?:(\d{1,9})h)?(?:(\d{1,9})m)?(?:(\d{1,12})s)?", re.ASCII)
_WORKING_DAYS = re.compile(r"(\d{1,5})wd", re.ASCII)
_SIZE = re.compile(r"(\d{1,15})\s*(B|KB|MB|GB)", re.ASCII | re.IGNORECASE)
_BUDGET = re.compile(r"(\d{1,9})\s+per\s+(\S+)", re.ASCII)
_LANGUAGE = re.compile(r"[a-z]{2,3}(-[A-Za-z0-9]{2,8})*", re.ASCII)
# RFC 5321 §4.1.2 without quoted local parts and address literals: nobody configures those.
_ADDRESS = re.compile(
    r"[^\s@<>()\[\],;:\\\"\x00-\x20\x7f]{1,64}@"
    r"(?:[^\W_](?:[\w-]{0,61}[^\W_])?\.)*[^\W_](?:[\w-]{0,61}[^\W_])?"
)


def _seconds(text: str) -> tuple[int, bool] | None:
    """Return the seconds of a duration and whether it names days; None if it is none."""
    found = _DURATION.fullmatch(text)
    if not text or found is None:
        return None
    parts = zip(SECONDS.values(), found.groups(), strict=True)
    total = sum(unit * int(count) for unit, count in parts if count)
    if total > LONGEST:
        raise ValueError(f'"{text}" is longer than a hundred years')
    return total, found.group(1) is not None


def parse_duration(text: object) -> timedelta:
    """Read "90s", "30m", "8h", "2d" or "1h30m" (a day is 24 h)."""
    found = _seconds(text) if isinstance(text, str) else None
    if found is None:
        raise ValueError(f'must be a duration such as "30m", "8h" or "1h30m", not {show(text)}')
    return timedelta(seconds=found[0])


def parse_span(text: object, *, may_name_days: bool = False) -> Span:
    """Read a length of working time: hours, minutes and seconds, or "2wd" (working days)."""
    if isinstance(text, str):
        working_days = _WORKING_DAYS.fullmatch(text)
        if working_days is not None:
            return Span(days=int(working_days.group(1)))
        found = _seconds(text)
        if found is not None and found[1] and not may_name_days:
            raise ValueError(
                f'"{text}" is working time, where a day is not 24 hours: '
                f'write hours ("8h") or working days ("{_day_count(text)}wd")'
            )
        if found is not None:
            return Span(seconds=found[0])
    raise ValueError(f'must be working time such as "30m", "8h" or "2wd", not {show(text)}')


def _day_count(text: str) -> str:
    return text.partition("d")[0]


def parse_size(text: object) -> int:
    """Read "25MB" as octets; 1 MB is 10^6."""
    found = _SIZE.fullmatch(text.strip()) if isinstance(text, str) else None
    if found is None:
        raise ValueError(f'must be a size such as "500KB", "25MB" or "1GB", not {show(text)}')
    octets = int(found.group(1)) * OCTETS[found.group(2).upper()]
    if octets > LARGEST:
        raise ValueError(f"{show(text)} is larger than any disk")
    return octets


def write_size(octets: int) -> str:
    """Write a size as `parse_size` reads it, in the largest unit that says it exactly."""
    unit = next(unit for unit in reversed(OCTETS) if octets % OCTETS[unit] == 0)
    return f"{octets // OCTETS[unit]}{unit}"


def write_duration(seconds: int, *, in_days: bool = False) -> str:
    """Write a length of time: "1h30m".

    Hours go on past 24, as a working day has fewer; `in_days` is for time round the clock.
    """
    hours, rest = divmod(max(seconds, 0), 3600)
    days, hours = divmod(hours, 24) if in_days else (0, hours)
    parts = ((days, "d"), (hours, "h"), (rest // 60, "m"), (rest % 60, "s"))
    return "".join(f"{count}{unit}" for count, unit in parts if count) or "0s"


def parse_budget(text: object) -> Budget:
    """Read "2 per 20m"; "off" is no limit."""
    if text == "off":
        return Budget(0, timedelta(0))
    found = _BUDGET.fullmatch(text.strip()) if isinstance(text, str) else None
    if found is None:
        raise ValueError(f'must be such as "2 per 20m", or "off", not {show(text)}')
    count, period = int(found.group(1)), parse_duration(found.group(2))
    if count == 0 or not period:
        raise ValueError(f'{show(text)} allows nothing: for no limit write "off"')
    return Budget(count, period)


def parse_patience(text: object) -> timedelta | None:
    """Read how long something may last; "off": for ever."""
    if text is None or text == "off":
        return None
    found = parse_duration(text)
    if not found:
        raise ValueError('must be longer than nothing, or "off"')
    return found


def parse_address(text: object) -> str:
    """Check the form of a mail address and return it as written."""
    if not isinstance(text, str) or _ADDRESS.fullmatch(text) is None or len(text) > 254:
        raise ValueError(f'must be a mail address such as "name@example.com", not {show(text)}')
    return text


def check_time_zone(name: str) -> str:
    """Accept a name of the time zone database."""
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        hint = nearest(name, available_timezones())
        raise ValueError(f"there is no time zone {show(name)}{hint}") from None
    return name


def check_language(code: str) -> str:
    """Accept a language code (BCP 47, in its usual short form)."""
    if _LANGUAGE.fullmatch(code) is None:
        raise ValueError(f'must be a language code such as "en" or "nb", not {show(code)}')
    return code


def show(value: object) -> str:
    """Write a value of a TOML file for a message: short, one line, as its author knows it."""
    if isinstance(value, str):
        words = " ".join(value.split())
        return f'"{words[:77]}..."' if len(words) > 80 else f'"{words}"'
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict):
        return "a table"
    if isinstance(value, list):
        return "a list"
    return str(value)[:80]


def nearest(name: str, names: Iterable[str]) -> str:
    """Return words that point to the name that was probably meant, or list what there is.

    Always begins with "; ", or is empty when there is nothing to choose from.
    """
    known = sorted(set(names))
    by_lower = {item.lower(): item for item in reversed(known)}
    wanted = name.lower()[:100]
    close = get_close_matches(wanted, by_lower, n=1, cutoff=0.6)
    if not close and len(wanted) > 2:
        close = [item for item in by_lower if item.startswith(wanted)]
    if close:
        return f'; did you mean "{by_lower[close[0]]}"?'
    if not known:
        return ""
    shown = ", ".join(known[:12])
    return f"; there is: {shown}" + (", …" if len(known) > 12 else "")
