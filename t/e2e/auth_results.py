#!/usr/bin/python3
"""Authentication-Results through a real Postfix: ours on top, forged ones removed, parsed by python3-authres."""

import os
import sys

import authres

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)) + "/../lib")
from message import header, headers, message
from tap import eq, ok, topic
from world import SENDMAIL, World

ID = "mx.example.net"
ZONE = """\
pass.example        TXT "v=spf1 ip4:198.51.100.0/24 -all"
_dmarc.pass.example TXT "v=DMARC1; p=reject"
soft.example        TXT "v=spf1 ~all"
_dmarc.soft.example TXT "v=DMARC1; p=none"
broken.example      TXT SERVFAIL
_dmarc.broken.example TXT SERVFAIL
"""
CONFIG = 'spf: { on_fail = "ignore"; on_softfail = "ignore"; }; dkim: { verify = true; }; dmarc: { };\n'

FORGED = [
    ID + "; dmarc=pass header.from=bank.example",
    ID.upper() + "; spf=pass",
    "Mx.Example.Net. 1; spf=pass",
    '"%s"; spf=pass' % ID,
    '"m\\x.example.net" 1; spf=pass',
    "(c) %s (d (e)) ; spf=pass" % ID,
    "\n\t%s\n\t;\n\tspf=pass" % ID,
    "(folded\n\tcomment)\n\t%s; spf=pass" % ID,
    "%s spf=pass" % ID,
    "%s/1; spf=pass" % ID,
    "(never ends %s; spf=pass" % ID,
    ID,
]
OTHERS = [
    "mx.example.org; spf=fail smtp.mailfrom=mx.example.net",
    "xmx.example.net; spf=fail",
    "mx.example.net.example.org; none",
    '"mx.example.org" (mx.example.net); dmarc=fail header.from=bank.example',
]


def fields(text):
    return [f.decode() for f in header(text, "Authentication-Results")]


def ours(text):
    """Ours, parsed by other people's parser; None unless there is exactly one that claims to be."""
    parsed = [authres.AuthenticationResultsHeader.parse("Authentication-Results: " + f) for f in fields(text)
              if f.lower().startswith(ID)]
    return parsed[0] if len(parsed) == 1 else None


def results(parsed):
    """{method: (result, {type.name: value})}"""
    return {r.method: (r.result, {"%s.%s" % (p.type, p.name): p.value for p in r.properties}) for r in parsed.results}


def letter(domain, more=()):
    return message(sender="alice@" + domain, headers=more)


with World(CONFIG, zone=ZONE, relays='( "198.51.100.7" )') as w:
    def arrived(text, user="bob", **options):
        w.postfix.empty()
        outcome = w.send(text, **options)
        return w.inbox(user)[0] if ok(outcome.ok, "accepted: %r" % outcome) else b"\n\n"

    topic("what it says, to another parser")
    got = arrived(letter("pass.example"), sender="alice@pass.example")
    parsed = ours(got)
    if ok(parsed is not None, "one field, which parses"):
        eq(parsed.authserv_id, ID, "the authserv-id is the hostname")
        said = results(parsed)
        eq(said.get("spf"), ("pass", {"smtp.mailfrom": "pass.example"}), "spf")
        eq(said.get("dkim", ("",))[0], "none", "dkim")
        eq(said.get("dmarc"), ("pass", {"header.from": "pass.example"}), "dmarc")
    names = [n for n, _ in headers(got)]
    before = names[:names.index("Authentication-Results")]
    delivery = [] if SENDMAIL else ["Delivered-To", "Return-Path", "X-Original-To"]
    eq(sorted(set(before)), delivery, "it stands at index 0, before Received")

    for domain, dmarc in (("soft.example", "fail"), ("broken.example", "temperror"), ("nothing.example", "none")):
        parsed = ours(arrived(letter(domain), sender="alice@" + domain))
        eq(parsed and results(parsed).get("dmarc"), (dmarc, {"header.from": domain}), "dmarc=%s parses" % dmarc)
    parsed = ours(arrived(letter('(";\\) x=y"b@soft.example;'), sender=""))
    eq(parsed and results(parsed).get("dmarc", ("",))[0], "fail", "a From made to break the field does not")
    parsed = ours(arrived(letter("soft.example\xff; spf=pass"), sender="\"a;spf=pass smtp.mailfrom=x\"@soft.example"))
    eq(parsed and results(parsed).get("spf", ("",))[0], "softfail", "nor does a sender")

    topic("forged ones")
    for forged in FORGED:
        got = arrived(letter("pass.example", ["Authentication-Results: " + forged]), sender="alice@pass.example")
        eq(len(fields(got)), 1, "removed: %r" % forged)
    mixed = [OTHERS[0], FORGED[0], OTHERS[1], FORGED[4], FORGED[7], OTHERS[2], FORGED[6], FORGED[9], OTHERS[3]]
    got = arrived(letter("pass.example", ["Authentication-Results: " + f for f in mixed]), sender="alice@pass.example")
    eq(fields(got)[1:], OTHERS, "of many, from the highest index down: others' stay, in order")
    ok(fields(got)[0].startswith(ID + ";\n"), "behind ours")
    odd = ["authentication-results: " + FORGED[0], "AUTHENTICATION-RESULTS: " + OTHERS[0],
           "Authentication-results : " + FORGED[1]]
    got = arrived(letter("pass.example", odd), sender="alice@pass.example")
    eq(fields(got)[1:], [OTHERS[0]], "whatever the case of the field's name")
    got = arrived(letter("pass.example", ["Authentication-Results: " + f for f in OTHERS]), sender="alice@pass.example")
    eq(fields(got)[1:], OTHERS, "others are left alone")
    many = ["Authentication-Results: %s; spf=pass" % ID] * 50
    eq(len(fields(arrived(letter("pass.example", many), sender="alice@pass.example"))), 1, "fifty of them")

    topic("who is not stamped")
    sent = letter("pass.example")
    w.postfix.empty()
    ok(w.send(sent, login="bob", ip="198.51.100.4", sender="bob@example.net").ok, "a user's mail")
    eq(fields(w.inbox("bob")[0]), [], "outbound: no field, which would tell the world who logged in")
    w.postfix.empty()
    ok(w.send(sent, ip="192.0.2.9").ok, "mail of a trusted network")
    eq(fields(w.inbox("bob")[0]), [], "none either")
    w.postfix.empty()
    sent = letter("pass.example", ["Authentication-Results: " + FORGED[0]])
    ok(w.send(sent, login="bob", ip="198.51.100.4").ok, "a user's")
    eq(fields(w.inbox("bob")[0]), [], "a forged one is removed there too")
    relayed = arrived(letter("pass.example", ["Authentication-Results: " + FORGED[0]]), ip="198.51.100.7",
                      sender="alice@pass.example")
    ok(FORGED[0] in fields(relayed), "relays keep theirs")

    topic("switched off")
    w.configure(CONFIG + "authentication_results = false;")
    got = arrived(letter("pass.example", ["Authentication-Results: " + OTHERS[0]]), sender="alice@pass.example")
    eq(fields(got), [OTHERS[0]], "authentication_results = false: nothing is added")

    w.end()
