"""The messages of the soak test: valid, broken and hostile, each with what may and may not be said of it.

A kind is a function that makes one Letter; KINDS lists them with their shares.  All randomness is one generator's, so a
number repeats a run.
"""

import re
import time

import dkim

OURS = "mx.example.net"  # the authserv-id
GOOD, EVIL, BANK, SHOP = "good.example", "evil.example", "bank.example", "example.net"
WEEK = 7 * 86400


class Letter:
    """always, never: (field, pattern): in nearly all runs of it the added field matches; in none it does.

    refused: it is not let in (None: perhaps); forged: how many fields claim to be ours.
    """

    def __init__(self, text, sender="alice@" + GOOD, client="198.51.100.7", helo="mail." + GOOD, always=(),
                 never=(), refused=False, forged=0):
        self.kind, self.refused = None, refused
        self.text, self.sender, self.client, self.helo = text, sender, client, helo
        self.always, self.never, self.forged = list(always), list(never), forged

    def file(self):
        """As t/bench/letter.h reads it."""
        envelope = ["client %s mail.%s" % (self.client, GOOD), "helo " + self.helo, "mail <%s>" % self.sender,
                    "rcpt <bob@example.net>", "", ""]
        return "\n".join(envelope).encode() + self.text


def said(method, result, more=""):
    """A result in our Authentication-Results."""
    return ("Authentication-Results", r"\b%s=(?:%s)\b%s" % (method, result, more))


NO_DKIM = said("dkim", "pass")
NO_DMARC = said("dmarc", "pass")


# ---- Texts ----

WORDS = "quick brown fox jumps over the lazy dog while naïve гость reads 8-bit".encode().split()


def words(rng, n):
    return b" ".join(rng.choice(WORDS) for _ in range(n))


def plain(rng, author=GOOD, lines=None):
    """An unsigned message (LF)."""
    head = [b"From: Alice <alice@%s>" % author.encode(), b"To: bob@example.net", b"Subject: " + words(rng, 5),
            b"Date: Mon, 02 Nov 2026 10:00:00 +0000", b"Message-ID: <%d@%s>" % (rng.getrandbits(60), author.encode()),
            b"X-Folded: a  b\n\t c"]
    body = [words(rng, rng.randint(0, 12)) for _ in range(rng.randint(1, 60) if lines is None else lines)]
    return b"\n".join(head) + b"\n\n" + b"\n".join(body) + b"\n"


class Signer:
    """Signs with python3-dkim, which is slow: a message is kept and used again with other changes."""

    KEPT = 4

    def __init__(self, rng, keys):
        self.rng, self.keys, self.kept = rng, keys, {}

    def field(self, text, selector, domain=GOOD, canon="relaxed/relaxed", **options):
        key = self.keys[selector, domain]
        field = dkim.sign(text.replace(b"\n", b"\r\n"), selector.encode(), domain.encode(), key.for_python(),
                          canonicalize=tuple(c.encode() for c in canon.split("/")),
                          signature_algorithm=b"ed25519-sha256" if key.algorithm == "ed25519" else b"rsa-sha256",
                          include_headers=[b"from", b"to", b"subject", b"date"], **options)
        return field.replace(b"\r\n", b"\n")

    def message(self, selector="rsa", domain=GOOD, canon="relaxed/relaxed", lines=None, length=False):
        """A signed message: (the signature's field, the rest)."""
        kept = self.kept.setdefault((selector, domain, canon, lines, length), [])
        if len(kept) < self.KEPT:
            text = plain(self.rng, domain, lines)
            kept.append((self.field(text, selector, domain, canon, length=length), text))
        return self.rng.choice(kept)


def tag(field, name, value):
    """Another value of a tag; None: none."""
    new = b"" if value is None else b" %s=%s;" % (name, value)
    field = re.sub(rb"(?s)\s\b%s=[^;]*(;|\n\Z)" % name, lambda m: new or b" ", field.rstrip() + b"\n", count=1)
    return field.rstrip() + b"\n"


# ---- Valid ----

def valid(selector, canon="relaxed/relaxed", lines=None):
    def make(rng, signer):
        field, text = signer.message(selector, canon=canon, lines=lines)
        return Letter(field + text, always=[said("dkim", "pass"), said("dmarc", "pass"), said("spf", "pass")])
    return make


