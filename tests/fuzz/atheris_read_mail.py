"""Coverage-guided fuzzing of reading one mail: `make fuzz` (not part of `make test`).

Mails of the corpus are the seeds. Stops at the first mail that raises, hangs, or breaks what every
reader of a `ParsedMail` relies on; it is written to `build/fuzz`, and belongs into the corpus then.
"""

from __future__ import annotations

import sys

import atheris

with atheris.instrument_imports(include=["postroom.mail"]):
    from postroom.mail.html import html_to_text
    from postroom.mail.message import Limits
    from postroom.mail.parse import read_mail, read_part
    from postroom.mail.rtf import decompress, read_rtf
    from postroom.mail.secured import signed_content
    from postroom.mail.tnef import read_tnef

from tests.fuzz.test_fuzz_read_mail import check

LIMITS = Limits()


def read_one(raw: bytes) -> None:
    mail = read_mail(raw, LIMITS)
    check(mail, LIMITS)
    for each in mail.attachments:
        assert each.size == len(read_part(raw, each.part, LIMITS)[2])
    # What is reached in a mail only by luck.
    read_tnef(raw)
    read_rtf(decompress(raw) or raw)
    signed_content(raw)
    html_to_text(raw.decode("latin-1")).encode()


if __name__ == "__main__":
    atheris.Setup(sys.argv, read_one)
    atheris.Fuzz()
