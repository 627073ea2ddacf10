"""The errors that cross a floor: "could not find out". Everything expected is a value."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta


class PostroomError(Exception):
    """Root of all errors that Postroom raises itself."""


class ConfigError(PostroomError):
    """Something in config or rules is wrong. Carries all problems at once; exit code 78."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("\n".join(str(problem) for problem in problems))
        self.problems = tuple(problems)


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong in one file; `key` is the path inside it, such as `rule[2].then.category`."""

    file: str
    key: str
    text: str

    def __str__(self) -> str:
        return f"{self.file}: {self.key}: {self.text}" if self.key else f"{self.file}: {self.text}"


class Refused(PostroomError):
    """Say no to the peer now. `text` is harmless to strangers; raised only in intake."""

    def __init__(self, code: int, enhanced: str, text: str) -> None:
        super().__init__(f"{code} {enhanced} {text}")
        self.code = code
        self.enhanced = enhanced
        self.text = text


class Conflict(PostroomError):
    """The facts of a decision were no longer true when it was applied: decide again."""


class Unavailable(PostroomError):
    """Temporary: database, relay, disk. `retry_in` is a hint."""

    def __init__(self, what: str, retry_in: timedelta = timedelta(seconds=30)) -> None:
        super().__init__(what)
        self.retry_in = retry_in


class StaleSchema(PostroomError):
    """The database is older or newer than the code; the text says what to do."""

    def __init__(self, found: str, wanted: str) -> None:
        advice = "make a backup, stop the daemon, and run `postroom db upgrade`"
        if is_newer(found, wanted):
            advice = (
                "a newer Postroom made it, and there is no way back: install that one again, or "
                "`postroom restore` a backup from before the upgrade"
            )
        super().__init__(f"the database has schema {found}, this Postroom needs {wanted}: {advice}")
        self.found = found
        self.wanted = wanted


def is_newer(found: str, wanted: str) -> bool:
    """Whether a schema was made by a newer Postroom; they are numbered in order."""
    return found.isdigit() and wanted.isdigit() and int(found) > int(wanted)


class NotFound(PostroomError):
    """The thing that a command names does not exist."""


class NotAllowed(PostroomError):
    """The command is not legal here; the text says what is."""


class Busy(PostroomError):
    """Another daemon holds the data folder; the text says who."""
