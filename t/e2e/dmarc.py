#!/usr/bin/python3
"""DMARC (RFC 9989), through the milter with a real DNS server: discovery, policy, alignment, spoofed From fields."""

import os
import re
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE + "/../milter")
from talk import Talk, at, environment, program, tap  # noqa: E402
from dkim_keys import Key  # noqa: E402
from dns import Dns  # noqa: E402
import dkim  # noqa: E402

# The first may send for evil.example and others below, the second for none.
EVIL, NOBODY = "198.51.100.1", "198.51.100.2"

ZONE = """\
evil.example         TXT "v=spf1 ip4:198.51.100.1 -all"
_dmarc.evil.example  TXT "v=DMARC1; p=reject"
bank.example         TXT "v=spf1 ip4:198.51.100.9 -all"
_dmarc.bank.example  TXT "v=DMARC1; p=reject"
"""


def record(domain, text):
    return "_dmarc.%s TXT \"%s\"\n" % (domain, text)


def spf(*domains):
    """These domains' mail may come from EVIL's address."""
    return "".join('%s TXT "v=spf1 ip4:%s -all"\n' % (d, EVIL) for d in domains)


class Mail(Talk):
    """A daemon that checks DMARC against a zone; settings: the section's."""

    def __init__(self, zone="", settings="", more="", **sections):
        super().__init__()
        self.dns = Dns(self.place, ZONE + zone).start()
        self.sections["dns"] = '{ servers = ( "%s" ); timeout = "2s"; }' % self.dns.server
        self.sections.update(sections)
        self.gate.configure("dmarc: { %s };\n%s" % (settings, more), **self.sections)

    def send(self, *fields, sender="x@nobody.example", ip=EVIL, more=()):
        """One message with these From fields (or others, by their name); answers what was done at its end."""
        fields = [f if re.match(r"(From|To|DKIM-Signature|List-Id)\s*:", f, re.I) else "From: " + f for f in fields]
        return at(self.say("macro {client_resolve} FAIL", "connect [%s] %s 4000" % (ip, ip), "helo mail.evil.example",
                           *more, "mail <%s>" % sender, "rcpt <bob@example.net>", "data",
                           *("header " + f for f in fields), "eoh", "body x", "end", "quit"), "END")

    def result(self, *fields, **options):
        """DMARC's part of Authentication-Results: "fail (p=none) a.example"; or the refusal."""
        end = self.send(*fields, **options)
        if "reply" in end:
            return re.sub(r" \[id .*", "", end.split("reply ")[1])
        found = re.search(r"dmarc=(.*?)(?: / accept|;|$)", end)
        return found.group(1).replace("header.from=", "").strip() if found else "no result: " + end


def parents(domain, labels):
    """Its last so many labels, then one less each."""
    return [".".join(domain.split(".")[-n:]) for n in range(labels, 0, -1)]


def check_walk():
    tap.topic("the tree walk: which names are asked")
    deep = "a.b.c.d.e.f.g.h.i.j.example"
    with Mail("", "honour_policy = false") as m:
        for domain, names in (("one.example", ["one.example", "example"]),
                              ("x.y.two.example", ["x.y.two.example", "y.two.example", "two.example", "example"]),
                              ("8.7.6.5.4.3.2.eight", parents("8.7.6.5.4.3.2.eight", 8)),
                              (deep, [deep] + parents(deep, 7))):
            before = len(m.dns.queries())
            m.result("a@" + domain)
            asked = sorted(q.split()[0] for q in m.dns.queries()[before:] if q.startswith("_dmarc."))
            want = sorted("_dmarc." + n for n in names)
            if domain != "one.example":  # answered from the cache
                want = [n for n in want if n != "_dmarc.example"]
            tap.eq(asked, want, "%s: %d questions at most" % (domain, len(names)))


