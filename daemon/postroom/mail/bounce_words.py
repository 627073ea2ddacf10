"""What the words of a notice, and reply codes alone, say of a delivery: given up, delayed, done."""

from __future__ import annotations

import re

from postroom.mail.bounce_translations import RETRIED, plain

# RFC 5321 §4.2.3: what a reply code alone lets us think.
REPLIES = {
    "421": "4.3.2",
    "432": "4.7.12",
    "450": "4.2.0",
    "451": "4.3.0",
    "452": "4.3.1",
    "454": "4.7.0",
    "500": "5.5.2",
    "501": "5.5.4",
    "502": "5.5.1",
    "503": "5.5.1",
    "504": "5.5.4",
    "521": "5.3.2",
    "523": "5.3.4",
    "530": "5.7.0",
    "534": "5.7.9",
    "535": "5.7.8",
    "538": "5.7.11",
    "541": "5.7.1",
    "550": "5.0.0",
    "551": "5.1.6",
    "552": "5.2.2",
    "553": "5.1.3",
    "554": "5.0.0",
    "555": "5.5.4",
    "556": "5.1.10",
}

# The server has not given up: whatever else it says, or unless it says that it has.
STILL_TRYING = re.compile(
    plain(
        r"warning (?:message )?only|will (?:continue|keep) (?:to try|trying)"
        r"|need to (?:resend|retry|(?:re)?send)|(?:not|n't) be delivered yet"
        r"|(?:attempted|tried|retried) again (?:every|for|until|in \d)|will be retried (?:until"
        r"|for)"
        r"|delivery attempts will continue|will keep trying|not yet been delivered"
        r"|not been delivered yet|" + RETRIED
    )
)
DELAYED = re.compile(
    plain(
        r"\bdelayed\b|warning message only|do(?:n't| not) need to (?:resend|retry|send)"
        r"|not yet been delivered|not been delivered yet"
        r"|(?:will|shall|going to) (?:be retried|(?:continue|keep)(?: \w+)? (?:to try|trying"
        r"|attempt)"
        r"|retry|try again|try to deliver|be attempted|make further|attempt)"
        r"|still (?:trying|being retried|in (?:the )?queue)|no action is required"
        r"|delivery attempts will continue|attempts to deliver.{0,30}continue"
        r"|temporarily deferred|has been deferred|transient(?: non-?fatal)? (?:error|failure)s?"
        r"|delivery (?:is )?delay|incomplete"
        r"|noch nicht (?:zugestellt|ausgeliefert)|verzögert|weitere zustell|retardée?|différée?s?\b"
        r"|a été retardé|encore tenter|retras(?:ado|ada|o)\b|se seguirá intentando"
        r"|in ritardo|ritardat|atrasad|adiad|vertraagd|opóźnion|задерж|повторн|försen|forsink"
        r"|viivästy|zpožd|opožd"
        r"|gecik|întârzi|késik|καθυστ|затрим|遅延|遅れ|延迟|延遲|再送|지연"
    )
)
# Of a subject, which says it shortest: of a mail whose report does not say what became of it.
DELAY_SUBJECT = re.compile(
    plain(
        r"\bdelay(?:ed)?\b|still being retried|could not send (?:message )?for past"
        r"|warning - delivery"
        r"|verzögert|retard|retras|ritard|atrasad|vertraagd|opóźni|задерж|försen|forsink|遅延"
        r"|延[迟遲]|지연"
    )
)
FAILED_SUBJECT = re.compile(r"\(failure\)|\bfailed\b|returned mail")
# It has.
GIVEN_UP = re.compile(
    plain(
        r"permanent(?:ly)?|giv(?:en|ing) up|gave up|no further (?:attempt|deliver|tr)"
        r"|not (?:going to |be )?(?:try|retr)(?:y|ied) again|(?:won't|will not) be (?:re)?(?:tried"
        r"|deliver)"
        r"|(?<!non-)fatal error|too long|undeliverable|delivery has failed|delivery failed"
        r"|failed delivery"
        r"|delivery failure|could not be delivered|couldn't be delivered|cannot be delivered"
        r"|message expired|not be able to deliver"
        r"|endgültig|unzustellbar|définitive|échec|impossible de remettre|definitiv"
        r"|no se ha podido entregar|no se pudo entregar|non (?:è stato"
        r"|può essere) (?:possibile )?(?:consegn|recapit)|не доставлен|не может быть доставлен"
        r"|配信できません|退信"
    )
)
DELIVERED = re.compile(
    plain(
        r"(?:was|were|been|is|has been) (?:successfully|correctly) (?:delivered|relayed|received)"
        r"|successfully (?:delivered|relayed)|successful mail delivery|delivered successfully"
        r"|(?:message|mail) (?:was|has been) (?:delivered|relayed) to"
        r"|erfolgreich (?:zugestellt|übermittelt|weitergeleitet)|remis avec succès"
        r"|entregado (?:correctamente|con éxito)|consegnat[oa] correttamente|успешно доставлен"
    )
)
