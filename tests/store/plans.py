"""How each database would run a statement, and which of a table's rows that makes it read."""

from __future__ import annotations

import ast
import importlib
import inspect
import json
import re
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

from sqlalchemy import BindParameter, Connection, Executable, Insert, Select, TextClause, event
from sqlalchemy.sql import ClauseElement, visitors

from postroom import store
from postroom.store.db import Database
from postroom.store.prepared import Prepared

# Tables that grow with mail; the others have a row for each handler, policy, mailbox, company …
LARGE = {
    *("request", "request_mailbox", "request_link", "participant", "tag", "contact", "address"),
    *("message", "attachment", "message_ref", "journal", "journal_history", "raw_mail", "history"),
    "raw_object",
    *("timer", "hold", "outbox", "delivery", "hook_run", "brake", "spool_move", "search_words"),
}
FOLDER = Path(next(iter(store.__path__)))
# Their statements are none of a decision or a list: opening, migrating, moving to another database.
APART = {
    *("__init__", "copying", "db", "engines", "listening", "migrate", "prepared", "schema"),
    "server",
}
_RUNS = {"execute", "exec_driver_sql", "first", "all", "run", "run_each"}
_VERB = re.compile(r"\s*(?:SELECT|WITH|INSERT|UPDATE|DELETE)\b")
_NAMED = re.compile(r"%\((\w+)\)s")

Site = tuple[str, str]  # module, function


def modules() -> dict[str, ModuleType]:
    """Return the modules of store/ whose statements are looked at."""
    names = sorted(path.stem for path in FOLDER.glob("*.py") if path.stem not in APART)
    return {name: importlib.import_module(f"postroom.store.{name}") for name in names}


def prepared_statements() -> dict[str, ClauseElement]:
    """Return every statement that a module of store/ keeps, by "module.NAME"."""
    found: dict[str, ClauseElement] = {}
    for module, content in modules().items():
        for name, value in vars(content).items():
            for key, one in _members(name, value):
                statement = one._statement if isinstance(one, Prepared) else one
                if isinstance(statement, Executable) and not _is_part(statement):
                    found.setdefault(f"{module}.{key}", statement)
    return found


def _is_part(statement: Any) -> bool:
    """Whether a text is a condition, or something else that is no statement by itself."""
    return isinstance(statement, TextClause) and _VERB.match(statement.text) is None


def _members(name: str, value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, Mapping) and name.isupper():
        for key, one in value.items():
            yield f"{name}[{key}]", one[0] if isinstance(one, tuple) else one
    else:
        yield name, value


def other_sites() -> set[Site]:
    """Return the functions of store/ that run a statement which no module keeps."""
    found = set()
    for module, content in modules().items():
        for function in ast.walk(ast.parse(inspect.getsource(content))):
            if isinstance(function, ast.FunctionDef):
                calls = (node for node in ast.walk(function) if isinstance(node, ast.Call))
                if any(_is_other(call, content) for call in calls):
                    found.add((module, function.name))
    return found


def _is_other(call: ast.Call, module: ModuleType) -> bool:
    """Whether a call runs a statement that was made on the spot."""
    if not isinstance(call.func, ast.Attribute) or call.func.attr not in _RUNS or not call.args:
        return False
    is_direct = call.func.attr in ("execute", "exec_driver_sql")
    statement = call.args[0] if is_direct else call.func.value
    if isinstance(statement, ast.Subscript):
        statement = statement.value
    if isinstance(statement, ast.Name):
        value = getattr(module, statement.id, None)
    elif isinstance(statement, ast.Attribute) and isinstance(statement.value, ast.Name):
        value = getattr(getattr(module, statement.value.id, None), statement.attr, None)
    else:
        value = None
    return not isinstance(value, Prepared | Executable | dict)


@dataclass
class Seen:
    """The scans of what was run: by site, and which sites ran anything."""

    sites: set[Site] = field(default_factory=set)
    scans: dict[Site, set[str]] = field(default_factory=dict)


@contextmanager
def watching(database: Database) -> Iterator[Seen]:
    """See which function of store/ runs what, and ask for the plan of each statement."""
    seen = Seen()

    def note(connection: Connection, cursor: Any, sql: str, values: Any, *_: Any) -> None:
        site = _site()
        if site is None or sql.lstrip().startswith(("SET ", "EXPLAIN", "PRAGMA")):
            return
        seen.sites.add(site)
        if sql.lstrip().startswith(("SELECT", "WITH", "UPDATE", "DELETE")):
            plan = _explained(connection.dialect.name, cursor, sql, values)
            seen.scans.setdefault(site, set()).update(plan)

    event.listen(database.engine, "before_cursor_execute", note)
    try:
        yield seen
    finally:
        event.remove(database.engine, "before_cursor_execute", note)


