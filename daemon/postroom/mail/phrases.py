"""Words by which mail programs and people mark what is not newly written, by language.

Used by: mail.quotes (introductions, separators), mail.signatures, mail.forward. Nothing here
decides: a phrase counts only together with where it stands. All are in lower case. A table's line
begins with the language, and "/" stands between phrases.
"""

from __future__ import annotations

import re
from collections.abc import Iterable


def phrases_of(table: str) -> list[str]:
    """Return the phrases of a table, each once."""
    lines = (line.partition("  ")[2] for line in table.strip().splitlines())
    return list(
        dict.fromkeys(
            word.strip().replace("\u0307", "") for line in lines for word in line.split("/")
        )
    )


def pattern_of(table: str) -> re.Pattern[str]:
    """Compile a table whose lines are alternatives, each with more of them between "|"."""
    return re.compile("|".join(table.strip().splitlines()))


def any_of(phrases: Iterable[str]) -> re.Pattern[str]:
    """Compile "one of these", as whole words where the script has spaces between words."""
    longest_first = sorted(phrases, key=len, reverse=True)
    spaced = [re.escape(each) for each in longest_first if each[0] < "\u0e00"]
    joined = [re.escape(each) for each in longest_first if each[0] >= "\u0e00"]
    return re.compile("|".join([rf"(?<!\w)(?:{'|'.join(spaced)})(?!\w)", *joined]))


# "… wrote:", as a reply's introduction says it. Longer forms stand for themselves ("hat … am …
# geschrieben"), so that a verb of ordinary prose needs a date or an address beside it.
_WROTE = """
en  wrote/writes/excerpts from/has written/quoting/quote from/cited by
de  schrieb/zitat von/zitiere/geschrieben/schreibt/schrieb am/schriebst/schriebst du/schrieben sie
fr  a écrit/message du/citation de/écrivait/a ecrit/écrit/écriviez/écrivais/avez écrit/as écrit
es  escribió/citando a/citando/escribio/ha escrito/escribía/escribiste
it  ha scritto/hai scritto/avete scritto/cita/citando/citazione/scrive/ha scritto il/scritto
pt  escreveu/escreveste/escreve/escrito/citando
nl  schreef/citeren van/citeren/citeert/het volgende geschreven/heeft geschreven/geschreven/schrijft
sv  skrev/citerar/skrev följande/skriver
nb  skrev/skreiv/skrev følgende/siterer/citerer/citat af/sitat fra
is  skrifaði/ritaði/skrifar
fi  kirjoitti/kirjoitit/kirjoititte/lainaus/siteeraus/kirjoittaa/kirjoitti seuraavaa
et  kirjutas/tsiteerin
lv  rakstīja/uzrakstīja
lt  rašė/rašėte/parašė
pl  napisał/cytowanie/cytuję/cytat/napisała/napisał(a)/pisze/napisano/napisali/pisał/pisała/pisałeś/pisałaś/napisałeś/napisałaś
cs  napsal/cituji/citace/napsala/napsal(a)/píše/psal/psala/napsali/psali
sk  napísal/citujem/citát/napísala/napísal(a)/píše/napísali/písal/písala
sl  je napisal/navajam/je napisala/je napisal(a)/napisal/napisala/napisali
hr  je napisao/citiram/je napisala/napisao je/napisala je/napisao/napisala/piše/napisali
sr  је написао/је написала/написао је/написао/написала/је написао(ла)
mk  напиша/напишал/напишала/пишува
hu  írta/írtad/írták/idézet/idézem/írta a következőt/ezt írta/írt/a következőt írta
ro  a scris/ați scris/ai scris/citat/scria/scrie
bg  написа/написахте/цитиране на/цитат/пише/написал
ru  писал/цитирую/цитирование/писала/писал(а)/написал/написала/написал(а)/пишет/пишут/писали/вы писали/написали
uk  писав/писала/написав/написала/написав(-ла)/пише/написано/писали/написали
be  напісаў/піша/пісаў/напісала
el  έγραψε/έγραφε/γράφει/γράψατε/έγραψες
tr  yazdı/yazdınız/yazdın/alıntı/şunu yazdı/şunları yazdı/yazmış/yazıyor
az  yazdı/yazıb
ar  كتب/كتبت/كتابة/كتب ما يلي
fa  نوشت/نوشته است/نوشته/نوشته‌است
ur  نے لکھا/لکھا
he  כתב/כתבה/כתבת/כתבתם/נכתב/כתבו
hi  ने लिखा/लिखा/ने लिखा है
bn  লিখেছেন/লিখেছে
ta  எழுதியது/எழுதினார்
th  เขียนว่า/เขียน/ได้เขียน
vi  đã viết/viết
id  menulis/menulis pesan/tulis
tl  sumulat/isinulat ni
sw  aliandika/ameandika
af  het geskryf/geskryf/skryf
ca  va escriure/ha escrit/escrigué
gl  escribiu
eu  idatzi du/hau idatzi du/igorleak idatzi zuen
ga  scríobh
cy  ysgrifennodd
sq  shkroi/ka shkruar
hy  գրել է/գրեց
ka  დაწერა/წერს
kk  жазды
mn  бичсэн
ja  のメール/書きました/書き込みました/は書きました/さんは書きました/が書きました/さんのメール/は次のように書きました
zh  写道/寫道/写入/寫入/写到/寫到/写了/寫了/來信/编写/撰寫
ko  님이 작성/쓴 글/작성/썼습니다/님이 쓴 메시지/쓰셨습니다/작성함/님의 말
"""  # noqa: E501
WROTE = any_of(phrases_of(_WROTE))

