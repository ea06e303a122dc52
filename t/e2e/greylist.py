#!/usr/bin/python3
"""Greylisting: deferred, accepted on retry, known later; the keys in Redis; the administrator's command."""

import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)) + "/../lib")
from message import message, payload
from tap import eq, like, ok, topic
from world import World

MINUTE, HOUR, DAY = 60, 3600, 86400
DELAY = 11 * MINUTE  # a little more than the delay below
GREY = 'greylist: { enabled = true; delay = "10m"; delay_no_fcrdns = "10m"; %s };'
KEY = "millgate:grey:{198.51.100.0/24}:alice@example.org:bob@example.net"

with World(GREY % "", moved=True) as w:
    topic("a new triplet waits")
    first = w.send()
    eq(first.stage, "RCPT", "a new client is answered at RCPT")
    eq(first.status, "451 4.7.1", "451 4.7.1")
    ok(first.last.id, "the reply names the transaction: %s" % first.last)
    eq(w.redis.keys("millgate:grey:*"), [KEY], "one key, readable")
    ok(0 < w.redis.ttl(KEY) <= 5 * HOUR, "it lives for the retry window")
    eq(w.send().status, "451 4.7.1", "a retry at once is too early")

    w.redis.later(DELAY)
    sent = message("after the delay")
    again = w.send(sent)
    ok(again.ok, "a retry after the delay is accepted: %r" % again)
    eq([payload(m) for m in w.inbox("bob")], [sent], "and delivered, byte for byte")
    ok(13 * DAY < w.redis.ttl(KEY) <= 14 * DAY, "the pass is remembered for 14 days")

    topic("and is known from then on")
    ok(w.send().ok, "the same triplet passes at once")
    ok(w.send(ip="198.51.100.200").ok, "so does another address of the same /24")
    ok(w.send(rcpts=["BOB@Example.NET"]).ok, "and another spelling of the recipient")
    eq(w.send(sender="other@example.org").status, "451 4.7.1", "another sender waits")
    eq(w.send(rcpts=["carol@example.net"]).status, "451 4.7.1", "another recipient waits")
    eq(w.send(ip="198.18.0.1").status, "451 4.7.1", "another network waits")

    topic("a recipient that Postfix refuses")
    keys = w.redis.keys("millgate:grey:*")
    eq(w.send(rcpts=["nosuch@example.net"]).status, "550 5.1.1", "is refused by Postfix")
    eq(w.redis.keys("millgate:grey:*"), keys, "and not greylisted")

    topic("per recipient")
    both = w.send(rcpts=["bob@example.net", "dave@example.net"])
    eq([r.status for r in both.rcpts], ["250 2.1.5", "451 4.7.1"], "the known one is accepted, the new one waits")
    ok(both.ok, "the message goes to the known one")
    eq(w.inbox("dave"), [], "and to nobody else")

    topic("IPv6")
    eq(w.send(ip="2001:db8:1:2::5").status, "451 4.7.1", "a new IPv6 client waits")
    keys = w.redis.keys("millgate:grey:{2001*")
    eq(len(keys), 1, "one key: %s" % keys)
    like(keys[0], r"\{2001(%3[Aa]){1}db8", "its colons are percent-encoded")
    w.redis.later(DELAY)
    ok(w.send(ip="2001:db8:1:2:ffff::1").ok, "another address of the same /64 passes after the delay")
    eq(w.send(ip="2001:db8:1:3::5").status, "451 4.7.1", "another /64 waits")

    topic("bounces")
    with w.connect() as session:
        session.ehlo()
        session.mail("")
        eq(session.rcpt("bob@example.net").code, 250, "a null sender is not deferred at RCPT (callbacks)")
        eq(session.data(message()).status, "451 4.7.1", "but at DATA")

    topic("who is not greylisted")
    w.redis.flush()
    ok(w.send(ip="192.0.2.5").ok, "a trusted network")
    ok(w.send(login="bob").ok, "an authenticated user")
    eq(w.redis.keys("millgate:grey:*"), [], "and no key is written for them")

    topic("millgate greylist")
    eq(w.send().status, "451 4.7.1", "a triplet to look at")
    listing = w.gate.command("greylist", "list")
    eq(listing.returncode, 0, "list: exit status")
    like(listing.stdout, r"198\.51\.100\.0/24.*alice@example\.org.*bob@example\.net", "list shows it")
    shown = w.gate.command("greylist", "show", "198.51.100.3", "alice@example.org", "bob@example.net")
    eq(shown.returncode, 0, "show: exit status (%s)" % shown.stderr.strip())
    allowed = w.gate.command("greylist", "allow", "198.51.100.3", "alice@example.org", "bob@example.net")
    eq(allowed.returncode, 0, "allow: exit status (%s)" % allowed.stderr.strip())
    ok(w.send().ok, "an allowed triplet passes at once")
    forgotten = w.gate.command("greylist", "forget", "198.51.100.3", "alice@example.org", "bob@example.net")
    eq(forgotten.returncode, 0, "forget: exit status (%s)" % forgotten.stderr.strip())
    eq(w.send().status, "451 4.7.1", "a forgotten one waits again")

    topic("the retry window")
    w.redis.flush()
    w.configure(GREY % 'retry_window = "20m";')
    eq(w.send().status, "451 4.7.1", "a new triplet")
    w.redis.later(21 * MINUTE)
    eq(w.send().status, "451 4.7.1", "a retry after the window starts over")
    w.redis.later(DELAY)
    ok(w.send().ok, "a retry within it passes")

    w.end()