def _site() -> Site | None:
    frame = sys._getframe(1)
    while frame is not None:
        file = Path(frame.f_code.co_filename)
        if file.parent == FOLDER and file.stem not in APART:
            name = frame.f_code.co_name
            if not name.startswith("<"):
                return file.stem, name
        frame = frame.f_back  # type: ignore[assignment]
    return None


def scans(connection: Connection, statement: ClauseElement) -> set[str]:
    """Return the large tables that a statement would read without looking anything up."""
    binds = (one for one in visitors.iterate(statement) if isinstance(one, BindParameter))
    given = {one.key: [1, 2] if one.expanding else None for one in binds if one.required}
    compiled: Any = statement.compile(dialect=connection.dialect)
    state = compiled.construct_expanded_state(given)
    cursor = connection.connection.cursor()
    if connection.dialect.name == "sqlite":
        values = [_plain(value) for value in state.positional_parameters]
        return _explained("sqlite", cursor, state.statement, values)
    return _generic(cursor, state.statement)


def _plain(value: Any) -> Any:
    return value if isinstance(value, str | int | float | bytes) else None


def has_plan(statement: ClauseElement) -> bool:
    """Whether a statement looks for rows; an INSERT of values does not, nor one of a clock."""
    if isinstance(statement, Select):
        return bool(statement.get_final_froms())
    return not isinstance(statement, Insert) or statement.select is not None


def _explained(kind: str, cursor: Any, sql: str, values: Any) -> set[str]:
    if kind == "sqlite":
        rows = cursor.connection.execute(f"EXPLAIN QUERY PLAN {sql}", values or ()).fetchall()
        return set(_sqlite_scans([row[3] for row in rows]))
    with cursor.connection.cursor() as other:
        other.execute("SET LOCAL enable_seqscan = off")
        other.execute(f"EXPLAIN (FORMAT JSON) {sql}", values)
        return set(_postgresql_scans(other.fetchone()[0][0]["Plan"]))


def _generic(cursor: Any, sql: str) -> set[str]:
    """Ask PostgreSQL for the plan that serves all values."""
    names = list(dict.fromkeys(_NAMED.findall(sql)))
    numbered = _NAMED.sub(lambda found: f"${names.index(found[1]) + 1}", sql).replace("%%", "%")
    cursor.execute("SET LOCAL plan_cache_mode = force_generic_plan")
    cursor.execute("SET LOCAL enable_seqscan = off")
    cursor.execute(f"PREPARE asked AS {numbered}".encode())
    try:
        values = f"({', '.join(['NULL'] * len(names))})" if names else ""
        cursor.execute(f"EXPLAIN (FORMAT JSON) EXECUTE asked{values}".encode())
        return set(_postgresql_scans(cursor.fetchone()[0][0]["Plan"]))
    finally:
        cursor.execute("DEALLOCATE asked")


_SQLITE_SCAN = re.compile(r"SCAN (?:TABLE )?(\w+)(?: AS \w+)?(?: USING (?:COVERING )?INDEX (\w+))?")
# Of these indexes every row is wanted: they have the rows of one state only.
PARTIAL = {"timer_due", "delivery_due", "delivery_leased", "hook_due", "hook_leased"}


def _sqlite_scans(steps: list[str]) -> Iterator[str]:
    for step in steps:
        found = _SQLITE_SCAN.match(step)
        if found is None or found[1] not in LARGE or found[2] in PARTIAL:
            continue
        is_asked_for_words = "VIRTUAL TABLE INDEX" in step and not step.endswith("INDEX 0:")
        if not is_asked_for_words:
            yield f"{found[1]} along {found[2]}" if found[2] else found[1]


def _postgresql_scans(
    node: Mapping[str, Any], table: str = "", *, ends: bool = False
) -> Iterator[str]:
    table = node.get("Relation Name", table)
    kind = node["Node Type"]
    ends = ends or kind == "Limit"
    if table in LARGE and (
        kind == "Seq Scan"
        or (
            kind in ("Index Scan", "Index Only Scan", "Bitmap Index Scan")
            and "Index Cond" not in node
            and node["Index Name"] not in PARTIAL
            and not ends
        )
    ):
        yield table
    for child in node.get("Plans", ()):
        yield from _postgresql_scans(child, table, ends=ends)


def shown(found: Mapping[Any, set[str]]) -> str:
    """Write down what was found, for whoever reads the failure."""
    return json.dumps({str(key): sorted(value) for key, value in found.items()}, indent=1)
