#!/usr/bin/python3
"""Harvesting behind sendmail, which tells the milter of users whom its local mailer does not know."""

import os
import sys

os.environ["MILLGATE_MTA"] = "sendmail"
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)) + "/../lib")
from smtp import Lost
from tap import eq, ok, topic
from world import World

# The harness refuses by a rule of sendmail.cf, of which sendmail tells nobody.  The local mailer has flag w.
LOCAL = """\
define(`ALIAS_FILE', `')dnl
MODIFY_MAILER_FLAGS(`LOCAL', `-A:/|')dnl
MAILER(`local')dnl
LOCAL_RULE_0
R$+ < @ local.example.net . >	$#local $: $1
R$+ < @ local.example.net >	$#local $: $1
"""
CLIENT = "198.51.100.9"


def count(w):
    return int(w.redis.cmd("GET", "millgate:rate:{harvest:%s}" % CLIENT) or 0)


with World('harvesting: { slow_after = 1; delay = "10ms"; close_after = 3; refuse_after = 4; };', settings=LOCAL) as w:
    topic("what is counted")
    session = w.connect(CLIENT)
    session.ehlo()
    session.mail()
    eq([session.rcpt("guess%d@local.example.net" % i).status for i in (1, 2)], ["550 5.1.1"] * 2, "unknown users")
    eq(count(w), 2, "are counted")
    ok(session.rcpt("root@local.example.net"), "one who exists is not")
    eq(session.rcpt("guess@example.net").status, "550 5.1.1", "a rule's refusal")
    eq(count(w), 2, "is not told of, so not counted")

    topic("the steps")
    session.rcpt("guess3@local.example.net")
    eq(session.rcpt("bob@example.net").status, "421 4.7.0", "after the third: 421")
    try:
        closed = session.cmd("NOOP").code == 421
    except Lost:
        closed = True
    ok(closed, "and the session is over")
    session.close()
    session = w.connect(CLIENT)
    session.ehlo()
    session.mail()
    session.rcpt("guess4@local.example.net")
    session.close()
    refused = w.send(ip=CLIENT)
    eq((refused.stage, refused.status), ("MAIL", "421 4.7.0"), "after the fourth: refused from MAIL on")

    w.end()
