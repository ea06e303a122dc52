#!/usr/bin/python3
"""Many sessions at a time, with every check in use, while Redis and DNS come and go: nothing is lost or doubled."""

import os
import sys
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)) + "/../lib")
from dns import probes
from message import header, message
from place import run
from smtp import transaction
from tap import eq, ok, topic
from world import World

ZONES = ("one.example", "two.example", "three.example")
CONFIG = """
greylist: { enabled = true; delay = "1h"; delay_no_fcrdns = "1h"; };
fcrdns: { enabled = true; on_none = "mark"; };
dnsbl: { reject_at = 5; timeout = "1s"; lists = ( %s ); };
limits: { message_size = "1M"; recipients = 50; connections_per_client = 500;
          rates = ( { by = ( "client_ip" ); messages = 1000000; per = "1h"; },
                    { by = ( "sender", "recipient" ); recipients = 1000000; per = "1h"; } ); };
rules = ( { name = "known"; when = ( { fact = "sender"; ends_with = "@known.example"; } ); then = { skip = "greylist"; }; },
          { name = "copy"; when = ( { fact = "subject"; contains = "каждое"; } ); then = { copy = "archive@example.net"; }; },
          { name = "move"; when = ( { fact = "recipient"; is = "leaver@example.net"; } );
            then = { move = "manager@example.net"; }; },
          { name = "stamp"; match = "always"; then = { add_header = "X-Score: %%{dnsbl_score}"; }; } );
""" % ", ".join('{ zone = "%s"; weight = 2; }' % z for z in ZONES)
SESSIONS, EACH = 40, 12


class Client(threading.Thread):
    """Several messages in one session, each with a subject of its own."""

    def __init__(self, w, number):
        super().__init__(daemon=True)
        self.w, self.number = w, number
        self.accepted, self.refused = [], []

    def run(self):
        with self.w.connect("198.51.%d.%d" % (self.number // 200, self.number % 200 + 1)) as session:
            session.ehlo()
            for n in range(EACH):
                subject = "каждое %d-%d" % (self.number, n)
                outcome = transaction(session, message(subject, size=3000), "s%d@known.example" % self.number,
                                      ["bob@example.net", "leaver@example.net"])
                (self.accepted if outcome.ok else self.refused).append(subject if outcome.ok else outcome.status)
            session.quit()


def flood(w, meanwhile):
    """All clients at once; answers what was accepted, sorted, and how the others were refused."""
    clients = [Client(w, n) for n in range(SESSIONS)]
    for client in clients:
        client.start()
    meanwhile()
    for client in clients:
        client.join()
    return sorted(s for c in clients for s in c.accepted), [s for c in clients for s in c.refused]


def subjects(w, user):
    return sorted(header(m, "Subject")[0].decode() for m in w.inbox(user))


def arrived(w, accepted):
    eq([subjects(w, u) == accepted for u in ("bob", "manager")], [True, True], "each is delivered once to each recipient")
    eq(subjects(w, "archive"), accepted, "and copied once")
    eq(w.inbox("leaver"), [], "nothing went where it was moved from")


def trouble(w):
    """Redis and DNS hang, die, and come back."""
    for _ in range(3):
        time.sleep(0.3)
        w.redis.stop()
        w.dns.freeze()
        time.sleep(0.3)
        w.redis.start()
        w.redis.freeze()
        time.sleep(0.3)
        w.redis.thaw()
        w.dns.thaw()
        w.gate.command("reload")


with World(CONFIG, zone="".join(map(probes, ZONES))) as w:
    w.configure(CONFIG, redis='{ server = "unix:%s"; timeout = "500ms"; }' % w.redis.socket)
    topic("all is well")
    accepted, refused = flood(w, lambda: None)
    eq((len(accepted), refused), (SESSIONS * EACH, []), "all messages are accepted")
    arrived(w, accepted)

    topic("Redis and DNS come and go")
    w.postfix.empty()
    accepted, refused = flood(w, lambda: trouble(w))
    eq((len(accepted), refused), (SESSIONS * EACH, []), "on_error = ignore: all messages are accepted")
    arrived(w, accepted)

    topic("smtp-source")
    w.postfix.empty()
    done = run(["smtp-source", "-s", 30, "-m", 600, "-l", 10000, "-f", "s@known.example", "-t", "bob@example.net",
                "%s:%d" % (w.postfix.ip, w.postfix.port)], check=False)
    eq((done.returncode, done.stderr), (0, ""), "600 messages, 30 sessions at a time")
    eq(len(w.inbox("bob")), 600, "all are delivered")

    topic("one triplet, many times at once")
    w.redis.flush()
    replies = []
    threads = [threading.Thread(target=lambda: replies.append(w.send(sender="same@example.org").status)) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    eq(replies, ["451 4.7.1"] * 20, "all are deferred")
    eq(len(w.redis.keys("millgate:grey:*")), 1, "one key")

    w.end()
