#!/usr/bin/python3
"""Debian's Postfix as installed: master.cf untouched, smtpd and cleanup chrooted, one line of main.cf."""

import filecmp
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)) + "/../lib")
from message import header, message, payload
from place import private_network
from postfix import STOCK_MASTER
from tap import eq, like, ok, topic
from world import World

# smtpd listens on port 25, as it stands there.
private_network()

RULES = """
rules = ( { name = "stamp"; match = "always"; then = { add_header = "X-Seen: yes"; }; },
          { name = "no"; when = ( { fact = "subject"; is = "no"; } ); then = { reject = true; }; },
          { name = "hold"; when = ( { fact = "subject"; is = "hold"; } ); then = { quarantine = true; }; },
          { name = "gone"; when = ( { fact = "recipient"; is = "dave@example.net"; } ); then = { delete = true; }; } );
"""

with World(RULES, stock=True, trusted_networks=None) as w:
    ok(filecmp.cmp(STOCK_MASTER, os.path.join(w.postfix.config, "master.cf"), shallow=False), "master.cf is untouched")
    with open(os.path.join(w.postfix.config, "master.cf")) as f:
        like(f.read(), r"(?m)^smtp\s+inet\s+n\s+-\s+y\s", "its smtpd is chrooted")
    with open(os.path.join(w.postfix.config, "main.cf")) as f:
        eq([line for line in f.read().splitlines() if "milter" in line],
           ["smtpd_milters = unix:millgate/milter.sock", "milter_default_action = tempfail"], "main.cf: what there is of milters")
    topic("mail")
    outcome = w.postfix.send(message(), rcpts=["bob@example.net", "dave@example.net"])
    ok(outcome.ok, "accepted: %r" % outcome)
    arrived = w.inbox("bob")
    eq([header(m, "X-Seen") for m in arrived], [[b"yes"]], "delivered with the header")
    eq(w.inbox("dave"), [], "and not to whom it is deleted for")
    refused = w.postfix.send(message("no"))
    eq((refused.stage, refused.last.code // 100), ("END", 5), "refused: %r" % refused)
    held = w.postfix.send(message("hold"))
    eq([m["queue_id"] for m in w.postfix.held()], [held.queue_id], "held")

    w.end()
