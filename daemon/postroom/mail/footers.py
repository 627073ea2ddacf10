"""Paragraphs that programs, firms, lists and providers add below a mail.

Promise: linear in a paragraph. Customers write of viruses, printers and newsletters, too: who says
"I" or "my" in a paragraph wrote it himself.
Used by: mail.signatures.
"""

from __future__ import annotations

from postroom.mail.closings import (
    ASKED_TO_SPARE,
    DIRECTLY,
    DISCLAIMER,
    DISCLAIMER_START,
    ENVIRONMENT,
    FOOTER_STEMS,
    LIST_FOOTER,
    LIST_START,
    OWN_NOTES,
    PERSONAL,
    PRINTED,
    PROGRAMS_WORDS,
    PROVIDERS,
    WEBMAIL,
)

_LONGEST_NOTE = 600  # characters of what programs say of themselves


def has_stem(low: str) -> bool:
    """Say quickly whether a text may be a footer at all."""
    for stem in FOOTER_STEMS:  # noqa: SIM110 - any() takes twice as long
        if stem in low:
            return True
    return False


def is_note(text: str) -> bool:
    """Say whether a program says in these words what it did, or asks not to print."""
    low = text.lower()
    if len(low) >= _LONGEST_NOTE:
        return False
    if OWN_NOTES.search(low) is not None:
        return "?" not in low
    if PROGRAMS_WORDS.search(low) is None and not _is_about_printing(low):
        return False
    return PERSONAL.search(text) is None


def is_programs(low: str) -> bool:
    """Say whether a line, in lower case, is one of a footer."""
    return (
        LIST_FOOTER.search(low) is not None
        or PROGRAMS_WORDS.search(low) is not None
        or DISCLAIMER.search(low) is not None
        or _is_about_printing(low)
    )


def _is_about_printing(low: str) -> bool:
    return (
        ENVIRONMENT.search(low) is not None
        and PRINTED.search(low) is not None
        and ASKED_TO_SPARE.search(low) is not None
    )


def is_disclaimer(text: str) -> bool:
    """Say whether a paragraph is one: by two of its phrases, or by its beginning and one."""
    low = text.lower()
    if len(low.encode()) < 60 or (len(low) < 200 and "?" in low):
        return False
    found = len({each[0] for each in DISCLAIMER.finditer(low)})
    is_found = found >= 2 or (found == 1 and DISCLAIMER_START.match(low) is not None)
    return is_found and PERSONAL.search(text) is None


def is_list_footer(text: str, *, is_ruled: bool) -> bool:
    """Say whether a mailing list tells how to leave it; `is_ruled`: a rule stands above."""
    low = text.lower()
    if len(low) > 900:
        return False
    if not ("http" in low or "@" in low) and DIRECTLY.match(low) is None:
        return False
    found = len({each[0] for each in LIST_FOOTER.finditer(low)})
    is_found = found >= 2 or (found == 1 and (is_ruled or LIST_START.match(low) is not None))
    return is_found and PERSONAL.search(text) is None


def is_sponsor(text: str) -> bool:
    """Say whether a paragraph may be an advertisement: with a link, and without a person in it."""
    return "http" in text and len(text) < _LONGEST_NOTE and PERSONAL.search(text) is None


def is_advertisement(text: str) -> bool:
    """Say whether a provider of free mail speaks of itself; a long rule has to stand above."""
    low = text.lower()
    if len(low) < 200 and WEBMAIL.match(low) is not None:
        return True
    if len(low) > 500 or not ("http" in low or "www." in low or "!" in low):
        return False
    return PROVIDERS.search(low) is not None
