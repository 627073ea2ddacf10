"""Mail fetched from a provider: his results stand topmost, whatever a stranger put below them."""

from __future__ import annotations

import pytest

from postroom.mail.auth import WITHOUT_ID, read_topmost
from postroom.mail.structure import read_fields

GOOGLE, MICROSOFT = ["mx.google.com"], [WITHOUT_ID]

# In the shape of Google's: his own results stand below his own Received lines.
FROM_GOOGLE = """\
Delivered-To: support@shop.example
Received: by 2002:a05:7300:1234:b0:11 with SMTP id a1csp1; Fri, 20 Nov 2026 04:00:02 -0800 (PST)
X-Received: by 2002:a05:600c:1 with SMTP id b2-20mr1; Fri, 20 Nov 2026 04:00:02 -0800 (PST)
ARC-Seal: i=1; a=rsa-sha256; t=1; cv=none; d=google.com; s=arc-20240605; b=AAAA
ARC-Authentication-Results: i=1; mx.google.com; dmarc=fail header.from=kunde.example
Return-Path: <ann@kunde.example>
Received: from out.kunde.example (out.kunde.example. [203.0.113.9])
        by mx.google.com with ESMTPS id c3si1 for <support@shop.example>
        (version=TLS1_3 cipher=TLS_AES_256_GCM_SHA384 bits=256/256);
        Fri, 20 Nov 2026 04:00:02 -0800 (PST)
Received-SPF: pass (google.com: domain of ann@kunde.example designates 203.0.113.9 as permitted
        sender) client-ip=203.0.113.9;
Authentication-Results: mx.google.com;
       dkim={dkim} header.i=@kunde.example header.s=s1 header.b=abcdefgh;
       spf=pass (google.com: domain of ann@kunde.example designates 203.0.113.9 as permitted
        sender) smtp.mailfrom=ann@kunde.example;
       dmarc={dmarc} (p=REJECT sp=REJECT dis=NONE) header.from=kunde.example
"""
# In the shape of Microsoft's: no name, many hops of his own above.
FROM_MICROSOFT = """\
Received: from AB1PR01MB1.eurprd01.prod.outlook.com (2001:db8:10a6:1::1) by
 AB2PR01MB2.eurprd01.prod.outlook.com with HTTPS; Fri, 20 Nov 2026 12:00:03 +0000
Received: from DU2PR04CA1.eurprd04.prod.outlook.com (2001:db8:10a6:10::2)
 by AB1PR01MB1.eurprd01.prod.outlook.com (2001:db8:10a6:1::1) with Microsoft SMTP
 Server (version=TLS1_2, cipher=TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384) id 15.20.1.1; Fri, 20 Nov
 2026 12:00:02 +0000
Authentication-Results: spf=pass (sender IP is 203.0.113.9)
 smtp.mailfrom=kunde.example; dkim={dkim} (signature was verified)
 header.d=kunde.example;dmarc={dmarc} action=none
 header.from=kunde.example;compauth=pass reason=100
Received-SPF: Pass (protection.outlook.com: domain of kunde.example designates
 203.0.113.9 as permitted sender) receiver=protection.outlook.com;
Received: from out.kunde.example (203.0.113.9) by
 DB5EUR01FT1.mail.protection.outlook.com (10.152.4.1) with Microsoft SMTP
 Server id 15.20.1.1; Fri, 20 Nov 2026 12:00:01 +0000
X-MS-Exchange-Authentication-Results: spf=pass;dmarc=pass header.from=kunde.example
"""
LETTER = "From: Ann <ann@kunde.example>\nTo: support@shop.example\nSubject: Hello\n\n"
PASSED = "dkim=pass header.d=kunde.example; dmarc=pass header.from=kunde.example"
FORGED = f"Authentication-Results: mx.google.com; {PASSED}\n"
FORGED_WITHOUT_ID = f"Authentication-Results: {PASSED}\n"


def verdict(ids: list[str], block: str, domain: str = "kunde.example") -> str:
    fields, _ = read_fields((block + LETTER).encode(), 0, 200)
    return read_topmost([(name, value.decode()) for name, value in fields], domain, ids)[0]


