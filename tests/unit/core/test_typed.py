"""Commands at the top of a handler's mail, as people and their mail programs write them."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postroom.core.typed import (
    LONGEST_ARGUMENT,
    LONGEST_SOURCE,
    MOST_COMMANDS,
    MOST_FAULTS,
    WORDS,
    help_text,
    read_typed,
)

NOW = tuple(f"#{word.name}" for word in WORDS.values() if not word.is_later)
BELOW = "#close stands below the beginning of the answer; commands come before it"


def commands(fresh: str, *transitions: str) -> list[tuple[str, str]]:
    typed = read_typed(fresh, transitions)
    assert () == typed.faults
    return [(line.word, line.argument) for line in typed.lines]


def faults(fresh: str, *transitions: str) -> list[str]:
    return [fault.what for fault in read_typed(fresh, transitions).faults]


# ---- where the commands end


@pytest.mark.parametrize(
    ("expected", "rest", "fresh"),
    [
        ([], "", ""),
        ([], "Hello Ann,\n\nit is done.", "Hello Ann,\n\nit is done."),
        (["close"], "", "#close"),
        (["close"], "It is done.", "#close\nIt is done."),
        (["take", "close"], "Hello", "#take\n#close\nHello\n"),
        # HTML makes a paragraph of each.
        (["take", "close"], "Hello\n\nBye", "\n\n#take\n\n#close\n\n\nHello\n\nBye\n\n"),
        (["close"], "Hello", "\u200b\n\ufeff#close\r\n\u00a0\r\nHello\r\n\u200b\r\n"),
        (["close"], "Hello", "#close\u2028Hello"),
        # The answer keeps its indentation and its empty lines.
        (["close"], "    a\n\n\n    b", "#close\n\n    a\n\n\n    b  \n "),
    ],
)
def test_the_answer_begins_at_the_first_line_without_a_hash(
    expected: list[str], rest: str, fresh: str
) -> None:
    typed = read_typed(fresh)
    assert (rest, ()) == (typed.rest, typed.faults)
    assert expected == [line.word for line in typed.lines]


# ---- what mail programs make of a command


@pytest.mark.parametrize(
    "line",
    [
        "#close",
        "  #close  ",
        "\u00a0\t#close\u00a0",
        "\ufeff#close",
        "\u200b#\u00adclo\u00adse\u200d",
        "\u200c \u200c#close",
        "#Close",
        "#CLOSE",
        "＃close",
        "﹟close",
        "# close",
        "#\u00a0Close.",
        "\\#close",
        "* #close",
        "- #close",
        "•\t#close",
        "·\u00a0\u00a0\u00a0#close",
        "1. #close",
        "**#close**",
        "*#close*",
        "_#close_",
        "`#close`",
        "**\\#close**",
        "**#close**.",
        "* **#close**",
        "** #close **",
        "#close.",
        "#close;",
        "#close,",
        "#close .",
    ],
)
def test_what_a_mail_program_makes_of_a_command_is_still_that_command(line: str) -> None:
    typed = read_typed(f"{line}\nHello")
    assert ((("close", ""),), "Hello", ()) == (
        tuple((each.word, each.argument) for each in typed.lines),
        typed.rest,
        typed.faults,
    )
    assert line.strip() == typed.lines[0].source


@pytest.mark.parametrize(
    ("expected", "line"),
    [
        ("assign eva", "#assign eva"),
        ("assign eva", "#Assign:  eva"),
        ("assign eva", "**#assign eva**"),
        ("assign eva", "**#assign** eva"),
        ("assign eva", "* #assign \u200beva\ufeff"),
        ("tag late urgent", "#tag\u00a0 late \u00a0 \t urgent"),
        ("category support/billing", "# category support/billing"),
        ("status in progress", "#status “in progress”"),
        ("status in progress", '#status "in progress"'),
        ("status in progress", "#status „in progress“"),
        ("reason He said “no”", "#reason He said “no”"),
        ("reason it is *important*", "* #reason it is *important*"),
        ("reason That's it.", "#reason That's it."),
        ("reason می\u200cخواهم", "#reason می\u200cخواهم"),
        ("cc ann@example.net", "#cc ann@example.net"),
        ("cc ann@example.net", "#cc <ann@example.net>"),
        ("cc ann@example.net", "#cc mailto:ann@example.net"),
        ("cc ann@example.net", "#cc ann@example.net <mailto:ann@example.net>"),
        ("cc ann@example.net", "#cc ann@example.net<mailto:Ann@example.net?subject=a>"),
        ("cc ann@example.net", "#cc [ann@example.net](mailto:ann@example.net)"),
        ("cc ann@example.net", "#cc ann@example.net [mailto:ann@example.net]"),
        ("cc ann@example.net", "#cc <mailto:ann@example.net>"),
        ("cc ann@example.net", "#cc Ann Berg <ann@example.net>"),
        ("cc ann@example.net", "#cc Ann Berg<mailto:ann@example.net>"),
        ("cc ann@example.net", "#cc ‘ann@example.net’"),
        (
            "cc a@example.net b@example.net",
            "#cc a@example.net <mailto:a@example.net> b@example.net",
        ),
        ("reason ask Ann <ann@example.net>", "#reason ask Ann <ann@example.net>"),
        ("reason ask ann@example.net", "#reason ask ann@example.net <mailto:ann@example.net>"),
        ("postpone 2026-12-01 09:00", "#postpone 2026-12-01  09:00"),
    ],
)
def test_what_a_mail_program_makes_of_an_argument_is_undone(expected: str, line: str) -> None:
    assert [tuple(expected.split(" ", 1))] == commands(line)


def test_every_word_that_works_now_is_read_as_its_usage_shows() -> None:
    for word in WORDS.values():
        if not word.is_later:
            assert [word.name] == [name for name, _ in commands(word.usage)]


# ---- transitions


def test_a_transition_is_a_command_without_argument() -> None:
    assert [("approve", ""), ("send-back", "")] == commands(
        "#Approve\n#send-back", "approve", "send-back"
    )
    assert ["there is no command #approve; nearest: #approved"] == faults("#approve", "approved")
    expected = ['#approve stands alone in its line, but "it" follows it']
    assert expected == faults("#approve it", "approve")


def test_a_transition_is_offered_and_found_below_like_any_command() -> None:
    assert "#approve" in read_typed("#x", ["approve"]).faults[0].choices
    assert [BELOW.replace("close", "approve")] == faults("Hello\n#approve", "approve")
    assert [] == faults("Hello\n#approve")


def test_a_command_wins_over_a_transition_of_the_same_name() -> None:
    assert ["#delete is not there yet"] == faults("#delete", "delete")
    assert [("tag", "a")] == commands("#tag a", "tag")


# ---- faults


@pytest.mark.parametrize(
    ("expected", "line"),
    [
        ("there is no command #clsoe; nearest: #close", "#clsoe"),
        ("there is no command #clsoe; nearest: #close", "* #Clsoe it"),
        ("there is no command #cat; nearest: #category", "#cat support"),
        ("there is no command ##close; nearest: #close", "##close"),
        ("there is no command #1, and an answer cannot begin with #", "#1 in the list is broken"),
        ("there is no command #hashtag; nearest: #tag", "#hashtag"),
        ("there is no command #xyz, and an answer cannot begin with #", "#xyz Ann"),
        ("a # stands there without a command", "#"),
        ("a # stands there without a command", "# ."),
    ],
)
def test_a_name_is_not_guessed(expected: str, line: str) -> None:
    typed = read_typed(f"{line}\nHello")
    assert [(line, expected, NOW)] == [(f.source, f.what, f.choices) for f in typed.faults]
    assert ((), "Hello") == (typed.lines, typed.rest)


@pytest.mark.parametrize(
    ("expected", "choice", "line"),
    [
        ('#close stands alone in its line, but "please" follows it', "#close", "#close please"),
        ("something is missing after #assign", "#assign NAME|none|auto", "#assign"),
        ("something is missing after #assign", "#assign NAME|none|auto", '**#assign** ""'),
        ("something is missing after #cc", "#cc ADDRESS", "#cc:"),
    ],
)
def test_an_argument_is_where_it_belongs_and_only_there(
    expected: str, choice: str, line: str
) -> None:
    [fault] = read_typed(line).faults
    assert (expected, (choice,)) == (fault.what, fault.choices)


@pytest.mark.parametrize("name", [word.name for word in WORDS.values() if word.is_later])
def test_a_command_that_is_built_later_is_refused_wherever_it_stands(name: str) -> None:
    assert [f"#{name} is not there yet"] == faults(f"#{name} 123")
    assert [f"#{name} is not there yet"] == faults(f"Hello\n#{name} 123")


def test_sound_commands_are_returned_beside_the_faults() -> None:
    typed = read_typed("#take\n#clsoe\n#tag a\nHello\n#close")
    assert ["take", "tag"] == [line.word for line in typed.lines]
    assert ["#clsoe", "#close"] == [fault.source for fault in typed.faults]
    assert "Hello\n#close" == typed.rest


@pytest.mark.parametrize(
    "line",
    [
        "#close",
        "  #Close.",
        "\\#close",
        "**#close**",
        "- #close",
        "＃close",
        "#close the door",
        "#CLOSE:",
    ],
)
def test_a_command_below_the_beginning_of_the_answer_is_a_fault(line: str) -> None:
    typed = read_typed(f"#take\nHello Ann,\n\n{line}\nBye")
    assert [(line.strip(), BELOW, ())] == [(f.source, f.what, f.choices) for f in typed.faults]
    assert f"Hello Ann,\n\n{line}\nBye" == typed.rest


@pytest.mark.parametrize(
    "line",
    [
        "#1234",
        "#hashtag",
        "#closed",
        "#close-up",
        "# Close",
        "## Help",
        "# help yourself",
        "see #close",
        '"#close"',
        "> #close",
        "https://example.net/#close",
    ],
)
def test_an_ordinary_hash_in_the_answer_is_text(line: str) -> None:
    assert ([], f"Hello\n{line}") == (faults(f"Hello\n{line}"), read_typed(f"Hello\n{line}").rest)


# ---- bounds


def test_fifty_commands_are_enough() -> None:
    assert MOST_COMMANDS == len(commands("#tag a\n" * MOST_COMMANDS))
    typed = read_typed("#tag a\n" * (MOST_COMMANDS + 9) + "Hello")
    assert ["there are more than 50 commands in this mail"] == [each.what for each in typed.faults]
    assert (MOST_COMMANDS, "Hello") == (len(typed.lines), typed.rest)


def test_five_hundred_characters_are_enough() -> None:
    longest = "a" * LONGEST_ARGUMENT
    assert [("reason", longest)] == commands(f"#reason   {longest}")
    [fault] = read_typed(f"#reason {longest}a").faults
    assert "what follows #reason is longer than 500 characters" == fault.what


def test_what_is_told_about_a_long_line_is_short() -> None:
    [fault] = read_typed("#" + "x" * 10_000).faults
    assert (LONGEST_SOURCE, True) == (len(fault.source), len(fault.what) < 200)
    [fault] = read_typed("#close " + "x" * 400).faults
    assert len(fault.what) < 200


@pytest.mark.parametrize(
    "piece",
    [
        *("#", "# ", "#\n", "*", "* ", "\\", "\n", " ", "\u200b", "\u200c", "#x\n", "#close\n"),
        *("a\n#close\n", "a\n#\n", "#cc a@", "#cc <mailto:", "1. ", "＃", "_#", "\r", "a\n* _`#"),
    ],
)
def test_two_megabytes_of_anything_are_read(piece: str) -> None:
    typed = read_typed(piece * (2_000_000 // len(piece)))
    assert len(typed.lines) <= MOST_COMMANDS
    assert len(typed.faults) <= MOST_COMMANDS + 1 + MOST_FAULTS


@pytest.mark.parametrize("piece", ["@", "a@", "<a@", "[a@b](mailto:", "“", "<mailto:a@b> ", "<[("])
def test_the_longest_argument_of_anything_is_read(piece: str) -> None:
    line = "#cc " + (piece * LONGEST_ARGUMENT)[:LONGEST_ARGUMENT].strip()
    assert [] == faults("\n".join([line] * MOST_COMMANDS))


# ---- for all texts

# Marks without width or of their own (Cf, Mn) come from the samples only.
visible = st.characters(exclude_categories=["Cf", "Cs", "Mn"])
lines = st.lists(
    st.text(visible, max_size=40)
    | st.sampled_from(
        [*NOW, "#merge 1", "#cc ann@example.net", "# Close.", "**#take**", "", "\u200b"]
    )
    | st.sampled_from(["#tag a  b", "* #clsoe", "Hello", "#1234 it", "> old", "\u00a0", "`#help`"]),
    max_size=12,
).map("\n".join)


@given(lines)
def test_no_word_of_a_mail_is_lost(fresh: str) -> None:
    typed = read_typed(fresh)
    kept = [each.source for each in (*typed.lines, *typed.faults)] + [typed.rest]
    words = Counter(word for word in fresh.split() if word != "\u200b")
    assert Counter() == words - Counter(" ".join(kept).split())
    assert typed.rest in fresh


@given(lines)
def test_an_answer_read_again_is_the_same_answer(fresh: str) -> None:
    rest = read_typed(fresh).rest
    again = read_typed(rest)
    assert ((), rest) == (again.lines, again.rest)


@given(lines)
def test_sound_commands_written_plainly_are_read_as_the_same(fresh: str) -> None:
    first = [(line.word, line.argument) for line in read_typed(fresh).lines]
    again = read_typed("\n".join(f"#{word} {argument}" for word, argument in first))
    assert (first, ()) == ([(line.word, line.argument) for line in again.lines], again.faults)


@given(st.text(), st.lists(st.sampled_from(["approve", "send-back"])))
def test_any_text_is_read(fresh: str, transitions: list[str]) -> None:
    typed = read_typed(f"#{fresh}", transitions)
    assert typed.lines or typed.faults


# ---- help


def test_help_shows_what_works_now_below_78_columns() -> None:
    shown = help_text().splitlines()
    assert all(len(line) < 78 for line in shown)
    usages = [line.split("  ")[0] for line in shown if line.startswith("#")]
    assert [word.usage for word in WORDS.values() if not word.is_later] == usages


def test_help_is_aligned() -> None:
    rows = [line for line in help_text().splitlines() if line.startswith("#")]
    starts = {len(row) - len(row.partition("  ")[2].lstrip()) for row in rows}
    assert 1 == len(starts)
