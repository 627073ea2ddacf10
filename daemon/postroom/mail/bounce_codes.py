"""The names and numbers that X.400 and Unix have for why a mail failed, and the status they mean.

RFC 2156 §5.3.6.1 (non-delivery diagnostics of X.411) and sysexits.h. In lower case, "_" as a blank.
"""

from __future__ import annotations

from postroom.mail.bounce_addresses import Cause, cause

_EXIT = r"(?:status|exit|code|returned|died with|error)(?: (?:status|code|value))?[ :=]{1,2}"

CODES: tuple[Cause, ...] = (
    cause("5.1.1", rf"unrecogni[sz]ed-or-name|\bex nouser\b|{_EXIT}67\b"),
    cause("5.1.4", r"ambiguous[- ]or-name"),
    cause("5.1.2", rf"\bex nohost\b|{_EXIT}68\b"),
    cause("5.1.6", r"recipient-(?:has-)?moved|new-address-unknown"),
    cause("5.2.1", r"\brecipient-unavailable"),
    cause("5.2.3", r"content-too-long|size-constraint-violation"),
    cause("5.2.4", r"\bdl-expansion-(?:failure|failed|prohibited)"),
    cause("5.4.6", r"loop-detected"),
    cause("4.4.5", r"\bmt[as]-congestion"),
    cause("4.4.7", r"maximum-time-expired"),
    cause("5.5.3", r"\btoo-many-recipients"),
    cause("5.6.0", r"content-syntax-error|\bex dataerr\b"),
    cause("5.6.1", r"(?:encoded-information-types?|content-type)-(?:unsupported|not-supported)"),
    cause("5.6.2", r"conversion-prohibited"),
    cause("5.6.3", r"conversion-(?:impractical|not-registered)|alphabetic-character-lost"),
    cause("5.7.1", r"no-(?:dl-)?submit-permission|submission-prohibited|\bex noperm\b", weight=2),
    cause("5.3.5", r"\bex config\b", weight=2),
    cause("4.3.0", r"\bex (?:tempfail|oserr|ioerr)\b", weight=2),
    cause("5.3.0", r"\bex (?:software|unavailable|cantcreat|osfile|noinput|usage)\b", weight=2),
)
