"""Why deliveries fail, in the languages of mail servers that do not write English.

Phrases are regular expressions over lower-case text with single spaces; gaps are bounded. English
is in `bounce_addresses` and `bounce_causes`, which put these beside it.
"""

from __future__ import annotations

import unicodedata

_LETTERS = [*range(0xC0, 0x250), *range(0x1E00, 0x1F00)]
_PLAIN = {
    code: "".join(each for each in unicodedata.normalize("NFD", chr(code)) if each.isascii())
    for code in _LETTERS
} | {ord("ß"): "ss", ord("ł"): "l", ord("ø"): "o", ord("đ"): "d", ord("ı"): "i", ord("æ"): "ae"}
_SPELT = {code: plain for code, plain in _PLAIN.items() if plain}


def plain(text: str) -> str:
    """Write Latin letters without accents, as many servers do; phrases are compared so."""
    return text if text.isascii() else text.translate(_SPELT)


def _both(nouns: str, states: str) -> str:
    """Join what is the matter with whom, in either order."""
    return rf"(?:{nouns}).{{0,60}}(?:{states})|(?:{states})\w{{0,6}} .{{0,20}}(?:{nouns})"


_USERS_DE = (
    r"nutzer|empf(?:ä|ae)nger|adressat|postfach|mitarbeiter|adresse|mailbox|konto|teilnehmer"
)
_USERS_FR = r"utilisateur|destinataire|adresse|bo[iî]te|compte|abonné|client"
_USERS_ES = r"usuario|destinatario|direcci[oó]n|buz[oó]n|cuenta|casilla|cliente"
_USERS_IT = r"utente|destinatario|indirizzo|casella|posta elettronica|mailbox|account"
_USERS_PT = r"usu[aá]rio|utilizador|destinat[aá]rio|endere[cç]o|conta\b|caixa postal"
_USERS_NL = r"gebruiker|ontvanger|geadresseerde|e-?mailadres|adres|postvak|account"
_USERS_PL = r"użytkownik|odbiorc|adres|konto|skrzynk"
_USERS_RU = (
    r"пользовател|адресат|получател|адрес|ящик|клиент|абонент|аккаунт|уч[её]тн|користувач"
    r"|одержувач"
)
_USERS_NORDIC = r"användare|mottagare|adress|bruker|mottaker|modtager|bruger|konto|postboks"
_USERS_CS = r"uživatel|používateľ|adresát|příjemce|príjemca|adresa|schránka|účet"
_USERS_JA = r"ユーザ|利用者|宛先|受信者|アドレス|あて先"
_USERS_ZH = r"用户|用戶|收件人|邮箱|帐号|账号|地址|信箱|使用者"

