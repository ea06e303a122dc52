#!/usr/bin/python3
"""DNS lists that break, in every way in which lists have broken: nobody is refused, from the first message on; the list
is suspended, and that is said once; it is back, and refuses listed clients again, once it works."""

import json
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)) + "/../lib")
from dns import listed, probes
from place import Failure, until
from tap import diag, eq, like, ok, topic
from world import World

PATIENCE = 120  # probes of a suspended list come after 5, 15, 35 and 75 seconds

KEY = "k7yq3zx9w2v5u8t1s4r6p0n3m"
NAMES = ("quota", "parked", "world", "half", "servfail", "silent", "white", "keyed")
ZONES = {name: name + ".example" for name in NAMES[:-1]}
ZONES["keyed"] = KEY + ".keyed.example"
SPAMMER = {name: "203.0.113.%d" % (10 + i) for i, name in enumerate(NAMES)}
GOOD = iter("198.51.%d.%d" % (n // 200, 1 + n % 200) for n in range(200, 20000))


def healthy(names=NAMES):
    return "".join(probes(ZONES[n]) + listed(ZONES[n], SPAMMER[n], "127.0.0.4") for n in names)


def whole_world(zone):
    """Everybody is listed, and yet both addresses of RFC 5782 are answered as they should."""
    return "*.%s A 127.0.0.2\n" % zone + "".join(
        "%s A NXDOMAIN\n" % listed(zone, ip).split()[0] for ip in ("127.0.0.1", "::ffff:7f00:1"))


# How each list breaks.
BROKEN = {
    "quota": "*.quota.example A 127.255.255.254\n",
    "parked": "*.parked.example A 192.0.2.80\n",
    "world": whole_world("world.example"),
    # all but 127.0.0.0/8: neither the probes nor addresses beside them show it
    "half": probes("half.example") + "*.half.example A 127.0.0.2\n*.127.half.example A NXDOMAIN\n"
            "2.0.0.127.half.example A DELAY 0\n*.0.0.0.0.half.example A NXDOMAIN\n"
            "%s A DELAY 0\n" % listed("half.example", "::ffff:7f00:2").split()[0],
    "servfail": "*.servfail.example * SERVFAIL\n",
    "silent": "*.silent.example * TIMEOUT\n",
    "white": whole_world("white.example"),
    "keyed": whole_world(ZONES["keyed"]),
}

CONFIG = """
dnsbl: { reject_at = 5; timeout = "1s"; %s lists = (
	%s ); };
rules = ( { name = "stamp"; match = "always"; then = { add_header = ( "X-Score: %%{dnsbl_score}", "X-Lists: %%{dnsbl}" ); }; } );
"""


def entry(name):
    shown = "" if name == "keyed" else 'name = "%s list"; ' % name
    return '{ zone = "%s"; %sweight = %d; }' % (ZONES[name], shown, -6 if name == "white" else 5)


def config(names, settings=""):
    return CONFIG % (settings, ",\n\t".join(map(entry, names)))


def title(name):
    """What people see of a list."""
    return "keyed.example" if name == "keyed" else name + " list"


def status(w):
    """name -> what `millgate dnsbl status --json` says."""
    def ask():
        answer = w.gate.command("dnsbl", "status", "--json")
        return answer.stdout if answer.returncode == 0 else None  # the control socket comes after the milter's
    return {entry["name"]: entry for entry in json.loads(until("the daemon to answer", ask))["lists"]}


def states(w):
    return {name: entry["state"] for name, entry in status(w).items()}


def wait_for_all(w, names, state):
    wanted = {title(n): state for n in names}
    try:
        until("all lists to be " + state, lambda: states(w) == wanted, PATIENCE)
    except Failure:
        for e in status(w).values():
            diag("%(name)s: %(state)s %(why)s" % e)
        raise


def said(w, what):
    return [line["msg"] for line in w.gate.lines() if what in line.get("msg", "")]


def good(w):
    """A message from a client that nobody has seen, and that no list lists."""
    return w.send(ip=next(GOOD))


seen = []  # whatever is shown to anybody


def note(w):
    seen.append(w.gate.process.text())
    for words in (("dnsbl", "status"), ("dnsbl", "status", "--json"), ("check",), ("rules",), ("rules", "--json"), ("status",)):
        answer = w.gate.command(*words)
        seen.append(answer.stdout + answer.stderr)


with World(config(NAMES), zone=healthy()) as w:
    topic("lists that work")
    wait_for_all(w, NAMES, "ok")
    for name in NAMES:
        if name == "white":
            continue
        refused = w.send(ip=SPAMMER[name])
        seen.append(refused.last.text)
        eq(refused.status, "554 5.7.1", "the %s refuses whom it lists" % title(name))
        like(refused.last.text, title(name), "and is named")
    ok(good(w).ok, "others pass")
    table = w.gate.command("dnsbl", "status").stdout
    like(table, r"(?m)^quota list +addresses +ok +\d+ +\d+ ", "millgate dnsbl status has a line for a list")
    eq(status(w)["quota list"]["hits"], 1, "it tells how many hits there were")
    eq(status(w)["quota list"]["ipv6"], True, "and that the list has IPv6")

    topic("every list breaks, each in its way")
    w.dns.change("".join(BROKEN[n] for n in NAMES))
    outcome = good(w)
    ok(outcome.ok, "the very first message after that: not refused (%s)" % outcome)
    for n in range(8):
        outcome = good(w)
        ok(outcome.ok, "not refused (%s)" % outcome)
    for name in NAMES:
        outcome = w.send(ip=SPAMMER[name])
        ok(outcome.ok, "the client that the %s listed: not refused (%s)" % (title(name), outcome))
    wait_for_all(w, NAMES, "suspended")
    outcome = good(w)
    ok(outcome.ok, "all of them are suspended: mail flows")
    now = status(w)
    reasons = {"quota": r"answers 127\.255\.255\.254", "parked": r"answers 192\.0\.2\.80", "world": "lists",
               "half": "lists (the whole world|nearly everybody)", "servfail": r"does not answer \(SERVFAIL\)",
               "silent": r"does not answer \((timeout|SERVFAIL)\)", "white": "lists", "keyed": "lists"}
    for name in NAMES:
        like(now[title(name)]["why"], reasons[name], "the reason why the %s is suspended" % title(name))
        eq(len(said(w, "list %s is suspended: " % title(name))), 1, "it was said once")
        eq(now[title(name)]["suspensions"], 1, "and counted")
    table = w.gate.command("dnsbl", "status").stdout
    like(table, r"(?m)^quota list +addresses +suspended ", "the table tells")
    like(table, r"since \d{4}-\d\d-\d\d [\d:]+: it answers 127\.255\.255\.254.*; next probe in \d+ s",
         "since when, why, and when it will be probed again")
    asked = len(w.dns.asked("%s.silent.example" % "1.2.51.198"))
    eq(asked, 0, "a suspended list is not asked about clients")

    topic("they work again")
    note(w)
    w.dns.change(healthy())
    wait_for_all(w, NAMES, "ok")
    for name in NAMES:
        eq(len(said(w, "list %s works again" % title(name))), 1, "the %s is back, and that was said once" % title(name))
        if name != "white":
            eq(w.send(ip=SPAMMER[name]).status, "554 5.7.1", "and refuses whom it lists")
    ok(good(w).ok, "others pass")
    note(w)

    topic("an allow list that lists the world")
    w.configure(config(("white", "quota")))
    wait_for_all(w, ("white", "quota"), "ok")
    w.dns.change(healthy(("quota",)) + BROKEN["white"])
    eq(w.send(ip=SPAMMER["quota"]).status, "554 5.7.1", "it does not wave listed clients through")
    eq(states(w), {"white list": "suspended", "quota list": "ok"}, "it is suspended, the other list is not")
    eq(w.send(ip=SPAMMER["quota"]).status, "554 5.7.1", "nor later")
    note(w)

    topic("a resolver that rewrites NXDOMAIN")
    w.dns.change(healthy())
    w.configure(config(NAMES))
    wait_for_all(w, NAMES, "ok")
    w.dns.change(healthy() + "* A 198.51.100.99\n*.example A 198.51.100.99\n")
    for n in range(3):
        outcome = good(w)
        ok(outcome.ok, "nobody is refused (%s)" % outcome)
    wait_for_all(w, NAMES, "suspended")
    ok(all("198.51.100.99" in e["why"] for e in status(w).values()), "every list is suspended for it")
    note(w)

    topic("lists that are broken from the start")
    w.dns.change(healthy(("quota",)) + listed("parked.example", SPAMMER["parked"]) +  # emptied but for that
                 probes("world.example") + listed("world.example", "127.0.0.1") + listed("world.example", SPAMMER["world"]))
    w.configure(config(("quota", "parked", "world")))
    outcome = w.send(ip=SPAMMER["parked"])
    ok(outcome.ok, "one that does not list 127.0.0.2 is never believed (%s)" % outcome)
    outcome = w.send(ip=SPAMMER["world"])
    ok(outcome.ok, "nor is one that lists 127.0.0.1 (%s)" % outcome)
    eq(w.send(ip=SPAMMER["quota"]).status, "554 5.7.1", "the one that works is")
    until("the states", lambda: states(w) == {"quota list": "ok", "parked list": "suspended", "world list": "suspended"})
    like(status(w)["parked list"]["why"], r"does not list 127\.0\.0\.2", "what is wrong with the one")
    like(status(w)["world list"]["why"], r"lists 127\.0\.0\.1", "and with the other")
    note(w)

    topic("on_error = defer")
    w.dns.change(healthy(("quota",)) + BROKEN["servfail"])
    w.configure(config(("quota", "servfail"), 'on_error = "defer";'))
    first = good(w)
    ok(first.status in ("451 4.7.1", "250 2.0.0"), "a list that fails defers, until it is suspended (%s)" % first)
    until("the list to be suspended", lambda: good(w).ok and states(w)["servfail list"] == "suspended", PATIENCE)
    ok(good(w).ok, "a suspended list defers nobody")
    note(w)

    topic("DNS is away from the start")
    w.dns.change("* * SERVFAIL\n")
    w.configure(config(("quota", "servfail", "white")))
    before = {n: len(said(w, "list %s is suspended: " % title(n))) for n in ("quota", "servfail", "white")}
    for n in range(6):
        ok(good(w).ok, "mail flows")
    wait_for_all(w, ("quota", "servfail", "white"), "suspended")
    for name, n in before.items():
        eq(len(said(w, "list %s is suspended: " % title(name))), n + 1, "the %s is suspended, said once" % title(name))
    w.dns.change(healthy(("quota", "servfail", "white")))
    wait_for_all(w, ("quota", "servfail", "white"), "ok")
    eq(w.send(ip=SPAMMER["quota"]).status, "554 5.7.1", "all are back when DNS is")

    topic("a sudden jump of the share of listed clients")
    waves = probes("jump.example") + probes("wave.example")
    w.dns.change(waves)
    w.configure('dnsbl: { reject_at = 5; lists = ( { zone = "jump.example"; weight = 5; name = "jump"; }, '
                '{ zone = "wave.example"; weight = 1; name = "wave"; } ); };')
    until("both lists to be ok", lambda: states(w) == {"jump": "ok", "wave": "ok"})
    eq([n for n in range(80) if not w.send(ip="44.%d.1.1" % n).ok], [], "80 networks, none of them listed")
    # A wave of spam from 45.0.0.0/8: both lists have them, and one of them has everybody else as well, but for the
    # addresses that are asked to find that out (random ones are of other networks, mostly).
    w.dns.change(waves + "*.45.wave.example A 127.0.0.2\n" +
                 "".join("*.%d.jump.example A 127.0.0.2\n" % n for n in (44, 45)))
    outcomes = [w.send(ip="45.%d.1.1" % n) for n in range(16)]
    eq([n for n, o in enumerate(outcomes) if not o.ok], [], "nobody is refused, not even the first")
    eq(states(w), {"jump": "suspended", "wave": "ok"}, "the list that has changed is suspended; the wave is no reason")
    like(status(w)["jump"]["why"], r"lists nearly everybody all of a sudden", "and that is what is said")
    eq(status(w)["wave"]["hits"], 16, "the other list goes on")

    topic("millgate dnsbl, where there is nothing to tell")
    w.configure("")
    until("the daemon to answer", lambda: "no DNS lists" in w.gate.command("dnsbl", "status").stderr)
    eq(w.gate.command("dnsbl", "status").returncode, 1, "no lists")
    eq(w.gate.command("dnsbl").returncode, 2, "wrong usage")
    w.dns.change(healthy(("quota",)))
    w.gate.configure(config(("quota",)))
    w.gate.reload()
    wait_for_all(w, ("quota",), "ok")
    ok(True, "a reload that brings lists has them examined at once")

    topic("a key in a zone is nobody's business")
    seen.append(str(w.gate.lines()))
    for text in w.inbox("bob"):
        seen.append(text.decode("utf-8", "replace"))
    seen.append(str(w.redis.journal()))
    ok(all(KEY not in text for text in seen), "it is in no reply, log line, status, header or listing")
    ok(any("keyed.example" in text for text in seen), "where the rest of the zone is")

    w.end()
