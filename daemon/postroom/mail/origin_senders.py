"""The addresses and names that machines and mail servers write from, as data.

Local parts are matched whole.
"""

from __future__ import annotations

import re

SILENT = re.compile(
    r"(?:[a-z0-9._+-]{0,60}[._+-])?(?:no|do-?not|dont|donot|do_not|never|not|ne[._-]?pas|nicht|non"
    r"|nie)[._-]?"
    r"(?:reply|replies|replay|respond|answer|repondre|antworten|rispondere|responder|odpowiadaj"
    r"|responda|svar)"
    r"(?:[._+=-].*|\d*)?|(?:nao|no)[._-]?(?:responda|responder|conteste|contestar)\b.*"
    r"|ei-?vastausta|svara?[._-]?(?:ikke|inte)|niet[._-]?beantwoorden|ikke-?svar"
    r"|keine?-?antwort\b.*",
    re.IGNORECASE,
)

# What answers by itself: an address of its own, or Gmail's for an answer that a filter gives.
ANSWERERS = re.compile(
    r"(?:.{1,60}[._+-])?(?:auto[._-]?(?:repl(?:y|ies)|respon(?:d|der|se)|answer|antwort)"
    r"|canned\.response"
    r"|vacation[._-]?(?:reply|response|program|agent))(?:[._+=-].*)?",
    re.IGNORECASE,
)

# Nobody writes from these by hand.
ROBOTS = re.compile(
    r"(?:(?:[a-z0-9]{1,20}[._-])?(?:notifications?|notify|notifier|alerts?|alarms?"
    r"|newsletters?)(?:[_+=-].*)?|listserv|majordomo|mailman|sympa|listproc|ecartis|lyris|(?:auto"
    r"|order|orders|ship|shipment|shipping|delivery|account|accounts|payments?|store|security"
    r"|billing|service|password|digest|status|system|server|website|booking|invoice)[-_.](?:confirm"
    r"|confirmations?|updates?|tracking|messages?|news|notices?|alerts?|mailer|team-noreply)"
    r"|(?:e?fax|voicemail|scan(?:ner)?)[._-]?(?:server|gateway|in|mail|box)|e?fax|cron"
    r"|cron-?daemon|anacron|root|daemon|www-data|apache|httpd|nginx|wwwrun|nobody|wordpress"
    r"|joomla|drupal|munin|nagios|icinga2?|zabbix|monit|prometheus|alertmanager|grafana|logwatch"
    r"|logcheck"
    r"|smartd|fail2ban|prtg|check-?mk|observium|librenms|veeam|uptimerobot|elastalert|graylog"
    r"|pfsense|opnsense|rkhunter|backup|backups|backup-?exec|bacula|bamboo|teamcity|buildbot|jira"
    r"|confluence"
    r"|gitlab|bugzilla|redmine|trac|mantis|sonarqube|nessus|vmware|esxi?|idrac|scanner|scan"
    r"|apcupsd|upsmon|ups|mdadm|ipmi|ilo|i?drac|nas"
    r"|synology|diskstation|qnap|truenas|freenas|proxmox|pve|sonicwall|fortigate|printer|copier"
    r"|drucker|kopierer|mfp|xerox|ricoh|asterisk|voicemail|monitor|monitoring|syslog"
    r"|mailer|automailer|auto-?mailer|robot|mail-?bot|bot|automatic"
    r"|auto-?confirm|auto-?notify|autoinfo|unattended|mailgun"
    r"|aw-confirm|messaging-service|mailings?|campaigns?|e-?news|receipts?(?:[_+=-].*)?|dse(?:_[a-z0-9]+)?|digest"
    r"|quarantine(?:[._+-].*)?|spam-?(?:digest|report|notification)s?|calendar-notification"
    r"|drive-shares-.*|dmarc(?:[-_+].*"
    r"|-?reports?|-?rua)?|abuse_?report.*|bounces?(?:[_+=-].*)?|.*-bounces?|.*-notifications?"
    r"|.*-alerts?)",
    re.IGNORECASE,
)

SERVERS = re.compile(
    r"m(?:ail(?:er|ler)?[-_.]?)?d[ae]{1,2}mon.*|mailerdaemon|mail-?delivery.*"
    r"|postmast(?:er)?-?daemon",
    re.IGNORECASE,
)

SERVER_NAMES = re.compile(
    r"\b(?:mail(?:er)?[ -]?deli?ver(?:y|er)? ?(?:sub-?)?(?:system|service|agent)?"
    r"|mailer[- ]?daemon|post ?master|post_master|system ?administrat(?:or|eur)"
    r"|mail administrator|delivery (?:subsystem|system|notification)|systemadministrator"
    r"|administrador del sistema|администратор|microsoft (?:outlook|exchange)|mail (?:system"
    r"|server|router|gateway)|internet mail (?:delivery|service)|message router|sysadmin)\b",
    re.IGNORECASE,
)

SERVER_LOCALS = re.compile(
    r"post_?master|mail-?admin|microsoftexchange[0-9a-f]{10,}.*|mail-?(?:system|server|router"
    r"|gateway|return|failure)|smtp|mmdf|mta|sendmail|postfix|exim|qmail|uucp|post-?office"
    r"|x-?400(?:-?gateway)?|bounces?"
    r"|undeliver(?:ed|able)",
    re.IGNORECASE,
)

# People have these for a title, too.
ADMINISTRATORS = re.compile(
    r"system-?admin(?:istrator)?|sysadmin|administrator|admin|system|root|daemon|mail|mailer"
    r"|listserv"
    r"|gateway|virusalert|mail-?(?:robot|filter|relay)",
    re.IGNORECASE,
)

# "Expiry Bot", "Acme Alerts"
MACHINE_NAMES = re.compile(
    r"(?:^|\W)(?:nagios|cacti|zabbix|icinga2?|prtg[\w ]{0,20}|bot|notifications?|notifier|alerts?"
    r"|newsletter|autoresponder"
    r"|(?:network |server |system )monitor(?:ing)?|benachrichtigung(?:en)?)\W*$",
    re.IGNORECASE,
)
