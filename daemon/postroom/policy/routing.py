"""routing.toml: rules, their conditions and actions, and the examples that prove them."""

from __future__ import annotations

import re
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, ValidationInfo

from postroom.core.model import (
    Actions,
    Condition,
    Example,
    Extract,
    Rule,
    SizeTest,
    TextTest,
    Verdict,
)
from postroom.core.tables import Table
from postroom.core.units import nearest, parse_size, show
from postroom.mail.message import Origin
from postroom.policy.patterns import (
    is_expression,
    read_expression,
    read_size_test,
    read_text_test,
)
from postroom.policy.problems import Report
from postroom.policy.schema import (
    CategoryName,
    HookName,
    Language,
    MailAddress,
    Name,
    Names,
    OneOrMore,
    Owner,
    PriorityName,
    Recipient,
    StatusName,
    Text,
    TypeName,
    unique,
)

KEYS = (
    *("from", "to", "cc", "subject", "text", "attachment", "size"),
    *("language", "origin", "verdict", "mailbox", "company"),
)
WORDS = {"origin": [item.value for item in Origin], "verdict": [item.value for item in Verdict]}

_VARIABLE = re.compile(r"[a-z][a-z0-9_]{0,63}", re.ASCII)
_IN_SUBJECT = re.compile(r"\{([^{}]*)\}")
_HEADER = re.compile(r"[!-9;-~]+", re.ASCII)  # RFC 5322 §2.2: printable, no colon
_TAG = re.compile(r"[^\s,#]{1,64}")


def _spread_headers(table: object) -> object:
    """Let `header.X-Spam = "yes"` without quotes, a table to TOML, mean what it looks like."""
    if isinstance(table, dict) and isinstance(table.get("header"), dict):
        headers = {f"header.{name}": value for name, value in table["header"].items()}
        return {key: value for key, value in table.items() if key != "header"} | headers
    return table


def _condition_key(key: str) -> None:
    name = key.removeprefix("header.")
    if name == key and key not in KEYS:
        raise ValueError("is not a condition" + nearest(key, [*KEYS, "header.NAME"]))
    if name != key and _HEADER.fullmatch(name) is None:
        raise ValueError(f"{show(name)} is not the name of a header")


def _read_test(key: str, value: object) -> TextTest | SizeTest:
    if key == "size":
        return read_size_test(value)
    if key == "attachment" and value is True:
        return read_text_test("*")
    if not isinstance(value, str):
        # A ValueError, whatever was wrong: nothing else is reported with its key.
        raise ValueError(f"must be a text or a list of texts, not {show(value)}")  # noqa: TRY004
    words = WORDS.get(key)
    if words and value.lower() not in words and "*" not in value and not is_expression(value):
        raise ValueError(f"there is no {key} {show(value)}" + nearest(value, words))
    return read_text_test(value)


def read_conditions(table: dict[str, Any], at: str, report: Report) -> tuple[Condition, ...]:
    """Compile the conditions of one table; each key with what is wrong in it."""
    conditions = []
    for key, value in table.items():
        try:
            conditions.append(_read_condition(key, value))
        except ValueError as error:
            report(f"{at}.{key}", str(error))
    return tuple(conditions)


def _read_condition(key: str, value: object) -> Condition:
    _condition_key(key)
    values = value if isinstance(value, list) else [value]
    if not values:
        raise ValueError("is an empty list: nothing could match")
    tests = tuple(_read_test(key, item) for item in values)
    header = key.removeprefix("header.") if key.startswith("header.") else ""
    return Condition("header" if header else key, tests, header)


def _auto_reply(value: object, info: ValidationInfo) -> object:
    if value is False:
        return value
    if not isinstance(value, str):
        words = f"must be false or the name of a template, not {show(value)}"
        raise ValueError(words)  # noqa: TRY004
    problem = info.context.problem("template", value) if isinstance(info.context, Names) else None
    if problem is not None:
        raise ValueError(problem)
    return value


def _hold(value: object) -> object:
    if isinstance(value, bool) or (isinstance(value, str) and value.strip()):
        return value
    raise ValueError(f"must be true, or the reason in words, not {show(value)}")


def _tag(tag: str) -> str:
    if _TAG.fullmatch(tag) is None:
        raise ValueError(f"must be one word without comma and #, not {show(tag)}")
    return tag


Tag = Annotated[str, AfterValidator(_tag)]