DISCOVERY = (
    spf("x.soft.d1.example")
    + record("d1.example", "v=DMARC1; p=reject") + record("d2.example", "v = DMARC1 ;p=reject")
    + record("d3.example", "v=dmarc1; p=reject") + record("d4.example", "V=DMARC1; p=reject")
    + record("d5.example", "v=DMARC1x; p=reject") + record("d6.example", " v=DMARC1; p=reject")
    + record("d7.example", "p=reject; v=DMARC1")
    + record("d8.example", "v=DMARC1; p=reject") + record("d8.example", "v=DMARC1; p=reject")
    + record("d9.example", "v=spf1 -all") + record("d9.example", "v=DMARC1; p=reject")
    + record("d9.example", "v=DMARC2; p=none")
    + record("d10.example", "v=DMARC1; P=Reject") + "_dmarc.d11.example TXT \"v=DMARC1; \" \"p=rej\" \"ect\"\n"
    + "_dmarc.d12.example CNAME _dmarc.d1.example\n")


def check_discovery():
    tap.topic("which records count")
    with Mail(DISCOVERY, "honour_policy = false") as m:
        for domain, want, why in (
                ("d1.example", "fail (p=reject)", "v=DMARC1"),
                ("d2.example", "fail (p=reject)", "white space around ="),
                ("d3.example", "none", "v=dmarc1: case-sensitive"),
                ("d4.example", "none", "V=DMARC1"),
                ("d5.example", "none", "v=DMARC1x"),
                ("d6.example", "none", "a space before it"),
                ("d7.example", "none", "v= not first"),
                ("d8.example", "none", "two records: none counts"),
                ("d9.example", "fail (p=reject)", "what is no record is discarded first"),
                ("d10.example", "fail (p=reject)", "values are case-insensitive"),
                ("d11.example", "fail (p=reject)", "a record in several strings"),
                ("d12.example", "fail (p=reject)", "an alias"),
                ("d13.example", "none", "no record at all"),
                ("x.d8.example", "none", "two records above")):
            tap.eq(m.result("a@" + domain), want + " " + domain, why)


ORGANISATIONS = (
    # psd=n: a part of o1.example that stands alone
    record("o1.example", "v=DMARC1; p=none") + record("part.o1.example", "v=DMARC1; p=reject; psd=n")
    + spf("o1.example", "a.o1.example", "part.o1.example", "a.part.o1.example", "b.part.o1.example")
    # psd=y: a registry
    + record("reg.example", "v=DMARC1; p=none; sp=quarantine; np=reject; psd=y")
    + spf("one.reg.example", "a.one.reg.example", "two.reg.example", "reg.example")
    + record("three.reg.example", "v=DMARC1; p=none")
    # the fewest labels
    + record("o2.example", "v=DMARC1; p=reject") + record("a.o2.example", "v=DMARC1; p=reject")
    + spf("o2.example", "x.o2.example", "y.a.o2.example")
    # deep below a registry: a name that is not asked is the organisational domain
    + record("b.c.d.e.f.g.deep", "v=DMARC1; p=none; sp=reject; psd=y")
    + spf("9.8.a.b.c.d.e.f.g.deep", "a.b.c.d.e.f.g.deep", "z.b.c.d.e.f.g.deep"))