# What people have their programs say instead; it counts above quote marks only.
SAID = re.compile(
    r"(?:[Tt]hus |[Aa]lso )?(?:[Ss]pake|[Ss]prach|[Qq]uoth) [A-Z]"
    r"|(?:[A-Z][\w.'-]{0,20} ){2,3}(?:said|says|sez|spoke thusly|sagte|meinte)"
    r"(?: the following)?(?: on \w.{5,40})?\W*$"
)

# How introductions begin, when not with a date or a name.
_STARTS = """
en  on/at/in a message dated/in message/in article/quoting
de  am/um/zitat von
fr  le/en date du/à/message du
es  el/en fecha/a las
it  il/in data/alle
pt  em/a/no dia/às
nl  op
sv  den/på/vid
nb  på/den/kl
da  den/d./på
is  þann/á
fi  klo
et  kuupäeval
lv  plkst
pl  w dniu/dnia/w/dn.
cs  dne/v
sk  dňa/v/dna
sl  dne/dana/v
hr  dana/u/na datum/dne
sr  дана/u/у
mk  на/во
hu  ekkor
ro  pe/în/la data de/in data de
bg  на
ru  в/на/от
uk  у/в/о
el  στις/την/σας
tr  tarihinde
ar  في/بتاريخ/في يوم
fa  در
he  בתאריך/ב
hi  को
th  เมื่อ/ในวันที่/ใน/เมื่อวันที่
vi  vào/vào lúc/ngày
id  pada
tl  noong/nong
sw  mnamo
af  op
ca  el/en data
gl  o/a
eu  noiz
ga  ar
cy  ar
sq  më/me
zh  在/於/于
ja  先日
"""
STARTS = re.compile(rf"(?:{'|'.join(map(re.escape, phrases_of(_STARTS)))})(?!\w)|[在於于]")

