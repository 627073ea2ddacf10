"""How the demo looks: an account of a mail, its checks, the summary.

Whatever a mail says is shown as plain text, without control characters and without markup.
"""

from __future__ import annotations

import json
import shlex
import sys
from collections.abc import Iterable, Iterator, Sequence
from email.utils import formataddr
from pathlib import Path

from rich import box
from rich.console import Console
from rich.padding import Padding
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from postroom.cli.playback import Account, SentMail, text_of
from postroom.cli.story import MAILBOX, Check
from postroom.cli.tables import cell, clean, plain
from postroom.store.journal import JournalEntry
from postroom.store.views import ChangeView
from postroom.work.audit import AuditReport

HEADERS = (
    "Return-Path",
    "From",
    "To",
    "Reply-To",
    "Subject",
    "Message-ID",
    "In-Reply-To",
    "Auto-Submitted",
)
LINES = 14  # of a text that are shown
COLOURS = {
    "opened": "green",
    "appended": "cyan",
    "duplicate": "yellow",
    "ignored": "yellow",
    "held": "magenta",
}


def account(console: Console, account: Account) -> None:
    """Show who writes, what the daemon did and why, and what it sent."""
    entry = account.entry
    author = account.message.author if account.message is not None else ""
    name = author if "@" not in author else ""
    console.print(
        Text.assemble(
            (clean(formataddr((name, entry.from_), "utf-8")), "bold"), "  →  ", cell(entry.to)
        )
    )
    console.print(Text(cell(entry.subject), style="italic"))
    if account.message is not None:
        _block(console, account.message.fresh, "dim")
    console.print()
    _facts(console, _what_and_why(account))
    for item in account.sent:
        _sent(console, item)


def sequel(console: Console, account: Account) -> None:
    """Show what has become of a request since, and the mails that went out for it."""
    rows = ((f"history: {one.kind}", _with(_changed(one), one.because)) for one in account.changes)
    _facts(console, rows)
    for item in account.sent:
        _sent(console, item)


def _changed(change: ChangeView) -> str:
    return f"{cell(change.from_)} → {cell(change.to)}" if change.from_ else cell(change.to)


def _what_and_why(account: Account) -> Iterator[tuple[str, Text]]:
    entry, said = account.entry, account.explanation
    outcome = Text(entry.outcome, style=f"bold {COLOURS.get(entry.outcome, 'red')}")
    if entry.request is not None:
        outcome.append(f"  request {entry.request}", style="default")
    yield "outcome", outcome
    yield "because", Text(cell(entry.reason))
    yield "written by", _with(entry.origin, cell(said.get("origin_evidence", ())))
    if "thread" in said:
        yield "sender", _with(f"verdict {entry.verdict}", cell(said.get("verdict_evidence")))
        yield "thread", _with(cell(said["thread"]), cell(said.get("thread_evidence")))
    for rule in said.get("rules", ()):
        yield f"rule {rule['rule']}", _rule(bool(rule["matched"]), str(rule["why"]))
    if account.whole is not None and entry.outcome == "opened":
        yield from _properties(account)
    for change in account.changes:
        if entry.outcome == "appended":
            yield f"history: {change.kind}", _with(cell(change.to), cell(change.because))


def _properties(account: Account) -> Iterator[tuple[str, Text]]:
    if account.whole is None:
        return
    said, whole = account.explanation, account.whole
    request, why = whole.request, said.get("properties", {})
    for name in ("category", "type", "priority", "status"):
        yield name, _with(cell(getattr(request, name)), cell(why.get(name)))
    yield "owner", _with(cell(request.owner), cell(said.get("owner_reason")))
    if request.tags:
        yield "tags", Text(cell(request.tags))
    if whole.extracted:
        pairs = (f"{name} = {value}" for name, value in whole.extracted.items())
        yield "extracted", Text(cell(tuple(pairs)))
    yield "answer", Text(cell(said.get("auto_reply")))


def _with(what: str, why: str) -> Text:
    text = Text(what)
    return text.append(f"  ({why})", style="dim") if why not in ("", "-") else text


def _rule(is_matched: bool, why: str) -> Text:
    mark = ("matched", "green") if is_matched else ("no", "dim")
    return Text.assemble(mark, (f"  ({cell(why)})", "dim"))


def _facts(console: Console, facts: Iterable[tuple[str, Text]]) -> None:
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="blue", no_wrap=True)
    grid.add_column(overflow="fold")
    for name, value in facts:
        grid.add_row(clean(name), value)
    console.print(Padding(grid, (0, 0, 0, 2), expand=False))