def check_organisations():
    tap.topic("the organisational domain, by what is aligned with it")
    with Mail(ORGANISATIONS, "honour_policy = false") as m:
        for domain, sender, want, why in (
                ("a.part.o1.example", "b.part.o1.example", "pass", "psd=n: both below it"),
                ("a.part.o1.example", "o1.example", "fail", "psd=n: what is above it is another organisation"),
                ("o1.example", "part.o1.example", "fail", "and the other way round"),
                ("o1.example", "a.o1.example", "pass", "without it they are one"),
                ("a.one.reg.example", "one.reg.example", "pass", "psd=y: one label below it"),
                ("one.reg.example", "two.reg.example", "fail", "its neighbour is another"),
                ("one.reg.example", "reg.example", "fail", "and so is the registry"),
                ("reg.example", "one.reg.example", "fail", "psd=y where the walk begins: its own"),
                ("y.a.o2.example", "x.o2.example", "pass", "the fewest labels"),
                ("a.o2.example", "o2.example", "pass", "though there is a record below"),
                ("9.8.a.b.c.d.e.f.g.deep", "a.b.c.d.e.f.g.deep", "pass", "one label below, though that is not asked"),
                ("9.8.a.b.c.d.e.f.g.deep", "z.b.c.d.e.f.g.deep", "fail", "not its neighbour")):
            got = m.result("a@" + domain, sender="x@" + sender)
            tap.eq((got.split(" ")[0], got.split(" ")[-1]), (want, domain), "%s / %s: %s" % (domain, sender, why))
        tap.topic("psd=y")
        tap.eq(m.result("a@four.reg.example"), "fail (p=reject) four.reg.example", "its record serves, np")
        tap.eq(m.result("a@one.reg.example"), "fail (p=quarantine) one.reg.example", "and sp for what exists")
        tap.eq(m.result("a@three.reg.example"), "fail (p=none) three.reg.example", "not where there is one")
        tap.eq(m.result("a@x.three.reg.example"), "fail (p=none) x.three.reg.example", "nor below that")
        tap.eq(m.result("a@reg.example"), "fail (p=none) reg.example", "its own policy is p")


POLICIES = (
    record("p1.example", "v=DMARC1; p=none; sp=quarantine; np=reject") + "there.p1.example A 192.0.2.1\n"
    + 'nodata.p1.example TXT "no address"\n' + "x.ent.p1.example A 192.0.2.1\n"
    + record("own.p1.example", "v=DMARC1; p=none")
    + record("p2.example", "v=DMARC1; p=reject; sp=quarantine") + record("p3.example", "v=DMARC1; p=quarantine")
    + record("p4.example", "v=DMARC1; p=none; np=reject") + "there.p4.example A 192.0.2.1\n"
    + record("i1.example", "v=DMARC1; sp=reject") + record("i2.example", "v=DMARC1; p=all")
    + record("i3.example", "v=DMARC1; p=reject; sp=all") + record("i4.example", "v=DMARC1; p=reject; np=all")
    + record("i5.example", "v=DMARC1; rua=mailto:d@i5.example")
    + record("i6.example", "v=DMARC1; p=all; rua=mailto:d@i6.example")
    + record("i7.example", "v=DMARC1; p=reject; sp=all; rua=mailto:d@i7.example")
    + record("i8.example", "v=DMARC1; p=all; rua=nonsense")
    + record("i9.example", "v=DMARC1; p=reject; np=; rua=mailto:d@i9.example")
    + record("t1.example", "v=DMARC1; p=reject; t=y") + record("t2.example", "v=DMARC1; p=quarantine; t=Y")
    + record("t3.example", "v=DMARC1; p=reject; t=n") + record("t4.example", "v=DMARC1; p=none; sp=reject; t=y")
    + record("t5.example", "v=DMARC1; p=none; t=y")
    + record("r1.example", "v=DMARC1; p=reject; pct=0; rf=x; ri=y")
    + record("r2.example", "v=DMARC1; p=REJECT; SP=None"))


