#!/usr/bin/python3
"""Who does not wait: correspondents, clients that have proved themselves; and who waits longer."""

import json
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)) + "/../lib")
from dns import listed, probes
from message import message
from place import until
from tap import eq, like, ok, topic
from world import World

DAYS = 5
MINUTE = 60000  # milliseconds, as triplets have them
DAY = 86400
HOME, ELSEWHERE = "14.1.1.7", "15.1.1.9"  # SPF lets through the first
NAMED = {"ip": "16.1.1.9", "name": "out1.friend.example"}
CLIENT = "17.1.1.7"

ZONE = """
shop.example        TXT "v=spf1 ip4:14.1.1.0/24 -all"
codes.shop.example  TXT "v=spf1 ip4:14.1.1.0/24 -all"
free.example        TXT "v=spf1 ip4:14.1.1.0/24 ~all"
open.example        TXT "v=spf1 +all"
known.example       TXT "v=spf1 ip4:17.1.1.0/24 -all"
burst.example       TXT "v=spf1 ip4:17.1.1.0/24 -all"
""" + listed("bl.test", "18.1.1.7") + probes("bl.test")

# Nobody waits in this test: what is in Redis is made older instead.
GREY = 'greylist: { enabled = true; delay = "50s"; %s };'
LISTS = 'dnsbl: { reject_at = 5; lists = ( { zone = "bl.test"; codes = "127.0.0.2"; weight = 2; } ); };\n'


def change(w, key, word, by):
    """Adds to a number in the value of a key: time passes for it."""
    words = w.redis.cmd("GET", key).split(" ")
    words[word] = str(int(words[word]) + by)
    w.redis.cmd("SET", key, " ".join(words), "KEEPTTL")


def writes(w, to, sender="bob@example.net", headers=()):
    """A user of ours writes, from our own network."""
    outcome = w.send(message("written", headers=headers, sender=sender, to=to), sender=sender, rcpts=[to], ip="192.0.2.5")
    ok(outcome.ok, "%s writes to %s: %r" % (sender or "<>", to, outcome))


def met(w):
    return [key[len("millgate:met:"):] for key in w.redis.keys("millgate:met:*")]


def why(w, sender, word):
    """What the journal says of the newest such message; waits until it says the word."""
    def newest():
        entries = [e for e in w.redis.journal() if e["from"] == sender]
        facts = json.loads(entries[-1]["recipients"])[0]["facts"] if entries else {}
        return facts.get("greylist") == word and facts["greylist_why"]
    return until("the journal to say %s of %s" % (word, sender), newest)


def knock(w, sender, ip=CLIENT, **options):
    return w.send(sender=sender, ip=ip, **options)


def passes(w, sender):
    """The sender comes, and again a minute later."""
    first = knock(w, sender)
    change(w, "millgate:grey:{%s}:%s:bob@example.net" % (sender.split("@")[1], sender), 0, -MINUTE)
    return first.status, knock(w, sender).ok


