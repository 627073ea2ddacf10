"""TOML text to checked values, with every problem named by file and key path.

Used by: config and policy, which declare their tables as pydantic models derived from `Table`.
Promise: any text gives values or problems, never another exception; a key path names an entry by
its `name` where it has one (`rule "invoices".then.category`), else counts from 1 (`rule[2].then`).
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from typing import Any, ClassVar, TypeVar, get_args

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic_core import ErrorDetails

from postroom.core.units import nearest, show
from postroom.errors import Problem

MOST_PROBLEMS_OF_A_TABLE = 100

_TYPES = {
    "string_type": "a text",
    "int_type": "a whole number",
    "bool_type": "true or false",
    "list_type": "a list",
    "dict_type": "a table",
    "model_type": "a table",
}


class Table(BaseModel):
    """A table of a TOML file: unknown keys and wrong types are problems."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    # Keys of the design that this version does not read yet: named as such, not as unknown.
    later_keys: ClassVar[Mapping[str, str]] = {}


AnyTable = TypeVar("AnyTable", bound=Table)


def read_toml(file: str, text: str, problems: list[Problem]) -> dict[str, Any] | None:
    """Parse a file; a fault of syntax becomes a problem with line and column, and None."""
    try:
        return tomllib.loads(text)
    except RecursionError:
        problems.append(Problem(file, "", "is nested too deeply"))
    except ValueError as error:
        problems.append(Problem(file, "", f"is not valid TOML: {error}"))
    return None


def check_table(
    model: type[AnyTable],
    table: object,
    file: str,
    problems: list[Problem],
    *,
    at: str = "",
    names: object = None,
) -> AnyTable | None:
    """Read one table; what is wrong goes to `problems`. `names` is what validators look up."""
    try:
        return model.model_validate(table, context=names)
    except ValidationError as error:
        for fault in error.errors(include_url=False)[:MOST_PROBLEMS_OF_A_TABLE]:
            key = join(at, key_path(fault["loc"], table))
            problems.append(Problem(file, key, _words(model, fault)))
    return None


def key_path(location: Iterable[int | str], table: object) -> str:
    """Write a place inside a parsed file the way that its author would point to it."""
    path, here = "", table
    for step in location:
        inside: object = None
        if isinstance(step, int):
            if isinstance(here, list) and -len(here) <= step < len(here):
                inside = here[step]
            path += entry_label(inside, step)
        else:
            path = join(path, step)
            inside = here.get(step) if isinstance(here, dict) else None
        here = inside
    return path


def entry_label(entry: object, index: int) -> str:
    """Name one entry of a list: by its name, else by its place, counted from 1."""
    name = entry.get("name") if isinstance(entry, dict) else None
    if isinstance(name, str) and name:
        return f" {show(name)}"
    return f"[{index + 1}]"


def join(path: str, key: str) -> str:
    """Put a key below a path."""
    return f"{path}.{key}" if path and key and not key.startswith("[") else path + key


def _words(model: type[Table], fault: ErrorDetails) -> str:
    kind, given = fault["type"], fault["input"]
    if kind == "missing":
        return "is required"
    if kind == "extra_forbidden":
        return _unknown_key(model, fault["loc"])
    if kind in _TYPES:
        return f"must be {_TYPES[kind]}, not {show(given)}"
    if kind == "too_short":
        return "needs at least one"
    if kind == "literal_error":
        return _not_one_of(fault)
    if kind == "value_error":
        return str(fault["ctx"]["error"])
    return f"{fault['msg'][:1].lower()}{fault['msg'][1:]}, not {show(given)}"


def _unknown_key(model: type[Table], location: tuple[int | str, ...]) -> str:
    table = _model_at(model, location[:-1])
    key = str(location[-1])
    if key in table.later_keys:
        return table.later_keys[key]
    return "is not a key here" + nearest(key, keys_of(table))


def keys_of(model: type[BaseModel]) -> list[str]:
    """Return the keys of a table as they are written in the file."""
    return [field.alias or name for name, field in model.model_fields.items()]


def _not_one_of(fault: ErrorDetails) -> str:
    choices = fault["ctx"]["expected"].replace("'", '"')
    words = f"must be {choices}, not {show(fault['input'])}"
    if not isinstance(fault["input"], str):
        return words
    hint = nearest(fault["input"], [item.strip('" ') for item in _split(choices)])
    return words + (hint if "did you mean" in hint else "")


def _split(choices: str) -> list[str]:
    return choices.replace(" or ", ", ").split(",")


def _model_at(model: type[Table], location: tuple[int | str, ...]) -> type[Table]:
    """Follow a location through the models to the table that it lies in."""
    here = model
    for step in location:
        if isinstance(step, str):
            field = next(
                (item for name, item in here.model_fields.items() if step in (name, item.alias)),
                None,
            )
            here = (_table_in(field.annotation) if field is not None else None) or here
    return here


def _table_in(annotation: object) -> type[Table] | None:
    """Find the table model inside an annotation such as `list[Level] | None`."""
    if isinstance(annotation, type) and issubclass(annotation, Table):
        return annotation
    for inner in get_args(annotation):
        found = _table_in(inner)
        if found is not None:
            return found
    return None