def two_signatures(rng, signer):
    field, text = signer.message("rsa")
    return Letter(signer.field(text, "ed") + field + text, always=[said("dkim", "pass", "(?s:.*)dkim=pass")])


def forwarded(rng, signer):
    """SPF fails, the signature vouches, white space was changed on the way."""
    field, text = signer.message("rsa")
    text = text.replace(b"Subject: ", b"SUBJECT:   ", 1) + b"\n\n"
    return Letter(field + b"X-More: %d\n" % rng.getrandbits(30) + text, client="203.0.113.9",
                  always=[said("dkim", "pass"), said("dmarc", "pass")], never=[said("spf", "pass")])


def unsigned(rng, _):
    return Letter(plain(rng), always=[said("dkim", "none"), said("dmarc", "pass")], never=[NO_DKIM])


def outbound(rng, _):
    """Ours: it is signed with two keys."""
    return Letter(plain(rng, SHOP), sender="alice@" + SHOP, client="192.0.2.5",
                  always=[("DKIM-Signature", r"\bd=example\.net;")], never=[("Authentication-Results", "")])


# ---- Broken ----

def changed(change, results="fail", canon="relaxed/relaxed", selector="rsa", length=False):
    """change(rng, field, text) answers the message."""
    def make(rng, signer):
        field, text = signer.message(selector, canon=canon, length=length)
        return Letter(change(rng, field, text), always=[said("dkim", results)], never=[NO_DKIM])
    return make


def retagged(name, value, results="permerror|fail|policy"):
    return changed(lambda rng, f, t: tag(f, name, value) + t, results)


def truncated(rng, field, text):
    return field[:rng.randint(16, len(field) - 8)].rstrip() + b"\n" + text


def odd_base64(rng, field, text):
    b = re.search(rb"(?s)\bb=(.*)", field).group(1)
    odd = rng.choice([b"=", b"!!", b"====", b"\xff", b"*"])
    return tag(field, b"b", b.strip()[:rng.randint(1, 40)] + odd + b"AA") + text


def shorter(rng, field, text):
    """l= leaves an end uncovered."""
    return field + text + b"more, which nobody signed\n"


def keyed(selector, results):
    """A key whose record is no good, or does not come."""
    def make(rng, signer):
        field, text = signer.message("rsa")
        return Letter(tag(field, b"s", selector.encode()) + text, always=[said("dkim", results)], never=[NO_DKIM])
    return make


# ---- Hostile ----

def many_tags(rng, field, text):
    junk = b"".join(b" t%d=%d;\n" % (i, i) for i in range(rng.choice([500, 3000])))
    return field.rstrip() + b";\n" + junk.rstrip() + b"\n" + text


def huge(rng, field, text):
    return field.replace(b" b=", b" z=" + b"A" * rng.choice([1000, 20000, 60000]) + b"; b=", 1) + text


def many_signatures(rng, field, text):
    bad = tag(field, b"bh", b"A" * 43 + b"=")
    return bad * rng.randint(7, 60) + field + text


def many_names(rng, field, text):
    names = [rng.choice([b"x%d" % i, b"subject"]) for i in range(rng.choice([50, 2000]))]
    return tag(field, b"h", b":".join([b"from"] + names)) + text


def many_fields(rng, field, text):
    h = b"from" + b":x-many" * rng.choice([10, 200, 900])
    return tag(field, b"h", h) + b"".join(b"X-Many: %d\n" % i for i in range(rng.choice([10, 3000]))) + text


def mutated(rng, signer):
    """Anything may come of it but a crash."""
    field, text = signer.message(rng.choice(["rsa", "ed"]))
    raw = bytearray(field[:-1])
    for _ in range(rng.randint(1, 12)):
        at = rng.randrange(15, len(raw))
        how = rng.randrange(4)
        if how == 0:
            raw[at] = rng.choice(b";=:,\t \"\\()\x01\x7f\x80\xff/+@.")
        elif how == 1:
            del raw[at:at + rng.randint(1, 8)]
        elif how == 2:
            raw[at:at] = bytes(rng.randrange(1, 256) for _ in range(rng.randint(1, 6))).replace(b"\n", b"?")
        else:
            raw[at:at] = raw[max(15, at - 20):at]
    return Letter(bytes(raw) + b"\n" + text)


