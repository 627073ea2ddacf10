"""workflows.toml and types.toml: statuses, the changes between them, and kinds of requests."""

from __future__ import annotations

from collections.abc import Collection
from typing import Annotated, Literal

from pydantic import Field

from postroom.core.model import Counts, Phase, RequestType, Status, Transition, Workflow
from postroom.core.tables import Table
from postroom.core.units import nearest, show
from postroom.policy.problems import Report
from postroom.policy.schema import (
    HookName,
    Name,
    OneOrMore,
    PriorityName,
    TemplateName,
    Title,
    Word,
    WorkflowName,
    unique,
)

# In every workflow, of themselves. To "merged" only merging leads.
FIXED = (
    Status("deleted", Phase.DELETED, {"en": "Deleted"}),
    Status("merged", Phase.MERGED, {"en": "Merged"}),
)


class StatusTable(Table):
    """[[workflow.status]]"""

    name: Name
    title: Title = Field(default={})
    phase: Literal["active", "postponed", "closed", "deleted", "merged"]
    counts: Literal["queue", "internal", "external", "none"] = "none"
    queue: bool = False
    reopen: bool = True


class TransitionTable(Table):
    """[[workflow.transition]]"""

    name: Name
    from_: Annotated[list[str], OneOrMore, unique("the status")] = Field(alias="from")
    to: str
    by: Annotated[
        list[Literal["handler", "customer", "system"]], OneOrMore, Field(min_length=1)
    ] = Field(default=["handler"])
    requires: Annotated[list[Word], OneOrMore] = Field(default=[])
    mail: TemplateName | None = None
    run: HookName | None = None


class WorkflowTable(Table):
    """[[workflow]]"""

    name: Name
    initial: str
    free: bool = False
    on_answer: str | None = None
    on_customer: str | None = None
    status: list[StatusTable] = Field(default=[])
    transition: list[TransitionTable] = Field(default=[])


class WorkflowsFile(Table):
    """workflows.toml"""

    workflow: list[WorkflowTable] = Field(default=[])


class TypeTable(Table):
    """[[type]]"""

    name: Name
    title: Title = Field(default={})
    workflow: WorkflowName
    default: bool = False
    requires: Annotated[list[Word], OneOrMore, unique("the reference")] = Field(default=[])
    priorities: Annotated[list[PriorityName], OneOrMore, unique("the priority")] = Field(default=[])


class TypesFile(Table):
    """types.toml"""

    type: list[TypeTable] = Field(default=[])


def build_workflows(tables: list[WorkflowTable], report: Report) -> dict[str, Workflow]:
    """Make the workflows, each with the fixed statuses; every status that is named must exist."""
    return {table.name: _workflow(table, report) for table in tables}


def _workflow(table: WorkflowTable, report: Report) -> Workflow:
    at = f'workflow "{table.name}"'
    statuses = _statuses(table, at, report)
    _check_statuses_named(table, statuses, at, report)
    _check_transitions(table, statuses, at, report)
    return Workflow(
        name=table.name,
        initial=table.initial,
        statuses=statuses,
        free=table.free,
        transitions=tuple(_transition(item) for item in table.transition),
        on_answer=table.on_answer,
        on_customer=table.on_customer,
    )


def _statuses(table: WorkflowTable, at: str, report: Report) -> dict[str, Status]:
    """Read the statuses in the order of the file; the fixed ones stand first of their phase."""
    fixed = {status.name: status for status in FIXED}
    statuses: dict[str, Status] = {}
    for item in table.status:
        status = _status(item)
        key = f'{at}.status "{item.name}"'
        if item.name in statuses:
            report(key, "is named twice")
        if item.name in fixed and status.phase is not fixed[item.name].phase:
            report(f"{key}.phase", f'must be "{fixed[item.name].phase}": the status is a fixed one')
        if status.phase is Phase.MERGED and item.name != "merged":
            report(f"{key}.phase", 'only the fixed status "merged" has this phase')
        if status.phase is not Phase.CLOSED and "reopen" in item.model_fields_set:
            report(f"{key}.reopen", "means something in phase closed only")
        for name in [name for name, item_ in fixed.items() if item_.phase is status.phase]:
            statuses.setdefault(name, fixed[name])
        statuses[item.name] = status
    return statuses | {name: status for name, status in fixed.items() if name not in statuses}


def _status(table: StatusTable) -> Status:
    return Status(
        name=table.name,
        phase=Phase(table.phase),
        title=table.title,
        counts=Counts(table.counts),
        queue=table.queue,
        reopen=table.reopen,
    )


def _check_statuses_named(
    table: WorkflowTable, statuses: dict[str, Status], at: str, report: Report
) -> None:
    named = {
        "initial": table.initial,
        "on_answer": table.on_answer,
        "on_customer": table.on_customer,
    }
    for key, name in named.items():
        if name is None or not _exists(name, statuses, f"{at}.{key}", report):
            continue
        phase = statuses[name].phase
        if key == "initial" and phase is not Phase.ACTIVE:
            report(
                f"{at}.{key}", f"{show(name)} has phase {phase}; a request begins in an active one"
            )
        if phase in (Phase.DELETED, Phase.MERGED):
            report(f"{at}.{key}", f"{show(name)} has phase {phase}: no message leads there")


def _exists(name: str, statuses: Collection[str], key: str, report: Report) -> bool:
    if name in statuses:
        return True
    report(key, f"the workflow has no status {show(name)}" + nearest(name, statuses))
    return False


def _check_transitions(
    table: WorkflowTable, statuses: dict[str, Status], at: str, report: Report
) -> None:
    seen: set[str] = set()
    for item in table.transition:
        key = f'{at}.transition "{item.name}"'
        if item.name in seen:
            report(key, "is named twice")
        seen.add(item.name)
        for index, name in enumerate(item.from_):
            _exists(name, statuses, f"{key}.from[{index + 1}]", report)
        if not item.from_:
            report(f"{key}.from", "names no status")
        if table.free and item.run is not None:
            report(f"{key}.run", "would never run: in a free workflow nobody asks for transitions")
        if _exists(item.to, statuses, f"{key}.to", report) and item.to == "merged":
            report(f"{key}.to", "only #merge leads to this status")


def _transition(table: TransitionTable) -> Transition:
    return Transition(
        name=table.name,
        sources=tuple(table.from_),
        to=table.to,
        by=tuple(table.by),
        requires=tuple(table.requires),
        mail=table.mail,
        run=table.run,
    )


def build_types(tables: list[TypeTable]) -> dict[str, RequestType]:
    """Make the kinds of requests."""
    return {
        table.name: RequestType(
            name=table.name,
            workflow=table.workflow,
            title=table.title,
            default=table.default,
            requires=tuple(table.requires),
            priorities=tuple(table.priorities),
        )
        for table in tables
    }
