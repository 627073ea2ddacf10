"""Handlers' reply addresses that somebody else has seen are replaced.

DESIGN section 6; pain 55. A handler who answers with the customer in Cc shows him his address: from
then on that address grants nothing, and the next notice carries another one.
"""

from __future__ import annotations

from collections.abc import Iterator

from postroom.core.addresses import LAST_GENERATION
from postroom.core.effects import ReplaceAddresses
from postroom.core.judging import Case
from postroom.core.participants import named_by
from postroom.core.threads import named_handler


def exposed(case: Case) -> Iterator[ReplaceAddresses]:
    """Return the replacement of every handler's address that this mail shows to others."""
    if case.handler is None:
        because = f"{case.arrival.sender or 'somebody outside'} wrote to it"
    elif others := named_by(case):
        because = f"shown to {', '.join(one.address for one in others[:3])}"
    else:
        return
    done: set[tuple[int, str]] = set()
    for token in case.arrival.tokens:
        name = named_handler(token, case.facts, case.policy)
        request = case.facts.requests.get(token.object_id)
        if name is None or request is None or (request.id, name) in done:
            continue
        done.add((request.id, name))
        generation = request.generations.get(name, 0) + 1
        if generation <= LAST_GENERATION:
            yield ReplaceAddresses(request.id, name, generation, because)
