"""Words with which mails end: greetings, lines of telephones, disclaimers, footers; by language.

Used by: mail.signatures, mail.cards, mail.footers. In lower case; "/" stands between phrases.
"""

from __future__ import annotations

import re

from postroom.mail.phrases import any_of, pattern_of, phrases_of

# "Sent from my iPhone": one of these and one of the devices or programs, in a short line.
_SENT = """
en  sent from/sent via/sent with/sent using/sent by/sent on/sent through/sent while/composed on/typed on/written on/sent
de  gesendet/gesendet von/gesendet mit/gesendet über/von meinem/diese nachricht wurde/verschickt/versendet/geschickt/verfasst
fr  envoyé/envoyé de/envoyé depuis/envoyé à partir/envoyé avec/envoyée/provenance/expédié
es  enviado/enviada/enviado desde/mandado
it  inviato/inviata/spedito
pt  enviado/enviada/escrito
nl  verzonden/verstuurd/verzonden vanaf/verstuurd vanaf
sv  skickat/skickades/skickat från/sänt
nb  sendt/sendt fra
is  sent úr
fi  lähetetty/lähetetty laitteesta/lähettänyt
et  saadetud
lv  nosūtīts/sūtīts/nosūtīta
lt  išsiųsta/siųsta/išsiųstas
pl  wysłane/wysłano/wysłana/wiadomość wysłana
cs  odesláno/posláno/odoslané/zasláno
sk  odoslané/poslané/odoslaná
sl  poslano
hr  poslano/poslana
sr  послато/poslato
mk  испратено
hu  küldve/elküldve/küldtem
ro  trimis/expediat/trimisă
bg  изпратено/изпратена
ru  отправлено/послано/отправлена
uk  надіслано/відправлено
be  адпраўлена/даслана
el  στάλθηκε/εστάλη/αποστολή
tr  gönderildi/gönderilmiştir
az  göndərilib
ar  أرسلت/أُرسلت/مرسل/تم الإرسال/أرسل/مُرسل
fa  ارسال شده/فرستاده شده/ارسال شد
he  נשלח/נשלחה
hi  भेजा गया/भेजा
th  ส่งจาก/ส่งโดย/ส่งด้วย
vi  đã gửi từ/gửi từ/được gửi từ
id  dikirim/terkirim
ms  dihantar
tl  ipinadala
af  gestuur
ca  enviat/enviat des
gl  enviado
eu  bidalia/bidali
sq  dërguar
ja  から送信/より送信/送信
zh  发自/發自/发送自/來自/来自/傳送/传送/发送/寄出/寄自
ko  에서 보냄/에서 전송/보낸/전송됨/보냄/에서 발송
"""  # noqa: E501
SENT_FROM = any_of(phrases_of(_SENT))
DEVICE = pattern_of(r"""
iphon|ipad|ipod|android|blackberry|smartphone|windows|galaxy|xperia|אייפון|אנדרואיד
(?<!\w)(?:mobile|mobil|mobiles?|handy|phone|tablet\w*|samsung|galaxy|huawei|xiaomi|redmi|oneplus|motorola|nokia|lumia|htc|sony|xperia|pixel|lg|oppo|vivo|honor|verizon|at&t|t-mobile|vodafone|orange|telekom|tele2|handheld|wireless|outlook|hotmail|gmail|yahoo\w*|aol|protonmail|proton mail|proton|tutanota|tuta|fastmail|thunderbird|airmail|spark|edison|mailspring|zoho|zimbra|roundcube|k-9|aqua ?mail|bluemail|mailbird|canary|mail for windows|windows mail|windows|courrier|correo para|posta per|hey|superhuman|polymail|newton|boxer|nine|touchdown|gmx\w*|web\.de|mail\.ru|yandex|яндекс\w*|почт\w+|мобильн\w+|мобільн\w+|мобилен|телефон\w*|мобилн\w+|celular|móvil|movil|telemóvel|cellulare|portable|mobilní\w*|mobilne\w*|telefon\w*|telefoon|puhelim\w*|téléphone|τηλέφωνο|κινητό|qq|163|foxmail|naver|iphone\w*|ipadi\w*|mac|macbook|imac|apple ?watch|device|jolla|myself|commodore|email\.cz|seznam\w*|o2|freenet|ionos|mail app|e-mail app|mailapp|the road|cloudmagic|sparrow|mailbox|typeapp|unibox|mailmate|missive|shortwave|mailtrack|boomerang|nylas|mixmax|postbox|em client)(?!\w)
آيفون|ايفون|أيفون|آيباد|أندرويد|جوال|هاتف
手机|手機|邮箱|郵箱|邮件|信箱|携帯|スマート|モバイル|휴대|스마트폰|네이버|모바일|갤럭시|मोबाइल|มือถือ|điện thoại
""")  # noqa: E501
# The same of any program, in a paragraph of its own and without more words.
ADDED = re.compile(
    r"\W{0,3}(?:[Ss]ent (?:from|with|via|using|by|on the go)|[Gg]esendet (?:von|mit|aus|über)"
    r"|[Ee]nvoyé (?:de|depuis|avec|à partir|par|via)|[Ee]nviad[oa] (?:desde|do|com|con|de|via)"
    r"|[Ii]nviat[oa] (?:da|con|dal|tramite)|(?:[Vv]erzonden|[Vv]erstuurd) (?:vanaf|vanuit|met|via)"
    r"|[Ss]kickat (?:från|med)|[Ss]endt (?:fra|med|via)|[Ll]ähetetty|[Ww]ysłan[oe] (?:z|za)"
    r"|[Oo]desláno (?:z|ze|pomocí)|[Oo]doslané (?:z|zo)|[Оо]тправлено (?:с|со|из)"
    r"|[Нн]адіслано (?:з|із)|[Tt]rimis (?:de|din)|[Vv]on unterwegs gesendet"
    r"|[Qq]uoted text hidden|Zitierter Text wurde ausgeblendet|El texto citado está oculto"
    r"|Texte des messages précédents masqué|Testo tra virgolette nascosto"
    r"|[Pp]osted (?:via|from|with|using)|Get [A-Z]\w+ for (?:Android|iOS))"
    r"(?! the wrong)(?: (?:[^\s?!]{1,20}|https?://[^\s?!]{1,100})){0,5}\W{0,3}$"
)
# Things that people say they sent: with a day, a number, a carrier.
HAPPENED = re.compile(
    r"\d{3}|(?<!\w)(?:on (?!the go|android|ios|iphone|my )|(?:by mistake|today|yesterday|(?:mon"
    r"|tues|wednes|thurs|fri|satur|sun)day|dhl|ups|fedex|gls|dpd|gestern|heute|hier|matin|ieri|oggi"
    r"|ayer|hoy|lunes|ontem|hoje|gisteren|vandaag|i går|idag|i dag|eilen|tänään|wczoraj|dzisiaj"
    r"|včera|dnes|v \w+[íi]|вчера|сегодня|вчора)(?!\w))",
    re.IGNORECASE,
)
# "I use Outlook for Android", in lower case.
SPOKEN_OF = re.compile(
    r"(?<!\w)(?:i|we|you|ich|wir|je|nous|uses?|using|does|is|has|not|nicht|pas|ne|shows?|problems?"
    r"|fehler|errors?|works?|version|nutze|verwende|benutze|utilise|uso|usa)(?!\w)"
)
# "Sent from my old phone the pictures arrive rotated": what was sent, and what became of it.
TOLD_OF = re.compile(
    r"\w (?<!\bon )(?<!\bvia )(?<!\bby )(?<!\bwith )(?<!\bin )(?<!\bfor )(?<!\bfrom )"
    r"(?<!\busing )(?<!\bof )(?<!\bover )(?<!\bthrough )"
    r"(?:the|it|they|these|this|he|she|all)(?!\w)"
    r"|^sent\b.{0,80}(?<!\w)(?:is|are|was|were|will|would|has|had|does|did|arrived?|came|works?|worked"
    r"|seems?|looks?|costs?|takes?|took|makes?|made)(?!\w)"
    r"|(?:gesendet|verschickt|versendet|geschickt|verfasst) (?:wurden?|wird|werden|ist|habe|hat)"
    r"|(?<!\w)(?:gestern|heute|am (?:mon|diens|donners|frei|sams|sonn)tag|am mittwoch"
    r"|hier (?:soir|matin)|yesterday|(?:on|last) (?:mon|tues|wednes|thurs|fri|satur|sun)day"
    r"|ieri|ayer|ontem|gisteren|i går|wczoraj|včera|вчера)(?!\w)"
)
# What may stand above "sent from …" in the same line.
LEADING = re.compile(
    r"(?:(?:this|diese|dieses) (?:e-?mail|message|nachricht|mail) (?:was|has been|wurde) (?=sent)"
    r"|este (?:mensaje|correo) (?:ha sido|fue) (?=enviado)|esta mensagem foi (?=enviada)"
    r"|ce (?:message|courriel|mail) (?:a été|est) (?=envoyé)"
    r"|(?:securely|proudly|sicher) )"
)
SALUTATION = re.compile(
    r"\W{0,3}(?:hello|hi|hey|dear|good (?:morning|day|afternoon|evening)|greetings|hallo|guten|sehr"
    r"|moin|servus|grüezi|liebe[rs]?|bonjour|bonsoir|salut|ch[eè]re?s?|hola|buen[oa]s|estimad[oa]s?"
    r"|querid[oa]|ciao|buon\w+|gentile|salve|egregi\w+|olá|ola|bom dia|boa tarde|prezad[oa]s?|caro"
    r"|geachte|beste|goede\w*|hej|hei|heisann|god (?:dag|morgon|morgen)|kære|kjære|hyvä\w*|moi"
    r"|terve|tere|labdien|sveiki|laba diena|dzień dobry|witam|cześć|szanown\w+|dobrý|ahoj|vážen\w+"
    r"|pozdravljeni|poštovan\w+|dobar dan|tisztelt|kedves|szia|bună|stimat\w+|здравствуйте|добрый"
    r"|уважаем\w+|привет|добрий|шановн\w+|вітаю|здравейте|γεια|καλημέρα|αγαπητ\w+|merhaba|sayın"
    r"|selam|مرحبا|السلام|שלום|您好|你好|尊敬的|お世話|こんにちは|안녕)(?:[^.!?。]|[!]\s*$){0,30}$"
)
GET_OUTLOOK = pattern_of(r"""
outlook\b.{0,40}\b(?:ios|android|mac)\b|\b(?:ios|android|mac)\b.{0,20}outlook|aka\.ms/
outlook.{0,12}(?:ios|android)|(?:ios|android).{0,12}outlook
""")

