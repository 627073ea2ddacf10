"""How mail programs of the world quote and pass on: a case in a line, "⏎" for a line break."""

from __future__ import annotations

from pathlib import Path


def read_table(name: str) -> list[str]:
    """Return the cases of a table."""
    text = (Path(__file__).parent / f"{name}.txt").read_text(encoding="utf-8")
    return [line.replace("⏎", "\n") for line in text.splitlines()]
