"""Who is alive: a thread that waits says so in time, one that hangs does not."""

from postroom.pulse import IDLE, Pulses
from postroom.tally import BOUNDS, MOST_KEYS, Tally, merged


class Steady:
    """A clock that stands still until it is turned."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


def test_a_thread_that_is_not_heard_of_in_time_hangs() -> None:
    steady = Steady()
    pulses = Pulses(steady)
    pulses.start("pipeline").beat("decided", within=30)
    steady.now += 30
    assert [] == pulses.hung()
    steady.now += 0.1
    assert [("pipeline", "decided")] == [(one.stage, one.state) for one in pulses.hung()]


def test_who_waits_for_something_named_is_alive() -> None:
    steady = Steady()
    pulses = Pulses(steady)
    pulse = pulses.start("pipeline")
    for _ in range(1_000):
        pulse.beat("database away", within=30)
        steady.now += 20
    assert [] == pulses.hung()


def test_one_that_has_ended_is_missed_by_nobody() -> None:
    steady = Steady()
    pulses = Pulses(steady)
    pulses.start("doors")
    pulses.end("doors")
    steady.now += 10_000
    assert ([], []) == (pulses.hung(), pulses.beats())


def test_only_what_is_worth_it_is_timed() -> None:
    steady, tally = Steady(), Tally()
    pulse = Pulses(steady, tally.time).start("sender-3")
    pulse.beat("relayed", is_timed=True)
    steady.now += 0.3
    pulse.beat(IDLE)
    steady.now += 100
    pulse.beat("claiming")
    [[metric, stage, doing, row]] = tally.snapshot()["times"]
    assert ("stage", "sender", "relayed") == (metric, stage, doing)
    assert [0, 0, 0, 0, 1, 0, 0, 0, 0, 0] == row[:-1]
    assert len(BOUNDS) + 2 == len(row)


def test_strangers_cannot_fill_the_memory_with_names() -> None:
    tally = Tally()
    for number in range(3 * MOST_KEYS):
        tally.event("mail.refused", "info", {"code": number})
    counts = tally.snapshot()["counts"]
    assert MOST_KEYS + 1 == len(counts)
    assert ["mail_refused", "other", 2 * MOST_KEYS] in counts


def test_counts_of_two_processes_add_up() -> None:
    one, other = Tally(), Tally()
    for tally in (one, other):
        tally.event("mail.accepted", "info", {"transport": "lmtp", "spool_ids": ["a", "b"]})
        tally.event("mail.worked", "info", {"outcome": "opened", "seconds": 0.3})
        tally.event("mail.accepted", "info", {"transport": "imap", "count": 250})
    both = merged([one.snapshot(), other.snapshot(), {}])
    assert ["mail_accepted", "lmtp", 4] in both["counts"]
    assert ["mail_accepted", "imap", 500] in both["counts"]
    assert ["mail_outcomes", "opened", 2] in both["counts"]
    [[*_, row]] = both["times"]
    assert (2, 0.6) == (row[4], round(row[-1], 3))