# A person who tells what was written, and no mail program.
NARRATOR = re.compile(
    r"(?<!\w)(?:i|we|you|he|she|they|ich|wir|sie|du|er|je|j'|nous|vous|tu|yo|nosotros|io|noi"
    r"|eu|nós|ik|wij|we|jij|jag|vi|jeg|я|мы|вы)\s+(?:also |just |already |have |once )?"
    r"(?:wrote|write|writes|schrieb|schrieben|habe|haben|ai|avons|écri\w+|escribí\w*|scri\w+"
    r"|schreef|skrev|писал\w?|written)(?!\w)"
    r"|(?<!\w)(?:wrote|writes) (?:to|me|us|you|in|that)(?!\w)"
)

# What stands between dashes above an answered mail, and above one that was passed on.
_ORIGINAL = """
en  original message/original mail/original email/original appointment/reply message/message d'origine/previous message/original e-mail/reply/reply above this line/please type your reply above this line/replied message/in reply to/original text/quoted message
de  ursprüngliche nachricht/originalnachricht/original-nachricht/original nachricht/ursprüngliche mail/ursprünglicher termin/urspruengliche nachricht/ursprungliche nachricht/antwort auf/originalmail
fr  message d'origine/message original/courriel original/message initial/message précédent/mail original/message originel/rendez-vous d'origine
es  mensaje original/mensaje originario/cita original/correo original
it  messaggio originale/messaggio originario/appuntamento originale/messaggio di origine/mail originale/da originale
pt  mensagem original/compromisso original/mensagem de origem
nl  oorspronkelijk bericht/origineel bericht/oorspronkelijke bericht/oorspronkelijke afspraak
sv  ursprungligt meddelande/originalmeddelande/ursprungsmeddelande/ursprunglig avtalad tid/original meddelande
nb  opprinnelig melding/originalmelding/original melding/opprinnelig avtale/original-melding/opprinneleg melding
da  oprindelig meddelelse/original meddelelse/original besked/oprindelig besked/oprindelig aftale/original-meddelelse/oprindelig mail
is  upprunaleg skilaboð/upphafleg skilaboð
fi  alkuperäinen viesti/alkuperäinen tapaaminen/alkup. viesti/alkuperäinen sanoma
et  algne sõnum/algne teade/algne kiri/originaalsõnum/algsõnum
lv  sākotnējais ziņojums/oriģinālais ziņojums/sākotnējā ziņa/oriģināla vēstule/sākotnējā vēstule
lt  pradinis laiškas/originalus laiškas/pirminis laiškas/pradinis pranešimas/originalus pranešimas
pl  wiadomość oryginalna/oryginalna wiadomość/wiadomość pierwotna/oryginalny list/termin oryginalny/wiadomosc oryginalna
cs  původní zpráva/původní e-mail/původní schůzka/puvodni zprava/původní email
sk  pôvodná správa/pôvodný e-mail/pôvodná sprava/povodna sprava/pôvodný email
sl  izvirno sporočilo/izvorno sporočilo/prvotno sporočilo/originalno sporočilo
hr  izvorna poruka/originalna poruka/izvornik/prvobitna poruka/izvorna e-poruka
sr  оригинална порука/изворна порука/originalna poruka/првобитна порука
mk  оригинална порака/изворна порака
hu  eredeti üzenet/eredeti levél/eredeti e-mail/eredeti találkozó
ro  mesaj original/mesaj inițial/mesajul original/mesaj initial
bg  оригинално съобщение/първоначално съобщение/оригинално писмо
ru  исходное сообщение/оригинальное сообщение/исходное письмо/первоначальное сообщение/оригинал сообщения/первоначальное письмо
uk  вихідне повідомлення/оригінальне повідомлення/початкове повідомлення/вихідний лист/оригінальний лист
el  αρχικό μήνυμα/αρχικο μηνυμα/πρωτότυπο μήνυμα
tr  orijinal mesaj/özgün ileti/orijinal ileti/asıl ileti/özgün mesaj/orjinal mesaj/orijinal e-posta
az  orijinal mesaj/ilkin mesaj
ar  الرسالة الأصلية/رسالة أصلية/الرساله الاصليه
fa  پیام اصلی/پیغام اصلی/نامه اصلی
he  הודעה מקורית/ההודעה המקורית
hi  मूल संदेश/मूल मैसेज
th  ข้อความต้นฉบับ/ข้อความเดิม/จดหมายต้นฉบับ
vi  thư gốc/tin nhắn gốc/tin nhắn ban đầu/thư ban đầu/tin gốc
id  pesan asli/pesan awal/surat asli
ms  mesej asal/mesej asli
af  oorspronklike boodskap
ca  missatge original/missatge d'origen
gl  mensaxe orixinal
eu  jatorrizko mezua
sq  mesazhi origjinal
ja  元のメッセージ/オリジナルメッセージ/オリジナル メッセージ/元のメール/元メッセージ/original message
zh  原始邮件/原始郵件/原邮件/原始信件/原始訊息/原始信息/原郵件/回复的原邮件/回复的邮件/回覆的郵件/邮件原件/原文/原件/原信/原始消息
ko  원본 메시지/원본 메일/원본메일/원본메시지/원래 메시지/원문/원본 이메일/원래 메일/원문 메시지
"""  # noqa: E501
_FORWARDED = """
en  forwarded message/forwarded mail/forwarded email/forwarded by/forwarded from/begin forwarded message/start of forwarded message/forwarded letter/forward message/start forwarded message/forwarded e-mail/forwarded/forwarded messages/begin of forwarded message/forward/forward header/this is a forwarded message
de  weitergeleitete nachricht/weitergeleitete mail/anfang der weitergeleiteten nachricht/anfang der weitergeleiteten e-mail/beginn der weitergeleiteten nachricht/weitergeleitet von/weitergeleitete e-mail/weiterleitung/weitergeleitete email/weitergeleitet/beginn weitergeleitete nachricht
fr  message transféré/message transmis/message réexpédié/début du message réexpédié/début du message transféré/courriel transféré/transféré par/réexpédié par/début du message/mail transféré/transfert/message transfere/envoyé par/début de message transféré/message réacheminé/transmis par/courriel transmis/mail transmis
es  mensaje reenviado/inicio del mensaje reenviado/reenviado por/mensaje remitido/inicio del mensaje/correo reenviado/comienzo del mensaje reenviado/reenviado
it  messaggio inoltrato/inizio messaggio inoltrato/inoltrato da/inizio del messaggio inoltrato/mail inoltrata/messaggio girato/inizio messaggio/messaggio rispedito/inoltro
pt  mensagem encaminhada/mensagem reencaminhada/início da mensagem encaminhada/início da mensagem reencaminhada/encaminhado por/inicio da mensagem reencaminhada/e-mail encaminhado/mensagem enviada por/reencaminhado por/inicio da mensagem encaminhada/encaminhada
nl  doorgestuurd bericht/begin doorgestuurd bericht/doorgestuurde bericht/doorgestuurd door/begin van doorgestuurd bericht/doorgestuurde e-mail/doorgezonden bericht/begin van het doorgestuurde bericht
sv  vidarebefordrat meddelande/vidarebefordrat mail/vidarebefordrat brev/vidarebefordrat av/början på vidarebefordrat meddelande/börja vidarebefordrat meddelande/vidarebefordrat mejl/vidarebefordrat e-postmeddelande/vidaresänt meddelande/vidarebefordrat/vidareskickat meddelande/början på vidarebefordrade meddelandet/början på det vidarebefordrade meddelandet
nb  videresendt melding/videresendt av/start på videresendt melding/videresendt e-post/begynnelse på videresendt melding/starten på den videresendte meldingen/videresendt/vidaresend melding/start på videresendte meldinger
da  videresendt meddelelse/videresendt besked/videresendt af/start på videresendt besked/videresendt mail/start på videresendt meddelelse/starten på den videresendte besked/begyndelsen på videresendt besked
is  áframsend skilaboð/áframsent bréf/áframsent
fi  välitetty viesti/edelleenlähetetty viesti/välitetty viesti alkaa/välitetyn viestin alku/alkaa edelleenlähetetty viesti/lähetetty edelleen/välittänyt/edelleen lähetetty viesti/välitetty viesti alkaa tästä/välitetty
et  edastatud sõnum/edastatud kiri/edasi saadetud kiri/edastatud meil/edastatud sõnumi algus/edastatud e-kiri/edastatud kirja algus
lv  pārsūtīts ziņojums/pārsūtīta ziņa/pārsūtītā vēstule/pārsūtītais ziņojums/pārsūtīta vēstule/pāradresēts ziņojums
lt  persiųstas laiškas/persiųsta žinutė/persiųstas pranešimas/persiųsta/persiunčiamas laiškas
pl  przekazana wiadomość/wiadomość przekazana/wiadomość przesłana dalej/przesłane dalej/treść przekazanej wiadomości/początek przekazywanej wiadomości/początek przekazanej wiadomości/początek przesłanej dalej wiadomości/przekazane przez/przesłana wiadomość/forwardowana wiadomość/przesłana dalej wiadomość/przekazany list/początek wiadomości przekazanej
cs  přeposlaná zpráva/předaná zpráva/přeposlaný e-mail/začátek přeposlané zprávy/přeposlal/začátek předané zprávy/přeposlaný email/přeposláno/začátek přesměrované zprávy/předáno/začátek přeposílané zprávy
sk  preposlaná správa/začiatok preposlanej správy/preposlal/odovzdaná správa/začiatok preposielanej správy/preposlaný e-mail/preposlaná sprava/postúpená správa
sl  posredovano sporočilo/začetek posredovanega sporočila/posredoval
hr  proslijeđena poruka/početak proslijeđene poruke/proslijedio/preusmjerena poruka/proslijeđeno/započni proslijeđenu poruku/proslijeđena e-poruka/počni proslijeđenu poruku
sr  прослеђена порука/почетак прослеђене поруке/prosleđena poruka/početak prosleđene poruke/prosledjena poruka
mk  препратена порака/проследена порака
hu  továbbított üzenet/továbbított levél/továbbított üzenet kezdete/a továbbított üzenet kezdete/továbbította/továbbított e-mail/továbbküldött üzenet/az átirányított üzenet kezdete/továbbított levél kezdete
ro  mesaj redirecționat/mesaj transmis/mesaj redirectionat/începutul mesajului redirecționat/mesaj înaintat/început mesaj redirecționat/mesaj forward/începe mesajul redirecționat/mesaj retrimis/început mesaj retransmis/mesaj retransmis/începe mesajul retransmis
bg  препратено съобщение/препратено писмо/начало на препратеното съобщение/начало на препратено съобщение/пренасочено съобщение/препратено от
ru  пересылаемое сообщение/пересланное сообщение/перенаправленное сообщение/начало переадресованного сообщения/переадресованное сообщение/пересланное письмо/начало пересылаемого сообщения/пересылаемое письмо/начало пересланного сообщения/перенаправленное письмо/переслано/перенаправлено/пересылаемые сообщения/это пересылаемое сообщение/это пересланное сообщение
uk  переслане повідомлення/пересланий лист/початок переадресованого повідомлення/перенаправлене повідомлення/переадресоване повідомлення/пересилання повідомлення/початок пересланого повідомлення/переслане сповіщення/повідомлення, що пересилається/початок листа, що пересилається
be  перасланае паведамленне
el  προωθημένο μήνυμα/αρχή προωθημένου μηνύματος/προωθήθηκε από/έναρξη προωθημένου μηνύματος/προωθούμενο μήνυμα
tr  yönlendirilmiş mesaj/iletilen mesaj/iletilmiş mesaj/iletilen ileti/iletilen posta/yönlendirilen ileti/yönlendirilmiş ileti/yönlendirilen mesaj/iletilmiş ileti/başlangıç yönlendirilmiş mesaj/iletilen ileti başlangıcı/iletilmiş ileti başlangıcı/iletilmiş mesaj başlangıcı/iletilen mesajın başlangıcı/iletilmiş posta/başlangıç: iletilen mesaj
az  yönləndirilmiş mesaj
ar  رسالة معاد توجيهها/رسالة محولة/الرسالة المعاد توجيهها/رسالة مُعاد توجيهها/بداية الرسالة المعاد توجيهها/الرسالة المحولة/رسالة تمت إعادة توجيهها/بدء الرسالة المحولة
fa  پیام هدایت شده/پیام ارسال شده/پیام فوروارد شده/پیام بازارسال شده/نامه ارجاع شده
he  הודעה שהועברה/הודעה מועברת/הודעה שהועברה הלאה/תחילת ההודעה שהועברה/תחילת הודעה מועברת/תחילת ההודעה המועברת
hi  अग्रेषित संदेश/फ़ॉरवर्ड किया गया संदेश/आगे भेजा गया संदेश/फॉरवर्ड किया गया संदेश
bn  ফরওয়ার্ড করা বার্তা
th  ข้อความที่ส่งต่อ/จดหมายที่ส่งต่อ/เริ่มต้นข้อความที่ส่งต่อ/ข้อความส่งต่อ/เริ่มข้อความที่ส่งต่อ/ส่งต่อข้อความ
vi  thư được chuyển tiếp/tin nhắn được chuyển tiếp/thư chuyển tiếp/bắt đầu thư được chuyển tiếp/bắt đầu tin nhắn được chuyển tiếp/thông điệp được chuyển tiếp/tin nhắn chuyển tiếp/bắt đầu thư đã chuyển tiếp/tin chuyển tiếp
id  pesan terusan/pesan yang diteruskan/pesan diteruskan/awal pesan terusan/mulai pesan yang diteruskan/pesan yang diteruskan oleh/mulai pesan terusan
ms  mesej dimajukan/mesej yang dimajukan
af  aangestuurde boodskap
ca  missatge reenviat/inici del missatge reenviat/reenviat per/comença el missatge reenviat
gl  mensaxe reenviada
eu  birbidalitako mezua/bidalitako mezua
sq  mesazh i përcjellë/mesazhi i përcjellë
ja  転送メッセージ/転送されたメッセージ/転送されたメール/転送メール/メッセージを転送/メッセージの転送/転送元メール/転送
zh  转发邮件/转发的邮件/轉寄郵件/轉寄的郵件/转发邮件信息/转发的消息/轉寄訊息/已转发邮件/已轉寄的郵件/开始转发的邮件/開始轉寄郵件/转发消息/下面是被转发的邮件/以下为转发邮件/轉寄信件/轉傳的郵件/转发信息/轉發郵件/轉發的郵件/開始轉寄訊息/开始转发邮件/轉寄的訊息/已转发消息/轉寄/转发
ko  전달된 메시지/전달된 메일/전달 메일/전달메일/전달된 이메일/전달된 메시지 시작/전달한 메시지/전달된 편지/전달 메시지
"""  # noqa: E501
ORIGINAL = frozenset(phrases_of(_ORIGINAL))
FORWARDED = frozenset(phrases_of(_FORWARDED))
# "Here comes the forwarded message:", in words that are not listed: one of each kind.
PASSED_ON = pattern_of(r"""
forward|weiterge(?:leitet|reicht)|transf[ée]r|réexp|réachem|transmis|reenvi|remiti|inoltr|girat[ao]|encaminh|doorgestuur|doorgezond
vidarebef|vidaresän|videresen|áfram|välite|edelleen|edasta|edasi|pārsūt|persiųs|przekaz|przesł|přepos|přesm|předan|prepos|posredov
proslij|prosleđ|prosled|preusmjer|továbbít|átirány|redirec|retrimi|retransmi|înainta|препрат|проследен|прослеђ|пересл|пересыл|перенаправ
переадрес|προωθ|ilet[ie]l|iletilm|yönlend|توجيه|محول|הועבר|מועבר|psl|posr|přep\w*|weitergeleitet|doorgestuurd|chuyển tiếp|ส่งต่อ|terusan|diteruskan|dimajukan|転送|转发|轉寄|轉發|轉傳|전달
""")  # noqa: E501
A_MAIL = pattern_of(r"""
message|e-?mail|nachricht|courriel|mensaje|correo|messaggio|mensagem|bericht|meddelande|mejl|brev|melding|besked|meddelelse|skilaboð
viesti|sõnum|kir[ij]|ziņ|vēstul|laišk|žinut|pranešim|wiadomoś|list|zpráv|správ|sporočil|poruk|üzenet|levél|mesaj|ileti|posta|съобщени
писмо|порак|порук|сообщени|письм|повідомлен|лист|μήνυμα|رسالة|הודעה|thư|tin|ข้อความ|จดหมาย|pesan|surat|mesej|メッセージ|メール|邮件|郵件|訊息|信息|消息|信件|메시지|메일
""")

