"""What was installed: its version, and the files that come with it (rules, templates, a config).

Found beside the package when it runs from a checkout, inside it when it was installed from a wheel.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from types import MappingProxyType


def shipped_version() -> str:
    """Return which Postroom this is, for people."""
    try:
        return version("postroom")
    except PackageNotFoundError:
        return "from a checkout"


def shipped_folder() -> Path:
    """Return the folder that holds `rules/`, `templates/` and `config.example.toml`."""
    here = Path(__file__).resolve().parent
    installed = here / "shipped"
    return installed if (installed / "rules").is_dir() else here.parents[1]


@cache
def shipped_texts() -> Mapping[str, str]:
    """Return the shipped policy: `rules/NAME.toml` and `templates/mail/NAME.LANGUAGE.j2` → text."""
    folder = shipped_folder()
    paths = [*folder.glob("rules/*.toml"), *folder.glob("templates/mail/*.j2")]
    return MappingProxyType(
        {
            path.relative_to(folder).as_posix(): path.read_text(encoding="utf-8")
            for path in sorted(paths)
        }
    )
