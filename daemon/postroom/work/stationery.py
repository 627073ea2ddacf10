"""Templates by policy version: a mail is worded as its decision's policy would have it.

Promise: the same recipe gives the same words, whatever was reloaded since (the texts of every
policy are in the database), and whether it is written here or in a reader.
Used by: work.scribe, through house. Safe to share among sender threads.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import Any

from postroom.render.library import FOLDER
from postroom.render.renderer import Rendered
from postroom.store import policies
from postroom.store.db import Database
from postroom.work.composing import (
    KEPT_RENDERERS,
    Order,
    Papers,
    Written,
    renderer_of,
    write_by_papers,
)
from postroom.work.readers import Readers, ReadFailure

MAIL_OCTETS = 4_096  # about what a recipe takes, beside its files


class Stationery:
    """The templates of every policy, and whom to give them to."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._papers: OrderedDict[str, Papers] = OrderedDict()
        self._lock = threading.Lock()

    def render(
        self,
        policy_version: str,
        template: str,
        language: str,
        layout: str | None,
        variables: Mapping[str, Any],
    ) -> Rendered:
        """Return the words of one mail."""
        renderer = renderer_of(self._papers_of(policy_version))
        return renderer.render(template, language, variables, layout=layout)

    def write_away(self, readers: Readers, orders: Sequence[Order]) -> list[Written | ReadFailure]:
        """Write mails in the readers: this process's interpreter is free meanwhile."""
        wanted = [(self._papers_of(order.recipe.policy_version), order) for order in orders]
        return readers.call(write_by_papers, wanted, _size)

    def _papers_of(self, version: str) -> Papers:
        with self._lock:
            papers = self._papers.get(version)
            if papers is None:
                with self._database.read() as connection:
                    files = policies.policy_files(connection, version)
                own = {path: text for path, text in files.items() if path.startswith(FOLDER)}
                papers = self._papers[version] = Papers(version, own)
                while len(self._papers) > KEPT_RENDERERS:
                    self._papers.popitem(last=False)
            self._papers.move_to_end(version)
            return papers


def _size(wanted: tuple[Papers, Order]) -> int:
    return MAIL_OCTETS + wanted[1].octets
