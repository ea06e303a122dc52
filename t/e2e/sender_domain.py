#!/usr/bin/python3
"""The sender's domain in DNS: MX, address, null MX, none, a failure; what the section does about each."""

import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)) + "/../lib")
from message import header, message, payload
from tap import eq, like, ok, topic
from world import World

ZONE = """\
mx.example        MX    10 mail.mx.example
a.example         A     192.0.2.1
aaaa.example      AAAA  2001:db8::1
null.example      MX    0 .
null.example      A     192.0.2.1
bare.example      TXT   "neither MX nor address"
broken.example    *     SERVFAIL
xn--e1afmkfd.example MX 10 mail.mx.example
"""
STAMP = """
rules = ( { name = "stamp"; match = "always"; then = { add_header = "X-Domain: %{sender_domain_dns}"; }; } );
"""
ENFORCE = "sender_domain: { enabled = true; };"


def fact(w, sender, **options):
    w.postfix.empty()
    outcome = w.send(sender=sender, **options)
    return header(w.inbox("bob")[0], "X-Domain") if outcome.ok else outcome


with World(STAMP, zone=ZONE) as w:
    topic("the fact, without its section")
    for sender, want in (("u@mx.example", b"mx"), ("u@a.example", b"address"), ("u@aaaa.example", b"address"),
                         ("u@null.example", b"null_mx"), ("u@bare.example", b"none"), ("u@gone.example", b"none"),
                         ("u@[203.0.113.9]", b"address"), ("u@single", b"none")):
        eq(fact(w, sender), [want], "%s: %s" % (sender, want.decode()))
    for sender in ("u@broken.example", ""):
        like(fact(w, sender)[0], rb"^(|unavailable)$", "<%s>: nothing is known" % sender)
    ok(not any(r.get("level") == "error" for r in w.gate.lines()), "nothing went wrong")

    topic("refused")
    w.configure(ENFORCE)
    null = w.send(sender="u@null.example")
    eq((null.stage, null.status), ("RCPT", "550 5.7.27"), "a domain that takes no mail: 550 5.7.27")
    ok(null.last.id, "the reply names the transaction: %s" % null.last)
    for sender in ("u@bare.example", "u@gone.example", "u@single"):
        none = w.send(sender=sender)
        eq((none.stage, none.status), ("RCPT", "550 5.1.8"), "%s: 550 5.1.8" % sender)
    eq([r["verdict"] for r in w.gate.mail(**{"from": "u@gone.example", "rule": "sender_domain: none"})], ["reject"],
       "the log names the rule")
    for sender in ("u@mx.example", "u@a.example", "u@aaaa.example", "u@[203.0.113.9]", ""):
        ok(w.send(sender=sender).ok, "<%s> is welcome" % sender)
    ok(w.send(sender="u@broken.example").ok, "a failure of DNS refuses nobody")
    session = w.connect("198.51.100.3")
    ok(session.ehlo() and session.mail("u@пример.example", "SMTPUTF8") and session.rcpt("bob@example.net"),
       "a domain in another script is asked in ASCII")
    session.quit()

    topic("whom it spares")
    ok(w.send(sender="u@gone.example", ip="192.0.2.7").ok, "trusted networks")
    ok(w.send(sender="u@gone.example", login="bob").ok, "authenticated users")
    ok(w.send(sender="scanner@example.net").ok, "our own domains, though DNS does not know them")
    eq(w.send(sender="u@gone.example", rcpts=["postmaster@example.net"]).status, "550 5.1.8",
       "not postmaster: an answer could not be sent")

    topic("the other outcomes")
    w.configure('sender_domain: { on_null_mx = "mark"; on_none = "defer"; on_error = "defer"; refuse_at = "connect"; };')
    w.postfix.empty()
    ok(w.send(sender="u@null.example").ok, "on_null_mx = mark: delivered")
    like(header(w.inbox("bob")[0], "X-Millgate-Mark")[0], rb"sender_domain=null_mx", "with a header that says why")
    gone = w.send(sender="u@gone.example")
    eq((gone.stage, gone.status), ("MAIL", "450 4.1.8"), "on_none = defer, refuse_at = connect: 450 4.1.8 at MAIL")
    eq(w.send(sender="u@broken.example").status, "451 4.7.1", "on_error = defer")
    w.configure('sender_domain: { on_null_mx = "ignore"; shadow = true; };')
    w.postfix.empty()
    sent = message("as it was")
    ok(w.send(sent, sender="u@null.example").ok and w.send(sent, sender="u@gone.example").ok, "ignore, shadow")
    eq([payload(m) for m in w.inbox("bob")], [sent, sent], "leave no trace")

    topic("a rule of one's own")
    w.configure('rules = ( { name = "no"; when = ( { fact = "sender_domain_dns"; is = ( "null_mx", "none" ); } ); '
                'then = { reject = "550 5.7.1 no"; }; } );')
    eq(w.send(sender="u@gone.example").status, "550 5.7.1", "reads the fact without the section")
    eq(w.gate.command("check").stdout.count("sender_domain"), 0, "and check has nothing to say about that")

    w.end()
