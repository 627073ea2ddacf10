"""Why deliveries fail, as data: the phrases of mail servers, and the status that they mean.

The codes are those of RFC 3463 and its registry. The first class with a matching phrase counts, so
the order goes from the narrow to the wide. A phrase is a regular expression over lower-case text
with single spaces; gaps are bounded.
"""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Cause:
    """Why deliveries fail: the code, and how servers put it into words."""

    status: str  # "5.1.1"; the first digit is what it is when nothing else says
    words: re.Pattern[str]
    weight: int = 3  # 3 says why it failed, 2 in what way, 1 little more than that it failed


def _cause(status: str, *phrases: str, weight: int = 3) -> Cause:
    return Cause(status, re.compile("|".join(phrases)), weight)


_WHO = r"(?:user|recipient|mailbox|account|address|customer|subscriber|member|alias|e?-?mail)"

CAUSES: tuple[Cause, ...] = (
    _cause(
        "5.2.2",
        r"\bover (?:its |his |her |their |the |allotted |allowed |disk |mail |storage )*-?quota\b"
        r"|\bover-?quota\b|quota.{0,30}(?:exceed|full|reached|violat|excedida|superad)",
        r"exceed(?:s|ed|ing)?.{0,40}quota|insufficient (?:disk )?quota|not enough quota",
        r"(?:mailbox|mail ?box|inbox|in-box|mailfolder|maildrop|account|storage|mail file).{0,40}"
        r"(?:\bis |\bis currently |\bis too |\btoo )?(?:\bfull\b|out of space|exceeded (?:the|its"
        r"|his|their|a ))",
        r"full mailbox|mailbox.{0,30}exceed|exceed.{0,40}mailbox (?:size|limit|storage)",
        r"user.{0,20}(?:disk quota|has exhausted)|exceeded (?:the )?(?:storage|space) (?:limit"
        r"|alloc)",
        r"storage (?:limit|quota).{0,20}exceed|not enough (?:storage|disk) space.{0,30}mailbox",
        r"(?:user|recipient) (?:is )?(?:out of|over|has no) (?:space|disk|storage|limit)",
        r"mailbox size limit|maildir.{0,20}over|account.{0,20}over (?:its )?(?:limit|size)",
        r"(?:postfach|mailbox|posteingang|speicher).{0,60}(?:\bvoll\b|überfüllt|überschritten"
        r"|erschöpft)",
        r"bo[iî]te.{0,40}(?:pleine|saturée)|quota.{0,20}(?:dépassé|atteint)",
        r"buz[oó]n.{0,40}(?:llen[oa]|excedid)|cuota.{0,30}(?:excedid|superad)",
        r"casella.{0,40}piena|caixa.{0,40}(?:cheia|lotada)|postvak.{0,20}\bvol\b",
        r"skrzynka.{0,40}(?:pełna|przepełniona)|ящик.{0,60}(?:переполнен|заполнен)|переполнен",
        r"postlådan? är full|postboks.{0,20}full|schránk.{0,30}pln[áa]",
        r"メールボックス.{0,30}(?:一杯|いっぱい|容量|満杯|超過)|容量.{0,10}(?:超|オーバー)",
        r"(?:邮箱|信箱|空间).{0,12}(?:已满|已滿|不足)|超过.{0,8}容量",
        r"recipient storage full|too many messages (?:in|on) this mailbox|mailbox_full"
        r"|boite pleine",
        r"number of messages in recipient's mailbox exceed|disk quota",
    ),
    _cause(
        "5.3.4",
        r"(?:message|mail|e-?mail|attachment|content|header)s? (?:size |file )?(?:is |was |are )?"
        r"(?:(?:far |way |much )?too (?:large|big|long)|exceed|larger than|bigger than"
        r"|over(?:size|sized)\b)",
        r"exceed(?:s|ed|ing)?.{0,50}(?:message|mail|attachment|maximum|fixed|file|allowed|size)"
        r"(?:.{0,20}(?:size|limit|length))|(?:message|mail) (?:size )?(?:limit|size).{0,15}exceed",
        r"size limit.{0,20}(?:exceed|reached)|maximum (?:message |mail )?size|size exceeds"
        r"|too (?:large|big) (?:a )?(?:message|mail)",
        r"message length exceeds|larger than the (?:current |maximum )?(?:system )?(?:limit|size)"
        r"|\bmsg too big\b|mail is too (?:big|large)",
        r"(?:nachricht|e-?mail).{0,40}zu groß|message (?:est )?trop (?:grand|gros|volumineux)",
        r"demasiado grande|troppo grande|muito grande|te groot|слишком (?:большо|велик)"
        r"|zbyt du[żz]",
        r"サイズ.{0,20}(?:超|大きすぎ)|(?:邮件|附件).{0,10}(?:太大|过大|超过)",
    ),
    _cause(
        "5.1.8",
        r"sender.{0,40}(?:domain|host).{0,30}(?:not (?:exist|found|resolve)|does ?n[o']t (?:exist"
        r"|resolve))",
        r"(?:domain of sender|sender domain|sender's domain).{0,60}(?:not|must|unresolv|invalid)",
        r"(?:sender address|mail from).{0,40}(?:does not exist|domain not found|unknown"
        r"|undeliverable|non-existent)",
        r"sender (?:verify failed|unknown|is invalid|invalid)|invalid (?:sender|return path"
        r"|mail from)|unknown sender",
    ),
    _cause(
        "5.1.6",
        r"(?:user|recipient|mailbox|account|address|employee|e-?mail).{0,40}(?:has |have )?"
        r"(?:moved|changed (?:to|his|her|their|its))\b",
        r"no longer (?:at|with) (?:this|that|our)|has been (?:replaced|superseded) by",
        r"user not local; please try|(?:new|neue) (?:e-?mail )?address(?:e)? (?:is|ist|lautet)",
    ),
    _cause(
        "5.2.1",
        r"(?:user|recipient|mailbox|account|e-?mail|address|inbox|subscriber|customer"
        r"|domain).{0,60}"
        r"(?:\bdisabled\b|\bsuspended\b|\binactive\b|deactivated|de-activated|\blocked\b"
        r"|\bexpired\b"
        r"|\bfrozen\b|not active|not activated|discontinued|terminated|\bclosed\b|\bon hold\b"
        r"|\bparked\b)",
        r"(?:disabled|inactive|suspended|deactivated|locked|expired|dormant|closed) (?:mail)?"
        r"(?:user|recipient|mailbox|account|e-?mail|address)",
        r"(?:konto|postfach|benutzer|adresse).{0,40}(?:deaktiviert|gesperrt|geschlossen|inaktiv)",
        r"(?:compte|bo[iî]te).{0,40}(?:désactiv|suspendu|bloqué|ferm)|cuenta.{0,40}(?:desactivad"
        r"|suspendid|inhabilitad)",
        r"(?:account|casella).{0,30}(?:disattivat|sospes)|conta.{0,40}(?:desativad|suspens)",
        r"(?:ящик|аккаунт|пользовател).{0,40}(?:заблокирован|отключ|неактив)"
        r"|konto.{0,40}(?:zablokowan|nieaktywn)",
        r"mailbox (?:is )?(?:currently )?unavailable for this|mailbox temporarily (?:disabled"
        r"|unavailable)|not accepting (?:mail|messages) for this (?:user|address)",
        r"account that you tried to reach is disabled|アカウント.{0,20}(?:停止|無効)|(?:帐户|账户"
        r"|帐号"
        r"|账号).{0,20}(?:禁用|停用|冻结)",
    ),
    _cause(
        "5.7.1",
        r"relay(?:ing)? (?:access )?(?:is )?(?:denied|not (?:permitted|allowed)|prohibited"
        r"|disallowed|restricted)",
        r"(?:unable|not allowed|not permitted|denied|refused?) to relay|we do(?:n't| not) relay"
        r"|\bno relay(?:ing)?\b|relay (?:not|access)",
        r"(?:isn't|is not) in my list of allowed rcpthosts|not local|this (?:system"
        r"|server) is not (?:a |an open )relay|insecure mail relay",
        r"not accepting (?:e-?)?mail from (?:this|you|your)|(?:does|do|will)(?: not"
        r"|n't) accept (?:e-?)?mail from (?:this|you|your|outside|external)",
        r"authentication (?:is )?required|must (?:be )?(?:authenticat|log ?in)"
        r"|client was not authenticated|resolver\.rst\.authrequired",
    ),
    _cause(
        "5.1.2",
        r"\bhost \S{1,100} (?:was |is )?(?:not found|unknown)",
        r"^\W{0,20}unrouteable (?:mail )?(?:address|domain)",
        r"host(?:name)? (?:is )?(?:unknown|not found|or domain name not found)|unknown host"
        r"|no such host",
        r"(?:find|found|resolve) (?:any |the )?(?:host|mail ?host|mail server|mx|domain)"
        r"|domain (?:name )?(?:is )?(?:not found|unknown|invalid)",
        r"(?:no such|unknown|invalid|bad|non-?existent|illegal"
        r"|unrecogni[sz]ed) (?:recipient )?(?:domain|host)",
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
        r"recipient address has a (?:null mx|non-existent domain)|could not resolve"
        r"|dominio.{0,40}(?:no existe|desconocid|inesistente)",
        r"domaine.{0,40}(?:inconnu|n'existe|introuvable)|domain.{0,40}(?:nicht gefunden"
        r"|existiert nicht|unbekannt)|домен.{0,30}не (?:найден|существует)",
        r"(?:ホスト|ドメイン).{0,20}(?:見つかりません|存在しません)|(?:域名|主机).{0,15}(?:不存在"
        r"|无法)|找不到.{0,8}(?:域名|主机)",
    ),
    _cause(
        "5.1.1",
        rf"(?:unknown|no such|invalid|nonexistent|non-existent|bad|unrouteable local"
        rf"|undeliverable|illegal|unrecogni[sz]ed|incorrect) (?:local |virtual |recipient'?s? "
        rf"|destination |to |rcpt |final |domain |e-?mail |mail )*{_WHO}(?:e?s)?\b",
        rf"{_WHO}s? ?(?:\S{{1,80}} )?(?:is |are |was |account )?(?:unknown|invalid|undeliverable"
        rf"|unrecogni[sz]ed|non-?existent|incorrect|not (?:a )?(?:known|valid|found|exist"
        rf"|recogni[sz]ed|registered|existing))",
        rf"{_WHO}.{{0,80}}(?:does(?: not|n't| n't) (?:\w+ )?exist|not exist|could(?: not"
        rf"|n't) be found|cannot be found|can't be found|not found|wasn't found|was not found"
        rf"|no longer (?:exists?|valid|available|on|in use|works?|employed))",
        rf"(?:is not|isn't|not) (?:a |an )?(?:known|valid|current|existing|registered|legal|local"
        rf"|recogni[sz]ed) (?:\w+ )?{_WHO}",
        r"no (?:mailbox|account|user|one|recipient|local mailbox"
        r"|valid recipients?)(?: \w+)? (?:here|found|with|by|exists?|of|called|named|in|on|at"
        r"|such)|no such (?:person|one|mail|user)",
        r"does(?: not|n't) (?:have|like) (?:a|an|any|recipient)\b"
        r"|not listed in (?:the )?(?:public|domino|name|address)|unknown (?:to|or illegal|local)",
        r"user (?:doesn't|does not|did not|not) |addressee unknown|recipient (?:not|is not"
        r"|address) (?:ok|on|in|here|known)\b|recipnotfound|no such (?:e?-?mail )?(?:id|name)\b",
        r"(?:delivery to )?(?:the )?(?:following )?(?:e-?mail )?address.{0,30}(?:not found"
        r"|has? (?:an? )?(?:error|typo))|address (?:you (?:entered|typed) )?(?:couldn't"
        r"|could not) be found",
        r"e-?mail account (?:that you tried to reach )?does not exist|account (?:has been|was"
        r"|is) (?:deleted|removed|cancell?ed|purged)|mailbox (?:has been |was |is )?(?:deleted"
        r"|removed)",
        r"this user doesn't have an? |user has no|not our customer|no account by|(?:not|no) (?:in"
        r"|on) (?:our|the) (?:directory|list|user)|ldap.{0,30}not found|not listed as",
        r"unrouteable address\b|mailbox unavailable|mailbox not available|cannot route to"
        r"|rcpt.{0,40}not (?:found|known|exist)|bad destination|delivery to non-?existent"
        r"|possible typo",
        r"all recipients (?:were |are )?(?:rejected|invalid)|no valid recipients?|invalid (?:rcpt"
        r"|recipients)|unable to (?:find|locate) (?:the )?(?:user|recipient|mailbox)"
        r"|\bcan't be delivered to the address\b",
        r"(?:benutzer|empfänger|adressat|postfach|e-?mail-?adresse|adresse).{0,60}(?:unbekannt"
        r"|existiert nicht|nicht gefunden|ungültig|nicht (?:vorhanden|bekannt)|nicht existier)",
        r"(?:utilisateur|destinataire|adresse|bo[iî]te|compte).{0,60}(?:inconnu|n'existe pas"
        r"|introuvable|invalide|inexistant)",
        r"(?:usuario|destinatario|direcci[oó]n|buz[oó]n|cuenta).{0,60}(?:desconocid|no existe"
        r"|inexistente|no encontrad|no v[aá]lid|inv[aá]lid)|no se (?:ha podido encontrar|encontr)",
        r"(?:utente|destinatario|indirizzo|casella|posta elettronica).{0,60}(?:sconosciut"
        r"|non esiste|inesistente"
        r"|non (?:è stat[oa] )?trovat|non valid)",
        r"(?:usu[aá]rio|destinat[aá]rio|endere[cç]o|conta).{0,60}(?:desconhecid|n[aã]o existe"
        r"|inexistente|n[aã]o (?:foi )?encontrad|inv[aá]lid)",
        r"(?:gebruiker|ontvanger|geadresseerde|e-?mailadres|adres).{0,60}(?:onbekend|bestaat niet"
        r"|niet gevonden|ongeldig)",
        r"(?:użytkownik|odbiorc|adres|konto|skrzynk).{0,60}(?:nieznan|nie istnieje|nie znaleziono"
        r"|nieprawidłow)|brak użytkownika|nie ma takiego",
        r"(?:пользовател|адресат|получател|адрес|ящик|клиент).{0,60}(?:неизвестн|не существует"
        r"|не найден|не зарегистрирован|недействит)|нет такого|несуществующ",
        r"(?:användare|mottagare|adress|bruker|mottaker|modtager|bruger|adresse).{0,50}(?:okänd"
        r"|finns inte|ukjent|finnes ikke|findes ikke|ukendt|hittades inte|ble ikke funnet)",
        r"(?:uživatel|příjemce|adresa|schránka).{0,50}(?:neznám|neexistuje|nebyl nalezen"
        r"|nenalezen)|(?:kullanıcı|alıcı|adres).{0,40}(?:bulunamadı|bilinmiyor|geçersiz)"
        r"|(?:felhasználó|címzett).{0,40}(?:ismeretlen|nem (?:található|létezik))",
        r"(?:käyttäjä|vastaanottaja).{0,40}(?:tuntematon|ei (?:löydy|löytynyt|ole))",
        r"(?:ユーザ|宛先|受信者|アドレス|メールアドレス|あて先).{0,30}(?:存在し|見つかり|見つから"
        r"|不明|間違|誤)|(?:用户|收件人|邮箱|帐号|账号|地址"
        r"|信箱|使用者).{0,15}(?:不存在|未找到|找不到|无效|無效|错误)|無此用戶"
        r"|找不到.{0,14}(?:收件人|用户|地址|邮箱)",
        r"(?:사용자|수신자|계정|주소).{0,20}(?:없|찾을 수|존재하지)|لم يتم العثور",
    ),
    _cause(
        "5.4.6",
        r"too many hops|(?:mail|routing|forwarding|delivery|message|mx|dns) (?:is )?loop"
        r"|loops? (?:detected|back to)|loop(?:ing)? (?:was )?(?:detected|to myself)|hop ?count"
        r"|too many received|mail for.{0,60}loops back",
    ),
    _cause(
        "5.7.25",
        r"(?:reverse|rdns|\bptr\b).{0,60}(?:dns|lookup|record|not|fail|missing|required|mismatch"
        r"|resolv)|no (?:ptr|reverse)|cannot find your (?:reverse )?hostname|\bptr record",
    ),
    _cause(
        "5.7.26",
        r"\bdmarc\b|unauthenticated (?:e-?mail|mail)|(?:dkim|spf).{0,40}(?:did not pass|fail"
        r"|reject|not pass)|(?:fail|reject|not pass).{0,40}\b(?:dkim|spf)\b|spf (?:check|record"
        r"|policy|validation)",
    ),
    _cause(
        "4.7.1",
        r"gr[ea]y-?list|try again in \d+ (?:min|sec)|temporarily (?:rejected|deferred"
        r"|blocked).{0,40}(?:spam|policy|reputation|user complaints)|unexpected volume"
        r"|rate.{0,20}(?:unexpectedly|of (?:unsolicited|mail))",
    ),
    _cause(
        "4.7.28",
        r"rate ?limit|too (?:many|much) (?:messages|mails?|e-?mails?|recipients|traffic)"
        r"|receiving mail (?:at )?too (?:quickly|fast)|daily.{0,30}(?:limit|quota)|(?:limit"
        r"|number) of (?:messages|mails?|recipients) (?:per|exceed)|sending (?:limit|rate)",
    ),
    _cause(
        "4.4.7",
        r"(?:message|delivery|mail|retry|queue|time).{0,30}(?:expired|timed? ?out exceeded"
        r"|timeout exceeded)|(?:been )?in (?:the )?queue too long|queue (?:time|lifetime)"
        r"|could not be delivered (?:for|within|after|in) (?:more than |over |the (?:last"
        r"|past) )?\d",
        r"delivery (?:time|attempts?).{0,40}(?:expired|exceed|exhaust)"
        r"|delivery failed \d+ attempts|giving up after|retry time(?:out)? (?:not reached"
        r"|exceeded)|retries exceeded|unable to deliver.{0,30} in \d+ |maximum (?:time|retries"
        r"|number of)",
        r"zeit.{0,30}(?:abgelaufen|überschritten)|délai.{0,30}(?:expir|dépass)"
        r"|tiempo.{0,40}(?:agotad|expirad)|истек",
    ),
    _cause(
        "5.7.1",
        r"\bspam\b|\bjunk (?:mail|e-?mail)|\bunsolicited\b|\bubec?\b|spamming|spamcop|spamhaus"
        r"|barracudacentral|sorbs|surbl|uribl|rbl\b|dnsbl|black-?list|block-?list|blocklist"
        r"|blacklisted|\breputation\b|senderscore",
        r"\bvirus|virii|malware|infected|\bworm\b|trojan|phishing|suspicious (?:content"
        r"|attachment)|dangerous (?:content|attachment)|banned (?:content|attachment|file|name)"
        r"|content (?:filter|rejected|restriction|policy|not (?:allowed|accept|accessible))",
        weight=2,
    ),
    _cause(
        "4.4.1",
        r"connect(?:ion|ing)?.{0,60}(?:timed? ?-?out|refused|could not be|can ?not be|fail"
        r"|not be established|no answer|deferred)|(?:could(?:n't| not)|cannot|unable to|can't"
        r"|failed to|able to) (?:establish|connect|open|contact|reach)|not accept (?:our"
        r"|the) (?:requests? to )?connect|no answer from|no response|operation timed out"
        r"|(?:server|host) (?:did|is|was|does|are) not (?:respond|answer|available|reachable)"
        r"|all (?:mx|servers?|hosts) (?:are )?(?:unavailable|unreachable|failed|busy)"
        r"|network error|connection problem|econnrefused|etimedout",
        r"keine verbindung|nicht erreichbar|connexion (?:refusée|impossible)"
        r"|no se (?:ha )?pudo (?:conectar|establecer)|impossibile connett"
        r"|не удалось (?:установить|подключ)|接続できません|无法连接",
    ),
    _cause(
        "4.4.2",
        r"(?:lost|broken|bad|dropped|closed|terminated|reset|interrupted"
        r"|unexpected) (?:connection|pipe)|connection (?:\w+ )?(?:lost|reset|died|dropped|closed"
        r"|broken|interrupted|aborted|terminated|was)|conversation.{0,40}timed out"
        r"|timed? ?-?out (?:while|waiting|after|on|during)|read timeout|(?:session|smtp"
        r"|data).{0,20}time(?:d )?-?out|end of (?:file|stream)",
    ),
    _cause(
        "5.7.1",
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
        r"|submit)|you (?:are|do) not (?:have permission|allowed|a member)|only (?:members"
        r"|subscribers)|not a member|(?:restricted|members-only|closed|moderated) (?:list|group)"
        r"|non-?members?",
        r"sender (?:address )?(?:rejected|denied|blocked|refused)|message (?:content )?(?:was "
        r"|has been |is )?(?:rejected|refused|blocked|denied|discarded|filtered|considered)"
        r"|(?:mail|message) (?:refused|rejected|blocked|denied)|looks like|bounced by|quarantin",
        r"abgelehnt|abgewiesen|verweigert|gesperrt|rejeté|refusé|rechazad|rifiutat|rejeitad"
        r"|recusad|geweigerd|odrzucon|отклонен|отказано|заблокирован|拒否|拒绝|被拒|垃圾邮件|спам",
        weight=2,
    ),
    _cause(
        "5.4.4",
        r"no route to host|network (?:is )?unreachable|host (?:is )?unreachable|unable to route"
        r"|unrouteable|(?:cannot|could not|can't) (?:find|route)|routing (?:error|failure|problem)",
    ),
    _cause(
        "4.3.1",
        r"(?:insufficient|not enough|no|out of|low) (?:system |disk |free |available )*(?:storage"
        r"|disk|space|resources|memory|diskspace)|(?:file ?system|disk|server|system"
        r"|spool).{0,20}\bfull\b|no space left",
    ),
    _cause(
        "5.3.2",
        r"(?:does|do|will|is|are|can)(?: not|n't)(?: currently)?(?: be)? accept(?:ing)? (?:any "
        r"|e-?|internet |external )?(?:mail|messages|e-?mail|connections)"
        r"|not accept(?:ing)? (?:mail|messages|network|connections)|(?:service|server|system"
        r"|mailbox) (?:\w+ )?(?:not available|unavailable|is busy|too busy|shutting down"
        r"|overload)|null ?mx|nullmx|does not accept (?:mail|e-?mail)|too (?:many"
        r"|busy).{0,30}(?:connections|load|sessions|processes)|maintenance|try (?:again )?later"
        r"|temporar(?:y|ily) (?:failure|error|unavailable|deferred|problem|lookup|local|system)",
    ),
    _cause(
        "5.7.8",
        r"authentication (?:failed|failure|credentials|unsuccessful|rejected|error|exchange)"
        r"|(?:bad|invalid) (?:user ?name|password|credentials|login)|auth(?:entication)? fail",
    ),
    _cause(
        "5.7.10",
        r"(?:must|need).{0,30}(?:start ?tls|\btls\b|\bssl\b)|(?:start ?tls|\btls\b|\bssl\b"
        r"|encrypt|certificate).{0,60}(?:required|must|fail|error"
        r"|not|need|expired|handshake|refused)",
    ),
    _cause(
        "5.6.0",
        r"(?:mime|header|content|message|charset|encoding|8-?bit|format).{0,40}(?:malformed"
        r"|invalid|not (?:rfc|supported|conform|compliant|valid)|illegal|badly|error|corrupt"
        r"|violat|syntax)|(?:malformed|invalid|illegal|improper|missing|multiple|duplicate"
        r"|non-?ascii|bare (?:lf|cr)).{0,30}(?:mime|header|content|message|encoding|character|lf"
        r"|line)|not rfc ?\d* ?(?:2?822|5322|compliant|conform)|conversion (?:fail|not|is not)"
        r"|bare (?:lf|linefeed|cr)|line (?:is )?too long",
    ),
    _cause(
        "5.5.2",
        r"(?:syntax|protocol|parameter|command).{0,20}(?:error|unrecogni|not (?:recogni|implement"
        r"|allowed|permitted)|invalid|violation|reject|unknown)|(?:bad|unknown|unrecogni[sz]ed"
        r"|invalid|unsupported) (?:command|sequence|parameter|syntax|helo|ehlo)"
        r"|helo (?:command )?(?:rejected|required|invalid)|out of sequence|command (?:not"
        r"|rejected|unrecogni)",
        weight=1,
    ),
    _cause(
        "5.3.5",
        r"misconfigur|configuration (?:error|problem)|config(?:uration)? error"
        r"|local configuration|mx list for.{0,60}points back|system config|(?:alias|aliases"
        r"|\.forward|transport|lookup).{0,30}(?:broken|error|fail|missing|unusable)",
        weight=1,
    ),
    _cause(
        "5.3.0",
        r"mailer error|command died|(?:can't|couldn't|could not|cannot) create",
    ),
    _cause(
        "5.3.0",
        r"mailer error|unknown mailer|\b(?:command|pipe|program|procmail|maildrop|child process"
        r"|local mailer)\b.{0,50}(?:died|failed|fail|crash|exit|returned|status|error|could not"
        r"|can't create|permission)|local (?:delivery )?(?:error|failure)|(?:server|internal"
        r"|system|software|unexpected|i/o|input/output|general|unspecified"
        r"|unknown) (?:\w+ )?(?:error|failure|problem)|can't create|cannot (?:open|append|create"
        r"|update|lock|write)|permission denied|delivery agent",
        weight=1,
    ),
    _cause(
        "4.4.7",
        r"(?:not|could not be|been) (?:able to )?deliver(?:ed)?.{0,60}(?:for|within|after"
        r"|in) (?:more than |over |the last |the past )?(?:\d|one|two|three|four|five"
        r"|several) ?(?:\w+ )?(?:day|hour|minute|week|attempt|tr(?:y|ies)|time)",
        r"not (?:be )?deliver(?:ed|able) (?:with)?in \d|undeliver(?:ed|able) (?:after|for) \d",
        r"\bdelayed\b|has not (?:yet )?been delivered|still (?:being )?(?:trying|retried|queued)"
        r"|not yet delivered|will (?:be retried|continue|retry|keep trying)"
        r"|noch nicht (?:zugestellt|ausgeliefert)|verzögert|retardé|retras(?:ad|o)|in ritardo"
        r"|ritardat|opóźni|задерж|遅延|延迟|延遲",
        weight=2,
    ),
    _cause(
        "5.1.1",
        r"(?:recipient|address|rcpt)(?: address)? (?:was |is )?(?:rejected|refused)|"
        r"\bname (?:was |is )?not found|name has been entered correctly",
        weight=2,
    ),
    _cause(
        "5.7.1",
        r"reject(?:ed|s|ing)?\b|refus(?:ed|es|al)\b|\bdenied\b|\bblocked\b|prohibited"
        r"|not (?:allowed|permitted|acceptable|accepted|wanted)|access control|disallowed"
        r"|forbidden|filtered",
        weight=1,
    ),
)