def odd_header(rng, _):
    """Bytes that no header should have, no header, a header and nothing else, thousands of fields, one of 100 kB."""
    odd = bytes(rng.randrange(1, 256) for _ in range(rng.randint(1, 400))).replace(b"\n", b"\n ")
    return Letter(rng.choice([
        b"\n" + words(rng, 20) + b"\n",
        plain(rng).split(b"\n\n", 1)[0] + b"\n",
        b"DKIM-Signature:" + odd + b"\n" + plain(rng),
        b"DKIM-Signature:\n" + plain(rng),
        b"DKIM-Signature: " + b"=;" * 2000 + b"\n" + plain(rng),
        b"Authentication-Results:" + odd + b"\n" + plain(rng),
        b"From:" + odd + b"\n" + plain(rng).split(b"\n", 1)[1],
        odd.replace(b":", b";") + b": x\n" + plain(rng),
        b"".join(b"X-%d: %d\n" % (i, i) for i in range(4000)) + plain(rng),
        b"X-Long: " + b"y" * 100000 + b"\n" + plain(rng),
    ]), never=[NO_DKIM], refused=None)


def odd_body(rng, signer):
    """Bare CR, no end of line, very long lines, NUL, a megabyte."""
    field, text = signer.message(rng.choice(["rsa", "ed"]), canon=rng.choice(["relaxed/relaxed", "simple/simple"]))
    body = rng.choice([b"a\rb\r\r", b"no end", b" " * 50000, b"z" * 200000, b"\0\1\2\n" * 50, b" \t\n" * 5000,
                       b"x \n" * 300000])
    return Letter(field + text + body, never=[NO_DKIM] if body.strip() else [])


# ---- Who it says it is from ----

SPOOFS = [
    b"From: ceo@bank.example\nFrom: x@evil.example", b"From: x@evil.example\nFROM: ceo@bank.example",
    b"From : ceo@bank.example\nFrom: x@evil.example", b"From: x@evil.example, ceo@bank.example",
    b"From: ceo@bank.example, x@evil.example", b"From: <ceo@bank.example> <x@evil.example>",
    b"From: x@evil.example,\n\tceo@bank.example", b"From: =?utf-8?Q?ceo=40bank.example?=@evil.example",
    b"From: =?utf-8?Q?ceo=40bank.example=00?=@evil.example", b"From: A: x@evil.example;, B: ceo@bank.example;",
    b"From: \"ceo@bank.example, x@evil.example", b"From: <@evil.example:ceo@bank.example>", b"From: ceo@bank.example",
    b"From: ceo@sub.bank.example", b"From: ceo@BANK.example.",
    b"From: \"a\\\\\" <ceo@bank.example> \" <x@evil.example>",
    b"From:" + b"(" * 3000 + b"x@evil.example" + b")" * 3000 + b"ceo@bank.example",
    b"From: " + b", ".join(b"u%d@d%d.example" % (i, i) for i in range(40)) + b", ceo@bank.example",
]


def from_evil(text):
    """evil.example passes SPF as itself; it never speaks for the bank."""
    return Letter(text, sender="x@" + EVIL, client="198.51.100.66", helo=EVIL, never=[NO_DMARC], refused=True)


def spoof(rng, _):
    return from_evil(rng.choice(SPOOFS) + b"\n" + plain(rng, EVIL).split(b"\n", 1)[1])


def spoof_signed(rng, signer):
    """A second From above a good signature of evil's."""
    field, text = signer.message("rsa", EVIL)
    return from_evil(rng.choice([SPOOFS[0], b"From: ceo@bank.example"]) + b"\n" + field + text)


FORGED = [
    b"Authentication-Results: mx.example.net; dmarc=pass header.from=bank.example",
    b"authentication-RESULTS: MX.Example.NET; spf=pass",
    b"Authentication-Results: (comment) mx.example.net; dkim=pass",
    b"Authentication-Results: \"mx.example.net\"; dkim=pass",
    b"Authentication-Results:\n\tmx.example.net;\n\tdkim=pass",
    b"Authentication-Results: mx.example.net 1; none",
    b"Authentication-Results: (((nested) c) x) mx.example.net/1; dkim=pass",
]
OTHERS = [b"Authentication-Results: mx.other.example; spf=pass",
          b"Authentication-Results: xmx.example.net; dkim=pass"]


