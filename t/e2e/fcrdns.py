#!/usr/bin/python3
"""FCrDNS from the MTA's macros: pass, fail, none and temperror, each with its own setting."""

import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)) + "/../lib")
from message import header, message, payload
from place import private_file, private_network
from tap import eq, like, ok, topic
from world import SENDMAIL, World

# Postfix looks the clients up by itself: a name that does not agree cannot be played by XCLIENT.
RESOLVER = "127.0.0.1"
if not SENDMAIL:  # which is there already
    private_network()
    private_file("/etc/resolv.conf", "nameserver %s\noptions timeout:1 attempts:1\n" % RESOLVER)

ZONE = """\
127.0.1.1     PTR  good.example
good.example  A    127.0.1.1
127.0.1.2     PTR  forged.example
forged.example A   127.0.9.9
127.0.1.4     PTR  broken.example
broken.example *   SERVFAIL
"""
PASS = {"source": "127.0.1.1", "ip": None}
FAIL = {"source": "127.0.1.2", "ip": None}
NONE = {"source": "127.0.1.3", "ip": None}
TEMP = {"source": "127.0.1.4", "ip": None}
STAMP = """
rules = ( { name = "stamp"; match = "always";
            then = { add_header = ( "X-FCrDNS: %{fcrdns}", "X-Name: %{client_name}" ); }; } );
"""

with World('fcrdns: { enabled = true; on_fail = "reject"; on_none = "mark"; };' + STAMP, zone=ZONE,
           settings="" if SENDMAIL else "smtpd_peername_lookup = yes", dns_port=53, dns_ip=RESOLVER) as w:
    topic("the fact")
    for client, want in ((PASS, b"pass"), (NONE, b"none"), (TEMP, b"temperror|unavailable|^$")):
        w.postfix.empty()
        outcome = w.send(**client)
        if ok(outcome.ok, "%s: accepted: %r" % (want.decode(), outcome)):
            text = w.inbox("bob")[0]
            like(header(text, "X-FCrDNS")[0], want, "and known")
            if client is PASS:
                eq(header(text, "X-Name"), [b"good.example"], "with the confirmed name")
            eq(bool(header(text, "X-Millgate-Mark")), client is NONE, "on_none = mark: a header tells why")

    topic("on_fail = reject")
    refused = w.send(**FAIL)
    eq((refused.stage, refused.status), ("RCPT", "550 5.7.25"), "a name that does not agree: 550 5.7.25")
    ok(refused.last.id, "the reply names the transaction: %s" % refused.last)
    ok(w.send(rcpts=["postmaster@example.net"], **FAIL).ok, "not for postmaster")

    topic("on_none = reject")
    w.configure('fcrdns: { enabled = true; on_fail = "ignore"; on_none = "reject"; };')
    eq(w.send(**NONE).status, "550 5.7.25", "a client without a name is refused")
    ok(w.send(ip="198.51.100.3", login="bob").ok, "not an authenticated user")
    w.postfix.empty()
    sent = message("as it was")
    ok(w.send(sent, **FAIL).ok, "on_fail = ignore")
    eq([payload(m) for m in w.inbox("bob")], [sent], "leaves no trace")
    ok(w.send(**TEMP).ok, "a failure of DNS refuses nobody")
    ok(w.send(ip="198.51.100.4", name="TEMP").ok, "played by XCLIENT just so")

    topic("on_error = defer")
    w.configure('fcrdns: { enabled = true; on_none = "reject"; on_error = "defer"; };')
    eq(w.send(**TEMP).status, "451 4.7.1", "a failure of DNS is deferred")
    ok(w.send(**PASS).ok, "others are not touched")

    topic("a client's name in the rules")
    w.configure('rules = ( { name = "no"; when = ( { fact = "client_name"; is = "good.example"; } ); then = { reject = true; }; } );')
    eq(w.send(**PASS).last.code // 100, 5, "a confirmed name matches")
    ok(w.send(**FAIL).ok and w.send(**NONE).ok, "others do not")

    w.end()
