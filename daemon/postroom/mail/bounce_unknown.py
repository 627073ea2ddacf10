"""How mail servers say that they do not know a recipient; as data.

Each is a regular expression over lower-case text with single spaces, as `bounce_addresses` says.
"""

from __future__ import annotations

WHO = (
    r"(?:user|recipient|receiver|addressee|mailbox|mbox|account|address|customer|subscriber|member"
    r"|alias|adress|e-?mail(?:address)?)"
)

NOT_KNOWN: tuple[str, ...] = (
    r"no such local (?:part|user|address)",
    r"(?:mailbox|account) for \S{1,100} (?:is )?not available",
    r"invalid local (?:part|name)",
    r"(?:can't|cannot|can not) accept user\b",
    (
        r"(?:unknown|invalid|wrong) destination\b(?! (?:host|domain|system|server))|\b(?:user"
        r"|employee|person|recipient|student) (?:has )?left\b|not a (?:valid "
        r"|current )?(?:employee|student|person|client)|empty local ?part"
    ),
    r"not present in|not in my (?:allowed )?list of (?:users|recipients)",
    (
        rf"(?:can't|cannot|can not|unable to|could not|couldn't|failed to) (?:verify|validate"
        rf"|identify|recogni[sz]e) (?:the |this |that )*{WHO}|not one of our"
        rf"|{WHO} (?:is )?not listed"
        rf"|(?!e-?mail\b){WHO} (?:has been |have been |was |were )?(?:removed|deleted|expunged"
        rf"|purged|erased)\b"
        rf"|no (?:such )?(?!e-?mail\b){WHO}s? (?:here|by|with|of|named"
        rf"|called)|non-?exist(?:ing|ent|ant) {WHO}|recipientnotfound"
        rf"|lookup returned no (?:entry|match|result)|account or domain may not exist"
    ),
    (
        r"any(?:one|body) by (?:that|this) name|\b(?:user|recipient|account|mailbox) is gone\b"
        r"|account unavailable|no (?:matching )?(?:account|mailbox|user|address)(?: for\b|$)"
        r"|invalid local ?part|recipient verification fail|address(?:es)? (?:has been |have been "
        r"|was |were )(?:removed|deleted|unknown)|(?:can't|cannot|could not) find \S{1,64} (?:in"
        r"|on|at)\b"
    ),
    (
        rf"(?:unknown|no such|invalid|undefined|non[- ]?exist[ea]nt|bad|unrouteable local"
        rf"|undeliverable|illegal|unrecogni[sz]ed|incorrect) (?:local |virtual |recipient'?s? "
        rf"|destination |to |rcpt |final |domain |e-?mail |mail )*{WHO}(?:e?s)?\b"
    ),
    (
        rf"{WHO}s? ?(?:\S{{1,80}} )?(?:is |are |was |account )?(?:unknown|invalid|undeliverable"
        rf"|unrecogni[sz]ed|non-?existent|incorrect|not (?:a )?(?:known|valid|found|exist"
        rf"|recogni[sz]ed|registered|existing))"
    ),
    (
        rf"{WHO}.{{0,80}}(?:does(?: not|n't| n't) (?:\w+ )?exist|not exist|could(?: not"
        rf"|n't) be found|cannot be found|can't be found|not found|wasn't found|was not found"
        rf"|not in use|no longer (?:exists?|valid|available|on|in use|works?|employed))"
    ),
    (
        rf"(?:is not|isn't|not) (?:a |an )?(?:known|valid|current|existing|registered|legal|local"
        rf"|recogni[sz]ed) (?:\w+ )?{WHO}"
    ),
    (
        r"no such ?(?:user|mailbox|recipient|account|address)|nosuchuser|no match (?:found )?for\b"
        r"|\bnot an? (?:\w+ )?(?:mailbox|account)\b|not registered\b|no idea who|\bnot local\b"
        r"|(?:is|was) no longer here|(?<!domain )(?<!domain is )not hosted (?:by|on|at|with|here)"
    ),
    rf"there is no (?:such )?{WHO}\b|do(?: not|n't) know (?:that|this|the|such) {WHO}",
    (
        r"lookup returned nothing|\bdead (?:mailbox|account)|no longer a (?:customer|subscriber"
        r"|user)"
        r"|(?:user|account|mailbox).{0,20}\bcancell?ed"
    ),
    (
        r"no local mailbox\b|local user only|no (?:account|user|mailbox) match|\bcuda nsu\b"
        r"|\bclient does(?: not|n't) exist|user (?:is )?not local"
    ),
    (
        r"(?:user|recipient|e-?mail address) lookup\b.{0,40}fail|(?:account"
        r"|address)(?: \S{1,80})? not available"
    ),
    r"address(?:es)? (?:failed|did not pass) verification",
    (
        r"no (?:mailbox|account|user|one|recipient|local mailbox"
        r"|valid recipients?)(?: \S{1,100})? (?:here|found|with|by|exists?|of|called|named|in|on|at"
        r"|such)|no such (?:person|one|mail|user|(?:mailing )?list)"
    ),
    (
        rf"does(?: not|n't) (?:have|like) (?:an? |any |the |such |this )*(?:\S{{1,40}} )?{WHO}"
        r"|do(?: not|n't) have (?:an?|any) (?:mailbox|user|account|person|recipient)"
        r"|not (?:listed )?in (?:the )?(?:public|domino|name|address|database|directory)"
        r"|unknown (?:to|or illegal|local)"
        r"|not (?:in|on|part of) (?:my|our|the|this) (?:list|table|directory|database|system)"
        r"|matches no entry|no match(?:es|ing)?\b.{0,30}(?:nameserver|directory|entry|entries"
        r"|user)"
    ),
    (
        r"user (?:doesn't|does not|did not|not) |addressee unknown|recipient (?:not|is not"
        r"|address) (?:ok|accepted|on|in|here|known)\b|recipnotfound|no such (?:e?-?mail )?(?:id"
        r"|name)\b"
    ),
    (
        r"address.{0,30}(?:not found"
        r"|has? (?:an? )?(?:error|typo))|address (?:you (?:entered|typed) )?(?:couldn't"
        r"|could not) be found"
    ),
    (
        r"e-?mail account (?:that you tried to reach )?does not exist|account (?:has been|was"
        r"|is) (?:deleted|removed|cancell?ed|purged)|mailbox (?:has been |was |is )?(?:deleted"
        r"|removed)"
    ),
    (
        r"this user doesn't have an? |user has no|not our customer|no account by|(?:not|no) (?:in"
        r"|on) (?:our|the) (?:directory|list|user)|ldap.{0,30}not found|not listed as"
    ),
    (
        r"unroute?able address\b|mailbox unavailable|mailbox not available|cannot route to"
        r"|rcpt.{0,40}not (?:found|known|exist)|bad destination|delivery to non-?existent"
        r"|possible typo"
    ),
    (
        r"all recipients (?:were |are )?(?:rejected|invalid)|no valid (?:recipient|user)s?"
        r"|invalid (?:rcpt"
        r"|recipients)|(?:unable to|can(?:no|')t|could(?: not|n't)) (?:find|locate|identify)"
        rf" (?:an? |any |the |this |that |your |such )*(?:\S{{1,40}} )?{WHO}"
        r"|unable to (?:find|locate) \S{1,64} (?:in|at|on)\b"
        r"|\bcan't be delivered to the address\b"
    ),
    (
        r"\brp:nsu\b|suppressed|unknown person|isn't here\b"
        r"|left the (?:company|organi[sz]ation)|\baddr (?:is )?not found"
    ),
    (
        rf"{WHO} (?:is )?not (?:(?:on|at|hosted (?:on|at|by|with)|served by) (?:this|our)\b"
        r"|here\b|hosted\b)"
    ),
    (
        rf"{WHO}\b.{{0,60}} (?:(?:is|was|are|were) (?:not (?:known|recogni[sz]ed)|unknown"
        rf"|unrecogni[sz]ed)\b"
        r"|does(?: not|n't) (?:belong|match|correspond|appear to be|seem to be))"
        rf"|{WHO}\b.{{0,40}} unknown\b(?! (?:error|reason|problem|failure|command|host|domain"
        rf"|to our))"
        r"|not (?:appear|seem) to be a valid|unrecogni[sz]ed (?:o/r )?(?:name|recipient)"
    ),
    r"does(?: not|n't) know (?:this|the|that) (?:address|recipient|user|mailbox)",
    (
        r"not our user\b|(?:nobody|no-?one) (?:called|named|(?:here|with|by) (?:by )?(?:that"
        r"|this))"
        r"|there is no \S{1,64} here\b"
        r"|address is not handled|unable to verify (?:the )?(?:user|recipient|mailbox)"
        r"|recipient cannot be verified|wrong (?:recipient|address|user)|\baddress error"
    ),
    (
        r"(?:invalid|unknown|bad|incorrect|wrong) (?:destination |phone |mobile "
        r"|subscriber )*number"
        r"|number (?:is )?(?:invalid|not (?:valid|in service))"
    ),
    (
        r"no longer (?:works?|employed|with (?:us|the|our)|at (?:the|our))|has left (?:the|our"
        r"|us)"
    ),
)
