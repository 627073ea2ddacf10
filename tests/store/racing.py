"""Two desks on one database, of which one is stopped between its decision and its transaction."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from tests.houses import another_desk, ripe

from postroom import failpoints
from postroom.errors import Conflict
from postroom.house import House
from postroom.work.desk import Desk, Settled

NO_BRAKES = """
[brakes]
answers_per_address = "off"
answers_per_day = "off"
answers_per_domain = "off"
answers_alike = "off"
answers_in_all = "off"
requests_per_address = "off"
notices_in_all = "off"
"""


class WatchedDesk(Desk):
    """A desk that remembers why it had to decide again."""

    conflicts: list[str]

    def _until_settled(self, attempt: Callable[[], Settled]) -> Settled:
        self.conflicts = []

        def watched() -> Settled:
            try:
                return attempt()
            except Conflict as conflict:
                self.conflicts.append(str(conflict))
                raise

        return super()._until_settled(watched)

    def settle(self, raw: bytes, house: House) -> Settled:
        """Settle a mail that never was in a spool."""
        return self.settle_mail(ripe(house, raw), raw)


@contextmanager
def desk_of(house: House) -> Iterator[WatchedDesk]:
    plain = another_desk(house)
    try:
        yield WatchedDesk(plain.database, plain.site, plain.signer, plain.policy, plain.clock)
    finally:
        plain.database.close()


def meanwhile(act: Callable[[], object]) -> None:
    """Let something happen when the next decision was made and its transaction has not begun."""

    def stopped() -> None:
        failpoints.disarm()
        act()

    failpoints.arm("desk.decided", stopped)
