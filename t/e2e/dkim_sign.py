#!/usr/bin/python3
"""Signing, and verifying, against python3-dkim: what we sign it verifies, what it signs we verify; and whose mail is signed.

Every message goes through a real Postfix; what arrives at the sink is what went over the wire.
"""

import os
import random
import re
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)) + "/../lib")
import authres
import dkim
from dkim_keys import Key, lookup
from message import header, message
from smtp import attempt, sent, transaction
from tap import diag, eq, like, ok, topic
from world import SENDMAIL, World

COUNT = 60 if SENDMAIL else 200  # messages that we sign, and that we verify
SEED = 6376

CANONICALIZATIONS = ("relaxed/relaxed", "relaxed/simple", "simple/relaxed", "simple/simple")
# A domain for each.
DOMAINS = {c: "%s.example" % c.replace("/", "-") for c in CANONICALIZATIONS}
USER = "alice"
AWAY = ["someone@remote.example"]


# ---- Varied messages ----

WORDS = ["quick", "brown", "fox", "jumps", "over", "the", "lazy", "dog", "съешь", "ещё", "naïve", "=?UTF-8?Q?h=C3=A9?=",
         "a;b=c", "d: e", "(f)", '"g"', "..", "."]


def words(rng, most):
    return " ".join(rng.choice(WORDS) for _ in range(rng.randint(1, most)))


def address_field(rng, name):
    """One that sendmail hands on as it came: it writes anew what is not in its own style."""
    addresses = ["%s@%s.example" % (rng.choice("abc"), rng.choice("xyz")) for _ in range(rng.randint(1, 3))]
    return ("%s: %s" % (name, ", ".join(addresses))).encode()


def field(rng, name):
    """A field: folded, with white space in odd places, 8-bit, empty."""
    if SENDMAIL and name in ("To", "Cc", "Reply-To"):
        return address_field(rng, name)
    value = rng.choice([
        lambda: words(rng, 6),
        lambda: "  " + words(rng, 3) + "  ",
        lambda: words(rng, 3) + "\n " + words(rng, 3),
        lambda: words(rng, 3) + " \t \n\t  " + words(rng, 3) + "\n\t" + words(rng, 2),
        lambda: "x" * rng.randint(100, 900),
        # Instead of an empty one of these sendmail writes its own, and tells no filter.
        lambda: "x" if SENDMAIL and name in ("Date", "Message-ID") else "",
        lambda: "\t" + words(rng, 2) + "\t",
    ])()
    colon = rng.choice([": ", ":", ":  ", ": \t"])
    return (rng.choice([name, name.lower(), name.upper()]) + colon + value).encode()


def some_headers(rng, domain):
    """Everything but From may come twice, in any order."""
    out = [b"From: Alice <alice@%s>" % domain.encode()]
    for name in ("Subject", "To", "Date", "Message-ID", "Cc", "Reply-To", "Comments", "Keywords", "List-Id", "X-Other",
                 "MIME-Version", "References", "List-Unsubscribe"):
        for _ in range(rng.choice([0, 1, 1, 1, 2])):
            out.append(field(rng, name))
    rng.shuffle(out)
    return out


def some_body(rng):
    kind = rng.randrange(10)
    if kind == 0:
        return b""
    if kind == 1:
        return b"\n" * rng.randint(1, 5)
    if kind == 2:
        return b" \t\n \n\n"
    lines = []
    for _ in range(rng.randint(1, 30)):
        lines.append(rng.choice([
            lambda: words(rng, 12).encode(),
            lambda: (words(rng, 3) + rng.choice(["  ", "\t", " \t "]) + words(rng, 3)).encode(),
            lambda: words(rng, 5).encode() + rng.choice([b" ", b"\t", b" \t  "]),
            lambda: b"",
            lambda: b".",
            lambda: b".." + words(rng, 2).encode(),
            lambda: b"  indented",
            lambda: bytes(rng.randrange(128, 256) for _ in range(40)),
            lambda: b"y" * rng.choice([997, 998, 999, 2047, 2048, 5000]),
            lambda: b"From here on",
        ])())
    return b"\n".join(lines) + rng.choice([b"", b"\n", b"\n\n\n", b"\n \n"])