def forged_results(rng, _):
    """Ours are removed, all of them; others' stay."""
    forged = [rng.choice(FORGED) for _ in range(rng.choice([1, 3, 40]))]
    fields = forged + [rng.choice(OTHERS) for _ in range(rng.randint(0, 3))]
    rng.shuffle(fields)
    return Letter(b"\n".join(fields) + b"\n" + plain(rng), forged=len(forged), always=[said("dmarc", "pass")],
                  never=[NO_DKIM, said("spf", r"pass\b(?s:.*)header\.from=bank")])


# ---- SPF ----

def spf(domain, results):
    def make(rng, _):
        return Letter(plain(rng, domain), sender="x@" + domain, helo="mail." + domain,
                      always=[said("spf", results)], never=[said("spf", "pass")])
    return make


KINDS = [
    # (share, name, what makes it)
    (60, "valid rsa", valid("rsa")),
    (30, "valid ed25519", valid("ed")),
    (20, "valid simple", valid("rsa", "simple/simple")),
    (20, "valid rsa 1024", valid("short")),
    (6, "valid large", valid("rsa", lines=4000)),
    (20, "two signatures", two_signatures),
    (20, "forwarded", forwarded),
    (30, "unsigned", unsigned),
    (30, "outbound", outbound),
    (10, "key over tcp", valid("tcp")),
    (10, "body changed", changed(lambda rng, f, t: f + t + b"more\n")),
    (10, "header changed", changed(lambda rng, f, t: f + t.replace(b"Alice", b"Mallory", 1))),
    (10, "simple changed", changed(lambda rng, f, t: f + t.replace(b"To: ", b"To:  ", 1), canon="simple/simple")),
    (20, "truncated", changed(truncated, "permerror|fail|temperror|policy")),
    (20, "bad base64", changed(odd_base64, "permerror|fail")),
    (10, "l= too short", changed(shorter, "policy", length=True)),
    (10, "l= too long", retagged(b"bh", b"A" * 43 + b"=; l=99999999", "fail")),
    (5, "l= odd", retagged(b"a", b"rsa-sha256; l=-1")),
    (10, "expired", retagged(b"t", b"1000; x=2000", "policy|fail")),
    (5, "future", retagged(b"t", b"%d" % (time.time() + WEEK), "policy|fail")),
    (5, "sha1", retagged(b"a", b"rsa-sha1")),
    (5, "algorithm", retagged(b"a", b"rsa-sha512", "permerror")),
    (5, "version", retagged(b"v", b"2", "permerror")),
    (5, "no bh", retagged(b"bh", None, "permerror")),
    (5, "odd d", retagged(b"d", b"good..example")),
    (5, "other i", retagged(b"a", b"rsa-sha256; i=@bank.example", "permerror")),
    (5, "h= without From", retagged(b"h", b"to:subject", "permerror")),
    (10, "wrong key", keyed("short", "fail")),
    (5, "ed25519 key", keyed("ed", "permerror")),
    (5, "no key", keyed("gone", "permerror")),
    (5, "revoked", keyed("revoked", "permerror")),
    (5, "garbled key", keyed("garbled", "permerror")),
    (5, "odd key record", keyed("odd", "permerror")),
    (5, "many key records", keyed("many", "permerror|fail")),
    (5, "tiny key", keyed("tiny", "permerror|fail|policy")),
    (5, "huge key", keyed("huge", "permerror|fail|policy")),
    (5, "key servfail", keyed("servfail", "temperror")),
    (3, "key time-out", keyed("timeout", "temperror")),
    (3, "key garbage", keyed("garbage", "temperror")),
    (10, "many tags", changed(many_tags, "permerror|fail")),
    (10, "huge field", changed(huge, "permerror|fail")),
    (10, "many signatures", changed(many_signatures, "fail")),
    (10, "many names", changed(many_names, "permerror|fail")),
    (10, "many fields", changed(many_fields, "permerror|fail")),
    (60, "mutated", mutated),
    (40, "odd header", odd_header),
    (20, "odd body", odd_body),
    (60, "spoof", spoof),
    (20, "spoof, signed", spoof_signed),
    (40, "forged results", forged_results),
    (20, "spf tree", spf("tree.example", "permerror")),
    (5, "spf loop", spf("loop.example", "permerror")),
    (5, "spf voids", spf("voids.example", "permerror")),
    (5, "spf macros", spf("macros.example", "fail|permerror")),
    (5, "spf syntax", spf("syntax.example", "permerror")),
    (5, "spf two records", spf("two.example", "permerror")),
    (5, "spf mx", spf("mx.example", "permerror|fail")),
    (5, "spf servfail", spf("spfail.example", "temperror")),
    (3, "spf time-out", spf("spftime.example", "temperror")),
    (5, "dmarc servfail", spf("dmfail.example", "fail")),
]