# "Virus-free", and other words that programs add.
PROGRAMS_WORDS = pattern_of(r"""
^\W*virus[- ]?free|^\W*virenfrei|garanti sans virus|l'absence de virus dans ce courrier|^\W*libre de virus|^\W*livre de vírus
^\W*privo di virus|^\W*virusvrij|^\W*без вирусов|^\W*bez wirusów|avast\.com/(?:sig|antivirus)|^\W*(?:\S+ ){0,4}\S{0,12}?<?(?:https?://)?www\.(?:avast|avg)\.com\S*\W*$
(?:checked|scanned|verified|protected) by (?:avg|avast|eset|norton|mcafee|kaspersky|mailscanner)
(?:e-?mail|message|nachricht|mensaje|mail) (?:has been|was|wurde|ha sido) (?:checked|scanned|geprüft|auf|von|comprobado)\b[^.?!]{0,40}(?:virus|viren|malware|dangerous|avast|avg|eset|symantec|messagelabs|mailscanner|sophos|mimecast|websense|barracuda|proofpoint)
no virus found in this (?:incoming |outgoing )?(?:message|e-?mail|mail)|this e?-?mail is free from viruses|проверено на вирусы|sprawdzone pod kątem wirusów
^\W*(?:please )?think before (?:you )?print(?:ing)?\W*(?:this (?:e-?mail|message)\W*)?$|save a tree|denk aan het milieu|tænk på miljøet|tänk på miljön
swept by mimesweeper|footnote (?:also )?confirms|^\W*yahoo mail\W{1,3}search, organi[sz]e, conquer
^[\W_]*(?:information|informationen|informace|informacja|información|informazioni|informations) (?:from|von|od|programu|de|da|provenant d).{0,20}(?:eset|nod32).{0,40}(?:versi|datab|datenb|bazy|base)
(?:checked|geprüft|comprobado|zkontrolov\w+|sprawdzon\w+|controllato|vérifié) (?:by|von|por|programem|przez|da|par) (?:eset|nod32)
^\W*(?:please )?(?:do not|don't) print (?:this )?(?:e-?mail|message)s?\b|print (?:this )?(?:e-?mail|message)s?\b.{0,40}(?:only if|unless)|^\W*(?:ne)?vytis\w+ (?:tento |prosím )*e-?mail .{0,20}jen
^\W*non-text portions of this message have been removed\W*$|by incredimail\b|^\W*(?:une messagerie gratuite, garantie|je crée ma boîte mail)
^\W*(?:när du (?:skickar|mejlar|e-postar)|wenn sie (?:uns|mir) (?:eine )?e-?mails? (?:senden|schreiben|schicken)|(?:informationen|hinweise) zum datenschutz|administratorem .{0,20}danych osobowych|(?:for )?(?:more |details |further )?(?:information )?(?:about |on |of )?how we (?:process|use|handle) (?:your )?personal|(?:please )?(?:see|read|view) our privacy (?:policy|notice|statement))
^\W*typed (?:on|with|by|using) [^?\n]{3,90}$
^\W*(?:visit (?:us at|our (?:web ?site|home ?page|web ?shop|online shop))\b|(?:follow|like|find|join) us on\b)[^.?!\n]{0,20}[:\s]\S{0,60}\W*$
^\W*(?:(?:on the (?:go|move|road|run)|from my (?:phone|mobile))\W{1,3}(?:so )?)?(?:please |kindly )?(?:excuse|forgive|pardon|sorry for|apologies for|ignore)\b[^.?!\n]{0,50}\b(?:typos?|brevity|misspellings?|auto-?correct)\b[^.?!\n]{0,30}\W*$
^\W*book (?:a |some )?(?:time|meeting|call|demo)s? with (?:me|us)\b[^.?!]{0,30}\W*$
^\W*(?:pronouns?\W{1,3})?(?:she|he|they)/(?:her|him|them)(?:/\w{3,7})?\W*$|meine arbeitszeiten (?:können|müssen|sind)|mes horaires de travail (?:ne|peuvent)
tenk på miljøet|zanim wydrukujesz|myśl o środowisku
""")  # noqa: E501
# What people have their programs say of themselves.
OWN_NOTES = pattern_of(r"""
^\W*(?:please note that )?my work(?:ing)? (?:hours|days?)[^.?!]{0,30} (?:may|might) (?:not|differ)
^\W*i (?:work|am working) flexibl[ey]|^\W*meine arbeitszeiten[^.?!]{0,30} (?:können|müssen|sind)
^\W*(?:mes horaires de travail|mis horarios)[^.?!]{0,30} (?:peuvent|ne|pueden)
(?:do not|don['’]t) feel (?:obliged|obligated|any pressure) to (?:reply|respond|read|act)
""")
# Who asks to spare paper has a word of each of these three.
ENVIRONMENT = pattern_of(r"""
environment|environnement|ambiente|umwelt|milieu|miljø|miljö|környezet|środowisk|prostřed|экологи|природ|(?<!\w)trees?(?!\w)|wald|bäume|arbre|albero
""")
PRINTED = pattern_of(r"""
print|imprim|impresi|stampa|druck|skriv|vytis|tisk|печат|wydruk|nyomtat
""")
ASKED_TO_SPARE = pattern_of(r"""
consider|think|pens[aeoi]|piens|denk|tænk|tänk|tenk|myśl|mysl|подума|берег|prüf|überleg|zuliebe|notwendig|erforderlich|before|avant|antes|(?<!\w)prima (?!di )|prima di stampare
save|respect|préserv|zanim|really|nécessaire|necesari|necessár|nodig|voordat|gondol|protect|protég|sch[uo]n
""")  # noqa: E501
# What no firm and no program says of itself.
PERSONAL = re.compile(
    r"\bI(?:['’](?:m|d|ve|ll)\b| (?:am|was|have|had|want|need|do|did|don|will|would|can|could"
    r"|cannot|know|think|got|get|received|sent|ask|like|hope|request|must|only|just|still|never|clicked"
    r"|already|found|doubt|wish|use|see|meant)\b)|\b[Mm]y (?!e-?mail)\w|(?i:\b(?:unsubscribe me"
    r"|remove me|ich (?:möchte|will|habe|bin|kann|werde|wollte)|meine?[rnms]? |je (?:veux|souhaite"
    r"|suis|voudrais|ne |n['’]|vous)|j['’](?:ai|aimerais)|quiero|quisiera|vorrei|voglio|quero"
    r"|gostaria|ik (?:wil|heb|ben)|jag (?:vill|har)|jeg (?:vil|har)|chcę|chci|chcem|хочу|прошу))"
)
# A paragraph without any of these is no footer: a quick look before the long ones.
FOOTER_STEMS = tuple(
    phrases_of(
        """
any  omyłk/pomyłk/tévedés/greșeal/misstag/fejl/feil/tarkoitettu
any  mimesweeper/eset/nod32/organi/vytisk/vytlač/informational/konfidensiell/konfidensielt/mottaker
any  secret professionnel/sus datos/本メール/この電子メール/当メール/سرية
any  incredimail/laposte/datenschutz/personuppgifter/danych osobowych/personal/privacy
any  visit /us on/regulated/charit/registr/circular/public record/opportunity/guaranteed to be
any  liability/intégrité/interdite/riservat/rechten worden/carácter/swept
any  sent using/sent through/sent with/sent via/non-text/typo/brevity/misspell/correct/typed
any  feel obli/any pressure/time with/meeting with/call with/pronoun/arbeitszeiten/horaires
any  may not be/may differ
any  virus/viren/virů/вирус/avast/avg./scanned/geprüft/print/druck/imprim/stampare/milieu/tree
any  miljø/miljö/печат/эколог/wydruk/środowisk/intended/confiden/privileg/addressee
any  received this/unauthor/views/opinion/any attach/any file/registered/company/all rights
any  disclaimer/vertraul/rechtlich/empfänger/adressat/irrtüm/unbefugt/ausschließ/amtsgericht
any  register/geschäfts/ust/destin/reçu/exclusive/recibid/aviso/riserv/ricevut/d.lgs/avviso
any  engano/vertrouw/uitsluit/geadres/onrechte/konfiden/avsedd/fortrolig/kun ment
any  kun beregnet/luottamu/poufn
any  wyłącznie/przeznacz/důvěr/určen/dôver/bizalmas/kizáról/конфиден/предназнач/не являетесь
any  конфіден/поверител/gizli/yasal/εμπιστ/سري/חסוי/機密/保密/机密/기밀
any  수신인/잘못/무단/비밀/誤って/無断/秘密/误收/收件人/未经授权/誤收/בטעות/παραλήπτ/προορίζ
any  الخطأ/призначен/erehdyk/omylem/omylom/obehörig/utilsigtet/taushets/sigilos/rgpd/gdpr/dsgvo
any  lgpd/lopd/679/özel/yanlışlıkla
any  mailing/subscri/info/groups/list/group on the web/posted by
any  abmeld/abbestell/abonner/inscrire/diffusion/baja/suscrip/lista/iscri/afmeld/avregistr/отпис
any  hotmail/msn/yahoo/windows/messenger/live/gmx/web.de/aol/lycos/freemail/netscape/juno/excite
any  libero/tiscali/wanadoo/orange/voila/laposte/t-online/freenet/mail.ru/walla/terra/uol/mail.com
any  рассыл/wypisać/odhlás/view/reply to this/退订/订阅/配信/수신거부/mailman/sicher
"""
    )
)
DISCLAIMER = pattern_of(r"""
intended (?:recipient|only for|solely for|for the (?:use|sole|named|exclusive|person|addressee))
confidentiality (?:notice|note)
(?:is|are|be|contains?|may contain|strictly) (?:\w+ )?(?:confidential|privileged)
legally privileged|privileged and confidential|confidential (?:and|information|material)
authori[sz]ed (?:and regulated )?by the (?:prudential|financial)
regulated by the (?:financial|prudential)
charitable body|registered (?:charity|in scotland|in ireland|in wales)
registration (?:number|no\.?) \w{0,3}\d{3}
circular 230|tax advice contained|are public records?|public records? request
equal opportunity employer
views (?:and opinions )?of the (?:sender|author)
does not (?:necessarily )?(?:constitute|represent|reflect) (?:a|the) (?:formal )?(?:view|opinion)
cannot be guaranteed to be (?:secure|error)
(?:accept|assume)s? (?:no )?(?:liability|responsibility) for (?:any )?(?:damage|loss|error|virus)
swept for viruses|software viruses|intégrité de ce message|(?:tenue?|être) responsable
non autorisée est (?:strictement )?interdite
de carácter confidencial|exclusivamente dirigid[ao] a|são confidenciais|destinam-se exclusivamente
(?:è|sono|da considerarsi) (?:strettamente )?riservat[oaie]
non (?:siete i|è il|siete il) destinatari|darne (?:immediata )?(?:notizia|comunicazione) al mittente
geen rechten worden ontleend
addressee only
received this (?:e-?mail|message|communication|transmission) (?:in|by) (?:error|mistake)
not the (?:intended|named) (?:recipient|addressee)
unauthori[sz]ed (?:use|disclosure|copying|review)
views (?:or|and) opinions? (?:expressed|presented)
this (?:e-?mail|message) and any (?:attachments?|files)|registered (?:in england|office)
company (?:number|no\.?|registration)|all rights reserved|disclaimer:
vertrauliche? (?:und|information|inhalt)|nur für den (?:adressat|empfänger)
nicht der (?:richtige|beabsichtigte|vorgesehene) |rechtlich geschützte
irrtümlich (?:erhalten|zugesandt)|unbefugte weitergabe|ausschließlich für den|amtsgericht
registergericht|geschäftsführer\w*:|handelsregister|ust-?id|informations? confidentiel
strictement confidentiel|destiné\w* exclusivement|destiné\w* à l'usage
reçu ce (?:message|courriel|mail) par erreur|confidentialité|l'intention exclusive
información confidencial|confidencial y|destinatario (?:indicado|autorizado|previsto)
recibido (?:este|el presente) (?:mensaje|correo).{0,40}error|aviso legal
mensaje y (?:sus|los) (?:posibles )?(?:adjuntos|archivos|anexos)
informazioni (?:riservate|confidenziali)|esclusivamente (?:al|per il) destinatario
ricevuto questo messaggio per errore|d\. ?lgs|ad uso esclusivo
informational purposes only|offer or solicitation|attorney-client|konfidensiel\w* informasjon
rette? mottaker
informations contenues dans .{0,60}confidentiel|secret professionnel
le informamos (?:de )?que (?=sus datos)
sus datos (?:personales )?(?:son|serán|forman|han sido|están) (?:tratados|incorporados|parte)
informazioni contenute.{0,80}(?:riservat|confidenzial)|avviso di riservatezza
informaç(?:ão|ões) confidencia|destinatário (?:pretendido|indicado)
recebeu est[ae] (?:mensagem|e-?mail) por engano|vertrouwelijke (?:informatie|gegevens)
uitsluitend bestemd voor|niet de (?:geadresseerde|beoogde ontvanger)|ten onrechte ontvang
konfidentiell|avsedd (?:endast )?för|fortrolig\w* (?:opplysninger|oplysninger|informa)
(?:fått|mottagit) (?:detta|denna) .{0,30}av misstag|(?:ved|i) en (?:fejl|feil)
kun (?:ment|beregnet) for|luottamuksel|tarkoitettu (?:vain|ainoastaan)|informacje poufne|poufn[aey]
wyłącznie (?:dla|do) adresat|omyłkowo|przez pomyłkę|jest przeznaczona wyłącznie|důvěrn[éáý]
určen[ao]? (?:pouze|výhradně)|dôvern|bizalmas információ|kizárólag a címzett|tévedésből kap
informații confidențiale|confidențial|din greșeală|конфиденциальн\w+ информаци
предназначен\w* (?:только|исключительно)|не являетесь (?:адресатом|получателем)
получили .{0,40}по ошибке|конфіденційн
поверителн|gizli(?:dir)? |yasal uyarı|εμπιστευτικ|سرية|سري |חסוי|機密|保密|机密|기밀
kişiye özel|yanlışlıkla (?:aldı|ulaş|gönder|tarafınıza)|gönderildiği kişi|yetkili alıcı
지정된 수신인|수신인만을|잘못 (?:수신|전송|발송)|비밀(?:정보| 정보|유지)
무단으?로? ?(?:사용|복사|배포|공개|전재)
誤って(?:受信|送信|届|お受け)|無断(?:で)?(?:転載|複製|開示|転送|使用)|秘密情報
宛先(?:以外|の方以外)
误收|誤收|指定(?:的)?收件人|仅供.{0,10}收件人|未经授权|未經授權
(?:מידע|חומר) (?:חסוי|סודי)|קיבלת.{0,30}בטעות
προορίζεται (?:αποκλειστικά|μόνο)|εκ παραδρομής|κατά λάθος|αν δεν είστε ο|عن طريق الخطأ|المرسل إليه
призначен\w* (?:лише|тільки|виключно)|помилково отримали|отримали .{0,30}помилково|не є адресатом
destinat\w? exclusiv|din eroare|nu sunteți destinatar|jogosulatlan|erehdyksessä
saanut tämän viestin vahingossa|omylem|omylom|není(?:te)? (?:zamýšleným )?adresát|nie ste adresát
neoprávněn|nie jeste\w+ adresat|obehörig
utilsigtet|taushetsplikt|uso exclusivo|sigilos[ao]|puede contener información|de manera exclusiva
reglamento \(?ue\)?|regolamento \(?ue\)?|(?<!\w)(?:rgpd|gdpr|dsgvo|lgpd|lopd)(?!\w)
""")
# How disclaimers begin, in which one phrase of them is proof enough.
DISCLAIMER_START = pattern_of(r"""
\W*(?:confidential|disclaimer|e-?mail transmissions?|internet communications|we have taken every|l['’]intégrité de ce|aviso[:.]|aan dit|aviso legal|avviso di|avis de conf|reg(?:istered|\.) office|legal notice|important notice|privileged|this (?:e-?mail|message|communication|transmission|electronic)
the (?:information|contents?)(?: contained| transmitted)? (?:in|of) this|diese[rs]? (?:e-?mail|nachricht|mail)|(?:der )?inhalt dieser|wichtiger hinweis
ce (?:message|courriel|mail|courrier)|cet e-?mail|les informations|este (?:mensaje|correo|e-?mail)|la información|esta (?:mensagem|comunicación)
quest[oa] (?:messaggio|e-?mail|comunicazione)|le informazioni|il contenuto|as informações|dit (?:bericht|e-?mail)|deze e-?mail|de informatie
detta (?:meddelande|e-?post)|dette|denne|denna|innehållet|tämä|tento|táto|tato|ta wiadomość|niniejsz|treść tej|az e-mail|ez az|acest|informațiile
本メール|この電子メール|当メール|هذه الرسالة|هذا البريد
данное|настоящее|это (?:сообщение|письмо|электронное)|це повідомлення|bu (?:e-?posta|mesaj|ileti)|το (?:παρόν|μήνυμα)|αυτό το|הודעה זו|本邮件|本郵件|このメール|본 메일|이 메일
(?:본|이) (?:e-?mail|이메일|메시지|전자우편)|本(?:電子メール|メッセージ)|【機密|(?:此|本)(?:电子)?(?:邮件|郵件|電子郵件|消息)|цей (?:лист|електронний)|המידע|תנביה|تنبيه
jelen (?:e-?mail|üzenet)|az üzenet|conținutul|viesti|wiadomość|uwaga|obsah|informace|upozorn|informationen i|внимание|содержание)
""")  # noqa: E501
# Whose free mail carries advertisements, below a rule and with a link.
PROVIDERS = pattern_of(r"""
(?<!\w)(?:hotmail|msn|yahoo!?|windows live|messenger|live|gmx|web\.de|aol|lycos|freemail|netscape|juno|excite|libero|tiscali|wanadoo
orange|voila|laposte|t-online|freenet|mail\.ru|walla!?|terra|uol|mail\.com)(?!\w)
""")  # noqa: E501
# "This message was sent using IMP, the Internet Messaging Program."
WEBMAIL = re.compile(
    r"\W*this (?:message|mail|e-?mail) (?:was )?sent (?:using|through|via|with|by)\b"
)
LIST_START = pattern_of(r"""
\W*(?:(?:link utili di |liens )?yahoo!? (?:groups (?:sponsor|links)|gruppi|groupes|grupos)|your use of yahoo!? groups|to visit your group|this (?:message|e-?mail) was sent to .{1,80}[.] to unsubscribe|to (?:unsubscribe|subscribe|post)|you(?:'re| are)? receiv|you (?:have )?received this|unsubscribe(?:\W|$)|_{5,}|um sich .{0,40}abzumelden|pour (?:vous|se) dés
para (?:darse de baja|cancelar|visitar|salir)|per (?:cancellarti|disiscriverti|andare all|annullare|visitare)|pour visiter|om je af te melden|чтобы отписаться|aby wypisać|pro odhlášení|reply to this email directly
if you (?:no longer )?w(?:ant|ish|ould like) to (?:unsubscribe|stop)|вы получили это|sie erhalten diese|vous recevez ce)
""")  # noqa: E501
# What needs no address: a link was there.
DIRECTLY = re.compile(
    r"\W{0,3}(?:you are receiving this because\b[^\n]{0,100}\s)?reply to this email directly"
    r"|(?:yahoo! groups links|link utili di yahoo! gruppi|liens yahoo! groupes"
    r"|enlaces de yahoo! grupos)$"
)
LIST_FOOTER = pattern_of(r"""
groups\.yahoo\.com|@yahoogroups\.com
^posted by:|to visit your group
mailing list|unsubscribe|subscribed to (?:the|this)|list ?info|groups\.google\.com
list-?archive|to post to this group|stop receiving emails
manage (?:your )?(?:subscription|preferences)|mailman|abmelden|abbestellen|mailingliste
désabonner|désinscrire|liste de diffusion|darse de baja|cancelar (?:la|a|tu) suscripci
lista de correo|disiscri|cancella(?:re)? l'iscrizione|afmelden|avregistrer|отписаться|рассылк
wypisać się|lista dyskusyjna|odhlásit|yahoo!? (?:groups|gruppi|groupes|grupos|gruppen)
view this (?:message|discussion|topic) (?:on|in|at)|reply to this email directly or
view it on github|退订|取消订阅|配信停止|수신거부
""")

