"""Why deliveries fail, as data: the phrases of mail servers, and the status that they mean.

First what concerns an address (`bounce_addresses`, which says how to read this), then ways, rules
and machines.
"""

from __future__ import annotations

from postroom.mail.bounce_addresses import ADDRESS_CAUSES, Cause, cause
from postroom.mail.bounce_codes import CODES
from postroom.mail.bounce_guesses import GUESSES
from postroom.mail.bounce_translations import (
    DELAYED,
    EXPIRED,
    LOOPS,
    NO_CONNECTION,
    NOT_ACCEPTING,
    REFUSED,
)

CAUSES: tuple[Cause, ...] = (
    *CODES,
    *ADDRESS_CAUSES,
    cause(
        "5.4.6",
        r"(?:bounced?|forwarded|sent) (?:back and forth )?between two",
        r"maximum hops",
        r"too many hops|(?:infinite|endless) loop|server loop|\b(?:around|round) in circles"
        r"|(?:mail|routing|forwarding"
        r"|delivery"
        r"|message|mx|dns) (?:is )?loop"
        r"|loops? (?:detected|back to)|loop(?:ing)? (?:was )?(?:detected|to myself)|hop ?count"
        r"|too many received|mail for.{0,60}loops back|already has my delivered-to|is looping",
        *LOOPS,
    ),
    cause(
        "5.7.26",
        r"dmarc|unauthenticated (?:e-?mail|mail)|spf.{0,60}dkim"
        r"|dkim.{0,60}spf",
    ),
    cause("5.7.24", r"spf.{0,20}(?:perm|temp)(?:anent|orary)?[ -]?error|spf.{0,40}too many dns"),
    cause(
        "5.7.23",
        r"openspf|\bspf\b(?!.{0,10}pass)",
        r"spf.{0,40}(?:fail|reject|not (?:pass|permit|authori|allow)|den(?:y|ied)|refus"
        r"|check|record"
        r"|policy|validation|violat)|(?:fail|reject|not pass|violat|refus|denied).{0,40}spf"
        r"|sender policy framework",
    ),
    cause(
        "5.7.20",
        r"(?:not|n't) .{0,40}dkim|dkim signature",
        r"dkim.{0,40}(?:fail|reject|not pass|invalid|missing|not? (?:valid|signature)|bad"
        r"|verif)"
        r"|(?:fail|reject|not pass|missing|invalid|no valid).{0,40}dkim",
    ),
    cause(
        "4.7.1",
        r"gr[ea]y-?list|postgrey|try again in \d+ (?:min|sec)|temporarily (?:rejected|deferred"
        r"|blocked).{0,40}(?:spam|policy|reputation|user complaints)|unexpected volume"
        r"|rate.{0,20}(?:unexpectedly|of (?:unsolicited|mail))"
        r"|messages? from \S{1,80} temporarily deferred",
    ),
    cause(
        "4.2.1",
        r"is receiving (?:e-?)?mail (?:at a rate|too (?:quickly|fast))",
    ),
    cause(
        "4.7.28",
        r"too (?:quickly|fast|often|frequently)",
        r"max(?:imum)? (?:number of )?(?:\w+ )?(?:connections|sessions)|throttl",
        r"rate ?limit|too (?:many|much) (?:messages|mails?|e-?mails?|traffic)"
        r"|connect(?:s|ions)? too (?:many|much|fast|often|frequent)"
        r"|too many recipients.{0,40}(?:\bhour|\bday|minute|today|period|interval)"
        r"|daily.{0,30}(?:limit|quota)"
        r"|too (?:many|much) (?:\w+ )?(?:errors|failures) from your"
        r"|exceeded the max (?:e-?mails|defers)|frequency limited|\bmi:(?:sfq|stc|dmc)\b|(?:limit"
        r"|number) of (?:messages|mails?|recipients) (?:per|exceed)|sending (?:limit|rate)"
        r"|sending too (?:fast|quickly)|\bslow down\b|hourly.{0,30}limit",
    ),
    cause(
        "5.5.3",
        r"(?:number|count) of (?:rcpts?|recipients)",
        r"too many (?:recipients|rcpts?)\b|recipients? (?:limit|count).{0,20}(?:exceed|reach)"
        r"|reciplimit",
    ),
    cause(
        "4.4.7",
        r"too many retries",
        r"within the (?:allotted|allowed|specified|given|permitted) time"
        r"|too many (?:delivery )?attempts",
        r"in (?:the|our) queue for (?:more than |over )?(?:\d|one|two|three|four|five|several"
        r"|many)|(?:send|deliver).{0,20} (?:within"
        r"|for (?:the )?past) \d"
        r"|\btoo old\b|delivery timed out|timed out in (?:the )?queue|message timed out",
        r"(?:message|delivery|mail|retry|queue|time).{0,30}(?:expired|timed? ?out exceeded"
        r"|timeout exceeded)|(?:been )?in (?:the )?queue too long|queue (?:time|lifetime)"
        r"|could not be delivered (?:for|within|after|in) (?:more than |over |the (?:last"
        r"|past) )?\d",
        r"delivery (?:time|attempts?).{0,40}(?:expired|exceed|exhaust)"
        r"|delivery failed \d+ attempts|(?:giving|gave|given|bounced?|returned) (?:up )?after"
        r"|retry time(?:out)? (?:not reached"
        r"|exceeded)|retries exceeded|unable to deliver.{0,30} (?:in|after|for) \d+ "
        r"|max(?:imum)? (?:time|retries|number of)",
        r"(?:retry|retries|attempts?) (?:limit|count)? ?.{0,12}(?:reached|exceeded)"
        r"|max(?:imum)? retry|after (?:multiple|several|repeated|many) (?:retries|attempts|tries)"
        r"|within the time limit|(?:was|been) tried \d+ times",
        *EXPIRED,
    ),
    cause(
        "5.7.1",
        r"authori[sz]ation fail|closed (?:mailing )?list|\bw(?:32|95|97m?)[/.]|\badvertis"
        r"|\bfilter that block|we block",
        r"spam",
        r"sender ?score|attack detected|\bgo away\b|no smtp service here|bogus helo"
        r"|you are not me|bad (?:sender )?ip\b|executable (?:file|attachment|content)|(?:content"
        r"|attachment) guidelines|\bscored? (?:of )?\d|scored? (?:too )?high|malicious"
        r"|content (?:is |was )?blocked|too many (?:links|urls)",
        r"\bspam|\bjunk (?:mail|e-?mail)|\bunsolicited\b|\bubec?\b|spamming|spamcop|spamhaus"
        r"|barracudacentral|sorbs|surbl|uribl|rbl\b|dnsbl|black-?list|block-?list|blocklist"
        r"|blacklisted|\breputation\b|senderscore",
        r"\bvirus|virii|malware|infected|\bworm\b|trojan|phishing|\bscam\b|suspicious (?:content"
        r"|attachment)|(?:dangerous|unsafe|malicious|harmful) (?:content|attachment|file)"
        r"|banned (?:content|attachment|file"
        r"|name)"
        r"|not accept attachment|dynamic ip|(?:faked|forged) helo|helo is|must match"
        r"|content (?:filter|rejected|restriction|policy|not (?:allowed|accept|accessible))",
        weight=2,
    ),
    cause(
        "4.4.1",
        r"no longer responding",
        r"communications? (?:failure|error|problem)",
        r"refus(?:es|ing) (?:\w+ )?connections?",
        r"refused (?:the |our |a |to )?connect",
        r"(?:server|host)(?: \S{1,100})? (?:is |was |seems )?(?:down|unreachable|offline)\b"
        r"|greeting (?:fail|error|time)|no greeting",
        r"(?:server|host|system)(?: \S{1,80})? (?:is |seems "
        r"|appears )?(?:to be )?(?:not responding|offline)",
        r"connect(?:ion|ing)?.{0,60}(?:timed? ?-?out|refused(?! (?:due|because|for|by (?:our"
        r"|local|polic)))|could not be|can ?not be|fail"
        r"|not be established|no answer|deferred)|(?:could(?:n't| not)|cannot|unable to|can't"
        r"|failed to|able to) (?:establish|connect|open (?:an? |the )?(?:smtp )?connection"
        r"|contact|reach)|not accept (?:our"
        r"|the) (?:requests? to )?connect|\bhost (?:is )?(?:down|not available|unavailable)\b"
        r"|no (?:answer|reply) from|(?:server"
        r"|host) (?:is )?unreachable|no response|(?:has|did) not answer"
        r"|operation timed out"
        r"|(?:server|host) (?:did|is|was|does|are) not (?:respond|answer|available|reachable)"
        r"|host not reachable|(?:server|host) not responding|no route to host"
        r"|network (?:is )?unreachable"
        r"|host (?:is )?unreachable"
        r"|all (?:mx|servers?|hosts) (?:are )?(?:unavailable|unreachable|failed|busy)"
        r"|(?:host|server|system|computer|machine).{0,60}(?:could not|cannot"
        r"|can not) be (?:contacted|reached)"
        r"|network error|connection problem|econnrefused|etimedout",
        r"socket error|\): timed out|^\W{0,8}(?:connection |smtp )?time-?out\b(?! (?:while|after"
        r"|during|on)\b)",
        *NO_CONNECTION,
    ),
    cause(
        "5.3.0",
        r"excessive recursion|\bruleset\b|program failure",
        r"unable to (?:run|exec|fork|chdir)\w*|mailer error|command (?:died|time limit)|(?:can't"
        r"|couldn't|could not|cannot|unable to) "
        r"(?:create|lock|append|open (?:the )?(?:mail ?box|file|database|/))",
    ),
    cause(
        "4.4.2",
        r"end of (?:socket|connection)",
        r"connection abort",
        r"socket closed|closed by peer|closed by (?:the )?remote",
        r"(?:lost|broken|bad|dropped|closed|terminated|reset|interrupted"
        r"|unexpected) (?:the |our |its )?(?:connection|pipe)|connection (?:\w+ )?(?:lost|reset"
        r"|died|dropped|closed"
        r"|broken|interrupted|aborted|terminated|was)|conversation.{0,40}timed out"
        r"|timed? ?-?out (?:while|waiting|after|on|during)|read timeout|\bhung up\b|(?:session"
        r"|smtp"
        r"|data).{0,20}time(?:d )?-?out|end of (?:file|stream)|\beof from|lost input channel"
        r"|(?:read|write) error (?:from|to|on) ",
    ),
    cause(
        "5.7.1",
        r"(?:delivery|access|mail|sending) (?:to \S{1,40} (?:\w+ )?)?is restricted",
        r"connections? will not be accepted|(?:helo|ehlo)\b.{0,20}(?:mismatch|not match|forged"
        r"|fake)",
        r"\bno permission\b|permission to (?:send|post|mail)",
        r"(?:not|n't) want (?:your|this|any|the) (?:e-?)?(?:mail|message)|\bnot welcome\b"
        r"|only registered users",
        r"(?:violat|against|due to|for|by).{0,30}(?:\bpolic(?:y|ies)\b)|policy (?:violation"
        r"|reject|restriction|reasons?|block)|(?:security|local|administrative|content"
        r"|site) polic|administrative(?:ly)? (?:prohibit|denied|rejected|reject|prohibition)",
        r"(?:ip|host|client|address|server|connection|network|sender|you|your|domain"
        r"|access).{0,60}(?:\bblocked\b|\bbanned\b|\bblock ?list|\brefused by\b|\bdenied\b"
        r"|not authorized|not allowed|not permitted|not welcome|restricted|untrusted)",
        r"(?:blocked|banned|refused|rejected|denied|barred) (?:by|for|due|because|using|from"
        r"|at)\b|(?:access|permission|delivery|authorization|connection) (?:denied|not authorized"
        r"|not allowed|prohibited|restricted)|not authori[sz]ed|unauthori[sz]ed"
        r"|transaction failed.{0,30}blocked",
        r"(?:not|aren't|isn't) (?:allowed|permitted|authori[sz]ed) to (?:send|post|e?-?mail"
        r"|submit)|must be (?:a |an )?(?:\w+ )?(?:member|subscriber)|you (?:are|do"
        r"|may) not (?:have permission|allowed|a member)"
        r"|not (?:a )?subscribe[dr]\b|only (?:members"
        r"|subscribers)|restricted to (?:members|subscribers)|only use your own|not a member"
        r"|(?:restricted|members-only|closed|moderated) (?:list|group)"
        r"|non-?members?|n't have permission|only accepts? (?:e-?)?mail from|(?:deny|reject"
        r"|ban)[ -]?list"
        r"|not (?:on|in) (?:the |our |your )?(?:white|allow|safe)[ -]?list",
        r"(?:ip|client|host|connection|sender)(?: ip)?(?: address)? (?:is |was )?(?:rejected"
        r"|refused)"
        r"|sender (?:address )?(?:rejected|denied|blocked|refused)|message (?:content )?(?:was "
        r"|has been |is )?(?:rejected|refused|blocked|denied|discarded|filtered|considered)"
        r"|(?:mail|message) (?:refused|rejected|blocked|denied)|looks like|bounced by|quarantin",
        r"(?:not|n't) (?:want to |able to )?(?:receive|accept|take) (?:any )?(?:e-?)?(?:mails?"
        r"|messages?) from (?:this|the|your|that|these|external) (?:sender|address|domain|server"
        r"|host|ip)",
        r"not (?:allow|accept|permit) .{0,20}\b(?:external|outside|unknown) sender"
        r"|unacceptable (?:content|message|mail|attachment)|\burl\b.{0,30}\blisted|open relay"
        r"|spoof|forged"
        r"|only accepts? (?:\w+ ){0,2}(?:mail|messages) from|helo .{0,20}(?:not match|mismatch)"
        r"|not want (?:e-?)?mail from|filter rule|\b(?:hl|mi|rp|dt|wm):[a-z]{3}\b|bounce attack"
        r"|fake sender|\b(?:rly|dyn|rtr|hvu):"
        r"|\btosa@rx\."
        r"|messages from \S{1,80} weren't sent|(?:classified|identified|flagged)"
        r" as (?:bulk|junk)",
        *REFUSED,
        weight=2,
    ),
    cause(
        "5.4.4",
        r"no route\b(?! to host)|unable to route"
        r"|unroute?able|(?:cannot|could not|can't) (?:find|route)|routing (?:error|failure"
        r"|problem)",
    ),
    cause(
        "4.3.1",
        r"(?:insufficient|not enough|no|out of|low) (?:system |disk |free |available )*(?:storage"
        r"|disk|space|resources|memory|diskspace)|(?:file ?system|disk|server|system"
        r"|spool).{0,20}\bfull\b|no space left",
    ),
    cause(
        "4.3.0",
        r"^\W*(?:4\d\d )?local (?:problem|error)",
        r"temporar(?:y|ily) (?:failure|error|problem|lookup|local|system)",
    ),
    cause(
        "4.3.2",
        r"unable to (?:process|accept) .{0,40}at this time",
        r"(?:service|server|system) (?:\w+ ){0,2}(?:busy|shutting down|overload)"
        r"|try (?:again )?later"
        r"|temporarily (?:unavailable|deferred)|maintenance",
    ),
    cause(
        "5.3.2",
        r"does(?: not|n't) (?:provide|offer|run|support) (?:an? |any )?(?:(?:e-?)?mail|smtp) serv",
        r"(?:does|do|will|is|are|can)(?: not|n't)(?: currently)?(?: be)? accept(?:ing)? (?:any "
        r"|e-?|internet |external )?(?:mail|messages|e-?mail|connections)"
        r"|not accept(?:ing)? (?:mail|messages|network|connections)|(?:service|server|system"
        r"|mailbox) (?:\w+ )?(?:not available|unavailable)|indicated no smtp service"
        r"|too (?:many"
        r"|busy).{0,30}(?:connections|load|sessions|processes)",
        *NOT_ACCEPTING,
    ),
    cause(
        "5.7.8",
        r"authentication (?:failed|failure|credentials|unsuccessful|rejected|error|exchange)"
        r"|(?:bad|invalid) (?:user ?name|password|credentials|login)|password (?:is )?(?:not"
        r" accepted|incorrect|wrong)|auth(?:entication)? fail",
    ),
    cause(
        "5.7.10",
        r"(?:must|needs?|requires?) .{0,30}(?:start ?tls|\btls\b|\bssl\b|encrypt)"
        r"|(?:start ?tls|\btls\b|\bssl\b|encrypt).{0,60}(?:required|must|need)"
        r"|\bonly .{0,20}\bencrypted|encrypted connections? only",
    ),
    cause(
        "4.7.5",
        r"\btls (?:\w+ )?(?:unavailable|not available)",
        r"(?:start ?tls|\btls\b|\bssl\b|encrypt|certificate).{0,60}(?:fail|error|not|expired"
        r"|handshake|refused|invalid|untrusted)|(?:fail|cannot|can't).{0,30}(?:start ?tls|\btls\b)"
        r"|\bmta-sts\b|\btlsa\b",
    ),
    cause("5.6.7", r"\bsmtputf8\b|internationali[sz]ed (?:e-?mail )?address"),
    cause(
        "5.6.0",
        r"violat\w* rfc|rfc ?\d* violat|no (?:from|date|subject|to|message-id): |lacks (?:a "
        r"|the )?(?:valid )?(?:\w+[ -]){0,2}header",
        r"corrupt(?:ed)? (?:message|content|header|mime)|\b(?:header|date|from|subject"
        r"|message-id)['\\x22]? (?:header |field |line )?(?:is )?(?:missing|required)",
        r"(?:mime|header|content|message|charset|encoding|8-?bit|format).{0,40}(?:malformed"
        r"|invalid|not (?:rfc|supported|conform|compliant|valid)|illegal|badly|error|corrupt"
        r"|violat|syntax)|(?:malformed|invalid|illegal|improper|missing|multiple|duplicate"
        r"|non-?ascii|bare (?:lf|cr)).{0,30}(?:mime|header|content|message|encoding|character|lf"
        r"|line)|not rfc ?\d* ?(?:2?822|5322|compliant|conform)|conversion (?:fail|not|is not)"
        r"|8-?bit.{0,30}header|(?:bad|wrong) (?:message|mail|header|mime) (?:format|header)"
        r"|header error"
        r"|bare (?:lf|linefeed|cr)|line (?:is )?too long|line length|line exceeds|no (?:from"
        r"|date|subject"
        r"|to) header",
    ),
    cause(
        "5.5.1",
        r"(?:bad|out of|improper) (?:command )?sequence|command (?:is )?(?:not (?:implemented"
        r"|supported)|out of)|(?:unsupported|unimplemented) (?:smtp )?command",
        weight=1,
    ),
    cause(
        "5.5.4",
        r"(?:invalid|bad|unrecogni[sz]ed|unsupported|unknown|unexpected|syntax error in)"
        r" (?:\w+ )?(?:parameter|argument)|(?:parameter|argument)s? (?:is |are )?(?:not|invalid"
        r"|un)",
        weight=1,
    ),
    cause(
        "5.5.2",
        r"error in (?:the )?command",
        r"(?:syntax|protocol|parameter|command).{0,20}(?:error|unrecogni|not (?:recogni|implement"
        r"|allowed|permitted)|invalid|violation|reject|unknown)|(?:bad|unknown|unrecogni[sz]ed"
        r"|invalid|unsupported) (?:command|sequence|parameter|syntax|helo|ehlo)"
        r"|helo (?:command )?(?:rejected|required|invalid)|out of sequence|command (?:not"
        r"|rejected|unrecogni)",
        weight=1,
    ),
    cause(
        "5.3.5",
        r"mis-?configur|(?:incorrectly|wrongly|badly|improperly) configured"
        r"|configuration (?:error|problem)|config(?:uration)? error"
        r"|local configuration|mx list for.{0,60}points back|system config|(?:alias|aliases"
        r"|\.forward|transport|lookup).{0,30}(?:broken|error|fail|missing|unusable|unavailable)"
        r"|mx (?:record|list).{0,60}points? (?:back )?to local",
        weight=1,
    ),
    cause(
        "5.3.0",
        r"lock busy|error (?:while )?(?:writing|storing)|could not be (?:stored|written)",
        r"undefined mail system|unable to (?:open|lock|parse|read|write)\b|interrupted system call",
        r"failed to (?:write|store|save|create|process|open)|exit (?:status|code) \d",
        r"delivery agent|command output|\bx-unix\b|\b(?:read|write) error|(?:resources?|database"
        r"|directory|ldap|backend) (?:is |are |was )?(?:exhausted|unavailable|down|error|failure)"
        r"|(?:unable to|cannot|could not) process",
        r"mailer error|unknown mailer|\b(?:command|pipe|program|procmail|maildrop|child process"
        r"|local mailer)\b.{0,50}(?:died|failed|fail|crash|exit|returned|status|error|could not"
        r"|can't create|permission)|local (?:delivery )?(?:error|fail)|can't read|filter error"
        r"|(?:server|internal"
        r"|system|software|unexpected|i/o|input/output|general|unspecified"
        r"|unknown) (?:\w+ )?(?:error|failure|problem)|can't create|cannot (?:open|append|create"
        r"|read"
        r"|update|lock|write)|permission denied|delivery agent",
        weight=1,
    ),
    cause(
        "4.4.7",
        r"(?<!again )(?<!retried )(?<!retry )(?:after|within) (?:more than |over |about )?\d+"
        r" (?:day|hour|attempt|tr(?:y|ies)|retr(?:y|ies)|time)s?\b",
        r"(?:tried|trying|been queued|undeliver\w+|not delivered) (?:\w+ )?for \d+ (?:day|hour)",
        r"giving up\b(?! on)|gave up\b(?! on)|(?:delivery|queue|message"
        r"|mail) (?:age|lifetime|period) exceed",
        r"(?:not|could not be|been) (?:able to )?deliver(?:ed)?.{0,60}(?:for|within|after"
        r"|in) (?:more than |over |the last |the past )?(?:\d|one|two|three|four|five"
        r"|several) ?(?:\w+ )?(?:day|hour|minute|week|attempt|tr(?:y|ies)|time)",
        r"not (?:be )?deliver(?:ed|able) (?:with)?in \d|undeliver(?:ed|able) (?:after|for) \d",
        r"\bdelayed\b|not yet been delivered|not been delivered yet|still (?:being )?(?:trying"
        r"|retried|queued)"
        r"|not yet delivered|will (?:be retried|continue|retry|keep trying)",
        *DELAYED,
        weight=2,
    ),
    cause(
        "5.1.1",
        r"(?:recipient|address|rcpt)(?: address)? (?:was |is )?(?:rejected|refused)|"
        r"\bname (?:was |is )?not found|name has been entered correctly",
        weight=2,
    ),
    *GUESSES,
    cause(
        "5.7.1",
        r"reject(?:ed|s|ing)?\b|refus(?:ed|es|al)\b|\bdenied\b|\bblocked\b|prohibited"
        r"|not (?:allowed|permitted|acceptable|accepted|wanted)|access control|disallowed"
        r"|forbidden|filtered",
        weight=1,
    ),
)
