#!/usr/bin/python3
"""Who a client is for greylisting: a big sender's pool is one, a botnet at one provider is many."""

import json
import os
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)) + "/../lib")
from message import message, payload
from place import until
from tap import eq, like, ok, topic
from world import World

DELAY = 660  # seconds: a little more than the delay below
MANY = 15
POOL = ["11.%d.7.%d" % (n, 20 + n) for n in range(1, MANY + 1)]  # each in a network of its own
LINES = ["12.%d.90.%d" % (n, 130 + n) for n in range(1, MANY + 1)]


def dashed(ip):
    return ip.replace(".", "-")


def reverse(ip):
    return ".".join(reversed(ip.split(".")))


# What providers call their customers' lines.
FORMS = [lambda ip: "host-%s" % dashed(ip), lambda ip: "%s.dyn" % reverse(ip),
         lambda ip: "p%02x%02x%02x%02x.dip0" % tuple(map(int, ip.split("."))),
         lambda ip: "adsl-%03d%03d%03d%03d" % tuple(map(int, ip.split("."))), lambda ip: "cust%s.pool" % ip.split(".")[1]]


ZONE = """
pool.example       TXT "v=spf1 include:%%{d}.spf.example -all"
pool.example.spf.example TXT "v=spf1 %s -all"
forged.example     TXT "v=spf1 ip4:192.0.2.250 -all"
open.example       TXT "v=spf1 +all"
wide.example       TXT "v=spf1 ip4:8.0.0.0/5 -all"
macro.example      TXT "v=spf1 exists:%%{i}.spf.macro.example -all"
*.spf.macro.example A  127.0.0.2
broken.example     TXT SERVFAIL
late.example       TXT SERVFAIL
""" % " ".join("ip4:%s.0/24" % ip.rsplit(".", 1)[0] for ip in POOL)

# Names as Postfix has confirmed them.
NAMES = {ip: FORMS[n % len(FORMS)](ip) + ".isp.example.com" for n, ip in enumerate(LINES)}
SENDERS = ["13.%d.5.1" % n for n in range(1, 4)]
NAMES.update({ip: "mx%d.mail.sender.example.org" % n for n, ip in enumerate(SENDERS)})

CONFIG = 'greylist: { enabled = true; delay = "10m"; delay_no_fcrdns = "10m"; };'


def send(w, ip, sender, text=None):
    return w.send(text, sender=sender, ip=ip, name=NAMES.get(ip))


def keys(w):
    return w.redis.keys("millgate:grey:*")


def per_network(w, sender, clients, what):
    """Each client waits for itself."""
    w.redis.flush()
    eq({send(w, ip, sender).status for ip in clients[:-1]}, {"451 4.7.1"}, what + ": all wait")
    networks = [key for key in keys(w) if "/24}" in key]
    eq(len(networks), len(clients) - 1, "one key for each network: %s" % networks[:1])
    w.redis.later(DELAY)
    eq(send(w, clients[-1], sender).status, "451 4.7.1", "after the delay another one waits all the same")
    ok(send(w, clients[0], sender).ok, "one that comes again passes")
    ok(w.send(sender=sender, ip=clients[0].rsplit(".", 1)[0] + ".77").ok, "and its neighbours in the network")


def found(w, sender, word):
    """The facts of such a message's recipient, as the journal has them: the newest that says the word."""
    def newest():
        facts = [json.loads(e["recipients"])[0]["facts"] for e in w.redis.journal() if e["from"] == sender]
        return [f for f in facts if f.get("greylist") == word][-1:]
    return until("the journal to say %s of %s" % (word, sender), newest)[0]


