"""Mail templates to words: subject, text and HTML of one mail.

Promise: the subject is one line and carries the request's tag; the output is bounded; a template
that fails in use gives way to the shipped one, with a warning.
Used by: work.stationery (Renderer), house (check_templates).
Fails:   RenderError when a template that does not ship fails, or there is none of that name.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from typing import Any

from jinja2 import (
    Environment,
    FunctionLoader,
    StrictUndefined,
    TemplateError,
    TemplateSyntaxError,
    nodes,
    pass_environment,
)
from jinja2.environment import Template
from jinja2.filters import do_wordwrap
from jinja2.meta import find_undeclared_variables
from jinja2.runtime import Context, LoopContext
from jinja2.sandbox import ImmutableSandboxedEnvironment
from markupsafe import Markup, escape

from postroom.core.pictures import illustrate
from postroom.core.units import nearest, show
from postroom.core.variables import EMPTY, SAMPLE, SAMPLE_PICTURES
from postroom.errors import PostroomError, Problem
from postroom.shipped import shipped_texts

OUTPUT_CHARS = 1_000_000
SUBJECT_CHARS = 900  # RFC 5322 §2.1.1 allows 998 octets of a line; compose folds
REPEAT_CHARS = 100_000  # the longest text that `"-" * n` makes
QUOTED_LINES = 200
LINE_CHARS = 200  # of a name, an address, a reason in a mail

FOLDER = "templates/mail/"

_PATH = re.compile(re.escape(FOLDER) + r"([^./]+)\.([A-Za-z0-9-]+)\.j2")
# C0, DEL, C1, line and paragraph separators: nothing that could end a header line or hide in it.
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]+")
# They turn text around them, too, and make a name look like another.
_DIRECTIONS = re.compile("[\u200e\u200f\u202a-\u202e\u2066-\u2069]")
_MARK = re.compile("\ue000([0-9]+)\ue001")
_SPACE_TO_KEEP = re.compile("(?m)^ |(?<= ) ")
_METHODS_OF_DICT = frozenset(dir(dict))
_PIECES = 256  # of what a template yields, joined at a time
_REPLIES = re.compile(r"^(?:(?:re|sv|aw|antw|vs)\s*(?:\[\d+\])?:\s*){2,}", re.IGNORECASE)


Picture = Mapping[str, Any]  # of `message.pictures`


class RenderError(PostroomError):
    """A template fails, or does not exist, and no shipped one stands behind it."""


@dataclass(frozen=True, slots=True)
class Rendered:
    """The words of one mail. `warning` says which template failed and was replaced."""

    subject: str
    text: str
    html: str | None = None
    warning: str | None = None


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


class _Extracted(dict[str, Any]):
    """What rules extracted; a variable that this request does not have is empty."""

    def __missing__(self, key: str) -> str:
        return ""


# ---- filters


def one_line(value: object, most: int = LINE_CHARS) -> str:
    """Make a value one line of bounded length, so that a name cannot pretend to be our words."""
    line = " ".join(_CONTROL.sub(" ", _DIRECTIONS.sub("", str(value))).split())
    return line if len(line) <= most else line[: most - 1] + "…"


def quote(value: object, mark: str = "> ", most: int = QUOTED_LINES) -> str:
    """Put a mark before each line; what is more than `most` lines becomes "[…]"."""
    # splitlines() knows every line end that some mail client knows: no line goes unmarked.
    lines = str(value).strip("\r\n").rstrip().splitlines()
    if len(lines) > most:
        lines = [*lines[:most], "[…]"]
    return "\n".join((mark + line).rstrip() for line in lines)


def lines(value: object, pictures: Sequence[Picture] = ()) -> Markup:
    """Escape a text for HTML and keep its line breaks and runs of spaces; show its pictures."""
    if pictures:
        return _illustrated(str(value), pictures)
    text = value if isinstance(value, str) else str(value)
    plain = "\n".join(text.splitlines()).expandtabs(4)
    escaped = plain if isinstance(text, Markup) else str(escape(plain))
    spaced = _SPACE_TO_KEEP.sub("&nbsp;", escaped)
    return Markup(spaced.replace("\n", "<br>\n"))  # noqa: S704 - escaped above


def named(value: object, pictures: Sequence[Picture] = ()) -> str:
    """Name each picture of a text where the HTML shows it."""
    names = [f"[picture: {one_line(one['name'])}]" for one in pictures]
    return illustrate(str(value), names, pictures)


def _illustrated(text: str, pictures: Sequence[Picture]) -> Markup:
    """Write a text as HTML, with its pictures in their places."""
    marks = [f"\ue000{number}\ue001" for number in range(len(pictures))]
    marked = illustrate(text.replace("\ue000", "\ufffd"), marks, pictures)
    shown = _MARK.sub(lambda mark: _picture(pictures[int(mark[1])]), lines(marked))
    return Markup(shown)  # noqa: S704 - `lines` and `_picture` have escaped it


def _picture(picture: Picture) -> str:
    name = escape(one_line(picture["name"]))
    if not (content_id := picture.get("cid")):
        return f"[picture: {name}]"
    return f'<img src="cid:{escape(content_id)}" alt="{name}" style="max-width: 100%">'


@pass_environment
def wordwrap(
    environment: Environment, value: str, width: int = 79, break_long_words: bool = True
) -> str:
    """Wrap as Jinja's filter does; most values fit in a line, and are not looked at by the word."""
    if len(value) <= width and value.isprintable() and not value.endswith(" "):
        return value
    return do_wordwrap(environment, value, width, break_long_words)


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


