"""Where templates run: Jinja's sandbox with our filters, and bounds on what it lets grow.

Used by: render.library.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jinja2 import FunctionLoader, StrictUndefined, TemplateError
from jinja2.runtime import Context, LoopContext
from jinja2.sandbox import ImmutableSandboxedEnvironment

from postroom.render.filters import lines, named, one_line, quote, wordwrap

REPEAT_CHARS = 100_000  # the longest text that `"-" * n` makes
_METHODS_OF_DICT = frozenset(dir(dict))


class _Environment(ImmutableSandboxedEnvironment):
    """The sandbox, with a bound on texts made by repetition."""

    intercepted_binops = frozenset({"*", "**"})

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        """Refuse `"-" * 1000000000` and `9 ** 9 ** 9`."""
        if operator == "**":
            raise TemplateError("** is not allowed here")
        for one, other in ((left, right), (right, left)):
            is_repetition = isinstance(one, str | list | tuple) and isinstance(other, int)
            if is_repetition and len(one) * other > REPEAT_CHARS:
                raise TemplateError(f"a repetition is longer than {REPEAT_CHARS}")
        return super().call_binop(context, operator, left, right)

    def getattr(self, obj: Any, attribute: str) -> Any:
        """Find what the sandbox would find; the two common cases without its many questions."""
        if type(obj) is dict and attribute not in _METHODS_OF_DICT and attribute in obj:
            return obj[attribute]
        if type(obj) is LoopContext and not attribute.startswith("_"):
            return getattr(obj, attribute)
        return super().getattr(obj, attribute)


def environment_of(texts: Mapping[str, str], *, autoescape: bool) -> _Environment:
    """Return the environment of these texts, by path; text is compiled without escaping."""
    environment = _Environment(
        loader=FunctionLoader(texts.get),
        undefined=StrictUndefined,
        autoescape=autoescape,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
        cache_size=-1,
    )
    environment.filters |= {
        "line": one_line,
        "quote": quote,
        "lines": lines,
        "named": named,
        "wordwrap": wordwrap,
    }
    return environment


class Extracted(dict[str, Any]):
    """What rules extracted; a variable that this request does not have is empty."""

    def __missing__(self, key: str) -> str:
        return ""