def _sent(console: Console, sent: SentMail) -> None:
    """Show a mail as it lies in the Maildir, with the headers that matter."""
    words = Text()
    for name in HEADERS:
        if (value := sent.mail[name]) is not None:
            words.append(f"{name}: ", style="blue").append(f"{cell(value)}\n")
    words.append("\n" + "\n".join(_lines(text_of(sent.mail))))
    where = f"in the Maildir: {sent.path.parent.name}/{sent.path.name}" if sent.path else ""
    title = Text(f" {sent.entry.kind}, {where or sent.entry.state} ")
    console.print()
    console.print(
        Padding(
            Panel(words, box=box.ROUNDED, title=title, title_align="left"), (0, 2), expand=False
        )
    )


def _block(console: Console, text: str, style: str) -> None:
    for line in _lines(text):
        console.print(Text(f"  │ {line}", style=style))


def _lines(text: str) -> list[str]:
    lines = clean(text).strip().expandtabs().splitlines()
    return lines if len(lines) <= LINES else [*lines[:LINES], "…"]


def check(console: Console, check: Check) -> None:
    """Show whether something is as it must be."""
    if check.is_met:
        console.print(Text.assemble(("  ✓ ", "green"), check.says))
    else:
        console.print(Text.assemble(("  ✗ ", "bold red"), check.says))
        console.print(Text(f"    there was: {clean(check.found)}", style="red"))


def what_was_there(console: Console, account: Account) -> None:
    """Print the records behind an expectation that was not met."""
    console.print("\nWhat was there:")
    request = account.whole.request if account.whole is not None else None
    found = {"journal": plain(account.entry), "request": plain(request)}
    text = clean(json.dumps(found, ensure_ascii=False, indent=2))
    console.print(Text(text), soft_wrap=True)


def failure(console: Console, why: str, log: Sequence[str]) -> None:
    """Say why there is no story, with the end of the daemon's log."""
    console.print(Text(f"\nThe story ends here: {why}", style="bold red"))
    for line in log:
        console.print(Text(f"  {clean(line)}", style="dim"), soft_wrap=True)


def journal_table(console: Console, entries: Sequence[JournalEntry]) -> None:
    """Show one line for each mail."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, header_style="bold")
    for title in ("mail", "from", "subject", "outcome", "request", "because"):
        table.add_column(title, overflow="fold", no_wrap=title in ("mail", "outcome"))
    for entry in entries:
        outcome = Text(entry.outcome, style=COLOURS.get(entry.outcome, "red"))
        cells = (entry.id, entry.from_, entry.subject)
        written = (Text(cell(value)) for value in cells)
        table.add_row(*written, outcome, cell(entry.request), Text(cell(entry.reason)))
    console.print()
    console.rule("[bold]The journal", align="left")
    console.print(table)


def audited(console: Console, report: AuditReport) -> None:
    """Show what the audit says."""
    for finding in report.findings:
        words = f"  ✗ audit: {finding.subject} {finding.text}"
        console.print(Text(clean(words), style="red"))
    if report.ok:
        checked = ", ".join(f"{count} {name}" for name, count in report.checked.items() if count)
        console.print(Text.assemble(("  ✓ ", "green"), f"audit: nothing is missing ({checked})"))


def how_to_go_on(console: Console, config: Path, maildir: Path, host: str, port: int) -> None:
    """Say how to write to the daemon by hand, and where to look."""
    program = Path(sys.executable).with_name("postroom")
    postroom = str(program) if program.exists() else f"{sys.executable} -m postroom"
    mail = "From: you@example.org\\nSubject: Invoice 22\\n\\nHello!\\n"
    send = f'smtplib.SMTP("{host}", {port}).sendmail("you@example.org", "{MAILBOX}", "{mail}")'
    swaks = f"swaks --server {host}:{port} --from you@example.org --to {MAILBOX}"
    where = f"--config {shlex.quote(str(config))}"
    console.print()
    console.rule("[bold]Your turn", align="left")
    console.print("The daemon keeps running; what comes is shown here. Write to it:\n")
    lines = (
        f"{swaks} --header 'Subject: Invoice 22' --body 'Hello!'",
        f"{shlex.quote(sys.executable)} -c 'import smtplib; {send}'",
    )
    for line in lines:
        console.print(Text(f"  {line}", style="green"), soft_wrap=True)
    console.print(Text(f"\nIts answers lie in {maildir}/new. Look at it with\n"), soft_wrap=True)
    for command in ("request list", "request show 1", "journal list", "outbox list", "audit"):
        console.print(Text(f"  {postroom} {command} {where}", style="green"), soft_wrap=True)
    console.print("\nCtrl-C ends it and removes its folder.")