# "----- Forwarded message from Ann <ann@example.com> -----"
_LONG_SEPARATORS = sorted({*ORIGINAL, *FORWARDED}, key=len, reverse=True)
SEPARATOR_START = re.compile(rf"(?:{'|'.join(map(re.escape, _LONG_SEPARATORS))})(?!\w)")
SEPARATOR_LETTERS = frozenset(each[:2] for each in _LONG_SEPARATORS)  # a quick look before it

# "##- Please type your reply above this line -##", as help desks have it.
REPLY_ABOVE = pattern_of(r"""
(?:repl(?:y|ies)|respon[ds]e?|answer|type|write|comments?)\b.{0,40}\babove\b.{0,20}\b(?:line|text|message)
(?:please )?(?:do not|don['’]t) (?:write|type|reply|edit|modify|alter|change|post|delete|remove)\b.{0,30}\b(?:below|beneath|under|after) (?:this|the) (?:line|text)
(?:antwort|schreib)\w*.{0,60}(?:oberhalb|über) (?:von )?diese[rs]? (?:zeile|linie|trennlinie|text)
(?:répon|saisi|écri|ajout)\w*.{0,60}au[- ]dessus de (?:cette|la) ligne
(?:respuesta|respond|escrib)\w*.{0,60}(?:por encima de|sobre|arriba de) (?:esta|la) línea
(?:rispo|scriv)\w*.{0,60}sopra (?:di )?(?:questa|la) (?:riga|linea)
(?:respo|escrev|digit)\w*.{0,60}acima d(?:esta|a) linha
(?:antwoord|reactie|typ|schrijf)\w*.{0,60}boven deze (?:regel|lijn)
(?:svar|skriv)\w*.{0,60}(?:ovan(?:för)?|över|over|ovenfor) (?:denna|denne|den här) (?:rad|linje|linjen|linie|streg)
(?:vasta|kirjoita)\w*.{0,60}tämän (?:rivin|viivan) yläpuolel
(?:odpowied|wpisz|pisz)\w*.{0,60}(?:powyżej|nad) t(?:ej|ą) lini
(?:odpov|napiš|piš)\w*.{0,60}nad (?:tento|tímto|túto|touto|tuto) (?:řád|riad|čiar|čár|lini)
(?:ответ|пиш|напиш)\w*.{0,60}(?:выше|над) (?:этой|данной) (?:лини|строк|черт)
(?:відповід|пиш|напиш)\w*.{0,60}(?:вище|над) (?:цієї|цією|ці[ие][йм]) (?:ліні|рядк)
(?:yanıt|cevap)\w*.{0,60}bu satırın üst
(?:この(?:行|線)より上|上記に返信|(?:在|于)?(?:此|这|這|该)(?:行|线|線|条线)(?:之|的)?(?:上方|以上|上面)|이 (?:줄|선) 위)
""")  # noqa: E501

