"""Names of mail header fields, as mail programs write them into the text, by language.

Used by: mail.headers, for the block above an answered or forwarded mail ("From: … Sent: … To: …").
Words are in lower case and without their colon. One word may serve several languages; it always
means the same field.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

# Language: from | date | to | subject | cc. "/" stands between words of the same meaning.
_TABLE = """
en  from | date/sent/sent on/date sent/received | to | subject/subj | cc/bcc/reply-to/reply to/importance/attachments/organization/priority/sensitivity/user-agent/x-mailer/message-id/mime-version/content-type/content-transfer-encoding/mail-followup-to/return-path/sender/resent-from/in-reply-to/references/list-id/newsgroups/organisation/x-originating-ip/attachment/categories/flag/mailed-by/signed-by/security/when/where/message id
de  von/absender | datum/gesendet/gesendet am/verschickt/versandt | an/empfänger | betreff/betrifft/thema | kopie/kopie (cc)/blindkopie/antwort an/antwort-an/wichtigkeit/priorität/anlagen/referenzen/newsgruppen/organisation
fr  de/expéditeur/de la part de | date/envoyé/envoyé le/date d'envoi/date/envoyée | à/a/destinataire/pour/destinataires | objet/sujet | copie/copie à/copie carbone/répondre à/importance/pièces jointes/priorité/références/organisation
es  de/remitente/desde | fecha/enviado/enviado el/enviado a/enviada/enviado en/fecha de envío/enviado por | para/destinatario/a | asunto/tema | con copia/copia/responder a/importancia/datos adjuntos/cco/prioridad/archivos adjuntos/referencias/organización
it  da/mittente/di | data/inviato/inviato il/data invio/inviata/ricevuto | a/per/destinatario | oggetto/soggetto | rispondi a/importanza/ccn/allegati/priorità/riferimenti/organizzazione
pt  de/remetente | data/enviado/enviada/enviado em/enviada em/data de envio/enviado a/enviada a | para/a/destinatário | assunto | responder para/responder a/importância/anexos/prioridade/importancia/referências
nl  van/afzender | datum/verzonden/verzonden op/verstuurd/verstuurd op/gestuurd | aan/naar/ontvanger | onderwerp/betreft | kopie/antwoord aan/antwoord-aan/urgentie/bijlagen/prioriteit/referenties
sv  från/avsändare/fran | datum/skickat/skickat den/sänt/skickades | till/mottagare | ämne/rubrik/amne | kopia/kopia till/svar till/svara till/prioritet/bilagor/bifogade filer/angelägenhetsgrad/referenser
nb  fra/avsender | dato/sendt/sendt den | til/mottaker | emne/subjekt/tema | kopi/kopi til/svar til/viktighet/vedlegg/prioritet/referanser
da  fra/afsender | dato/sendt/sendt den | til/modtager | emne/vedr. | kopi/kopi til/svar til/vigtighed/vedhæftede filer/prioritet/referencer
is  frá/sendandi | dagsetning/sent/dags./sent þann | til/viðtakandi | efni | afrit
fi  lähettäjä/keneltä | päivämäärä/lähetetty/päiväys/pvm/lähetyspäivä | vastaanottaja/kenelle/vastaanottajat | aihe/otsikko | kopio/vastaus/vastausosoite/tärkeys/liitteet/prioriteetti/viitteet
et  saatja/kellelt | kuupäev/saadetud/saatmisaeg/saatmiskuupäev | adressaat/saaja/kellele | teema/pealkiri | koopia/vastus
lv  no/sūtītājs | datums/nosūtīts/sūtīts/nosūtīšanas datums | kam/saņēmējs/adresāts | tēma/temats | kopija
lt  nuo/siuntėjas | data/išsiųsta/išsiuntimo data/siųsta | kam/gavėjas/iki | tema | kopija
pl  od/nadawca | data/wysłano/wysłane/wysłany/data wysłania | do/adresat/odbiorca | temat | dw/udw/kopia/odpowiedz do/ważność/priorytet/załączniki/referencje
cs  od/odesílatel/odesilatel | datum/odesláno/odesláno dne/zasláno/posláno | komu/pro/příjemce | předmět/věc | kopie/skrytá kopie/odpovědět/důležitost/přílohy/reference
sk  od/odosielateľ | dátum/odoslané/poslané/odoslaný/zaslané | komu/pre/príjemca | predmet | kópia/skrytá kópia/dôležitosť/prílohy
sl  od/pošiljatelj/kdo | datum/poslano/poslan | za/komu/prejemnik | zadeva | kp/kopija/v vednost
hr  od/šalje/pošiljatelj | datum/poslano/poslana/dana | prima/za/kome/primatelj | predmet/naslov | kopija
sr  шаље/од/šalje/pošiljalac | датум/послато/poslato/послат | за/коме/kome/прима | тема/наслов/предмет/tema | копија
bs  od/pošiljalac | poslano/poslato | prima/za | predmet | kopija
mk  од/испраќач | датум/испратено | до/за/кому | тема/предмет | копија
hu  feladó/feladja/kitől/küldő | dátum/küldve/elküldve/küldés dátuma/küldés ideje/küldési idő | címzett/kinek/címzettek | tárgy/téma | másolat/másolatot kap/válaszcím/fontosság/mellékletek
ro  de la/de/expeditor/din partea | data/trimis/trimis la/dată/trimisă/dată trimitere | către/la/pentru/destinatar/catre | subiect | copie/importanță/atașări
bg  от/подател/изпращач | дата/изпратено/изпратено на/изпратена | до/за/получател | относно/тема | копие/як
ru  от/от кого/отправитель | дата/отправлено/дата отправки/время/отправлено на/дата и время | кому/получатель | тема | копия/ответить/важность/приоритет/вложения
uk  від/від кого/відправник | дата/надіслано/відправлено/час | кому/одержувач/до | тема | копія/важливість/вкладення
be  ад/ад каго | дата/адпраўлена/даслана | каму | тэма | копія
el  από/αποστολέας | ημερομηνία/στάλθηκε/αποστολή/εστάλη  | προς/παραλήπτης | θέμα | κοιν./κοινοποίηση/κοιν/σπουδαιότητα/συνημμένα
tr  kimden/gönderen | tarih/gönderildi/gönderilme/gönderilme tarihi/gönderme tarihi/gönderilen/gönderim tarihi | kime/alıcı | konu | bilgi/yanıt adresi/önem/ekler
az  kimdən/göndərən | tarix/göndərildi | kimə | mövzu | surət
ar  من/المرسل | التاريخ/تم الإرسال/أرسل/أُرسلت/تاريخ الإرسال/تاريخ/مُرسل/إرسال/أرسلت | إلى/الى/المستلم | الموضوع/موضوع | نسخة/نسخة إلى
fa  از/فرستنده | تاریخ/ارسال/ارسال شده/ارسال‌شده/فرستاده شده | به/گیرنده | موضوع/عنوان | رونوشت
ur  منجانب/از طرف | تاریخ/بھیجا گیا | بنام | موضوع | کاپی
he  מאת/מ/שולח | תאריך/נשלח/בתאריך/נשלח ב | אל/עבור/נמען | נושא/הנדון | עותק/העתק
hi  प्रेषक/से/द्वारा | दिनांक/भेजा गया/तारीख/भेजे गए/भेजने का समय | प्रति/को/प्राप्तकर्ता | विषय | प्रतिलिपि
bn  থেকে/প্রেরক | তারিখ/প্রেরিত | প্রতি/প্রাপক | বিষয় | অনুলিপি
ta  அனுப்புநர் | தேதி/அனுப்பியது | பெறுநர் | பொருள் | நகல்
th  จาก/ผู้ส่ง | วันที่/ส่ง/ส่งเมื่อ/วันที่ส่ง | ถึง/ผู้รับ | เรื่อง/หัวเรื่อง/หัวข้อ/ชื่อเรื่อง | สำเนา/สำเนาถึง
vi  từ/người gửi | ngày/đã gửi/gửi/gửi lúc/ngày gửi/vào lúc/thời gian/đã gửi vào | đến/tới/người nhận/cho | chủ đề/tiêu đề | bản sao/đồng gửi
id  dari/pengirim | tanggal/dikirim/terkirim/tgl/dikirim pada | kepada/ke/untuk/penerima | subjek/perihal/judul | tembusan/salinan
ms  daripada/dari/pengirim | tarikh/dihantar | kepada/penerima | subjek/perkara | salinan
tl  mula/mula kay/mula sa | petsa/ipinadala | para sa/kay | paksa | kopya
sw  kutoka/kutoka kwa | tarehe/ilitumwa | kwenda/kwa | mada/somo | nakala
af  van | datum/gestuur | aan | onderwerp | afskrif
ca  de/remitent | data/enviat/enviat el/data d'enviament | per a/a/per/destinatari | assumpte/tema | còpia
gl  de/remitente | data/enviado/enviado o | para/a | asunto | copia
eu  nork/igorlea/bidaltzailea | data/bidalia/bidaltze-data | nori/hartzailea | gaia | kopia
ga  ó/seoltóir | dáta/seolta | chuig/do | ábhar | cóip
cy  oddi wrth/gan | dyddiad/anfonwyd | at | testun/pwnc | copi
sq  nga/dërguesi | data/dërguar | për/marrësi | subjekti/tema | kopje
hy  ումից/ում կողմից | ամսաթիվ/ուղարկվել է | ում | թեմա | պատճեն
ka  ვისგან/გამგზავნი | თარიღი/გაგზავნილია | ვის/მიმღები | თემა | ასლი
kk  кімнен/жіберуші | күні/жіберілді | кімге | тақырып/тақырыбы | көшірме
ja  差出人/送信者/発信者/送信元 | 日付/日時/送信日時/送信/受信日時/送信日/日 | 宛先/受信者/送信先 | 件名/題名/標題 | カーボンコピー/返信先/重要度
zh  发件人/寄件人/寄件者/发信人/發件人/发送人/寄信人/来自/來自 | 日期/发送时间/发送日期/時間/时间/寄件日期/傳送時間/傳送日期/寄送時間/发件时间/發送時間/发送/已发送/發送日期/寄件時間/已傳送/送件日期 | 收件人/收件者/至/发送至/發送至/发给/收信人/送至/致 | 主题/主旨/主題/标题/標題 | 抄送/副本/抄送人/密送/回复/附件/重要性/密件副本
ko  보낸 사람/보낸사람/발신/보낸이/보낸 이/발신자/발신인/보내는 사람/발송자 | 날짜/보낸 날짜/보낸날짜/보낸 시간/보낸시간/발송일/일시/전송일/보낸 일시/작성일/일자 | 받는 사람/받는사람/수신/받는이/받는 이/수신자/수신인 | 제목 | 참조/숨은 참조/중요도
"""  # noqa: E501

_KINDS = ("from", "date", "to", "subject", "other")


def _flatten() -> dict[str, str]:
    kinds: dict[str, str] = {}
    for line in _TABLE.strip().splitlines():
        _, _, words = line.partition("  ")
        for kind, some in zip(_KINDS, words.split("|"), strict=True):
            for word in some.split("/"):
                kinds.setdefault(word.strip(), kind)
    return kinds


# Field of each word: from, date, to, subject or other.
FIELDS: Final[Mapping[str, str]] = MappingProxyType(_flatten())

# Words that stand in no form or timetable: only mail programs say when a mail was sent so.
SENT: Final = frozenset(
    {"sent", "gesendet", "envoyé", "enviado", "enviado el", "enviada em", "enviado em", "inviato"}
    | {"verzonden", "skickat", "sendt", "lähetetty", "wysłano", "odesláno", "odoslané", "elküldve"}
    | {"trimis", "отправлено", "надіслано", "изпратено", "gönderildi", "发送时间", "寄件日期"}
    | {"送信日時", "보낸 날짜", "poslano", "poslato", "saadetud", "enviat", "στάλθηκε", "נשלח"}
)
