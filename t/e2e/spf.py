#!/usr/bin/python3
"""SPF through a real Postfix: results and what follows from them, who is spared, failing DNS, Authentication-Results."""

import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)) + "/../lib")
from message import header, message
from place import run
from tap import eq, like, ok, topic, unlike
from world import World

# Ten includes that each lead to ten more, and so on; the wildcard's go on without end.
TREE = "".join("%s.tree.example TXT \"v=spf1 %s ?all\"\n" % (
    ".".join(path), " ".join("include:n%d.%s.tree.example" % (i, ".".join(path)) for i in range(10)))
    for depth in range(3) for path in [("n0",) * depth + ("root",)])
TREE += "*.tree.example TXT \"v=spf1 include:n0.again.tree.example include:n1.again.tree.example ?all\"\n"

ZONE = TREE + """\
pass.example        TXT "v=spf1 include:in" "cluded.example -all"
included.example    TXT "v=spf1 ip4:198.51.100.0/24 ip6:2001:db8::/32"
fail.example        TXT "v=spf1 ip4:203.0.113.0/24 exp=explain.fail.example -all"
explain.fail.example TXT "click http://phish.example/ now"
soft.example        TXT "v=spf1 ~all"
neutral.example     TXT "v=spf1 ?all"
broken.example      TXT "v=spf1 ip4:198.51.100.0.0 -all"
dead.example        TXT TIMEOUT
servfail.example    TXT SERVFAIL
_dmarc.fail.example TXT "v=DMARC1; p=reject"
"""
V4, V6 = "198.51.100.3", "2001:db8::3"


def results(text):
    """The SPF part of our Authentication-Results."""
    fields = [f.decode() for f in header(text, "Authentication-Results") if f.startswith(b"mx.example.net")]
    return [" ".join(part.split()) for f in fields for part in f.split(";")[1:] if part.strip().startswith("spf=")]