class Renderer:
    """Renders the templates of one policy; compiled ones are kept. Safe to share among threads."""

    def __init__(self, files: Mapping[str, str]) -> None:
        self._own = _Library(files)
        self._shipped = _Library(shipped_texts())

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


class _Library:
    """A set of template texts by path, compiled when first used."""

    def __init__(self, files: Mapping[str, str]) -> None:
        self._texts = {
            path.removeprefix(FOLDER): text for path, text in files.items() if _PATH.fullmatch(path)
        }
        self._plain = _environment(self._texts, autoescape=False)
        self._html = _environment(self._texts, autoescape=True)
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


def _environment(texts: Mapping[str, str], *, autoescape: bool) -> _Environment:
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
    known["extracted"] = _Extracted(known["extracted"])
    return known


def _blocks(
    library: _Library, name: str, language: str, wanted: Collection[str], known: Mapping[str, Any]
) -> list[str | None]:
    """Render blocks of a template; every fault is a RenderError that names file and line."""
    path = library.path_of(name, language)
    try:
        return library.compiled(path).blocks(wanted, known)
    except Exception as error:
        # A template is code of the sysadmin: anything may come out of it, and the mail must go out.
        raise RenderError(f"{FOLDER}{path}: {_reason(error)}") from error


def _reason(error: Exception) -> str:
    said = " ".join(str(error).split())[:300] or type(error).__name__
    return f"line {error.lineno}: {said}" if isinstance(error, TemplateSyntaxError) else said


def _render(
    library: _Library,
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
    library: _Library, layout: str, language: str, inner: Rendered, known: Mapping[str, Any]
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
    line = _CONTROL.sub(" ", text)
    if tag and line.count(tag) > 1:  # the customer's own subject had it
        head, _, tail = line.rpartition(tag)
        line = f"{head.replace(tag, ' ')} {tag}{tail}"
    line = " ".join(line.split())
    line = _REPLIES.sub("Re: ", line)
    if tag and (tag not in line or line.index(tag) > SUBJECT_CHARS):
        line = f"{line[:SUBJECT_CHARS]} {tag}".strip()
    return line if tag else line[:SUBJECT_CHARS]


def check_templates(
    files: Mapping[str, str], extracted: Collection[str] | None = None
) -> list[Problem]:
    """Render every template with sample values; an unknown variable is a problem.

    `extracted` are the variables of the rules; without them any `extracted.NAME` is believed.
    """
    library = _Library(files)
    problems = []
    for path in files:
        found = _PATH.fullmatch(path)
        if found is None:
            continue
        name = path.removeprefix(FOLDER)
        faults = (_fault(library, name, sample) for sample in _samples(extracted))
        problem = _unknown_variable(library, name, extracted) or next(filter(None, faults), None)
        if problem is not None:
            problems.append(Problem(path, "", problem))
    return problems


def _samples(extracted: Collection[str] | None) -> Iterator[dict[str, Any]]:
    """Yield full and empty values, plain and neutral: each branch of a template should be seen."""
    for values in (SAMPLE, EMPTY):
        for neutral in (False, True):
            known = {**values, "neutral": neutral, "body": "Words of the mail.\n"}
            if neutral:
                known["message"] = {**values["message"], "pictures": SAMPLE_PICTURES}
            names = dict.fromkeys(extracted, "4711") if extracted is not None else _Extracted()
            yield {**known, "extracted": names}


def _fault(library: _Library, path: str, sample: Mapping[str, Any]) -> str | None:
    try:
        compiled = library.compiled(path)
        texts = compiled.blocks(("subject", "text", "html"), sample)
    except Exception as error:  # noqa: BLE001 - as in _blocks
        return _reason(error)
    if texts[1] is None and not compiled.is_part(path):
        return "has no block text"
    return None


def _own_names(tree: nodes.Template) -> Iterator[str]:
    """Yield the names that a template gives itself: `set`, macros, imports."""
    for name in tree.find_all(nodes.Name):
        if name.ctx == "store":
            yield name.name
    for macro in tree.find_all(nodes.Macro):
        yield macro.name
    for imported in tree.find_all(nodes.Import):
        yield imported.target
    for chosen in tree.find_all(nodes.FromImport):
        yield from (name if isinstance(name, str) else name[1] for name in chosen.names)


def _unknown_variable(
    library: _Library, path: str, extracted: Collection[str] | None
) -> str | None:
    """Find a variable that does not exist even in a branch that no sample reaches."""
    try:
        tree = library.parse(path)
        undeclared = find_undeclared_variables(tree)
    except TemplateError:
        return None  # rendering says it better
    values = {**SAMPLE, "extracted": None if extracted is None else dict.fromkeys(extracted)}
    known = {*values, *_own_names(tree), "body"}
    for name in sorted(undeclared - known):
        return f"there is no variable {show(name)}" + nearest(name, known)
    for node in tree.find_all(nodes.Getattr):
        if not isinstance(node.node, nodes.Name):
            continue
        of = node.node.name
        keys = values.get(of)
        is_method = hasattr(dict, node.attr)  # `extracted.items()`
        if isinstance(keys, dict) and node.attr not in keys and not is_method:
            hint = nearest(f"{of}.{node.attr}", [f"{of}.{key}" for key in keys])
            return f"line {node.lineno}: there is no variable {of}.{node.attr}{hint}"
    return None