# The same in a line of its own, between rules.
ORDER = re.compile(
    r"\s{0,3}(?:to (?:reply|respond|comment),? )?(?:please )?"
    r"(?:reply|respond|write|type|enter|add|post)\b[^.\n]{0,40}\babove this line\b"
    r"(?: (?:to|and|in order to) [^.\n]{1,60})?\W{0,5}$",
    re.IGNORECASE,
)

# "----- End forwarded message -----", where a mail program writes so.
END_OF_FORWARD = pattern_of(r"""
end (?:of )?(?:the )?(?:forwarded (?:message|mail|email|letter)|original message text)
end forward
конец (?:исходного текста|пересылаемого (?:сообщения|письма))
ende der weitergeleiteten (?:nachricht|mail|e-mail)
ende weitergeleitete nachricht
fin du message (?:transféré|réexpédié|transmis)
fin del mensaje reenviado
fine (?:del )?messaggio inoltrato
fim da mensagem (?:re)?encaminhada
einde (?:van het )?doorgestuurde? bericht
slut på (?:det )?vidarebefordrade? meddelande\w*
slutt på videresendt melding
slut på videresendt (?:besked|meddelelse)
koniec przekaz\w+ wiadomości
konec přeposl\w+ zprávy
välitetyn viestin loppu
конец (?:пересылаемого|пересланного|переадресованного|перенаправленного) (?:сообщения|письма)
кінець пересланого повідомлення
转发邮件结束
(?:end|ende|fin|fine|fim|final\w*|einde|slut|slutt|koniec|konec|loppu|vége|sfârșit\w*|sonu|kraj|край|конец|завершение|окончание|кінець|завершення|τέλος)\b.{0,30}(?:forward|weitergel|transf|rediri|réexp|reenv|reencam|encam|inolt|doorg|vidare|vider|přep|prepos|przek|välit|továb|redirec|iletil|prosl|препр|пересыл|пересл|переадр|перенапр|προωθ)
(?:edelleen )?(?:välitetyn|forwardolt|továbbított|iletilen) .{0,20}(?:loppu|vége|sonu)\b
""")