with World(CONFIG, zone=ZONE, moved=True) as w:
    topic("a sender pool: one message, fifteen networks")
    sent = message("from a pool")
    eq(send(w, POOL[0], "news-1@pool.example", sent).status, "451 4.7.1", "the first attempt waits")
    eq(send(w, POOL[1], "news-1@pool.example", sent).status, "451 4.7.1", "a retry at once is too early")
    w.redis.later(DELAY)
    outcome = send(w, POOL[2], "news-1@pool.example", sent)
    ok(outcome.ok, "the first retry after the delay is accepted: %r" % outcome)
    eq([payload(m) for m in w.inbox("bob")], [sent], "and delivered")
    eq([send(w, ip, "news-%d@pool.example" % n).ok for n, ip in enumerate(POOL)], [True] * MANY,
       "from then on each of the fifteen is known, whatever number the newsletter has")
    eq(keys(w), ["millgate:grey:{pool.example}:news-%23@pool.example:bob@example.net"], "all by one key")
    facts = found(w, "news-7@pool.example", "known")
    eq((facts["greylist_identity"], facts["greylist_sender"]), ("pool.example", "news-#@pool.example"),
       "the journal knows who it was")
    like(facts["greylist_why"], r"^passed before, \d+ times in all; by SPF$", "and why")
    facts = found(w, "news-1@pool.example", "pass")
    ok(int(facts["greylist_waited"]) >= DELAY, "and how long it had waited")
    like(facts["greylist_why"], r"^came again after 11m[ 0-9s]*; by SPF$", "which is why it passed")

    topic("what says nothing about the client")
    per_network(w, "a@forged.example", POOL, "SPF fails")
    per_network(w, "a@open.example", POOL, "+all")
    per_network(w, "a@wide.example", POOL, "a range of half the world")
    per_network(w, "a@macro.example", POOL, "a record made for each client")
    per_network(w, "a@broken.example", POOL[:4], "SPF cannot be had")
    per_network(w, "a@nobody.example", POOL[:4], "no record")

    topic("SPF that cannot be had at first")
    w.redis.flush()
    eq(send(w, POOL[0], "a@late.example").status, "451 4.7.1", "by its network it waits")
    w.dns.change(ZONE.replace("late.example       TXT SERVFAIL",
                              'late.example       TXT "v=spf1 include:pool.example.spf.example -all"'))
    w.redis.later(DELAY)
    others = iter(POOL[1:])  # the resolver remembers the failure for seconds; until then each waits by its own network
    until("a retry to pass", lambda: time.sleep(1) or send(w, next(others), "a@late.example").ok)
    entry = json.loads(w.gate.command("greylist", "show", "late.example", "--json").stdout)[0]
    eq((entry["attempts"], entry["passes"]), (1, 1), "the first retry that SPF lets pass has waited already")

    topic("a botnet at one provider")
    per_network(w, "a@nobody.example", LINES, "host names made from addresses")
    shown = w.gate.command("greylist", "show", LINES[0], "--json")
    entry = json.loads(shown.stdout)[0]
    eq(entry["identity_by"], "by network: no SPF record, the host name is made from the address", "show tells why")
    eq((entry["state"], entry["passes"], entry["delay_ms"]), ("passed", 2, 600000), "and what came of it")

    topic("a sender by its host names")
    w.redis.flush()
    eq(send(w, SENDERS[0], "a@nobody.example").status, "451 4.7.1", "the first one waits")
    w.redis.later(DELAY)
    ok(send(w, SENDERS[1], "a@nobody.example").ok, "another one of the same domain passes")
    eq(keys(w), ["millgate:grey:{example.org}:a@nobody.example:bob@example.net"], "by one key")
    shown = w.gate.command("greylist", "show", "example.org")
    like(shown.stdout, r"(?m)^  identity   by host name: no SPF record$", "show tells why")

    topic("exempt mail costs no look-ups")
    w.configure(CONFIG + """
rules = ( { name = "friends"; when = ( { fact = "sender"; is = "a@pool.example"; } ); then = { skip = "greylist"; }; } );
""")
    asked = len(w.dns.queries())
    ok(send(w, POOL[0], "a@pool.example").ok, "a skipped message")
    eq([q for q in w.dns.queries()[asked:] if "pool.example" in str(q)], [], "SPF was not asked")
    eq(send(w, POOL[0], "b@pool.example").status, "451 4.7.1", "another one")
    ok([q for q in w.dns.queries()[asked:] if "pool.example" in str(q)], "had to be")
    eq([h for m in w.inbox("bob") for h in m.split(b"\n\n")[0].split(b"\n") if b"spf=" in h.lower()], [],
       "nobody asked for SPF in the header")

    topic("without SPF")
    w.redis.flush()
    w.configure(CONFIG + "\nspf: { enabled = false; };")
    eq(send(w, POOL[0], "a@pool.example").status, "451 4.7.1", "spf.enabled = false")
    like(keys(w)[0], r"\{11\.1\.7\.0/24\}", "leaves the network")

    w.end()
