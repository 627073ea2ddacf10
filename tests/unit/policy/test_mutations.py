"""Whatever is written into the files: a policy, or a ConfigError with words."""

import json
import random
from typing import get_args

from hypothesis import given, settings
from hypothesis import strategies as st

from postroom.core.tables import keys_of
from postroom.errors import ConfigError
from postroom.policy.loader import FILES, policy_from_files
from postroom.shipped import shipped_texts

PIECES = [
    *('"', "'", "[", "]", "[[", "{", "}", "=", "\n", ".", "#", "\\", "\x00", "é", "-1", "0"),
    *("9" * 5000, "true", "nan", "1e400", "2026-13-45", "2027-05-14", "07:32:00", '""', "[]", "{}"),
    *("[[1]]", '"""', 'name = "x"', "name", '"/(/"', '"*"', "[" * 2000, "{a=" * 500),
    *('"99999999999d"', '"-1h"'),
]


def words(error: ConfigError) -> str:
    """Return what is wrong, each problem on its line."""
    assert error.problems
    assert all("\n" not in str(problem) for problem in error.problems)
    return str(error)


def mutate(text: str, seed: int) -> str:
    """Cut, double, swap or insert a few pieces of a text."""
    chance = random.Random(seed)
    for _ in range(chance.randint(1, 3)):
        lines = text.split("\n")
        at = chance.randrange(len(lines))
        place = chance.randrange(len(text) + 1)
        match chance.randrange(6):
            case 0:
                text = text[:place] + chance.choice(PIECES) + text[place:]
            case 1:
                text = text[:place] + text[place + chance.randint(1, 30) :]
            case 2:
                text = "\n".join([*lines[:at], *lines[at + 1 :]])
            case 3:
                text = "\n".join([*lines[: at + 1], *lines[at:]])
            case 4:
                key = lines[at].partition("=")[0]
                lines[at] = f"{key}= {chance.choice(PIECES)}"
                text = "\n".join(lines)
            case _:
                other = chance.randrange(len(lines))
                lines[at], lines[other] = lines[other], lines[at]
                text = "\n".join(lines)
    return text


@settings(max_examples=300, deadline=None)
@given(file=st.sampled_from(sorted(FILES)), seed=st.integers(0, 2**32))
def test_a_mutated_file_loads_or_is_refused(file: str, seed: int) -> None:
    path = f"rules/{file}.toml"
    files = {**shipped_texts(), path: mutate(shipped_texts()[path], seed)}
    try:
        policy_from_files(files, hooks=())
    except ConfigError as error:
        words(error)


WORDS = st.sampled_from(["eva", "medium", "support", "8h", "office", "request", ""])
SCALARS = (
    st.booleans() | st.integers(-9, 9) | WORDS | st.text(st.characters(codec="ascii"), max_size=5)
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=3),
    max_leaves=6,
)


def toml(value: object) -> str:
    """Write a value as inline TOML; its strings are those of JSON."""
    if isinstance(value, list):
        return f"[{', '.join(map(toml, value))}]"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{toml(key)} = {toml(item)}" for key, item in value.items()) + "}"
    return json.dumps(value).replace("\x7f", "\\u007f")


@st.composite
def entries(draw: st.DrawFn) -> tuple[str, str]:
    """Draw a file with one entry whose keys all exist and hold anything."""
    file = draw(st.sampled_from(sorted(FILES)))
    model = FILES[file]
    key = draw(st.sampled_from(sorted(model.model_fields)))
    (entry,) = get_args(model.model_fields[key].annotation)
    body = draw(st.dictionaries(st.sampled_from(keys_of(entry)), VALUES))
    return file, f"[[{key}]]\n" + "".join(f"{name} = {toml(item)}\n" for name, item in body.items())


@settings(max_examples=300, deadline=None)
@given(entry=entries())
def test_any_value_of_any_key_is_no_surprise(entry: tuple[str, str]) -> None:
    file, text = entry
    path = f"rules/{file}.toml"
    try:
        policy_from_files({**shipped_texts(), path: shipped_texts()[path] + "\n" + text}, hooks=())
    except ConfigError as error:
        assert "is not valid TOML" not in words(error)  # noqa: PT017 - either end is right


@settings(max_examples=100, deadline=None)
@given(text=st.text(max_size=200))
def test_any_text_is_no_surprise(text: str) -> None:
    files = {**shipped_texts(), "rules/routing.toml": text}
    try:
        policy_from_files(files)
    except ConfigError as error:
        words(error)