UNKNOWN = (
    _both(
        _USERS_DE,
        r"unbekannt|existiert (?:\w+ )?nicht|nicht gefunden|ungültig|nicht gültig"
        r"|nicht (?:\(mehr\) )?(?:vorhanden|bekannt|mehr)|nicht existier|falsch",
    ),
    r"gibt es (?:hier |bei uns )?nicht|hier nicht bekannt|uns nicht bekannt",
    r"kein(?:en)? (?:solche[nr]? )?(?:benutzer|empf(?:ä|ae)nger|postfach|konto)\b",
    _both(
        _USERS_FR,
        r"inconnu|n'existe (?:pas|plus)|introuvable|invalide|inexistant|erronée?|incorrecte?"
        r"|(?:non|pas été) trouvé",
    ),
    _both(
        _USERS_ES,
        r"desconocid|no existe|inexistente|no (?:fue |ha sido )?encontrad|no v[aá]lid|inv[aá]lid",
    ),
    r"no se (?:ha podido encontrar|encontr)",
    _both(
        _USERS_IT,
        r"sconosciut|non esiste|inesistente|non (?:è (?:stat[oa] )?)?(?:trovat|presente)"
        r"|non (?:è )?valid|non risulta",
    ),
    _both(
        _USERS_PT,
        r"desconhecid|n[aã]o existe|inexistente|n[aã]o (?:foi )?encontrad|inv[aá]lid",
    ),
    _both(_USERS_NL, r"onbekend|niet bekend|bestaat niet|niet gevonden|ongeldig"),
    _both(_USERS_PL, r"nieznan|nie istnieje|nie (?:został\w? )?znalezion|nieprawidłow"),
    r"brak (?:\w{1,20} )?(?:użytkownika|konta|skrzynki|odbiorcy)|nie ma taki\w+",
    _both(
        _USERS_RU,
        r"неизвестн|не существует|не найден|не зарегистрирован|недействит|неверн|не знайден"
        r"|невідом|не існує",
    ),
    r"n[aã]o (?:listad|consta)|no (?:aparece|figura|est[aá] listad) en|ne figure pas",
    r"non (?:elencat|figura)|nicht (?:im|in dem) .{0,20}(?:verzeichnis|adressbuch)",
    r"nicht aufgeführt|нет такого|так(?:ого|ой) (?:\w+ )?(?:нет|не )|несуществующ",
    _both(
        _USERS_NORDIC,
        r"okänd|finns inte|ukjent|finnes ikke|findes ikke|ukendt|hittades inte|ble ikke funnet",
    ),
    _both(r"käyttäjä|vastaanottaja|osoite|tili", r"tuntematon|ei (?:löydy|löytynyt|ole)"),
    _both(_USERS_CS, r"neznám|neexistuje|nebyl nalezen|nenalezen|nenájden"),
    _both(r"felhasználó|címzett|postafiók|fiók", r"ismeretlen|nem (?:található|létezik)"),
    _both(
        r"utilizator|destinatar|adres[ae]",
        r"necunoscut|inexistent|nu (?:există|exista|a fost găsit)",
    ),
    _both(r"korisnik|primatelj|uporabnik", r"ne postoji|nepoznat|ne obstaja|neznan"),
    _both(
        r"kullanıcı|alıcı|adres|hesap", r"bulunamadı|bilinmiyor|bilinmeyen|geçersiz|mevcut değil"
    ),
    _both(r"παραλήπτης|χρήστης|διεύθυνση", r"άγνωστ|δεν (?:βρέθηκε|υπάρχει)"),
    _both(r"המשתמש|הנמען|הכתובת", r"אינו קיים|לא (?:נמצא|קיים|ידוע)"),
    r"لم يتم العثور|غير موجود|غير معروف|không tìm thấy|không tồn tại|ไม่พบ(?:ผู้รับ|ที่อยู่)",
    _both(r"alamat|penerima|pengguna", r"tidak (?:ditemukan|dikenal|ada)"),
    rf"(?:{_USERS_JA}).{{0,30}}(?:存在し|見つかり|見つから|不明|正しくありません|間違|誤)",
    r"該当.{0,12}(?:なし|ない|いません|ありません)",
    rf"(?:{_USERS_ZH}).{{0,15}}(?:不存在|未找到|找不到|无效|無效|错误)|無此用戶|[无無]此(?:用|人|收|信|邮|郵|使)",
    r"找不到.{0,14}(?:收件人|用户|地址|邮箱)",
    r"(?:사용자|수신자|계정|주소).{0,20}(?:없|찾을 수|존재하지|잘못)|존재하지 않는",
)
FULL = (
    r"(?:limite|armazenamento|almacenamiento).{0,30}excedid|skrzynk.{0,20}zapełnion|innboks.{0,20}full",
    r"postalád.{0,20}(?:megtelt|tele)|\bkota\w{0,3}.{0,20}\baş|(?:mailbox|postbus|inbox).{0,30}\bvol\b",
    _both(r"postfach|mailbox|posteingang|speicher", r"\bvoll\b|überfüllt|erschöpft"),
    r"(?:postfach|mailbox|posteingang|speicher|quota|kontingent).{0,60}(?:überschritten",
    r"erreicht\b)",
    r"zu ?viele (?:e-?)?mails|(?:bo[iî]te|compte|messagerie).{0,40}(?:\bpleine?\b|saturé)",
    r"quota.{0,30}(?:dépassé|atteint)|no tiene espacio|sin espacio en|超出.{0,6}容量",
    r"buz[oó]n.{0,40}(?:llen[oa]|excedid)|(?:excedid|superad).{0,20}cuota",
    r"cu?ota.{0,30}(?:excedid|superad)|(?:casella|casilla).{0,40}(?:piena|llena)",
    r"(?:espa[cç]i?[oe]|spazio|speicherplatz).{0,30}insu(?:f|ff)i(?:s|c|ci)",
    r"espa[cç]i?o.{0,30}(?:agotado|esgotado)",
    r"(?:casella|cuenta|buz[oó]n|casilla).{0,30}(?:superat|superad|excedid)|superat.{0,20}quota",
    r"dépassé.{0,20}quota|(?:excedeu|ultrapassou).{0,20}(?:quota|cota|limite de)",
    r"quotum overschreden",
    r"kvót\w.{0,20}překročen|překročen.{0,20}kvót|przekroczy\w.{0,20}limit",
    r"spazio.{0,20}esaurit|quota.{0,20}superat|caixa.{0,40}(?:cheia|lotada)",
    r"postvak.{0,40}\bvol\b|przekroczon.{0,30}(?:skrzynk|pojemno)|(?:skrzynka|pojemność).{0,40}(?:pełna|przepełnion|przekroczon)",
    r"переполнен|переповнен|ящик.{0,60}заполнен|квот.{0,30}(?:превышен|исчерпан)",
    r"превышен.{0,20}квот",
    r"(?:brevlåda|postlåda|inkorg|postkass|postboks|indbakke)\w*.{0,30}\b(?:full|fuld|fyldt)\b",
    r"postilaatik.{0,30}täynnä|schránk.{0,30}pln[áa]|postafiók.{0,20}(?:megtelt|tele)",
    r"(?:posta )?kutusu.{0,20}dolu|căsuța.{0,20}plină|sandučić.{0,20}pun",
    r"(?:メールボックス|受信(?:ボックス|箱)|受信トレイ).{0,30}(?:一杯|いっぱい|容量|満杯|超過)",
    r"(?:กล่อง|เมล).{0,20}เต็ม|hộp thư.{0,20}đầy|γραμματοκιβώτιο.{0,30}(?:γεμάτο|πλήρες)",
    r"(?:תיבת|תיבה).{0,20}מלאה|صندوق.{0,20}ممتلئ|kotak (?:surat|masuk).{0,20}penuh",
    r"용량.{0,4}초과|容量.{0,10}(?:超|オーバー)|(?:사서함|편지함|메일함|메일박스).{0,12}(?:가득|꽉|용량|초과)",
    r"(?:邮箱|信箱|收件箱|空间|容量).{0,12}(?:已满|已滿|不足)|超过.{0,8}容量",
)
TOO_LARGE = (
    r"(?:taille|tama[ñn]h?o|dimension).{0,30}(?:dépass|excedid|superat|superad)|\bza duż",
    r"(?:größe|grootte|rozmiar).{0,30}(?:überschr|overschr|przekr)|размер.{0,30}превыша|너무 큽",
    r"(?:nachricht|mail).{0,40}zu gro(?:ß|ss)|nachrichtengröße.{0,20}(?:überschr|zu )",
    r"message (?:est )?trop (?:grand|gros|volumineux)|demasiado grande|troppo grande|muito grande",
    r"te groot|слишком (?:большо|велик)|превышен.{0,20}размер.{0,10}(?:письм|сообщ)|zbyt du[żz]",
    r"för stort?\b|for stort?\b|liian suuri|příliš velk|túl nagy|çok büyük|prea mare",
    r"サイズ.{0,20}(?:超|大きすぎ)|(?:邮件|附件).{0,10}(?:太大|过大|超过)|크기.{0,10}초과",
    r"(?:exc[eè]de|supera|dépasse|überschreitet) .{0,20}(?:tama[ñn]h?o|taille|dimension|größe)",
)
DISABLED = (
    r"(?:account|casella).{0,30}(?:disabilitat|bloccat|geblokkeerd|uitgeschakeld)",
    r"(?:konto|postfach|benutzer|adresse).{0,40}(?:deaktiviert|gesperrt|geschlossen|inaktiv)",
    r"(?:compte|bo[iî]te|adresse(?! ip)).{0,40}(?:désactiv|suspendu|bloqué|ferm)",
    r"cuenta.{0,40}(?:desactivad|suspendid|inhabilitad|deshabilitad|bloquead)",
    r"conta\b.{0,40}(?:desativ|suspens|bloquead)",
    r"(?:account|casella).{0,30}(?:disattivat|sospes)|konto.{0,40}(?:zablokowan|nieaktywn)",
    r"уч[её]тн\w{2,3} запис.{0,40}заблокирован",
    r"(?:ящик|аккаунт|адрес\b|пользовател).{0,40}(?:заблокирован|отключ|неактив)",
    r"휴면|アカウント.{0,20}(?:停止|無効)|(?:帐户|账户|帐号|账号|邮箱|用户).{0,20}(?:禁用|停用|冻结)",
)
NO_HOST = (
    r"dom[ií]nio (?:é |es |è )?(?:inv[áa]lid|non valid)|域名.{0,6}解析",
    r"(?:domain|domäne).{0,40}(?:nicht gefunden|existiert nicht|unbekannt)",
    r"(?:server|rechner)(?: \S{1,80})?(?: wurde| ist)? (?:nicht gefunden|unbekannt\b)",
    r"domaine.{0,40}(?:inconnu|inexistant|n'existe|introuvable)",
    r"domein.{0,30}(?:bestaat niet|onbekend)",
    r"dom[ií]nio.{0,40}(?:n[aã]o existe|no existe|descon|inesistente|non esiste|inexistente)",
    r"домен.{0,30}не (?:найден|существует|знайден)|domena.{0,30}(?:nie istnieje|nieznan)",
    r"도메인.{0,10}(?:찾을 수|존재하지|없)",
    r"(?:ホスト|ドメイン).{0,20}(?:見つかりません|存在しません)|(?:域名|主机).{0,15}(?:不存在|无法)",
    r"找不到.{0,8}(?:域名|主机)|kein mx\b|keine? mx-",
)
MOVED = (
    r"neue (?:e-?mail-?)?adresse (?:ist|lautet)|nouvelle adresse (?:e-?mail )?(?:est\b|:)",
    r"nuev[oa] (?:direcci[oó]n|correo) es|nuovo indirizzo è|новый адрес",
)
NO_CONNECTION = (
    r"[连連]接.{0,8}超[时時]",
    r"antwortet nicht|no responde|ne répond pas|n[aã]o responde|non risponde|не отвечает",
    r"keine verbindung|nicht erreichbar|verbindung.{0,30}nicht möglich",
    r"verbindung.{0,30}(?:abgelehnt|fehlgeschlagen|abgebrochen",
    r"unterbrochen)|zeitüberschreitung",
    r"connexion.{0,20}(?:refusée|impossible|dépassé|expiré)|délai de connexion",
    r"tiempo de conexi[oó]n|no se (?:ha )?pudo (?:conectar|establecer)",
    r"conexi[oó]n.{0,20}(?:rechazada|recusada|agotad)",
    r"impossibile connett|connessione.{0,20}(?:rifiutata|scadut)|n[aã]o foi possível conectar",
    r"не удалось (?:установить|подключ|соедин)|нет соединения|время ожидания",
    r"соединени.{0,20}(?:разорван|отклонен|прерван)",
    r"接続(?:できません|に失敗|が拒否)|无法连接|連接失敗|连接(?:超时|失败|被拒)",
)
EXPIRED = (
    r"zustell(?:zeit|versuch|frist).{0,40}(?:abgelaufen|überschritten|erschöpft|ausgeschöpft)",
    r"nach \d+ (?:tagen|stunden)|zeit.{0,30}(?:abgelaufen|überschritten)",
    r"délai(?! de connexion).{0,30}(?:expir|dépass)",
    r"tiempo(?! de conexi).{0,40}(?:agotad|expirad)",
    r"agotó el tiempo|истек|превышено число попыток|超过.{0,8}重试",
)
LOOPS = (r"(?:mail|nachrichten)-?schleife|bucle de correo|boucle (?:de|d'acheminement)",)
REFUSED = (
    (
        r"liste? noire|lista n(?:egra|era)|nicht berechtigt|accesso negat|odmow|permiso para enviar"
        r"|permissão para enviar"
    ),
    r"bloqué|отверг|respint[oa]|blockerad|blokeret",
    r"(?:non|pas) autoris|no autorizad|non autorizzat|bloquead|bloccat|ч[её]рн\w+ спис",
    r"スパム|迷惑メール|黑名[单單]",
    r"abgelehnt|abgewiesen|verweigert|gesperrt|(?:nicht erlaubt|unzulässig)|rejeté|refusé|rechazad",
    r"denegad|rifiutat|rejeitad|recusad|negad[oa]\b|geweigerd|odrzucon|отклонен|отказано",
    r"заблокирован|запрещ",
    r"拒否|拒绝|被拒|垃圾邮件|спам|거부|차단",
)
NOT_ACCEPTING = (r"nimmt keine (?:e-?)?mails? an|keine (?:e-?)?mails? (?:annimm|entgegen)",)
DELAYED = (
    r"noch nicht (?:zugestellt|ausgeliefert)|verzögert|retardé|retras(?:ad|o)|in ritardo|ritardat",
    r"opóźni|задерж|遅延|延迟|延遲",
)
# The server goes on trying.
RETRIED = (
    r"(?:versucht|versuchen) es (?:noch|weiter)|volver[áa]n? a intentar|réessaiera"
    r"|riprover(?:à|emo)"
    r"|tentar(?:á|emos) novamente|prob(?:eert|eren) het (?:nog|opnieuw)|spróbuje(?:my)? ponownie|"
    r"(?:bisher|bislang|noch) (?:noch )?nicht (?:zugestellt|ausgeliefert|übermittelt)"
    r"|weiterhin (?:versuch|zu(?:zu)?stell)|(?:weitere|erneute) (?:zustell)?versuche? (?:werden"
    r"|erfolg|unternommen)|(?:nachricht|mail) nicht (?:erneut|noch einmal"
    r"|nochmals) (?:zu )?(?:ver)?send|(?:wird|werden) (?:es )?(?:weiter|weiterhin"
    r"|erneut) versuch|pas encore (?:été|pu)|(?:nouvelles|autres) tentatives"
    r"|inutile de (?:renvoyer|réexpédier)|(?:tentera|essaiera) (?:encore|à nouveau|de nouveau)"
    r"|continuera (?:à|d')|(?:aún|todavía) no (?:se )?(?:ha|pudo|fue)|seguirá intentando"
    r"|(?:se )?(?:volverá a intentar|reintentará)|no es necesario (?:que )?(?:vuelva|volver"
    r"|reenv|env)|non è ancora stat|(?:altri|ulteriori|nuovi) tentativi|continuerà a (?:tent"
    r"|prov)|non (?:è necessario|occorre) (?:re|ri)?inviare|ainda não (?:foi|pôde)"
    r"|novas tentativas|continuar(?:á|emos)? (?:a )?tenta|não é (?:necessário|preciso) reenviar"
    r"|nog niet (?:afgeleverd|bezorgd|verzonden)|blijft? (?:het )?(?:proberen|opnieuw)"
    r"|opnieuw geprobeerd|jeszcze nie został|(?:kolejne|dalsze) próby|nie (?:trzeba"
    r"|musisz) wysyłać|zatím nebyl|další pokus|(?:ännu|endnu|ennå|enda) ikke|ännu inte"
    r"|(?:fortsätt\w*|fortsett\w*|fortsætt\w*) (?:att |å |med at )?(?:försöka|forsøke?|prøve)"
    r"|yritetään (?:uudelleen|edelleen)|ei ole vielä|(?:ещ[её]"
    r"|пока) не (?:был\w? )?(?:доставлен|удалось|отправлен)|попытк\w+ (?:доставки )?(?:будут"
    r"|продолж)|продолж\w+ попыт|ще не доставлен|még nem (?:sikerült|lett)|újra (?:meg)?próbál"
    r"|henüz (?:teslim|iletil)|denemeye devam|încă nu a|(?:まだ|未だ).{0,12}(?:配送|配信|送信|届)"
    r"|引き続き.{0,10}(?:配送|配信|送信|再)|再送(?:を試み|します)"
    r"|将?[继繼][续續](?:为您)?(?:[尝嘗][试試]|投[递遞]|[发發]送)"
    r"|[无無]需(?:重新|重[复複]|再次)|尚未(?:送[达達]|投[递遞])"
    r"|아직.{0,10}(?:전송|배달)|(?:계속|다시) (?:시도|전송)(?:합|하겠|됩|될)"
)