def some_message(rng, domain):
    return b"\n".join(some_headers(rng, domain)) + b"\n\n" + some_body(rng)


# ---- Both ways ----

def verify(data, dnsfunc):
    """python3-dkim's answers for every signature of a message: [(d, a, pass)]."""
    count = len(re.findall(rb"(?mi)^DKIM-Signature:", data.split(b"\r\n\r\n", 1)[0]))
    out = []
    for index in range(count):
        checker = dkim.DKIM(data, minkey=1024)
        try:
            good = checker.verify(idx=index, dnsfunc=dnsfunc)
        except dkim.DKIMException as error:
            good = str(error)
        fields = checker.signature_fields
        out.append((fields.get(b"d", b"?").decode(), fields.get(b"a", b"?").decode(), good))
    return out


def send_all(w, texts, rcpts, **client):
    """Sends messages in one session after another, some hundred in each."""
    for start in range(0, len(texts), 100):
        with w.connect(**client) as session:
            first = True
            for text in texts[start:start + 100]:
                how = attempt if first else transaction
                sent(how(session, text, "alice@example.net", rcpts))
                first = False
            session.quit()


def check_signing(w, keys):
    topic("what we sign, python3-dkim verifies")
    rng = random.Random(SEED)
    texts = [some_message(rng, DOMAINS[CANONICALIZATIONS[i % 4]]) for i in range(COUNT)]
    send_all(w, texts, AWAY, ip="198.51.100.7", login=USER)
    taken = w.sink.wait(COUNT)
    dnsfunc = lookup(keys)
    wrong = 0
    for i, got in enumerate(taken):
        domain = re.search(rb"(?mi)^from:.*@([\w.-]+)>", got.data).group(1).decode()
        found = sorted(verify(got.data, dnsfunc))
        want = [(domain, "ed25519-sha256", True), (domain, "rsa-sha256", True)]
        if found != want:
            wrong += 1
            diag("message %d: %r\n%s" % (i, found, got.data.decode("latin-1")))
    eq(wrong, 0, "%d varied messages, RSA and Ed25519, simple and relaxed" % len(taken))
    return [got.data for got in taken]


def results(text):
    """Our Authentication-Results of a message, as python3-authres reads it."""
    fields = [f for f in header(text, "Authentication-Results") if f.startswith(b"mx.example.net")]
    if len(fields) != 1:
        return None
    return authres.AuthenticationResultsHeader.parse("Authentication-Results: " + fields[0].decode())


def sign(text, key, canonicalization, **more):
    """python3-dkim's signature on top of a message."""
    wire = re.sub(rb"\r?\n", b"\r\n", text)
    if b"\r\n\r\n" in wire and not wire.endswith(b"\r\n"):
        wire += b"\r\n"
    signature = dkim.sign(wire, key.selector.encode(), key.domain.encode(), key.for_python(),
                          canonicalize=tuple(c.encode() for c in canonicalization.split("/")),
                          signature_algorithm=b"rsa-sha256" if key.algorithm == "rsa" else b"ed25519-sha256", **more)
    return (signature + wire).replace(b"\r\n", b"\n")


