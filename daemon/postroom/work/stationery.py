"""Templates by policy version: a mail is worded as its decision's policy would have it.

Promise: the same recipe gives the same words, whatever was reloaded since (the texts of every
policy are in the database). Used by: work.sender, through app.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Mapping
from typing import Any

import structlog

from postroom.render import Rendered, Renderer
from postroom.store import policies
from postroom.store.db import Database

log = structlog.get_logger()

_KEPT = 4  # renderers; retries of old mail are rare


class Stationery:
    """Renders recipes. Safe to share among sender threads."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._renderers: OrderedDict[str, Renderer] = OrderedDict()
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
        rendered = self._renderer(policy_version).render(
            template, language, variables, layout=layout
        )
        if rendered.warning is not None:
            log.warning("template.failed", template=template, why=rendered.warning)
        return rendered

    def _renderer(self, version: str) -> Renderer:
        with self._lock:
            renderer = self._renderers.get(version)
            if renderer is None:
                with self._database.read() as connection:
                    renderer = Renderer(policies.policy_files(connection, version))
                self._renderers[version] = renderer
                while len(self._renderers) > _KEPT:
                    self._renderers.popitem(last=False)
            self._renderers.move_to_end(version)
            return renderer