def check_policies():
    tap.topic("the policy")
    with Mail(POLICIES, "honour_policy = false") as m:
        for domain, want, why in (
                ("p1.example", "none", "its own record: p"),
                ("there.p1.example", "quarantine", "the organisational domain's: sp"),
                ("gone.p1.example", "reject", "np, for a domain that does not exist"),
                ("nodata.p1.example", "quarantine", "one without an address exists"),
                ("ent.p1.example", "quarantine", "and so does one that only has others below it"),
                ("own.p1.example", "none", "its own goes first"),
                ("gone.p2.example", "quarantine", "without np: sp"),
                ("gone.p3.example", "quarantine", "without sp: p"),
                ("gone.p4.example", "reject", "np without sp"),
                ("there.p4.example", "none", "which is not for what exists"),
                ("i5.example", "none", "no p, but rua"),
                ("i6.example", "none", "an invalid p, but rua"),
                ("i7.example", "none", "an invalid sp, but rua"),
                ("i9.example", "none", "an invalid np, but rua"),
                ("t1.example", "quarantine", "t=y: reject becomes quarantine"),
                ("t2.example", "none", "t=y: quarantine becomes none"),
                ("t3.example", "reject", "t=n"),
                ("x.t4.example", "quarantine", "t=y lowers sp too"),
                ("t5.example", "none", "and none stays"),
                ("r1.example", "reject", "pct, rf and ri are ignored"),
                ("r2.example", "reject", "case-insensitive"),
                ("x.r2.example", "none", "sp as well")):
            tap.eq(m.result("a@" + domain), "fail (p=%s) %s" % (want, domain), why)
        for domain, why in (("i1.example", "no p and no rua: no DMARC"), ("i2.example", "an invalid p"),
                            ("i3.example", "an invalid sp"), ("i4.example", "an invalid np"),
                            ("i8.example", "a rua of no use"), ("x.i2.example", "below it")):
            tap.eq(m.result("a@" + domain), "none " + domain, why)


ALIGNMENT = (
    record("relaxed.example", "v=DMARC1; p=reject") + record("strict.example", "v=DMARC1; p=reject; aspf=S; adkim=r")
    + record("other.example", "v=DMARC1; p=reject; adkim=s")
    + spf("relaxed.example", "a.relaxed.example", "strict.example", "a.strict.example", "a.other.example",
          "xrelaxed.example", "xn--bcher-kva.example") + record("xn--bcher-kva.example", "v=DMARC1; p=reject"))


def check_alignment():
    tap.topic("alignment")
    with Mail(ALIGNMENT, "honour_policy = false") as m:
        for domain, sender, want, why in (
                ("relaxed.example", "relaxed.example", "pass", "the same name"),
                ("Relaxed.Example", "RELAXED.example", "pass", "in any case"),
                ("relaxed.example.", "relaxed.example", "pass", "with a dot at the end"),
                ("relaxed.example", "a.relaxed.example", "pass", "relaxed: the same organisation"),
                ("b.relaxed.example", "a.relaxed.example", "pass", "relaxed: both below it"),
                ("relaxed.example", "xrelaxed.example", "fail", "a name that ends so"),
                ("strict.example", "strict.example", "pass", "strict: equal"),
                ("strict.example", "a.strict.example", "fail", "strict: not below"),
                ("a.strict.example", "strict.example", "fail", "strict: nor above"),
                ("other.example", "a.other.example", "pass", "adkim=s says nothing of SPF"),
                ("b\u00fccher.example", "xn--bcher-kva.example", "pass", "an internationalised domain as A-labels"),
                ("B\u00dcCHER.example", "xn--bcher-kva.example", "pass", "in capitals"),
                ("bank.example", "relaxed.example", "fail", "another's SPF")):
            got = m.result("a@" + domain, sender="x@" + sender)
            tap.eq(got.split(" ")[0], want, "%s / %s: %s" % (domain, sender, why))
        got = m.result("a@relaxed.example", sender="x@relaxed.example", ip=NOBODY)
        tap.eq(got.split(" ")[0], "fail", "SPF that fails")