def google(dmarc: str, dkim: str = "none") -> str:
    return FROM_GOOGLE.format(dmarc=dmarc, dkim=dkim)


def microsoft(dmarc: str, dkim: str = "none") -> str:
    return FROM_MICROSOFT.format(dmarc=dmarc, dkim=dkim)


@pytest.mark.parametrize(
    ("expected", "dmarc", "dkim"),
    [
        ("pass", "pass", "none"),
        ("pass", "none", "pass"),
        ("none", "none", "fail"),
        ("none", "bestguesspass", "none"),
        ("none", "temperror", "none"),
        ("fail", "fail", "pass"),
    ],
)
def test_what_the_provider_found_counts(expected: str, dmarc: str, dkim: str) -> None:
    assert expected == verdict(GOOGLE, google(dmarc, dkim))
    assert expected == verdict(MICROSOFT, microsoft(dmarc, dkim))


@pytest.mark.parametrize("dmarc", ["none", "fail"])
def test_what_a_stranger_wrote_below_is_never_looked_at(dmarc: str) -> None:
    expected = "fail" if dmarc == "fail" else "none"
    assert expected == verdict(GOOGLE, google(dmarc) + FORGED)
    assert expected == verdict(GOOGLE, google(dmarc) + FORGED_WITHOUT_ID)
    assert expected == verdict(MICROSOFT, microsoft(dmarc) + FORGED_WITHOUT_ID)
    # Not where both are believed, either: one only is the topmost.
    assert expected == verdict([*GOOGLE, *MICROSOFT], microsoft(dmarc) + FORGED)


def test_results_of_others_are_none_and_hide_what_is_below() -> None:
    other = "Authentication-Results: filter.shop.example; dmarc=pass header.from=kunde.example\n"
    assert "none" == verdict(GOOGLE, other + google("pass"))
    assert "none" == verdict(GOOGLE, microsoft("pass") + FORGED)
    assert "none" == verdict(MICROSOFT, google("pass"))
    assert "none" == verdict([], google("pass"))


@pytest.mark.parametrize(
    "name",
    [
        "ARC-Authentication-Results",
        "X-MS-Exchange-Authentication-Results",
        "Authentication-Results-Original",
        "X-Authentication-Results",
    ],
)
def test_what_is_only_called_alike_is_no_evidence(name: str) -> None:
    assert "none" == verdict(GOOGLE, f"{name}: i=1; mx.google.com; {PASSED}\n")
    assert "none" == verdict(GOOGLE, f"{name}: mx.google.com; {PASSED}\n")
    assert "none" == verdict(MICROSOFT, f"{name}: {PASSED}\n")


@pytest.mark.parametrize(
    "results",
    [
        f"{WITHOUT_ID}; {PASSED}",  # a name, and none that anybody has
        f"; {PASSED}",
        f"mx.google.com.evil.example; {PASSED}",
        f'"mx.google.com; {PASSED}"',
        f"(mx.google.com;) evil.example; {PASSED}",
        f'mx.google.com; spf=none (of "x); {PASSED}; ("@evil.example)',
        "mx.google.com; dmarc=pass header.from=evil.example",
        "mx.google.com; dmarc=pass header.from=kunde.example.evil.example",
        "mx.google.com; dkim=pass header.d=evil.example; spf=pass smtp.mailfrom=kunde.example",
        "mx.google.com",
        "",
    ],
)
def test_a_hostile_header_that_stands_topmost_is_none(results: str) -> None:
    assert "none" == verdict(GOOGLE, f"Authentication-Results: {results}\n")


def test_results_without_a_name_begin_with_a_result() -> None:
    assert "pass" == verdict(MICROSOFT, FORGED_WITHOUT_ID)
    for results in (f"x; {PASSED}", f'"dkim" ; {PASSED}', f"dkim pass; {PASSED}"):
        assert "none" == verdict(MICROSOFT, f"Authentication-Results: {results}\n")
    assert "none" == verdict(MICROSOFT, LETTER)
