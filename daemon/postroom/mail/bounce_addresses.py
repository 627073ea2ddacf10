"""Why deliveries fail that had an address: the phrases of mail servers, and what they mean.

The codes are those of RFC 3463 and its registry. The first class with a matching phrase counts, so
the order goes from the narrow to the wide. A phrase is a regular expression over lower-case text
with single spaces; gaps are bounded. What is not of sender, recipient or his domain is in
`bounce_causes`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from postroom.mail.bounce_translations import (
    DISABLED,
    FULL,
    MOVED,
    NO_HOST,
    TOO_LARGE,
    UNKNOWN,
    plain,
)
from postroom.mail.bounce_unknown import NOT_KNOWN


@dataclass(frozen=True, slots=True)
class Cause:
    """Why deliveries fail: the code, and how servers put it into words."""

    status: str  # "5.1.1"; the first digit is what it is when nothing else says
    words: re.Pattern[str]
    weight: int = 3  # 3 says why it failed, 2 in what way, 1 little more than that it failed


def cause(status: str, *phrases: str, weight: int = 3) -> Cause:
    """Make a cause of its phrases."""
    return Cause(status, re.compile(plain("|".join(phrases))), weight)


ADDRESS_CAUSES: tuple[Cause, ...] = (
    # A quota of mail sent, not of a mailbox.
    cause(
        "4.7.28",
        r"\brate (?:\w+ )?exceed",
        r"(?:message|mail|ip|rate|submission) quota exceeded for your",
        r"(?:connection|outgoing|outbound|sending|submission)s? (?:\w+ )?limit\b",
        r"(?:daily|hourly|sending|outbound) (?:message |mail |recipient )?quota",
    ),
    cause(
        "5.2.2",
        r"not enough (?:disk |storage )?space for (?:this|the|that) (?:user|recipient|mailbox"
        r"|account)",
        r"insufficient (?:\w+ ){0,2}(?:in|for|on) (?:the |this |user'?s? )*mailbox",
        r"mail ?box (?:size )?limit|mailbox (?:cannot|can not|can't) hold",
        r"(?:mailbox|inbox|account|recipient|user)\b.{0,40}\bno (?:\w+ ){0,2}(?:space|room"
        r"|storage)\b|not (?:enough|sufficient) (?:space|room|storage)",
        r"no space in (?:the |your |his )?mailbox|disk full for user",
        r"(?:mailbox|disk|user'?s?|recipient'?s?) (?:\w+ )?(?:space|storage)\b.{0,30}(?:exceed"
        r"|exhaust|insuff)|insufficient (?:mailbox|user|recipient|inbox)"
        r"|mailbox\w* .{0,20}\bfuld\b|쿼터",
        r"(?:mailbox|mail ?box|inbox|recipient|user|account)\b.{0,60}(?:insufficient|not enough"
        r"|too little|no more) (?:\w+ )?(?:space|storage|room)"
        r"|maximum number of (?:stored )?(?:messages|mails)|(?:storage|space|capacity"
        r"|memory) .{0,40}(?:mailbox|recipient|user|account).{0,30}(?:used up|exhausted|reached"
        r"|exceeded)",
        r"@\S{1,100} has no (?:storage|space|room)|folder.{0,20}\bfull\b|too many (?:(?:e-?)?mails?"
        r"|messages) in (?:the |your |his |this )?(?:inbox|mailbox|folder)",
        r"\bover (?:its |his |her |their |the |allotted |allowed |disk |mail |storage )*-?quota\b"
        r"|\bover-?quota\b|quota.{0,30}(?:exceed|full|reached|violat|excedida|superad)",
        r"exceed(?:s|ed|ing)?.{0,40}quota|insufficient (?:disk )?quota|not enough quota",
        r"(?:mailbox|mail ?box|inbox|in-box|mailfolder|maildrop|account|storage|mail file).{0,40}"
        r"(?:\bis |\bis currently |\bis too |\btoo )?(?:\bfull\b|out of space|exceeded (?:the|its"
        r"|his|their|a ))",
        r"full mailbox|mailbox.{0,30}exceed|exceed.{0,40}mailbox (?:size|limit|storage)",
        r"user.{0,20}(?:disk quota|has exhausted)|exceeded (?:the |its |his |her |their "
        r"|his/her )*(?:disk |mail )?(?:storage|space)\b",
        r"storage (?:limit|quota).{0,20}exceed|not enough (?:storage |disk )?(?:space"
        r"|room).{0,30}mailbox",
        r"(?:user|recipient|mailbox|inbox|account)(?:'s inbox)? (?:is )?(?:out of|over"
        r"|has no) (?:its "
        r"|his |her |their |the )?(?:space|disk|storage|(?:size )?limit)"
        r"|insufficient user storage",
        r"mail ?box (?:disk )?space.{0,10}not enough|error writing message: file too large",
        r"mailbox size limit|maildir.{0,20}over|account.{0,20}over (?:its )?(?:limit|size)",
        *FULL,
        r"mailbox limits?\b|out of quota|maximum (?:mail ?box|inbox) size|(?:user"
        r"|recipient) has too (?:much|many)\b",
        r"recipient storage full|too m(?:any|uch) (?:messages|mail) (?:in|on) (?:(?:this|the"
        r"|your|his) )?mailbox"
        r"|(?:mailbox|user|account|recipient).{0,30}(?:reached (?:its|the) (?:max|limit)|overflow"
        r"|storage limit)|over the storage limit|maximum storage|exceeded maximum inbound",
        r"number of messages in recipient's mailbox exceed|disk quota|storage is exhausted"
        r"|(?:mailbox|inbox|account) (?:size |storage )?(?:limit|capacity) (?:has been |was |is )?"
        r"(?:reached|exhausted)|(?:user|recipient|mailbox) has too many messages"
        r"|(?:mailbox|inbox|quota).{0,20}\b100 ?%",
        r"(?:mailbox|account|inbox|recipient|user).{0,40}(?:out of|no more) (?:storage |disk "
        r"|free )?"
        r"(?:space|room)\b",
    ),
    cause(
        "5.3.4",
        r"(?:mail|message) size (?:is )?over",
        r"max(?:imum|\.)? (?:message |mail |e-?mail )?size|(?:bigger|larger"
        r"|greater) than \d+ ?(?:[km]i?b|bytes|mega|kilo)",
        r"(?:message|data|attachment|content)\b.{0,40}exceed(?!.{0,20}\brate).{0,40}(?:\bmax|limit"
        r"|allow|size|permit)|превыша.{0,30}размер",
        r"length of data|maximum threshold",
        r"max(?:imum)? (?:message |mail |e-?mail )?size|(?:message|mail) size (?:violation"
        r"|restriction)|data (?:length|size) exceed",
        r"(?:message|mail|e-?mail|attachment|content|header)s? (?:size |file |body )?(?:is |was "
        r"|are )?"
        r"(?:(?:far |way |much )?too (?:large|big|long)|exceed|larger than|bigger than"
        r"|over(?:size|sized)\b)",
        r"exceed(?:s|ed|ing)?.{0,50}(?:message|mail|attachment|maximum|fixed|file|allowed|size)"
        r"(?:.{0,20}(?:size|limit|length))|(?:message|mail) (?:size )?(?:limit|size).{0,15}exceed",
        r"max(?:imum)? (?:\w+ )?size exceeded|exceed(?:s|ed|ing) (?:the |this |our "
        r"|your )*(?:\w+ )?limit of \d+ ?[km]i?b\b"
        r"|size limit.{0,20}(?:exceed|reached)|maximum (?:message |mail )?size|size exceeds"
        r"|too (?:large|big) (?:a )?(?:message|mail)",
        r"(?:message|mail).{0,60} (?:is|was) too (?:big|large|long)\b|message length exceeds"
        r"|larger than the (?:current |maximum )?(?:system )?(?:limit|size)"
        r"|\bmsg too big\b|message size limit|too much mail data|(?:takes|accepts?"
        r"|allows?) \d+ ?[km]i?b\b|mail is too (?:big|large)",
        *TOO_LARGE,
    ),
    cause(
        "5.1.8",
        r"return[- ]path is (?:not valid|invalid)",
        r"sender.{0,20}verif\w{1,8} (?:error|problem)",
        r"domain (?:does not exist|not found|unknown|invalid) \(sender",
        r"(?:valid|resolvable) sender (?:domain|address)|\bfrom:? (?:address"
        r"|domain) (?:is )?(?:invalid|not valid)",
        r"(?:domain|host|address) in mail from",
        r"(?:sender'?s?|return|your|envelope) (?:e-?mail |mail )?(?:address|mailbox|domain"
        r"|account)\b.{0,40}(?:not (?:be )?(?:exist|verif|found|valid|resolv)|n't (?:exist"
        r"|resolve)|unknown|(?:cannot|can't|could not) be|must (?:contain|exist|resolve|be valid)"
        r"|invalid)",
        r"(?:domain of sender|sender'?s? domain).{0,60}(?:has no|no mx)|(?:sender"
        r"|from)(?: \S{1,80})? (?:address )?(?:is )?not (?:owned|verified)"
        r"|e-?mail address (?:is )?not verified|identities failed the check",
        r"sender.{0,40}(?:domain|host).{0,30}(?:not (?:exist|found|resolve)|does ?n[o']t (?:exist"
        r"|resolve))",
        r"(?:domain of sender|sender domain|sender's domain).{0,60}(?:not|must|unresolv|invalid)",
        r"(?:sender address|mail from).{0,40}(?:does not exist|domain not found|unknown"
        r"|undeliverable|non-existent)",
        r"sender (?:does(?: not|n't)|not) exist|(?:can ?not|could not|can't"
        r"|unable to) verify (?:the )?"
        r"sender|your (?:domain|host) (?:does(?: not|n't)|must) (?:resolve|exist)",
        r"domain must (?:resolve|exist)|sender.{0,20}(?:verification|verify) fail",
        r"sender.{0,30}(?:could not|cannot) be verified|verification failed for sender"
        r"|sender rejected: no mx",
        r"(?<!dmarc )(?<!dkim )(?<!spf )sender (?:unknown|is invalid|invalid)|invalid (?:sender"
        r"|return path"
        r"|mail from)|(?:unknown|no such) sender|sender.{0,20}call-?(?:back|out)|call-?(?:back"
        r"|out).{0,20}sender",
    ),
    cause(
        "5.1.6",
        r"has a new (?:e-?mail |mail )?address",
        r"(?:user|recipient|mailbox|account|address|employee|e-?mail).{0,40}(?:has |have )?"
        r"(?:\bmoved|\bchanged (?:to|his|her|their|its))\b",
        r"no longer (?:at|with) (?:this|that|our) (?:e-?mail |mail )?(?:address|provider|isp"
        r"|server)"
        r"|has been (?:replaced|superseded) by",
        r"user not local; please try|new (?:e-?mail )?address is|address has changed",
        *MOVED,
    ),
    cause(
        "5.2.1",
        r"(?:account|mailbox) (?:is |has been |was )?(?:temporarily|currently|permanently) blocked",
        r"stopped (?:mail )?delivery|delivery (?:has been |was )?stopped by",
        r"用户未开通|未激活",
        r"archived? (?:recipient|mailbox|user|account)|archivee?\b|not currently being accepted"
        r"|user hang ?up|(?:user|recipient) has(?:n't| not) (?:entered|logged|been active)",
        r"(?:user|recipient|mailbox|account|e-?mail|address|inbox).{0,60}(?:turned off"
        r"|switched off|not enabled)|not accepting (?:e-?)?(?:mails?|messages) (?:for|to"
        r"|at) (?:this|the) (?:account|mailbox|user|address|recipient)",
        r"blocked from receiving|\bdeactivated\b",
        r"(?:user|recipient|mailbox|account|e-?mail|address|inbox|subscriber|customer"
        r"|domain).{0,60}"
        r"(?:\bdisabled\b|\bsuspended\b|\binactive\b|deactivated|de-activated|\blocked\b"
        r"|\bexpired\b"
        r"|\bfrozen\b|(?:not|no longer) active|not activated|discontinued|terminated|\bclosed\b"
        r"|\bon (?:\w+ )?hold\b|\bbarred\b"
        r"|\bparked\b)",
        r"\b(?:disabled|inactive|suspended|deactivated|locked|expired|dormant|closed) (?:mail)?"
        r"(?:user|recipient|mailbox|mbox|account|e-?mail|address)",
        *DISABLED,
        r"(?:account|mailbox) (?:has been |was |is )?blocked|(?:account|mailbox"
        r"|subscription) (?:is |has )"
        r"(?:been )?(?:currently )?(?:in )?(?:archived|lapsed|retired|revoked|read-only)",
        r"(?:user|recipient|mailbox|account|address).{0,30}(?:no longer|not|n't) (?:currently "
        r"|allowed "
        r"to |able to )?(?:accept|receive|accepting|receiving|accepts|receives) (?:any |new |e-?)*"
        r"(?:mails?|messages)\b(?! from)|recipient was unavailable to take delivery",
        r"mailbox (?:is )?(?:currently )?unavailable for this|(?:mailbox|recipient|user|account) "
        r"(?:is )?temporarily (?:disabled|unavailable)|not accepting (?:mail"
        r"|messages) for this (?:user|address)",
        r"account that you tried to reach is disabled|(?:mailbox|account) (?:is )?dormant"
        r"|never (?:logged (?:on|in)|activated)",
    ),
    cause(
        "5.7.1",
        r"(?:need|have) to authenticate",
        r"(?:cannot|can not|can't|could not|will not) relay\b",
        r"\bno access (?:for|from) (?:this|your)",
        r"not accept(?:ing)? (?:any )?(?:e-?)?(?:mails?|messages?) from",
        r"\bauth(?:entication)? is required|list members|members only",
        r"relay(?:ing)? (?:is )?disabled|maximum attachment count|too many attachments|\bb-(?:url"
        r"|text)\b|\bip (?:is )?(?:hang ?up|rejected|invalid|not in)|invalid ip\b|smtp mx only",
        r"authenticated (?:users|senders)|requires? (?:a )?(?:membership|subscription)"
        r"|challenge.response|(?:encrypted|password.protected|zip(?:ped)?|archived|executable"
        r"|html) (?:attachment|mail|e-?mail|file|message)s? (?:is |are )?not (?:permitted|allowed"
        r"|accepted)|generic (?:r?dns|host|ptr|name|reverse)|looks generic",
        r"relay(?:ing)? (?:access )?(?:is )?(?:denied|not (?:permitted|allowed)|prohibited"
        r"|disallowed|restricted)",
        r"(?:unable|not allowed|not permitted|denied|refused?) to relay|we do(?:n't| not) relay"
        r"|\bno relay(?:ing)?\b|relay (?:not|access)",
        r"(?:isn't|is not) in my list of allowed rcpthosts|not local (?:host|domain)"
        r"|(?:host|domain) (?:is )?not local|not a gateway"
        r"|this (?:system"
        r"|server) is not (?:a |an open )relay|insecure mail relay",
        r"(?:does|do|will|can)(?: not|n't) relay\b|not accepting (?:e-?)?mail from (?:\S{1,100}@"
        r"|this|you"
        r"|your)|(?:does|do|will)(?: not"
        r"|n't) accept (?:e-?)?mail from (?:this|you|your|outside|external)",
        r"authentication (?:is )?required|must (?:be )?(?:authenticat|log ?in)"
        r"|must check (?:for )?(?:your |new )?mail before|pop before smtp"
        r"|client was not authenticated|helo command rejected: host not found"
        r"|resolver\.rst\.authrequired",
    ),
    cause(
        "5.7.25",
        r"(?:sender|client|server|host|your) ip must resolve",
        r"unresolvable relay|no valid host ?name"
        r"|client (?:ip )?(?:address )?\S{1,60} does not resolve",
        r"(?:reverse|rdns|\bptr\b).{0,60}(?:dns|lookup|record|not|fail|missing|required|mismatch"
        r"|resolv)|no (?:ptr|reverse)|cannot find your (?:reverse )?hostname|\bptr record",
    ),
    cause("5.7.27", r"sender.{0,60}null ?mx"),
    cause("5.1.10", r"null ?mx|domain \S{1,100} does not accept (?:e-?)?mail"),
    cause(
        "4.4.3",
        r"temporar\w* (?:dns|name ?serv|resol)|host not found, try again|servfail"
        r"|(?:\bdns|name ?serve?r?).{0,60}(?:temporar|try again|server ?failure|timed? ?-?out)"
        r"|dns query fail(?!.{0,60}(?:non-?exist|not exist|nxdomain))",
    ),
    cause(
        "5.1.2",
        r"not a known tcp/ip host",
        r"host ?(?:name )?look-?up.{0,10}fail",
        r"\bdomain (?:name )?(?:is )?not valid",
        r"\bdomain of (?:the )?recipient\b.{0,20}(?:not|n't)",
        r"no (?:such )?(?:domain|host) (?:with|by|of|named|called)",
        r"invalid (?:server|host) (?:name|address)|\bdns look-up\b",
        r"\bdomain \S{1,100} (?:is |was )?not registered",
        r"\bdomain (?:of|for|in) .{0,40}(?:unknown|invalid|not exist|not found)",
        r"(?:host|domain|server name)\b.{0,60}(?:could not be|cannot be|can't be|was not"
        r"|wasn't) (?:found|located|resolved)|(?:look ?up|resolve|locate) (?:the )?(?:host|domain"
        r"|mx)\b|has no (?:valid |usable )?(?:mx|mail exchanger|address record)"
        r"|no address associated|no valid hosts?\b",
        r"(?:bad|unknown|invalid|illegal) destination (?:host|system|domain|server)"
        r"|(?:mail ?)?server for \S{1,100} (?:was |is )?not found"
        r"|determine (?:the )?(?:destination|recipient'?s?|target) (?:host|domain|server|system)",
        r"\bhost \S{1,100} (?:was |is )?(?:not found|unknown)",
        r"^\W{0,20}unroute?able (?:mail )?(?:address|domain)",
        r"\bdomain \S{1,100} (?:is |was )?(?:not found|unknown|invalid)",
        r"\bdomain (?:is )?not hosted|\bhost (?:\S{1,80} )?does(?: not|n't) exist"
        r"|no dns (?:entry|entries|record)",
        r"host(?:name)? (?:is )?(?:unknown|not found|or domain name not found)|unknown host"
        r"|no such host",
        r"(?:find|found|resolve) (?:any |the )?(?:host|mail ?host|mail server|mx|domain)"
        r"|domain (?:name )?(?:is )?(?:not found|unknown|invalid)",
        r"(?:no such|unknown|invalid|bad|non-?existent|illegal|malformed"
        r"|unrecogni[sz]ed) (?:recipient )?(?:domain|host)|\bno (?:valid )?mail exchanger"
        r"|domain part.{0,40}(?:\bnot\b|unknown|invalid)",
        r"(?:unable|fail(?:ed|ure)?|not able) to resolve(?!.{0,20}\byour\b)"
        r"|(?:mail exchanger|\bmx) lookup.{0,40}(?:fail|no result)",
        r"domain.{0,60}(?:does(?: not|n't) exist|not exist|could(?: not|n't) be found"
        r"|cannot be found|not be resolved|no longer exists)",
        r"name service error|host or domain name not found|\bnxdomain\b|dns (?:error|failure"
        r"|lookup fail|query fail|server (?:failure|returned))",
        r"(?:no|neither) (?:a|mx|mx or a|mx nor a|dns|valid mx|address) (?:record|nor a)|no mx\b"
        r"|nomx|illegal host/domain name",
        r"address lookups? fail|all relevant mx records point to non-?existent|unresolvable"
        r"|non-existent hosts?|name server:.{0,80}host not found",
        r"domain has no mail exchangers|lookup of.{0,80}failed|\bdns\b.{0,30}(?:failed|error"
        r"|not found)|(?:server|host) not found",
        r"recipient address has a (?:null mx|non-existent domain)|could not resolve",
        r"host ?name lookup.{0,10}fail|verify domain of recipient|no mail ?servers? (?:found"
        r"|appears?|exists?|for)\b",
        r"name or service not known|unknown mail (?:host|domain)|lookup dns for"
        r"|(?:domain|dns) (?:name )?lookup.{0,20}fail|dns name does not exist",
        *NO_HOST,
    ),
    cause("5.2.4", r"list expansion|(?:fail|error|unable|can ?not|problem).{0,20} expand"),
    cause(
        "5.1.3",
        r"(?:malformed|syntactically invalid|ill-?formed|bad syntax) (?:\w+ )?(?:address"
        r"|local part)"
        r"|address (?:is )?(?:malformed|syntactically|not rfc)|bad (?:\w+ )?address syntax"
        r"|syntax error in (?:\w+ )?address|address syntax error",
    ),
    cause("5.1.1", *NOT_KNOWN, *UNKNOWN),
)