# How people close; the name below is theirs, too, and stays with their words.
_VALEDICTIONS = """
en  regards/warm wishes/with kindest regards/with warm regards/thanks so much/many thanks and regards/thanks and best regards/thanks and kind regards/best regards/kind regards/warm regards/warmest regards/many thanks/thanks/thank you/cheers/best/sincerely/yours sincerely/yours truly/yours faithfully/best wishes/all the best/cordially/respectfully/with best regards/with kind regards/thanks and regards/thanks & regards/thx/kindest regards/rgds/br/kr/thanks in advance/thank you in advance/with regards/very truly yours/thanks again/take care/sincerely yours/with thanks/kindly/warmly/love/thanks much/thanks a lot/thanks a million/thank you so much/thank you very much/tia/ta/talk soon/hope this helps/hth/have a great day/have a nice day/have a good day/have a great weekend/have a good weekend/yours/respectfully yours/cordially yours/best always/my best/all best/all my best/thanking you/thanking you in advance/with best wishes/with many thanks/with appreciation/with gratitude/thanks for your help/thank you for your help/thanks for the help/regards and thanks/best regards and thanks/kind regards and many thanks/many thanks and kind regards/much appreciated/looking forward to hearing from you/god bless/good luck/later/bye/peace/fondly/yours aye/best of luck/with sincere regards/thanks in anticipation/many thanks in advance/with warmest regards/sent with kind regards/speak soon
de  mit freundlichen grüßen/freundlichst/mit lieben grüßen/mit freundlicher empfehlung/mit freundlichen grüssen/freundliche grüße/viele grüße/beste grüße/liebe grüße/herzliche grüße/mfg/gruß/lg/vg/schöne grüße/freundliche grüsse/viele grüsse/beste grüsse/liebe grüsse/hochachtungsvoll/mit freundlichem gruß/mit besten grüßen/vielen dank/danke/mit freundlichen gruessen/viele gruesse/grüße/gruss/besten gruß/lieben gruß/mit herzlichen grüßen/vielen dank im voraus/schönen gruß/gr/grüsse/mit freundlichem gruss/freundliche gruesse/viele liebe grüße/herzliche grüsse/herzlichst/mit vielen grüßen/mit den besten grüßen/beste gruesse/besten dank/besten dank im voraus/danke und gruß/danke und viele grüße/danke im voraus/danke und lg/dankeschön/alles gute/bis dann/bis bald/tschüss/servus/schönen tag noch/einen schönen tag noch/schönes wochenende/mit sportlichen grüßen/mit kollegialen grüßen/mit bestem gruß/mit lieben gruß/mit liebem gruß/m.f.g/mit freundl. grüßen/herzlichen gruß/ganz liebe grüße/mit freundlichsten grüßen/in diesem sinne/vielen dank und freundliche grüße/vielen dank und viele grüße/vielen dank und beste grüße
fr  cordialement/bien amicalement/salutations distinguées/sincères salutations/bonne réception/bonne fin de journée/bien cordialement/bien à vous/salutations/merci/meilleures salutations/cdlt/sincères salutations/amicalement/respectueusement/cdt/très cordialement/sincèrement/merci d'avance/bonne journée/bien à toi/avec mes meilleures salutations/à bientôt/cdlmt/bises/bisous/merci beaucoup/merci d'avance et bonne journée/bonne soirée/bon week-end/bon courage/cordiales salutations/salutations cordiales/merci et bonne journée/bien sincèrement/merci par avance/merci d’avance/mes salutations/sportivement/très sincèrement/belle journée/merci encore
es  saludos/un saludo/saludos cordiales/atentamente/cordialmente/gracias/muchas gracias/un cordial saludo/reciba un cordial saludo/saludos atentos/un abrazo/atte/gracias y saludos/muchos saludos/quedo atento/quedo atenta/saludos y gracias/gracias de antemano/abrazos/quedo a la espera/besos/muchas gracias y un saludo/gracias y un saludo/mil gracias/salu2/slds/sdos/cordial saludo/un fuerte abrazo/le saluda atentamente/saludos cordiales y gracias/muchas gracias de antemano/un saludo y gracias/saludos y muchas gracias/gracias por todo/feliz día/buen día
it  cordiali saluti/distinti saluti/saluti/grazie/un saluto/cordialmente/buona giornata/grazie mille/un cordiale saluto/grazie e saluti/a presto/ciao/grazie, saluti/saluti e grazie/i migliori saluti/cordialità/buon lavoro/buona serata/grazie anticipatamente/grazie in anticipo/un caro saluto/ringrazio/la ringrazio/porgo cordiali saluti/porgo distinti saluti/tanti saluti/cari saluti/grazie dell'aiuto/grazie per l'aiuto/grazie ancora/grazie e buona giornata/ringraziando/un saluto cordiale
pt  atenciosamente/cumprimentos/com os melhores cumprimentos/obrigado/obrigada/abraços/melhores cumprimentos/cordialmente/att/atte/saudações/grato/grata/abraço/muito obrigado/muito obrigada/abs/abcs/desde já agradeço/obrigado desde já/obrigado pela atenção/obrigada pela atenção/grato pela atenção/um abraço/bjs/beijos/saudações cordiais/obrigado e cumprimentos/sem mais/grato desde já/os melhores cumprimentos/com os meus cumprimentos/respeitosamente/agradeço desde já
nl  met vriendelijke groet/met vriendelijke groeten/vriendelijke groet/groeten/mvg/groet/hartelijke groet/bedankt/alvast bedankt/met hartelijke groet/vriendelijke groeten/hoogachtend/groetjes/gr/m.v.g/met groet/hartelijke groeten/dank/dank u/dank je wel/dank u wel/bij voorbaat dank/alvast hartelijk dank/veel groeten/met dank/gegroet/fijne dag/met vriendelijke groetjes/vr. groet/vr gr/bvd/alvast dank
sv  m v h/med vänliga hälsningar/vänliga hälsningar/mvh/hälsningar/vänligen/med vänlig hälsning/vänlig hälsning/tack/bästa hälsningar/tack på förhand/tack så mycket/tackar/hälsar/hälsn/hej då/ha det bra/ha det gott/allt gott/varma hälsningar/kram/med hälsning/tack och hej/många hälsningar/ha en bra dag
nb  med vennlig hilsen/vennlig hilsen/mvh/hilsen/beste hilsen/takk/med vennleg helsing/venleg helsing/på forhånd takk/vh/med hilsen/vennligst/mange takk/ha en fin dag/ha det bra/klem/hilsen fra/hjertelig hilsen/mange hilsener
da  med venlig hilsen/venlig hilsen/mvh/hilsen/de bedste hilsner/bedste hilsner/tak/på forhånd tak/vh/kh/kærlig hilsen/med hilsen/mange tak/mange hilsner/hav en god dag/ha' det godt/m.v.h/knus/venligst/hilsner
is  kveðja/með kveðju/bestu kveðjur/kær kveðja/takk
fi  ystävällisin terveisin/terveisin/yst. terv./parhain terveisin/t./kiitos/kiitos etukäteen/yt/terv/t/kiitoksin/kiitos paljon/ystävällisesti/hyvää päivänjatkoa/mukavaa päivää/terkuin/kunnioittaen/hyvää viikonloppua/yst.terv/yt.
et  lugupidamisega/parimate soovidega/tervitades/heade soovidega/tänan/aitäh
lv  ar cieņu/ar laba vēlējumiem/paldies/ar sveicieniem
lt  pagarbiai/su pagarba/geriausi linkėjimai/ačiū/dėkoju
pl  pozdrawiam/pozdrawiam serdecznie/łączę pozdrowienia/z pozdrowieniami/z poważaniem/pozdrowienia/dziękuję/z wyrazami szacunku/serdecznie pozdrawiam/dzięki/z góry dziękuję/pozdr/pozdrawiamy/miłego dnia/życzę miłego dnia/dziękuję i pozdrawiam/dzięki i pozdrawiam/ukłony/pozdrówka/pzdr/z uszanowaniem/z pozdrowieniem
cs  s pozdravem/zdravím/přeji pěkný den/s pozdravem a přáním hezkého dne/děkuji/s přátelským pozdravem/díky/s úctou/hezký den/děkuji a přeji hezký den/předem děkuji/s pozdravem a přáním pěkného dne/přeji hezký den/děkuji předem/děkuji moc/mějte se/s přáním hezkého dne/děkujeme/děkuji a s pozdravem/hezký zbytek dne/díky moc/pěkný den/mějte se hezky
sk  s pozdravom/ďakujem/s úctou/pekný deň/vopred ďakujem/prajem pekný deň/dakujem/zdravím/s pozdravom a prianím pekného dňa/za pochopenie ďakujem
sl  lep pozdrav/lp/s spoštovanjem/hvala/lepo pozdravljeni/hvala in lep pozdrav
hr  lijep pozdrav/srdačan pozdrav/s poštovanjem/pozdrav/hvala/lp
sr  поздрав/срдачан поздрав/с поштовањем/хвала/srdačan pozdrav/sa poštovanjem
hu  üdvözlettel/tisztelettel/köszönöm/üdv/köszönettel/szívélyes üdvözlettel/köszi/előre is köszönöm/baráti üdvözlettel/minden jót/szép napot/további szép napot/tisztelettel és köszönettel/köszönettel és üdvözlettel/előre is köszönöm a segítséget/puszi
ro  cu stimă/cu respect/mulțumesc/toate cele bune/o zi bună/cu stima/multumesc/cu drag/cu prietenie/mersi/multumesc anticipat/mulțumesc anticipat/va multumesc/vă mulțumesc/o zi frumoasă/o zi buna/numai bine/salutari/cu deosebita consideratie/cu deosebită considerație/mulțumesc frumos
bg  поздрави/с уважение/благодаря/с поздрав/поздрави и хубав ден
ru  с уважением/с наилучшими/хорошего дня/с наилучшими пожеланиями/спасибо/благодарю/всего доброго/с уваж./заранее спасибо/всего хорошего/с ув/всех благ/удачи/удачного дня/до свидания/большое спасибо/спасибо заранее/с благодарностью/заранее благодарен/заранее благодарна/заранее благодарю/с уважением и наилучшими пожеланиями/доброго дня/спасибо большое
uk  з повагою/дякую/з найкращими побажаннями/щиро/наперед дякую/гарного дня/дякую заздалегідь/щиро дякую/всього найкращого/всього доброго/красно дякую
el  με εκτίμηση/φιλικά/ευχαριστώ/χαιρετισμούς/με φιλικούς χαιρετισμούς/ευχαριστώ πολύ/με τιμή/σας ευχαριστώ/ευχαριστώ εκ των προτέρων/ευχαριστούμε/φιλικούς χαιρετισμούς/με φιλικούς/καλή συνέχεια/καλημέρα σας/σας ευχαριστώ πολύ
tr  saygılarımla/teşekkürler/iyi çalışmalar/saygılarımızla/selamlar/sevgiler/iyi günler/teşekkür ederim/teşekkür ederiz/iyi günler dilerim/iyi çalışmalar dilerim/saygılar/kolay gelsin/şimdiden teşekkürler/en iyi dileklerimle/şimdiden teşekkür ederim/saygı ve selamlarımla/hoşçakalın
ar  مع التحية/تحياتي/شكرا/وشكرا/مع خالص التحية/مع فائق الاحترام/شكراً/مع خالص الشكر/مع الشكر/شكرا جزيلا/شكراً جزيلاً/مع أطيب التحيات/مع أطيب تحياتي/والسلام/وشكراً/دمتم/تقبلوا تحياتي
fa  با احترام/با تشکر/ممنون/با سپاس
he  בברכה/תודה/בכבוד רב/תודה מראש/תודה רבה/בתודה/יום טוב/תודה ויום טוב/בברכה ובתודה/שבוע טוב/בתודה ובברכה
hi  धन्यवाद/सादर
th  ขอบคุณ/ด้วยความเคารพ/ขอแสดงความนับถือ
vi  trân trọng/cảm ơn/thân mến/xin cảm ơn/thân
id  salam/hormat kami/terima kasih/hormat saya
ca  salutacions/cordialment/gràcies/atentament/una salutació
gl  saúdos/un saúdo/grazas
eu  agur bero bat/eskerrik asko/ondo izan
ja  よろしくお願いします/よろしくお願いいたします/宜しくお願い致します/敬具/以上/よろしくお願い致します/以上、よろしくお願いいたします/よろしくお願い申し上げます/宜しくお願いします/宜しくお願いいたします/以上です/取り急ぎご連絡まで/何卒よろしくお願いいたします/何卒よろしくお願い申し上げます/ではまた/それでは/草々
zh  祝好/谢谢/謝謝/此致/敬礼/礼/禮/致礼/顺祝商祺/敬上/敬禮/順頌商祺/商祺/祝您工作愉快/多谢/感谢/顺颂商祺/祝工作愉快/祝顺利/祝您生活愉快/致敬/致/祝/此致敬礼/顺颂时祺/順祝商祺/多謝/感謝/祝工作顺利
ko  감사합니다/드림/안녕히 계세요/올림/고맙습니다/수고하세요/감사드립니다/좋은 하루 되세요/배상/감사/수고하십시오
"""  # noqa: E501
VALEDICTIONS = frozenset(phrases_of(_VALEDICTIONS))