# What pretends to be bank.example, sent by evil.example, which passes SPF as itself.
TRICKS = [
    ("two From fields", ["x@evil.example", "ceo@bank.example"]),
    ("the same, the other way round", ["ceo@bank.example", "x@evil.example"]),
    ("a blank before the colon", ["From : ceo@bank.example", "From: x@evil.example"]),
    ("a tab before the colon", ["From: x@evil.example", "FROM\t: ceo@bank.example"]),
    ("two addresses", ["x@evil.example, ceo@bank.example"]),
    ("two addresses, the other first", ["ceo@bank.example, x@evil.example"]),
    ("two in brackets", ["<ceo@bank.example> <x@evil.example>"]),
    ("an address for a name", ["ceo@bank.example <x@evil.example>"]),
    ("a second at sign", ["ceo@bank.example@evil.example"]),
    ("a folded list", ["x@evil.example,\\n\\tceo@bank.example"]),
    ("a group", ["ceo@bank.example: x@evil.example;"]),
    ("a quoted group", ["\"ceo@bank.example\": x@evil.example;"]),
    ("two groups", ["A: x@evil.example;, B: ceo@bank.example;"]),
    ("a comment", ["x@evil.example (ceo@bank.example)"]),
    ("a comment for a local part", ["ceo@bank.example(x)@evil.example"]),
    ("a quote in a comment", ["(\" ) <ceo@bank.example> (\" ) <x@evil.example>"]),
    ("a comment that does not end", ["x@evil.example (ceo@bank.example"]),
    ("a quoted local part", ["\"ceo@bank.example\"@evil.example"]),
    ("quotes that do not end", ["\"ceo@bank.example, x@evil.example"]),
    ("a quote with a backslash", ["\"a\\\\\" <ceo@bank.example> \" <x@evil.example>"]),
    ("an encoded local part", ["=?utf-8?Q?ceo=40bank.example?=@evil.example"]),
    ("the same in base64", ["=?utf-8?B?Y2VvQGJhbmsuZXhhbXBsZQ==?=@evil.example"]),
    ("an encoded NUL", ["=?utf-8?Q?ceo=40bank.example=00?=@evil.example"]),
    ("an encoded NUL in the name", ["=?utf-8?Q?ceo=40bank.example=00?= <x@evil.example>"]),
    ("an encoded line end", ["=?utf-8?Q?ceo=40bank.example=0A?= <x@evil.example>"]),
    ("an encoded address for a name", ["=?utf-8?Q?=3Cceo=40bank.example=3E?= <x@evil.example>"]),
    ("an address in several words", ["=?utf-8?Q?ceo=40ba?= =?utf-8?Q?nk.example?=@evil.example"]),
    ("UTF-7", ["=?utf-7?Q?ceo+AEA-bank.example?=@evil.example"]),
    ("a source route", ["<@evil.example:ceo@bank.example>"]),
    ("a control character", ["ceo@bank.example\x01@evil.example"]),
    ("a bare carriage return", ["x@evil.example\rFrom: ceo@bank.example"]),
    ("a subdomain", ["ceo@www.bank.example"]),
    ("a subdomain that no name can have", ["ceo@\xff.bank.example"]),
    ("a subdomain too long", ["ceo@%s.bank.example" % ("a" * 300)]),
    ("many labels", ["ceo@%sbank.example" % ("a." * 40)]),
    ("an empty label", ["ceo@bank..example"]),
    ("a dot at the end", ["ceo@bank.example."]),
    ("a space in the domain", ["ceo@bank. example"]),
    ("full-width letters", ["ceo@\uff42ank\u3002example"]),
    ("a no-break space behind the domain", ["<ceo@bank.example\u00a0>"]),
    ("an ideographic space behind the domain", ["<ceo@bank.example\u3000>"]),
    ("a line separator behind the domain", ["<ceo@bank.example\u2028>"]),
    ("a no-break space before the domain", ["<ceo@\u00a0bank.example>"]),
    ("a full-width at sign", ["<ceo\uff20bank.example>"]),
    ("a small at sign", ["<ceo\ufe6bbank.example>"]),
    ("a full-width at sign beside an address", ["<ceo\uff20bank.example> <x@evil.example>"]),
    ("an encoded full-width at sign", ["=?utf-8?Q?ceo=EF=BC=A0bank.example?=@evil.example"]),
    ("a hundred fields that do not end", ["[" * 16000] * 100 + ["ceo@bank.example"]),
    ("17 domains", [",".join("a@%d.evil.example" % i for i in range(16)) + ",ceo@bank.example"]),
]


