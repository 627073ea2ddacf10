"""Links in a stranger's HTML: which may stay, and whether one goes where its words say.

Promise: what is returned is a link of the web, of mail or of a telephone, whatever was done to hide
that it is another one. Linear.
Used by: mail.tidying.
"""

from __future__ import annotations

import re
from urllib.parse import unquote

_LONGEST = 4_000
# Browsers pass over these, so "java\tscript:" would be a script.
_UNSEEN = re.compile("[\x00-\x20\x7f-\xa0\u00ad\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]")
_ZERO_WIDTH = re.compile("[\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]")
_LINK = re.compile(r"(?:https?://[^/?#]|mailto:|tel:)[^<>\"]*", re.IGNORECASE)
_HOST = re.compile(r"https?://([^/?#\\]*)", re.IGNORECASE)
_ADDRESS = re.compile(r"mailto:([^?]*)", re.IGNORECASE)
# Words that name a host or an address: "www.bank.example", "eva@example.com".
_NAMED = re.compile(
    r"(?:https?://|[\w.+-]{1,64}@|(?<![\w@.-]))((?:[\w-]{1,63}\.){1,8}[^\W\d_]{2,24})(?![\w@-])",
    re.IGNORECASE,
)
_MOST_WORDS = 500  # characters of a link's text that are looked at
# "invoice.pdf", "Node.js" and "e.g.co" name no host.
_FILES = frozenset(
    {"pdf", "doc", "docx", "xls", "xlsx", "ppt", "pptx", "txt", "csv", "zip", "png", "jpg", "jpeg"}
    | {"gif", "htm", "html", "js", "py", "md", "xml", "json"}
)


def safe_link(target: str) -> str:
    """Return a link as it may stay, or ""."""
    link = _UNSEEN.sub("", target[:_LONGEST])
    if link.startswith("//"):
        link = f"https:{link}"
    return link if _LINK.fullmatch(link) else ""


def true_target(link: str, words: str) -> str:
    """Return where a link goes, if its words name something else; else "".

    So it is told, too, of a host with a name before it ("https://bank.example@evil.example"), and
    of one with letters that are not ASCII: they may look like others.
    """
    target, said = _target(link), _ZERO_WIDTH.sub("", words[:_MOST_WORDS])
    host = target.rpartition("@")[2]
    named = [found[1].lower() for found in _NAMED.finditer(said)]
    named = [one for one in named if one.rpartition(".")[2] not in _FILES]
    is_other = any(not _is_in(host, one) for one in named)
    is_other |= "@" in target and bool(named) and target not in said.lower()
    is_odd = "@" in _host_part(link) or not target.isascii() or "xn--" in target
    return target if is_other or is_odd else ""


def _host_part(link: str) -> str:
    found = _HOST.match(link)
    return found[1] if found is not None else ""


def _target(link: str) -> str:
    """Return the host or the address that a link leads to."""
    if (mail := _ADDRESS.match(link)) is not None:
        return unquote(mail[1]).lower()[:300]
    host = _host_part(link).rpartition("@")[2].lower()
    return unquote(host).partition(":")[0][:300] if not host.startswith("[") else host[:300]


def _is_in(host: str, named: str) -> bool:
    """Say whether a host is the one that was named, or a part of it: help.bank.example."""
    named = named.removeprefix("www.")
    return host == named or host.endswith(f".{named}")