def letters(rng, keys, n):
    """n of them; every kind that there is room for."""
    signer = Signer(rng, keys)
    kinds = [k for k in KINDS[:n]] + rng.choices(KINDS, [share for share, _, _ in KINDS], k=max(0, n - len(KINDS)))
    out = []
    for _, name, make in kinds:
        letter = make(rng, signer)
        letter.kind = name
        out.append(letter)
    rng.shuffle(out)
    return out


# ---- The zone ----

def tree(domain, depth, width):
    """An SPF record that includes so many others, each of which does so again."""
    if depth == 0:
        return '%s TXT "v=spf1 a:none.%s -all"\n' % (domain, domain)
    below = ["%s%d.%s" % ("abcdefghij"[i], depth, domain) for i in range(width)]
    return '%s TXT "v=spf1 %s -all"\n' % (domain, " ".join("include:" + b for b in below)) + "".join(
        tree(b, depth - 1, width) for b in below)


def zone(keys):
    lines = [key.line for key in keys.values()]
    good = keys["rsa", GOOD].text
    lines += ["tcp._domainkey.good.example TXT TRUNCATE\n"]
    for domain, address in ((GOOD, "198.51.100.7"), (EVIL, "198.51.100.66"), (BANK, "198.51.100.99")):
        lines += ['%s TXT "v=spf1 ip4:%s -all"\n' % (domain, address), '_dmarc.%s TXT "v=DMARC1; p=reject"\n' % domain,
                  "%s A %s\n" % (domain, address)]

    def key(selector, text):
        strings = " ".join('"%s"' % text[i:i + 250] for i in range(0, len(text), 250)) or '""'
        return "%s._domainkey.good.example TXT %s\n" % (selector, strings)
    lines += [key("revoked", "v=DKIM1; p="), key("garbled", good[:120]), key("garbled", "v=DKIM1; p=!!"),
              key("odd", "v=DKIM2; k=dsa; p=AAAA"), key("odd", "x" * 3000), key("odd", ""), key("odd", ";;;;=="),
              key("tiny", "v=DKIM1; p=MFwwDQYJKoZIhvcNAQEBBQADSwAwSAJBAL"), key("huge", "v=DKIM1; p=" + "QUFB" * 8000),
              key("servfail", good), "servfail._domainkey.good.example TXT SERVFAIL\n",
              "timeout._domainkey.good.example TXT TIMEOUT\n", "garbage._domainkey.good.example TXT GARBAGE\n"]
    lines += [key("many", "v=DKIM1; n=%d; p=AAAA" % i) for i in range(12)]
    lines += [tree("tree.example", 3, 10), 'loop.example TXT "v=spf1 include:loop.example -all"\n',
              'voids.example TXT "v=spf1 a:v1.voids.example a:v2.voids.example a:v3.voids.example ?all"\n',
              'macros.example TXT "v=spf1 exists:%{ir}.%{l1r-}.%{d2}.macros.example exists:%{h}.macros.example -all"\n',
              'syntax.example TXT "v=spf1 ip4:1.2.3.4/99 %{x} ::: include: -all"\n',
              'two.example TXT "v=spf1 -all"\n', 'two.example TXT "v=spf1 ~all"\n', 'mx.example TXT "v=spf1 mx -all"\n',
              "spfail.example TXT SERVFAIL\n", "spftime.example TXT TIMEOUT\n", 'dmfail.example TXT "v=spf1 -all"\n',
              "_dmarc.dmfail.example TXT SERVFAIL\n"]
    lines += ["mx.example MX %d m%d.mx.example\n" % (i, i) for i in range(12)]
    return "".join(lines)