def check_tricks():
    tap.topic("tricks: no pass, and no way round the policy of bank.example")
    for settings in ("", 'on_malformed_from = "ignore"'):
        with Mail(spf("www.evil.example"), settings) as m:
            got = m.result("x@evil.example", sender="x@evil.example")
            tap.eq(got, "pass (p=reject) evil.example", "the sender itself passes")
            for name, fields in TRICKS:
                got = m.result(*fields, sender="x@evil.example")
                tap.ok(got.startswith("550 5.7.1 "), "%s: %s" % (name, got))
    tap.topic("the same when nothing is refused")
    with Mail("", 'on_malformed_from = "ignore"; honour_policy = false') as m:
        for name, fields in TRICKS:
            got = m.result(*fields, sender="x@evil.example")
            tap.ok(got.startswith("fail (p=reject"), "%s: %s" % (name, got))
        for name, fields in (("two From fields of one domain", ["x@evil.example", "y@evil.example"]),
                             ("a group", ["Friends: x@evil.example;"]), ("no address", ["nobody"]),
                             ("no From", ["To: bob"]),
                             ("an empty From", [""]), ("an encoded local part", ["=?utf-8?Q?x?=@evil.example"]),
                             ("a route", ["<@evil.example:x@evil.example>"]),
                             ("an odd letter in an address that passes", ["<x@evil.example\u00a0>"]),
                             ("only a name, not in ASCII", ["J\u00fcrgen"])):
            got = m.result(*fields, sender="x@evil.example")
            tap.ok(got.startswith("permerror"), "%s: %s" % (name, got))
    tap.topic("names that only look so")
    with Mail("") as m:
        for name in ("\"ceo@bank.example\" <x@evil.example>", "=?utf-8?Q?The_CEO?= <x@evil.example>",
                     "x@evil.example (The CEO)", "\"Bank, The (old)\"\\n <x@evil.example>", "x@evil.example, y@evil.example",
                     "X <X@EVIL.example.>"):
            tap.eq(m.result(name, sender="x@evil.example").split(" ")[0], "pass", name)


def check_malformed():
    tap.topic("on_malformed_from")
    two = ["x@nothing.example", "y@nothing.example"]
    trick = ["=?utf-8?Q?x=00?=@nothing.example"]
    for setting, want in (("reject", "550 5.7.1 "), ("defer", "450 4.7.1 "), ("mark", "permerror (2"),
                          ("ignore", "permerror (2")):
        with Mail("", 'on_malformed_from = "%s"' % setting) as m:
            tap.ok(m.result(*two).startswith(want), "%s: two From fields" % setting)
            if want[0] in "45":
                tap.ok(m.result(*trick).startswith(want), "%s: an encoded NUL" % setting)
            tap.eq("X-Millgate-Mark: from=malformed" in m.send(*two), setting == "mark", "with a mark, or not")
            tap.ok(m.result("a@b.example").startswith("none"), "others are not touched")


HONOUR = (record("q.example", "v=DMARC1; p=quarantine") + record("n.example", "v=DMARC1; p=none")
          + record("t.example", "v=DMARC1; p=reject; t=y"))