def check_verifying(w, keys):
    topic("what python3-dkim signs, we verify")
    rng = random.Random(SEED + 1)
    texts = []
    for i in range(COUNT):
        canonicalization = CANONICALIZATIONS[i % 4]
        key = [k for k in keys if k.domain == DOMAINS[canonicalization]][i // 4 % 2]
        text = some_message(rng, key.domain)
        texts.append(sign(text, key, canonicalization, **({"length": True} if i % 7 == 0 else {})))
    w.postfix.empty()
    send_all(w, texts, ["bob@example.net"], ip="198.51.100.9")
    arrived = w.inbox("bob")
    eq(len(arrived), COUNT, "all arrive")
    wrong = 0
    for text in arrived:
        found = results(text)
        signed = header(text, "DKIM-Signature")[0]
        d, s, a, b = (re.sub(rb"\s", b"", re.search(rb"\b%s=([^;]*)" % tag, signed).group(1)).decode()
                      for tag in (b"d", b"s", b"a", b"b"))
        want = [("dkim", "pass", [("d", d), ("s", s), ("a", a), ("b", b[:8])])]
        got = found and [(r.method, r.result, [(p.name, p.value) for p in r.properties]) for r in found.results
                         if r.method == "dkim"]
        if got != want:
            wrong += 1
            diag("%r\n%s" % (got, text.decode("latin-1")))
    eq(wrong, 0, "%d varied messages pass, and python3-authres reads what we say of them" % len(arrived))


def check_changed(w, signed):
    topic("what was changed on the way does not pass")
    changes = {
        "the body": lambda t: t + b"more\r\n",
        "a signed field": lambda t: re.sub(rb"(?mi)^(from:.*)Alice", rb"\1Mallory", t, 1),
        "a second From": lambda t: b"From: mallory@evil.example\r\n" + t,
        "a Content-Type": lambda t: b"Content-Type: text/html\r\n" + t,
    }
    for name, change in changes.items():
        text = change(signed).replace(b"\r\n", b"\n")
        w.postfix.empty()
        sent(w.send(text))
        found = results(w.inbox("bob")[0])
        outcome = [r.result for r in found.results if r.method == "dkim"]
        eq(outcome, ["fail", "fail"], name)


# ---- Whose mail is signed ----

def signatures(text):
    return [re.search(rb"\bd=([^;]+)", re.sub(rb"\s", b"", f)).group(1).decode() + " " +
            re.search(rb"\bs=([^;]+)", re.sub(rb"\s", b"", f)).group(1).decode()
            for f in header(text.replace(b"\r\n", b"\n"), "DKIM-Signature")]


def one(w, sender="alice@example.net", more=(), **client):
    """The signatures on one message that was sent away."""
    before = len(w.sink.taken)
    sent(w.send(message(sender=sender, headers=more), sender="alice@example.net", rcpts=AWAY, **client))
    return signatures(w.sink.wait(before + 1)[before].data)


def one_from(w, line, **client):
    """The same of a message with this From field."""
    before = len(w.sink.taken)
    text = line.encode() + b"\n" + message().split(b"\n", 1)[1]
    sent(w.send(text, sender="alice@example.net", rcpts=AWAY, **client))
    return signatures(w.sink.wait(before + 1)[before].data)


OWNERS = """\
# address: logins
alice@example.net: alice, chief
@sub.example.net: carol
bob@example.net: bob
"""


def check_whose(w, main_key, sub_key):
    inside, trusted, relay = {"ip": "198.51.100.7", "login": "alice"}, {"ip": "192.0.2.7"}, {"ip": "192.0.2.25"}
    config = """
    relays = ( "192.0.2.25" );
    dkim: { sign = ( { %s subdomains = true; }, { %s } ); %%s };""" % (main_key.entry, sub_key.entry)
    w.configure(config % "")
    topic("outbound mail from our domains")
    eq(one(w, **inside), ["example.net m1"], "a user who logged in")
    eq(one(w, **trusted), ["example.net m1"], "a trusted network")
    eq(one(w, "x@deep.example.net", **inside), ["example.net m1"], "a subdomain")
    eq(one(w, "x@sub.example.net", **inside), ["sub.example.net s1"], "a subdomain with an entry of its own")
    eq(one(w, "x@notexample.net", **inside), [], "not another domain that ends alike")
    eq(one(w, "x@example.org", **inside), [], "not a domain of others")
    topic("never else")
    eq(one(w, ip="198.51.100.7"), [], "inbound")
    eq(one(w, **relay), [], "a relay, though in a trusted network")
    eq(one(w, more=["From: other@example.net"], **inside), [], "several From fields")
    eq(one(w, "x@example.org>, <alice@example.net", **inside), [], "an author who is not ours")
    eq(one(w, "carol@example.net>, <alice@example.net", **inside), ["example.net m1"], "two authors who are")
    before = len(w.sink.taken)
    w.postfix.submit(message(sender="root@example.net"), "root@example.net", AWAY)
    eq(signatures(w.sink.wait(before + 1)[before].data), ["example.net m1"], "mail without SMTP is")

    topic("sender_login")
    owners = w.write("owners", OWNERS)
    w.configure(config % 'sender_login = "file:%s";' % owners)
    eq(one(w, **inside), ["example.net m1"], "one's own address")
    eq(one(w, "ALICE+tag@Example.NET", **inside), ["example.net m1"], "with a detail, in capitals")
    eq(one(w, "bob@example.net", **inside), [], "not somebody else's")
    eq(one(w, "dave@example.net", **inside), [], "not one that nobody owns")
    eq(one(w, "x@sub.example.net", ip="198.51.100.7", login="carol"), ["sub.example.net s1"], "one's domain")
    eq(one(w, "alice@example.net>, <bob@example.net", **inside), [], "not one's own with somebody else's")
    eq(one(w, "bob@example.net", **trusted), [], "a trusted network: not a user's")
    for value in ("alice@example.net, bob@example.net x", "bob@example.net\x01, alice@example.net",
                  "alice@example.net, =?utf-8?q?bob=40example.net?=", "alice@example.net, \"bob@example.net\"",
                  "alice@example.net bob@example.net", "team: alice@example.net, bob@example.net;"):
        eq(one_from(w, "From: " + value, **inside), [], "not what hides somebody else's: %r" % value)
    eq(one(w, more=["From : bob@example.net"], **inside), [], "not with a second From field, with a blank at its name")
    for value in ("\"bob@example.net, via desk\" <alice@example.net>", "alice@example.net (me @ home)",
                  "=?utf-8?q?Al=C3=ADce?= <alice@example.net>"):
        eq(one_from(w, "From: " + value, **inside), ["example.net m1"], "names are only names: %r" % value)
    eq(one(w, "cron@example.net", **trusted), ["example.net m1"], "but one that nobody owns")

    topic("after our own edits")
    w.configure(config % "" + """
    rules = ( { name = "tag"; match = "always"; then = { tag_subject = "[away]"; set_header = "Reply-To: desk@example.net"; }; } );""")
    before = len(w.sink.taken)
    sent(w.send(message(sender="alice@example.net"), sender="alice@example.net", rcpts=AWAY, **inside))
    data = w.sink.wait(before + 1)[before].data
    like(data, rb"Subject: \[away\]", "the subject is tagged")
    eq(verify(data, lookup([main_key])), [("example.net", "rsa-sha256", True)], "and signed with the tag")
    w.configure(config % "shadow = true;")
    eq(one(w, **inside), [], "shadow: nothing is signed")


def check_expiry(w, key):
    topic("x=")
    before = len(w.sink.taken)
    sent(w.send(message(sender="a@expire.example"), sender="a@expire.example", rcpts=AWAY, ip="198.51.100.7", login=USER))
    data = w.sink.wait(before + 1)[before].data
    t, x = (int(re.search(rb"\b%s=(\d+)" % tag, data).group(1)) for tag in (b"t", b"x"))
    eq(x - t, 7 * 86400, "the time of expiry stands in the signature")
    eq(verify(data, lookup([key]))[0][2], True, "which verifies")


def main():
    # Postfix would break lines of more than 998 bytes after they were signed, and complete addresses before.
    settings = "" if SENDMAIL else "smtp_line_length_limit = 0\nlocal_header_rewrite_clients ="
    with World("", settings=settings) as w:
        keys = [Key(w, domain, algorithm, algorithm) for domain in DOMAINS.values() for algorithm in ("rsa", "ed25519")]
        canonicalization = {domain: c for c, domain in DOMAINS.items()}
        expire = Key(w, "expire.example", "e1")
        entries = ["{ %s canonicalization = \"%s\"; }" % (key.entry, canonicalization[key.domain]) for key in keys]
        entries.append('{ %s expire = "7d"; }' % expire.entry)
        w.dns.change("".join(key.line for key in keys))
        w.configure("dkim: { sign = ( %s ); };" % ",\n".join(entries))
        signed = check_signing(w, keys)
        check_expiry(w, expire)
        check_verifying(w, keys)
        check_changed(w, signed[0])
        check_whose(w, Key(w, "example.net", "m1"), Key(w, "sub.example.net", "s1"))
        w.end()


main()