with World('spf: { enabled = true; };', zone=ZONE) as w:
    def got(sender, **options):
        """One message's marks and SPF results."""
        w.postfix.empty()
        outcome = w.send(sender=sender, **options)
        if not ok(outcome.ok, "%s: accepted: %r" % (sender, outcome)):
            return None, None
        text = w.inbox("bob")[0]
        return [m.decode() for m in header(text, "X-Millgate-Mark")], results(text)

    def marked(sender, marks, want, name, **options):
        have, result = got(sender, **options)
        eq((bool(have), result), (bool(marks), [want]), name)
        for mark in marks:
            like(" ".join(have or []), mark, "%s: marked %s" % (name, mark))

    topic("results, by default marked")
    marked("a@pass.example", [], "spf=pass smtp.mailfrom=pass.example", "pass")
    marked("a@pass.example", [], "spf=pass smtp.mailfrom=pass.example", "pass, by IPv6", ip=V6)
    marked("a@fail.example", ["spf=fail"], "spf=fail smtp.mailfrom=fail.example", "fail")
    marked("a@soft.example", ["spf=softfail"], "spf=softfail smtp.mailfrom=soft.example", "softfail")
    marked("a@neutral.example", [], "spf=neutral smtp.mailfrom=neutral.example", "neutral")
    marked("a@none.example", [], "spf=none smtp.mailfrom=none.example", "none")
    marked("a@broken.example", [],
           'spf=permerror reason="a record that does not follow the grammar" smtp.mailfrom=broken.example', "permerror")
    marked("a@servfail.example", [], 'spf=temperror reason="DNS did not answer" smtp.mailfrom=servfail.example',
           "temperror: mail flows")
    marked("", [], "spf=pass smtp.helo=pass.example", "the null sender is checked by HELO", helo="pass.example")
    marked("", ["spf=fail"], "spf=fail smtp.helo=fail.example", "and fails by it", helo="fail.example")

    topic("forged fields")
    w.postfix.empty()
    w.send(message(headers=["Authentication-Results: mx.example.net; spf=pass smtp.mailfrom=fail.example"]),
           sender="a@fail.example")
    eq(results(w.inbox("bob")[0]), ["spf=fail smtp.mailfrom=fail.example"], "a forged result is gone")

    topic("a tree of includes")
    w.postfix.empty()
    before = len(w.dns.queries())
    ok(w.send(sender="a@root.tree.example").ok, "accepted")
    asked = [q for q in w.dns.queries()[before:] if q.split()[0].endswith("tree.example")]
    like(results(w.inbox("bob")[0])[0], "^spf=permerror ", "permerror")
    ok(2 < len(asked) <= 12, "after %d questions" % len(asked))

    topic("on_fail = reject")
    w.configure('spf: { enabled = true; on_fail = "reject"; on_softfail = "defer"; on_permerror = "reject"; };')
    refused = w.send(sender="a@fail.example")
    eq((refused.stage, refused.status), ("RCPT", "550 5.7.23"), "fail")
    unlike(str(refused.last), "phish|click|fail.example", "the reply quotes nothing of the sender's")
    ok(refused.last.id, "it names the transaction: %s" % refused.last)
    ok(not w.dns.asked("explain.fail.example"), "the explanation is never asked for")
    eq(w.send(sender="a@soft.example").status, "451 4.7.23", "softfail: deferred")
    eq(w.send(sender="a@broken.example").status, "550 5.7.24", "permerror: refused")
    eq(w.send(sender="", helo="fail.example").status, "550 5.7.23", "the null sender, by HELO")
    ok(w.send(sender="a@pass.example").ok and w.send(sender="a@none.example").ok, "pass and none are accepted")
    ok(w.send(sender="a@servfail.example").ok, "a failure of DNS refuses nobody")

    topic("who is spared")
    ok(w.send(sender="a@fail.example", rcpts=["postmaster@example.net"]).ok, "postmaster gets it")
    before = len(w.dns.asked("spared.fail.example"))
    ok(w.send(sender="a@spared.fail.example", login="bob").ok, "an authenticated user")
    ok(w.send(sender="a@spared.fail.example", ip="192.0.2.9").ok, "a trusted network")
    eq(len(w.dns.asked("spared.fail.example")), before, "are not even checked")
    ok(w.send(sender="a@fail.example", login="bob").ok, "also where it would fail")
    w.configure('spf: { enabled = true; on_fail = "reject"; };', relays='( "198.51.100.3" )')
    w.postfix.empty()
    ok(w.send(sender="a@fail.example").ok, "a relay of ours")
    eq(results(w.inbox("bob")[0]), [], "and its address is not taken for the sender's")

    topic("rules of one's own")
    w.configure('spf: { enabled = true; on_fail = "ignore"; };'
                'rules = ( { name = "stamp"; match = "always"; then = { add_header = ( "X-SPF: %{spf} %{spf_domain}",'
                ' "X-Terms: %{spf_mechanism}", "X-Lookups: %{spf_lookups}" ); }; },'
                '{ name = "no"; when = ( { fact = "spf"; is = "temperror"; } ); then = { defer = true; }; } );')
    w.postfix.empty()
    ok(w.send(sender="a@pass.example").ok, "accepted")
    text = w.inbox("bob")[0]
    eq([header(text, n) for n in ("X-SPF", "X-Terms", "X-Lookups")],
       [[b"pass pass.example"], [b"include:included.example, ip4:198.51.100.0/24"], [b"1"]], "the facts")
    eq(w.send(sender="a@servfail.example").last.code // 100, 4, "is = temperror")

    topic("on_error = defer")
    w.configure('spf: { enabled = true; on_fail = "reject"; on_error = "defer"; };')
    eq(w.send(sender="a@servfail.example").status, "451 4.7.1", "SERVFAIL is deferred")
    eq(w.send(sender="a@dead.example").status, "451 4.7.1", "so is a time-out")
    ok(w.send(sender="a@pass.example").ok, "others are not touched")

    topic("libspf2")
    w.configure('spf: { enabled = true; engine = "libspf2"; on_fail = "reject"; };')
    marked("a@pass.example", [], "spf=pass smtp.mailfrom=pass.example", "pass")
    eq(w.send(sender="a@fail.example").status, "550 5.7.23", "fail")
    before = len(w.dns.queries())
    w.postfix.empty()
    ok(w.send(sender="a@root.tree.example").ok, "a tree of includes")
    asked = [q for q in w.dns.queries()[before:] if q.split()[0].endswith("tree.example")]
    ok(len(asked) <= 12, "is asked %d questions" % len(asked))
    like(results(w.inbox("bob")[0])[0], "^spf=permerror ", "and is a permerror")

    topic("with DMARC")
    w.configure('spf: { enabled = true; on_fail = "reject"; }; dkim: { verify = true; }; dmarc: { enabled = true; };')
    refused = w.send(sender="a@fail.example")
    eq((refused.stage, refused.status), ("END", "550 5.7.23"), "a refusal waits for DMARC")
    ok(w.send(sender="a@pass.example").ok, "a pass is accepted")
    run(["dknewkey", "--ktype", "ed25519", w.path("key")])
    with open(w.path("key.dns")) as f:
        w.dns.change(ZONE + 's._domainkey.fail.example TXT "%s"\n' % f.read())
    text = run(["dkimsign", "--signalg", "ed25519-sha256", "s", "fail.example", w.path("key.key")],
               input=message(sender="a@fail.example").decode()).stdout.encode()
    w.postfix.empty()
    if ok(w.send(text, sender="a@fail.example").ok, "and so is a fail that a signature makes up for"):
        eq(results(w.inbox("bob")[0]), ["spf=fail smtp.mailfrom=fail.example"], "which is reported all the same")

    topic("shadow, and off")
    w.configure('spf: { enabled = true; on_fail = "reject"; shadow = true; };')
    outcome = w.send(sender="a@fail.example")
    ok(outcome.ok, "shadow = true changes nothing: %r" % outcome)
    w.configure('spf: { enabled = false; on_fail = "reject"; };')
    before = len(w.dns.asked("fail.example"))
    w.postfix.empty()
    ok(w.send(sender="a@fail.example").ok, "enabled = false")
    eq(len(w.dns.asked("fail.example")), before, "asks nothing")
    eq(header(w.inbox("bob")[0], "Authentication-Results"), [], "and stamps nothing")

    w.end()