def check_honour():
    tap.topic("honour_policy")
    with Mail(HONOUR, more="relays = ( \"198.51.100.7\" );") as m:
        got = m.result("ceo@bank.example")
        tap.eq(got, "550 5.7.1 bank.example asks that mail which fails DMARC be refused", "reject: with the domain")
        end = m.send("a@q.example")
        tap.ok("X-Millgate-Mark: dmarc=fail" in end and "quarantine" not in end.replace("p=quarantine", ""),
               "quarantine: marked, and not held")
        end = m.send("a@t.example")
        tap.ok("X-Millgate-Mark: dmarc=fail" in end, "reject, tested: what quarantine does")
        end = m.send("a@n.example")
        tap.ok("Mark" not in end and end.endswith("accept"), "none: nothing")
        tap.ok(m.send("ceo@bank.example", more=("macro {auth_authen} bob",)).endswith("accept"), "not of users")
        end = m.send("ceo@bank.example", ip="192.0.2.5")
        tap.ok(end.endswith("accept") and "Authentication-Results" not in end, "nor of trusted networks")
        end = m.send("ceo@bank.example", ip="198.51.100.7")
        tap.ok(end.endswith("accept") and "Mark" in end, "a relay's is marked, not refused")
    for setting, want in (("quarantine", "quarantine"), ("reject", "550 5.7.1 q.example does not"), ("ignore", None)):
        with Mail(HONOUR, 'on_quarantine = "%s"' % setting) as m:
            end = m.send("a@q.example").replace("p=quarantine", "")
            done = want in end if want else "Mark" not in end and end.endswith("accept")
            tap.ok(done, "on_quarantine = %s" % setting)
    with Mail(HONOUR, "honour_policy = false") as m:
        end = m.send("ceo@bank.example")
        tap.ok("dmarc=fail (p=reject)" in end and "Mark" not in end and end.endswith("accept"), "honour_policy = false")
    with Mail(HONOUR, "shadow = true") as m:
        tap.ok(m.send("ceo@bank.example").endswith("accept"), "shadow")
    with Mail(HONOUR, 'exceptions = ( "bank.example", "198.51.100.128/25" )') as m:
        tap.ok(m.send("ceo@bank.example").endswith("accept"), "an exception: the domain in From")
        tap.ok("dmarc=fail" in m.send("ceo@bank.example"), "its result stays")
        tap.ok(m.result("ceo@www.bank.example").startswith("550"), "not its subdomains")
        tap.ok("Mark" not in m.send("a@q.example", ip="198.51.100.129"), "an exception: the client")
        tap.ok("Mark" in m.send("a@q.example"), "not others")
        tap.ok(m.result("ceo@bank.example", "x@evil.example").startswith("550"), "nor two From fields")
    mine = """rules = (
        { name = "lists"; when = ( { header = "List-Id"; exists = true; } ); then = { skip = "dmarc"; }; },
        { name = "stamp"; match = "always";
          then = { add_header = "X-D: %{dmarc} %{dmarc_policy} %{dmarc_domain} %{malformed_from}"; }; } );"""
    with Mail(HONOUR, more=mine) as m:
        tap.ok(m.send("ceo@bank.example", "List-Id: <l.example>").endswith("accept"), "a rule that skips dmarc")
        tap.ok("X-D: fail quarantine q.example no" in m.send("a@q.example"), "the facts")


FAILURES = ("_dmarc.broken.example * SERVFAIL\n_dmarc.slow.example * TIMEOUT\n"
            + record("np.example", "v=DMARC1; p=reject; np=none") + "odd.np.example * SERVFAIL\n"
            + "spfbroken.bank.example TXT SERVFAIL\n")


def check_failures():
    tap.topic("failures of DNS")
    with Mail(FAILURES) as m:
        for domain in ("broken.example", "slow.example", "odd.np.example"):
            end = m.send("a@" + domain)
            tap.ok("dmarc=temperror header.from=" + domain in end and end.endswith("accept"), domain + ": accepted")
        got = m.result("a@bank.example", sender="x@spfbroken.bank.example")
        tap.ok(got.startswith("temperror"), "SPF that may be aligned")
        tap.ok(m.result("a@bank.example", sender="x@broken.example").startswith("550"), "SPF of others does not matter")
        got = m.result("a@broken.example, ceo@bank.example")
        tap.ok(got.startswith("550"), "nor a broken domain beside one that fails")
    with Mail(FAILURES, 'on_error = "defer"') as m:
        for domain in ("broken.example", "slow.example"):
            tap.ok(m.result("a@" + domain).startswith("451 4.7.1"), "%s: deferred" % domain)
        tap.ok(m.result("a@n.example").startswith("none"), "others are not touched")


def signed(key, author, body=b"x"):
    """The From field and a signature over it, as lines of the script."""
    text = b"From: %s\r\n\r\n%s\r\n" % (author.encode(), body)
    field = dkim.sign(text, key.selector.encode(), key.domain.encode(), key.for_python(), include_headers=[b"from"],
                      canonicalize=(b"relaxed", b"relaxed"))
    return [author, field.decode().replace("\r\n", "\n").rstrip("\n").replace("\n", "\\n")]


