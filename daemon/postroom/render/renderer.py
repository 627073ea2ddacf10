"""Mail templates to words: subject, text and HTML of one mail.

Promise: the subject is one line and carries the request's tag; the output is bounded; a template
that fails in use gives way to the shipped one, with a warning.
Used by: work.stationery, work.composing.
Fails:   RenderError when a template that does not ship fails, or there is none of that name.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from postroom.core.variables import EMPTY
from postroom.render.filters import CONTROL
from postroom.render.library import FOLDER, Library, RenderError, reason_of
from postroom.render.sandbox import Extracted
from postroom.shipped import shipped_texts

SUBJECT_CHARS = 900  # RFC 5322 §2.1.1 allows 998 octets of a line; compose folds
_REPLIES = re.compile(r"^(?:(?:re|sv|aw|antw|vs)\s*(?:\[\d+\])?:\s*){2,}", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Rendered:
    """The words of one mail. `warning` says which template failed and was replaced."""

    subject: str
    text: str
    html: str | None = None
    warning: str | None = None


class Renderer:
    """Renders the templates of one policy; compiled ones are kept. Safe to share among threads."""

    def __init__(self, files: Mapping[str, str]) -> None:
        self._own = Library(files)
        self._shipped = Library(shipped_texts())

    def render(
        self,
        name: str,
        language: str,
        variables: Mapping[str, Any],
        *,
        layout: str | None = None,
    ) -> Rendered:
        """Render a template in a language, else in English; inside `layout` if one is named.

        `variables` are plain JSON values in the shape of EMPTY; what is missing there is empty.
        """
        known = _completed(variables)
        try:
            rendered = _render(self._own, name, language, known)
        except RenderError as error:
            rendered = _render(self._shipped, name, language, known, warning=str(error))
        if layout is None:
            return rendered
        try:
            return _inside(self._own, layout, language, rendered, known)
        except RenderError as error:
            # Without a shipped layout of that name the mail goes without.
            with suppress(RenderError):
                rendered = _inside(self._shipped, layout, language, rendered, known)
            return _warned(rendered, str(error))


def _completed(variables: Mapping[str, Any]) -> dict[str, Any]:
    """Put the given variables over the empty ones, one level deep; None is empty too."""
    known = {**EMPTY, **variables}
    for key, empty in EMPTY.items():
        given = known[key]
        if given is empty:
            continue
        if given is None:
            known[key] = empty
        elif isinstance(empty, dict) and isinstance(given, dict):
            known[key] = {**empty, **{k: v for k, v in given.items() if v is not None}}
    known["extracted"] = Extracted(known["extracted"])
    return known


def _blocks(
    library: Library, name: str, language: str, wanted: Collection[str], known: Mapping[str, Any]
) -> list[str | None]:
    """Render blocks of a template; every fault is a RenderError that names file and line."""
    path = library.path_of(name, language)
    try:
        return library.compiled(path).blocks(wanted, known)
    except Exception as error:
        # A template is code of the sysadmin: anything may come out of it, and the mail must go out.
        raise RenderError(f"{FOLDER}{path}: {reason_of(error)}") from error


def _render(
    library: Library,
    name: str,
    language: str,
    known: Mapping[str, Any],
    *,
    warning: str | None = None,
) -> Rendered:
    try:
        subject, text, html = _blocks(library, name, language, ("subject", "text", "html"), known)
    except RenderError as error:
        # The shipped library knows nothing of the site's own templates: say what really failed.
        raise RenderError(warning) if warning else error from error
    if text is None:
        raise RenderError(f"{FOLDER}{library.path_of(name, language)}: has no block text")
    tag = str(known["request"]["tag"])
    # Some mails have HTML only where there is a picture to show.
    shown = html if html is not None and html.strip() else None
    return Rendered(_subject(subject or "", tag), _text(text), shown, warning)


def _inside(
    library: Library, layout: str, language: str, inner: Rendered, known: Mapping[str, Any]
) -> Rendered:
    """Put a mail inside a layout."""
    text, _ = _blocks(
        library, layout, language, ("text", "subject"), {**known, "body": inner.text.rstrip("\n")}
    )
    html = None
    if inner.html is not None:
        body = {**known, "body": Markup(inner.html)}  # noqa: S704 - rendered by us, escaped already
        (html,) = _blocks(library, layout, language, ("html",), body)
    return Rendered(
        inner.subject,
        inner.text if text is None else _text(text),
        inner.html if html is None else html,
        inner.warning,
    )


def _warned(rendered: Rendered, warning: str) -> Rendered:
    words = f"{rendered.warning}; {warning}" if rendered.warning else warning
    return Rendered(rendered.subject, rendered.text, rendered.html, words)


def _text(text: str) -> str:
    return text.strip("\n") + "\n"


def _subject(text: str, tag: str) -> str:
    """Make one line: no control characters, "Re:" once, the tag once and whatever was cut."""
    line = CONTROL.sub(" ", text)
    if tag and line.count(tag) > 1:  # the customer's own subject had it
        head, _, tail = line.rpartition(tag)
        line = f"{head.replace(tag, ' ')} {tag}{tail}"
    line = " ".join(line.split())
    line = _REPLIES.sub("Re: ", line)
    if tag and (tag not in line or line.index(tag) > SUBJECT_CHARS):
        line = f"{line[:SUBJECT_CHARS]} {tag}".strip()
    return line if tag else line[:SUBJECT_CHARS]