with World(GREY % 'delay_no_fcrdns = "50s";', zone=ZONE) as w:
    topic("correspondents: an address")
    eq(knock(w, "alice@friend.example", ELSEWHERE).status, "451 4.7.1", "a stranger waits")
    writes(w, "alice@friend.example")
    until("the correspondents to be learned", lambda: len(met(w)) == 2)
    eq(met(w), ["{alice@friend.example}:bob@example.net", "{friend.example}:bob@example.net"], "an address and its domain")
    ok(59 * DAY < w.redis.ttl("millgate:met:{alice@friend.example}:bob@example.net") <= 60 * DAY, "for 60 days")
    ok(knock(w, "alice@friend.example", ELSEWHERE).ok, "the answer does not wait")
    like(why(w, "alice@friend.example", "met"), "^the recipient has written to alice@friend.example; by network",
         "the journal knows")
    ok(knock(w, "prvs=1234abcdef=alice@friend.example", ELSEWHERE).ok, "nor under a signed sender")
    eq(knock(w, "alice@friend.example", ELSEWHERE, rcpts=["carol@example.net"]).status, "451 4.7.1",
       "to another user it does")

    topic("correspondents: a domain")
    eq(knock(w, "noreply@friend.example", ELSEWHERE).status, "451 4.7.1", "anybody can claim the domain")
    ok(w.send(sender="noreply@friend.example", **NAMED).ok, "a host that has its name in it need not wait")
    ok(w.send(sender="bob@example.net", rcpts=["x@remote.example"], login="bob").ok, "a user writes from anywhere")
    until("the correspondents to be learned", lambda: "{x@remote.example}:bob@example.net" in met(w))
    w.redis.cmd("DEL", *w.redis.keys("millgate:met:*remote*"))
    writes(w, "sales@shop.example")
    until("the correspondents to be learned", lambda: len(met(w)) == 4)
    ok(knock(w, "code-4711@codes.shop.example", HOME).ok, "one-time codes of the domain, with SPF")
    eq(knock(w, "code-4711@codes.shop.example", ELSEWHERE).status, "451 4.7.1", "a forger's wait")
    eq(knock(w, "sales@shop.example", ELSEWHERE).status, "451 4.7.1", "so does the very address when SPF fails")
    writes(w, "somebody@free.example")
    writes(w, "somebody@open.example")
    until("the correspondents to be learned", lambda: len(met(w)) == 8)
    eq({knock(w, "victim@free.example", "19.%d.1.1" % n).status for n in range(1, 6)}, {"451 4.7.1"},
       "a botnet that forges a freemail domain waits")
    eq(knock(w, "victim@open.example", ELSEWHERE).status, "451 4.7.1", "+all proves nothing")

    topic("what teaches nothing")
    before = met(w)
    writes(w, "a@auto.example", headers=["Auto-Submitted: auto-replied"])
    writes(w, "a@list.example", headers=["List-Id: <list.example.net>"])
    writes(w, "a@bulk.example", headers=["Precedence: bulk"])
    writes(w, "a@bounce.example", sender="")
    writes(w, "carol@example.net")
    ok(knock(w, "alice@friend.example", ELSEWHERE).ok, "nor does inbound mail")
    writes(w, "last@marker.example")
    until("what came after it to be learned", lambda: any("marker" in key for key in met(w)))
    eq([key for key in met(w) if "marker" not in key], before, "automatic mail, bounces, mail to our own users")

    topic("known clients")
    for n in range(DAYS + 1):
        eq(passes(w, "user-%s@burst.example" % "abcdefg"[n]), ("451 4.7.1", True), "sender %d passes" % n)
    eq(knock(w, "fresh@burst.example").status, "451 4.7.1", "six senders of one day prove nothing")
    for n in range(DAYS):
        eq(passes(w, "user-%s@known.example" % "abcdefg"[n]), ("451 4.7.1", True), "day %d" % n)
        change(w, "millgate:known:{known.example}:known.example", 0, -1)
    ok(knock(w, "fresh@known.example").ok, "on the fifth day the client is known")
    like(why(w, "fresh@known.example", "client"), "^the client has proved itself on 5 days; by SPF$", "as the journal says")
    ok(knock(w, "news@known.example", "17.1.1.99").ok, "whichever of its hosts")
    eq(knock(w, "fresh@known.example", ELSEWHERE).status, "451 4.7.1", "not a forger")
    ok(59 * DAY < w.redis.ttl("millgate:known:{known.example}:known.example") <= 60 * DAY, "for 60 days")
    like(w.gate.command("greylist", "list", "known").stdout, r"(?m)^known +known\.example known\.example days=5$", "listed")
    like(w.gate.command("greylist", "show", "known.example", "user-e@known.example").stdout,
         r"(?m)^  client +known: proved itself on 5 days, forgotten in ", "shown with its triplets")
    eq(w.gate.command("greylist", "forget", "known", "known.example").returncode, 0, "forgotten")
    eq(knock(w, "new@known.example").status, "451 4.7.1", "it waits again")
    eq(w.gate.command("greylist", "allow", "known", "known.example", "known.example").returncode, 0, "allowed by hand")
    ok(knock(w, "newer@known.example").ok, "it does not wait")
    eq(w.gate.command("greylist", "allow", "known", CLIENT, "known.example").returncode, 1, "a network is never known")

    topic("correspondents by hand")
    eq(w.gate.command("greylist", "allow", "met", "eve@other.example", "bob@example.net").returncode, 0, "allowed")
    ok(knock(w, "eve@other.example", ELSEWHERE).ok, "they need not wait")
    shown = w.gate.command("greylist", "show", "met", "eve@*", "--json")
    eq(json.loads(shown.stdout)[0]["remote"], "eve@other.example", "shown")
    eq(w.gate.command("greylist", "forget", "met", "eve@other.example").returncode, 0, "forgotten")
    eq(knock(w, "eve@other.example", ELSEWHERE, rcpts=["carol@example.net"]).status, "451 4.7.1", "strangers again")

    topic("delays that grow")
    w.configure(LISTS + GREY % "")
    w.redis.flush()
    for sender, client, seconds, reason in (("a@x.example", {"ip": "20.1.1.7", "name": "mx.good.example"}, 50, r"^waits 50s; by host name"),
                                 ("b@x.example", {"ip": "20.1.2.7"}, 120, r"^waits 2m: the client has no confirmed host name; by network"),
                                 ("c@x.example", {"ip": "18.1.1.7"}, 600, r"^waits 10m: DNS lists list the client; by network")):
        refused = w.send(sender=sender, **client)
        like(str(refused.last), "try again in %d seconds" % seconds, "%s: %d seconds" % (client["ip"], seconds))
        like(why(w, sender, "defer"), reason, "and why")
    shown = w.gate.command("greylist", "show", "18.1.1.7")
    like(shown.stdout, r"(?m)^  delay +10m: DNS lists list the client$", "show tells why")
    w.gate.configure(GREY % 'delay_listed = "3h";')
    checked = w.gate.command("check")
    like(checked.stdout + checked.stderr, r"millgate\.conf:%d: .*delay_listed must not be longer than half"
         % w.gate.lineno("delay_listed"), "a delay that leaves no time to come again is an error")

    w.end()
