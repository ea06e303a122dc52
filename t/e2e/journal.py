#!/usr/bin/python3
"""One log line and one journal entry per transaction; refusals name the transaction; shadow changes nothing."""

import json
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)) + "/../lib")
from message import message, payload
from place import until
from smtp import transaction
from tap import eq, like, ok, topic, unlike
from world import SENDMAIL, World

CONFIG = """
deny: { clients = ( "203.0.113.0/24" ); };
rules = ( { name = "запрет"; when = ( { fact = "subject"; contains = "forbidden"; } ); then = { reject = true; }; },
          { name = "stamp"; match = "always"; then = { add_header = "X-Id: %{id}"; }; } );
"""


GONE = """
rules = ( { name = "gone"; when = ( { fact = "recipient"; is = "bob@example.net"; } ); then = { delete = true; }; },
          { name = "moved"; when = ( { fact = "recipient"; is = "carol@example.net"; } ); then = { move = "dave@example.net"; }; } );
"""


def entries(w, count):
    """The journal is written after the reply: waits for as many entries."""
    until("%d journal entries" % count, lambda: len(w.redis.journal()) >= count)
    return w.redis.journal()


with World(CONFIG) as w:
    topic("one of each")
    good = w.send(rcpts=["bob@example.net", "carol@example.net"])
    denied = w.send(ip="203.0.113.9")
    forbidden = w.send(message("forbidden"))
    journal = entries(w, 3)
    eq(len(journal), 3, "three transactions, three entries")
    until("the log", lambda: len(w.gate.mails()) >= 3)
    eq(len(w.gate.mails()), 3, "and three lines in the log")
    for name, outcome, sign in (("denied", denied, "203.0.113.9"), ("refused by a rule", forbidden, "запрет")):
        line = w.gate.mail(id=outcome.last.id)
        eq(len(line), 1, "%s: the id in the reply is in the log, once" % name)
        like(str(line), "reject", "%s: with the verdict" % name)
        entry = [e for e in journal if outcome.last.id in e.values()]
        eq(len(entry), 1, "%s: and in the journal" % name)
        like(str(entry), sign, "%s: with what decided" % name)
    entry = [e for e in journal if denied.last.id not in e.values() and forbidden.last.id not in e.values()][0]
    for text in ("alice@example.org", "bob@example.net", "carol@example.net", "198.51.100.3", "stamp", good.queue_id):
        like(str(entry), text, "the accepted one tells %s" % text)

    topic("one session, several transactions")
    with w.connect() as session:
        session.ehlo()
        ids = set()
        for _ in range(3):
            ok(transaction(session, message()).ok, "accepted")
        session.mail(), session.rset()
        session.mail("aborted@example.org"), session.rcpt("bob@example.net"), session.rset()
        session.quit()
    journal = entries(w, 6)
    eq(len({e.get("id") for e in journal}), len(journal), "each has an id of its own")
    ok(6 <= len(journal) <= 8, "each has its entry")

    topic("what comes from outside is escaped")
    w.send(message("forbidden \x1b[31m\"'\\ \u2028 {}"), sender="\"a b\"@example.org")
    line = w.gate.mails()[-1]
    unlike(w.gate.process.text(), "\x1b", "no control character reaches the log")

    topic("Postfix and the log go together")
    if not SENDMAIL:  # which logs to syslog alone
        like(w.postfix.log_text(), denied.last.id, "Postfix logs the id of a refusal")
    ok(w.gate.mail(id=w.redis.journal()[0]["id"]), "the journal's id finds the log line")

    topic("shadow = true at the top")
    w.postfix.empty()
    w.configure("shadow = true;" + CONFIG)
    before = len(w.redis.journal())
    sent = message("forbidden")
    ok(w.send(sent, ip="203.0.113.9").ok, "nobody is refused")
    eq(payload(w.inbox("bob")[0]), sent, "nothing is changed")
    entry = entries(w, before + 1)[-1]
    like(str(entry), "запрет", "the journal tells what would have been")
    to = json.loads(entry["recipients"])[0]
    eq((to["verdict"], to["fate"], to["would"], to["rule"]), ("accept", "accepted", "reject", "запрет"),
       "and what was, of the recipient")
    line = w.gate.mail(id=entry["id"])[0]
    eq(line["to"], "bob@example.net (would reject 550)", "so does the log")
    like(line["would"], "^reject 550 ", "and how")
    w.configure("shadow = true;" + GONE)
    w.postfix.empty()
    ok(w.send(rcpts=["bob@example.net", "carol@example.net"]).ok, "one would be deleted, one moved")
    eq((len(w.inbox("bob")), len(w.inbox("carol"))), (1, 1), "both are delivered")
    entry = entries(w, before + 2)[-1]
    line = w.gate.mail(id=entry["id"])[0]
    eq((line["verdict"], line["to"]), ("accept", "bob@example.net (would delete), carol@example.net"), "and the log says so")
    eq([(r["verdict"], r["fate"], r.get("would")) for r in json.loads(entry["recipients"])],
       [("accept", "accepted", "delete"), ("accept", "accepted", None)], "and the journal")

    topic("shadow = true on a rule")
    w.configure("""rules = ( { name = "dry"; shadow = true; match = "always"; then = { delete = true; }; } );""")
    w.postfix.empty()
    ok(w.send(sent).ok and w.inbox("bob"), "a shadow rule deletes nothing")
    like(str(entries(w, before + 3)[-1]), "dry", "the journal tells")

    w.end()
