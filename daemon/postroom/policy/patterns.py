"""How a rule compares texts: globs and expressions, both on RE2, in linear time.

A text is compared without case, whole; `*` stands for anything. `/…/` is an RE2 expression that may
match anywhere, `/…/i` one without case.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

import re2

from postroom.core.model import SizeTest, TextTest
from postroom.core.units import parse_size, show

LONGEST_EXPRESSION = 10_000

_WRAPPED = re.compile(r"/(.*)/(\w*)", re.DOTALL)
_SIZE = re.compile(r"\s*(<=|>=|<|>|=)\s*(.*)", re.DOTALL)


class Expression:
    """One RE2 expression; equal when written the same way, picklable, safe to share."""

    __slots__ = ("_compiled", "groups", "names", "text", "without_case")

    def __init__(self, text: str, *, without_case: bool) -> None:
        if len(text) > LONGEST_EXPRESSION:
            raise ValueError(f"is longer than {LONGEST_EXPRESSION} characters")
        options = re2.Options()
        options.log_errors = False  # RE2 prints to stderr otherwise
        options.case_sensitive = not without_case
        try:
            self._compiled = re2.compile(text, options)
        except (re2.error, UnicodeError) as error:
            raise ValueError(f"is not an RE2 expression: {_reason(error)}") from error
        self.text = text
        self.without_case = without_case
        self.groups: int = self._compiled.groups
        self.names: Mapping[str, int] = dict(self._compiled.groupindex)

    def search(self, text: str, /) -> re2._Match | None:
        """Find the first place that matches."""
        try:
            return self._compiled.search(text)
        except UnicodeEncodeError:
            # RE2 works on UTF-8, which has no lone surrogates; a text with some is still compared.
            return self._compiled.search(text.encode("utf-8", "replace").decode("utf-8"))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Expression):
            return NotImplemented
        return (self.text, self.without_case) == (other.text, other.without_case)

    def __hash__(self) -> int:
        return hash((self.text, self.without_case))

    def __repr__(self) -> str:
        return f"Expression({self.text!r}, without_case={self.without_case})"

    def __reduce__(self) -> tuple[object, ...]:
        return _remake, (self.text, self.without_case)


def _remake(text: str, without_case: bool) -> Expression:
    return Expression(text, without_case=without_case)


def _reason(error: Exception) -> str:
    said = error.args[0] if error.args else ""
    return said.decode("utf-8", "replace") if isinstance(said, bytes) else str(said)


def is_expression(text: str) -> bool:
    """Whether a text is written as `/…/`."""
    return len(text) > 1 and text.startswith("/") and _WRAPPED.fullmatch(text) is not None


def read_expression(text: str) -> Expression:
    """Compile `/…/` or `/…/i`."""
    found = _WRAPPED.fullmatch(text)
    if found is None:
        raise ValueError(f"must be an expression such as '/order (\\d+)/i', not {show(text)}")
    body, flags = found.groups()
    if flags not in ("", "i"):
        raise ValueError(f'{show(text)} ends with "{flags}": only /…/ and /…/i are known')
    if not body:
        raise ValueError("is an empty expression")
    return Expression(body, without_case=flags == "i")


def read_text_test(text: str) -> TextTest:
    """Compile a glob or an expression."""
    if is_expression(text):
        return TextTest(text, read_expression(text))
    parts = (re2.escape(part) for part in text.split("*"))
    return TextTest(text, Expression(rf"(?s)\A{'.*'.join(parts)}\z", without_case=True))


def read_size_test(text: object) -> SizeTest:
    """Read ">5MB"."""
    found = _SIZE.fullmatch(text) if isinstance(text, str) else None
    if found is None:
        raise ValueError(f'must be a comparison such as ">5MB", not {show(text)}')
    return SizeTest(str(text), found.group(1), parse_size(found.group(2)))
