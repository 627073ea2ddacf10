"""The mail that somebody passed on inside another one."""

from __future__ import annotations

import re

from postroom.mail.message import Forward
from postroom.mail.text import is_forward_separator, is_header_block

_SUBJECT = re.compile(
    r"\s*(?:fwd?|wg|tr|rv|enc|i|vs|vb|doorst|pd|転送|转发)\s*[:：]", re.IGNORECASE
)
_FIELD = re.compile(r"[\s*>]*([^\s:：*][^:：\n]{0,30}?)[\s*]*[:：]\s*(.*)")
_LABELS = {
    "from": {"from", "von", "de", "da", "van", "fra", "från", "od", "от", "发件人", "差出人"},
    "subject": {"subject", "betreff", "objet", "oggetto", "asunto", "assunto", "onderwerp"}
    | {"emne", "ämne", "temat", "тема", "主题", "件名", "aihe", "předmět"},
    "date": {"date", "sent", "datum", "gesendet", "envoyé", "data", "inviato", "fecha", "enviado"}
    | {"enviado el", "verzonden", "dato", "sendt", "skickat", "wysłano", "дата", "отправлено"},
}
_LINES = 20_000


def is_forward_subject(subject: str) -> bool:
    """Say whether the subject announces a mail that was passed on."""
    return _SUBJECT.match(subject) is not None


def find_forward(subject: str, text: str) -> Forward | None:
    """Find the mail passed on in the text: below a separator or header block of a "Fwd:" mail."""
    if not is_forward_subject(subject):
        return None
    lines = text.split("\n", _LINES)[:_LINES]
    for position, line in enumerate(lines):
        if is_header_block(lines, position):
            return _read(lines, position)
        if is_forward_separator(line):
            return _read(lines, position + 1)
    return None


def _read(lines: list[str], position: int) -> Forward | None:
    found: dict[str, str] = {}
    while position < len(lines) and not lines[position].strip():
        position += 1
    start = position
    while position < len(lines) and (match := _FIELD.match(lines[position][:1_000])):
        label = match[1].strip().lower()
        for name, labels in _LABELS.items():
            if label in labels:
                found.setdefault(name, match[2].strip(" *"))
        position += 1
    if position == start or "from" not in found:
        return None
    body = "\n".join(lines[position:]).strip("\n")
    return Forward(found["from"], found.get("subject", ""), found.get("date", ""), body)