# Subjects of mails that were passed on, and of answers: weak evidence, each alone proves nothing.
FORWARD_PREFIX = re.compile(
    r"\s*(?:\[[^\]:]{1,60}\]\s*)?\[?(?:fwd?|fwrd|wg|wtrl|tr|rv|enc|i|vs|vb|vl|doorst|doorgest|pd"
    r"|[iı]̇?lt|ilet|ynl|πρθ|προωθ|пер|пересл|пересылка|fyi|trs|továbbítás|tov|redir|fs|vid|edasi"
    r"|chuyển tiếp|הועבר|転送|转发|轉寄|轉發|전달|إعادة توجيه|prosl|áfram|persi\w*|pārs\w*|препр"
    r"|прослед\w*)\s*(?:\[\d+\]|\(\d+\))?\s*[:：]",
    re.IGNORECASE,
)
FORWARD_SUFFIX = re.compile(r"\(fwd\)\s*\]?\s*$", re.IGNORECASE)
REPLY_PREFIX = re.compile(
    r"\s*(?:\[[^\]]{1,60}\]\s*)?(?:re|aw|antw|antwort|sv|ré?p?|rif|ris|res|resp|odp|ynt|yan|ang"
    r"|va|vá|vs|atb|απ|σχετ|отв|на|відп|השב|תגובה|回复|回覆|答复|答覆|返信|답장|회신|رد|trả lời|bls"
    r"|odg|vast|ats)"
    r"\s*(?:\[\d+\]|\(\d+\)|\^\d+)?\s*[:：]",
    re.IGNORECASE,
)