class ThenTable(Table):
    """`then`: what a rule does."""

    category: CategoryName | None = None
    type: TypeName | None = None
    priority: PriorityName | None = None
    owner: Owner | None = None
    status: StatusName | None = None
    tags: Annotated[list[Tag], OneOrMore, unique("the tag")] = Field(default=[])
    language: Language | None = None
    subject: Text | None = None
    auto_reply: Annotated[Any, BeforeValidator(_auto_reply)] = None
    hold: Annotated[Any, BeforeValidator(_hold)] = None
    ignore: bool | None = None
    forward_to: Annotated[list[MailAddress], OneOrMore, unique("the address")] = Field(default=[])
    notify: Annotated[list[Recipient], OneOrMore, unique("the recipient")] = Field(default=[])
    run: HookName | None = None
    close: bool | None = None


class ExampleTable(Table):
    """[[rule.example]]"""

    mail: Annotated[dict[str, Any], BeforeValidator(_spread_headers)]
    matches: bool


class RuleTable(Table):
    """[[rule]]"""

    name: Name
    mailboxes: Annotated[list[Name], OneOrMore, unique("the mailbox")] = Field(default=[])
    when: Annotated[dict[str, Any], BeforeValidator(_spread_headers)] = Field(default={})
    unless: Annotated[dict[str, Any], BeforeValidator(_spread_headers)] = Field(default={})
    extract: dict[str, str] = Field(default={})
    then: ThenTable = ThenTable()
    continue_: bool = Field(default=False, alias="continue")
    example: list[ExampleTable] = Field(default=[])


class RoutingFile(Table):
    """routing.toml"""

    rule: list[RuleTable] = Field(default=[])


def build_rules(tables: list[RuleTable], report: Report) -> tuple[Rule, ...]:
    """Compile the rules, in the order of the file."""
    rules = []
    carried: set[str] = set()  # variables that an earlier rule with `continue` may have set
    for table in tables:
        at = f'rule "{table.name}"'
        extract = _extracts(table.extract, f"{at}.extract", report)
        _check_subject(table, carried, at, report)
        if table.then == ThenTable() and not table.extract:
            report(f"{at}.then", "does nothing: name an action")
        if table.then.ignore and table.then.run is not None:
            report(f"{at}.then.run", "would never run: what is ignored opens no request")
        if table.continue_:
            carried |= table.extract.keys()
        rules.append(
            Rule(
                name=table.name,
                then=_actions(table.then),
                mailboxes=tuple(table.mailboxes),
                when=read_conditions(table.when, f"{at}.when", report),
                unless=read_conditions(table.unless, f"{at}.unless", report),
                extract=extract,
                continue_=table.continue_,
                examples=_examples(table.example, at, report),
            )
        )
    return tuple(rules)


def _extracts(table: dict[str, str], at: str, report: Report) -> tuple[Extract, ...]:
    extracts = []
    for name, text in table.items():
        try:
            extracts.append(_read_extract(name, text))
        except ValueError as error:
            report(f"{at}.{name}", str(error))
    return tuple(extracts)


def _read_extract(name: str, text: str) -> Extract:
    if _VARIABLE.fullmatch(name) is None:
        raise ValueError("must be lower-case letters, digits and _")
    expression = read_expression(text)
    if not expression.groups:
        raise ValueError(f"{show(text)} needs a group: put ( ) around what is wanted")
    return Extract(name, expression, text)


def _check_subject(table: RuleTable, carried: set[str], at: str, report: Report) -> None:
    there = carried | table.extract.keys()
    for name in _IN_SUBJECT.findall(table.then.subject or ""):
        if name not in there:
            report(f"{at}.then.subject", f"nothing extracts {{{name}}}" + nearest(name, there))


def _actions(then: ThenTable) -> Actions:
    values: dict[str, Any] = dict(then)
    for key, value in values.items():
        values[key] = tuple(value) if isinstance(value, list) else value
    return Actions(**values)


def _examples(tables: list[ExampleTable], at: str, report: Report) -> tuple[Example, ...]:
    examples = []
    for index, table in enumerate(tables):
        mail = {}
        for key, value in table.mail.items():
            try:
                mail[key] = _read_part(key, value)
            except ValueError as error:
                report(f"{at}.example[{index + 1}].mail.{key}", str(error))
        examples.append(Example(mail, table.matches))
    return tuple(examples)


def _read_part(key: str, value: object) -> str | tuple[str, ...]:
    """Read one key of an example's mail; the keys are those of conditions."""
    _condition_key(key)
    items = value if isinstance(value, list) else [value]
    for item in items:
        if not isinstance(item, str):
            raise ValueError(f"must be a text or a list of texts, not {show(item)}")  # noqa: TRY004
        if key == "size":
            parse_size(item)
        if key in WORDS and item not in WORDS[key]:
            raise ValueError(f"there is no {key} {show(item)}" + nearest(item, WORDS[key]))
    if isinstance(value, str):
        return value
    if key not in ("to", "cc", "attachment") and not key.startswith("header."):
        raise ValueError(f"a mail has one {key}: must be a text")
    return tuple(items)
