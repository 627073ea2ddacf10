"""The templates of a policy, or the shipped ones: found by name and language, compiled once.

Used by: render.renderer, render.checking.
Fails:   RenderError when there is no template of a name; jinja2.TemplateError for a broken one.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any

from jinja2 import TemplateSyntaxError, nodes
from jinja2.environment import Template
from jinja2.runtime import Context

from postroom.errors import PostroomError
from postroom.render.sandbox import environment_of
from postroom.shipped import shipped_texts

OUTPUT_CHARS = 1_000_000
FOLDER = "templates/mail/"
PATH = re.compile(re.escape(FOLDER) + r"([^./]+)\.([A-Za-z0-9-]+)\.j2")
_PIECES = 256  # of what a template yields, joined at a time


class RenderError(PostroomError):
    """A template fails, or does not exist, and no shipped one stands behind it."""


@dataclass(frozen=True, slots=True)
class _Compiled:
    """One template, compiled twice: autoescape holds for a whole file, but text is not HTML."""

    plain: Template
    html: Template | None
    needs_root: bool  # has macros, sets or imports outside its blocks

    def is_part(self, path: str) -> bool:
        """Whether the file is only included in others: no blocks, and not in place of a mail."""
        return not self.plain.blocks and FOLDER + path not in shipped_texts()

    def blocks(self, names: Collection[str], variables: Mapping[str, Any]) -> list[str | None]:
        """Render blocks, each cut at the limit; None for one that the template does not have."""
        contexts: dict[Template, Context] = {}
        found: list[str | None] = []
        for name in names:
            template = self.html if name == "html" else self.plain
            if template is None or (name not in template.blocks and not self.needs_root):
                found.append(None)
                continue
            if template not in contexts:  # the head of a file is run once for all its blocks
                contexts[template] = self._context(template, variables)
            context = contexts[template]
            chain = context.blocks.get(name)
            found.append(_joined(chain[0](context)) if chain else None)
        return found

    def _context(self, template: Template, variables: Mapping[str, Any]) -> Context:
        context = template.new_context(dict(variables))
        if self.needs_root:
            context.blocks = _Closed(context.blocks)
            _joined(template.root_render_func(context))
            context.blocks = dict(context.blocks.items())
        return context


class _Closed(dict[str, Any]):
    """Blocks that say nothing: a file is run for its names and parents, not yet for its words."""

    def __getitem__(self, name: str) -> Any:
        return [_silent]


def _silent(_context: Context) -> Iterator[str]:
    yield from ()


def _joined(pieces: Iterator[str]) -> str:
    """Join what a template yields, up to the limit."""
    taken, length = [], 0
    while length <= OUTPUT_CHARS and (some := list(islice(pieces, _PIECES))):
        taken.append("".join(some))
        length += len(taken[-1])
    return "".join(taken)[:OUTPUT_CHARS]


class Library:
    """A set of template texts by path, compiled when first used."""

    def __init__(self, files: Mapping[str, str]) -> None:
        self._texts = {
            path.removeprefix(FOLDER): text for path, text in files.items() if PATH.fullmatch(path)
        }
        self._plain = environment_of(self._texts, autoescape=False)
        self._html = environment_of(self._texts, autoescape=True)
        self._compiled: dict[str, _Compiled] = {}

    def path_of(self, name: str, language: str) -> str:
        """Return the template's file in the language, its general form, or English."""
        for tried in (language, language.partition("-")[0], "en"):
            if f"{name}.{tried}.j2" in self._texts:
                return f"{name}.{tried}.j2"
        raise RenderError(f"there is no template {name}")

    def compiled(self, path: str) -> _Compiled:
        """Return a template, compiled; raises jinja2.TemplateError."""
        found = self._compiled.get(path)
        if found is None:
            found = self._compiled[path] = self._compile(path)
        return found

    def parse(self, path: str) -> nodes.Template:
        """Return a template as a tree; raises jinja2.TemplateError."""
        return self._plain.parse(self._texts[path], filename=path)

    def _compile(self, path: str) -> _Compiled:
        tree = self.parse(path)
        has_html = next(
            (True for block in tree.find_all(nodes.Block) if block.name == "html"), False
        ) or next((True for _ in tree.find_all(nodes.Extends)), False)
        return _Compiled(
            plain=self._plain.get_template(path),
            html=self._html.get_template(path) if has_html else None,
            needs_root=not all(isinstance(node, nodes.Block | nodes.Output) for node in tree.body),
        )


def reason_of(error: Exception) -> str:
    """Say in a line why a template failed, and where."""
    said = " ".join(str(error).split())[:300] or type(error).__name__
    return f"line {error.lineno}: {said}" if isinstance(error, TemplateSyntaxError) else said