def check_dkim():
    tap.topic("alignment by DKIM")
    with Mail(more="dkim: { };", settings="honour_policy = false") as m:
        keys = {d: Key(m.place, d, "s") for d in (
            "relaxed.example", "a.relaxed.example", "evil.example", "b.strict.example", "strict.example",
            "broken.example", "www.bank.example")}
        m.dns.change(ZONE + record("relaxed.example", "v=DMARC1; p=reject") + "".join(k.line for k in keys.values())
                     + record("strict.example", "v=DMARC1; p=reject; adkim=s")
                     + "s._domainkey.broken.example * SERVFAIL\n" + "s._domainkey.www.bank.example * SERVFAIL\n")
        for signer, author, want, why in (
                ("relaxed.example", "relaxed.example", "pass", "the same domain"),
                ("a.relaxed.example", "relaxed.example", "pass", "relaxed: below it"),
                ("relaxed.example", "b.relaxed.example", "pass", "relaxed: above it"),
                ("strict.example", "strict.example", "pass", "strict: the same"),
                ("b.strict.example", "strict.example", "fail", "strict: not below it"),
                ("evil.example", "bank.example", "fail", "another's signature"),
                ("broken.example", "bank.example", "fail", "another's whose key cannot be had"),
                ("www.bank.example", "bank.example", "temperror", "the bank's own, whose key cannot be had")):
            got = m.result(*signed(keys[signer], "a@" + author))
            tap.eq(got.split(" ")[0], want, "%s / %s: %s" % (author, signer, why))
        forged = signed(keys["broken.example"], "a@bank.example") + [
            "DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed; d=bank.example; s=gone; h=from; bh=AAAA; b=AAAA"]
        tap.eq(m.result(*forged).split(" ")[0], "fail", "a forged signature of the bank's beside a key that cannot be had")
        late = signed(keys["evil.example"], "a@bank.example") + signed(keys["www.bank.example"], "a@bank.example")[1:]
        tap.eq(m.result(*late).split(" ")[0], "temperror", "the bank's own without a key, though another's passes")
        author = "a@relaxed.example"
        two = signed(keys["evil.example"], author) + signed(keys["relaxed.example"], author)[1:]
        tap.eq(m.result(*two).split(" ")[0], "pass", "one of two signatures")
        bad = signed(keys["relaxed.example"], author, b"y")
        tap.eq(m.result(*bad).split(" ")[0], "fail", "one that does not verify")


def check_early():
    tap.topic("the walk begins with the header, wherever its end is told: with a rule that reads it, or with the body")
    rule = 'rules = ( { name = "s"; when = ( { fact = "subject"; is = "s"; } ); then = { reject = true; }; } );'
    for more, last in ((rule, "eoh"), ("dkim: { };", "eoh\nbody x")):
        with Mail(more=more) as m:
            talk = subprocess.Popen([program("t/milter/mtatalk"), m.spec], stdin=subprocess.PIPE,
                                    stdout=subprocess.PIPE, text=True, env=environment())
            talk.stdin.write("\n".join(["connect [%s] %s 4000" % (EVIL, EVIL), "helo x", "mail <x@y.example>",
                                        "rcpt <bob@example.net>", "data", "header From: a@b.early.example", last, ""]))
            talk.stdin.flush()
            m.dns.wait_for("_dmarc.b.early.example")
            m.dns.wait_for("_dmarc.early.example")
            rest = talk.communicate("end\nquit\n")[0]
            tap.ok("dmarc=none header.from=b.early.example" in rest, "its questions are asked before the message ends")


check_walk()
check_discovery()
check_organisations()
check_policies()
check_alignment()
check_tricks()
check_malformed()
check_honour()
check_failures()
check_dkim()
check_early()
tap.done()
