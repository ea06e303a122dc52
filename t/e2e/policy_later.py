#!/usr/bin/python3
"""Policy requests that wait for DNS or Redis: nobody else waits with them, and whatever happens meanwhile, each transaction
is asked, counted and told once.
"""

import json
import os
import re
import select
import signal
import sys
import threading

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)) + "/../lib")
from policy import PolicyWorld
from tap import eq, like, ok, topic

CONFIG = """
deadline = "10s";
greylist: { enabled = true; delay = "10m"; };
deny: { clients = ( "203.0.113.0/24" ); };
spf: { enabled = true; };
limits: { rates = ( { name = "sender"; by = ( "sender" ); messages = 5; per = "1h"; } ); };
"""
SPARED = """
rules = ( { name = "bob"; when = ( { fact = "recipient"; is = "bob@example.net"; } ); then = { accept = true; }; },
          { name = "spf"; when = ( { fact = "spf"; is = "fail"; } ); then = { reject = true; }; } );
"""
SLOW = 1000  # ms
ZONE = "slow.example TXT DELAY %d\nslow.example TXT \"v=spf1 ?all\"\n" % SLOW
DNS = '{ servers = ( "%s" ); timeout = "10s"; }'
MANY = 6000
LINKS = 8
EACH = MANY // LINKS


def is_silent(link):
    return not link.left and not select.select([link.socket], [], [], 0)[0]


def grey(w, sender):
    """How many attempts are on record for the sender's triplets (of which one may only have been noted)."""
    return sum(int(w.redis.cmd("GET", key).split(" ")[2]) for key in w.redis.keys("millgate:grey:*%s*" % sender))


def rates(w, sender):
    return w.redis.keys("millgate:rate:*%s*" % sender)


def told(w, sender):
    return [r["verdict"] for r in w.gate.mails() if r.get("from") == sender]


def nobody_waits(w):
    """While DNS says nothing, and while Redis says nothing, what needs neither is answered."""
    for name, server in (("DNS", w.dns), ("Redis", w.redis)):
        topic("%s says nothing" % name)
        server.freeze()
        waiting = [w.policy(instance="n.%s.%d" % (name, i), sender="a@%s%d.example" % (name.lower(), i)) for i in range(40)]
        for link in waiting:
            link.send(link.request())
        with w.policy(instance="n.%s" % name, client_address="203.0.113.7", client_name="no.example",
                      reverse_client_name="no.example") as other:
            eq([other.ask(recipient="r%d@example.net" % i)[:3] for i in range(20)], ["554"] * 20, "others are answered")
        ok(all(is_silent(link) for link in waiting), "those that wait are not")
        server.thaw()
        answers = [link.answer() for link in waiting]
        ok(all("greylisted" in answer for answer in answers), "until it speaks again: %r" % answers[0])
        eq([grey(w, "%s%d.example" % (name.lower(), i)) for i in range(40)], [1] * 40, "each is greylisted once")
        for link in waiting:
            link.close()


def goes_away(w):
    topic("its connection goes away")
    with w.policy(instance="away", sender="away@slow.example") as link:
        link.send(link.request())
        w.dns.wait_for("slow.example")
    like(w.policy(instance="away", sender="away@slow.example").ask(), "greylisted", "Postfix asks again")
    eq(grey(w, "slow.example"), 1, "one attempt")


def repeated(w, number):
    topic("it is repeated on other connections")
    sender = "again@slow%d.example" % number
    w.dns.add("".join("slow%d.example TXT DELAY %d\n" % (number, SLOW)))
    links = [w.policy(instance="again.%d" % number, sender=sender) for _ in range(5)]
    for link in links:
        link.send(link.request() + link.request(recipient="carol@example.net"))
    answers = [link.answer() for link in links + links]
    like(answers[0], "greylisted", "an answer")
    eq({re.sub(r"id [^]]*|in \d+", "", a) for a in answers}, {re.sub(r"id [^]]*|in \d+", "", answers[0])}, "the same for all")
    eq(grey(w, sender.split("@")[1]), 2, "one attempt of each recipient")
    for link in links:
        link.close()


def stopped(w):
    """SIGTERM while one is under way."""
    topic("millgated is stopped")
    w.dns.add("stop.example TXT DELAY %d\n" % SLOW)
    link = w.policy(instance="stop", sender="x@stop.example")
    link.send(link.request())
    w.dns.wait_for("stop.example")
    w.gate.process.kill(signal.SIGTERM)
    like(link.answer(), "greylisted", "the answer still comes")
    eq(link.answer(), None, "then the connection is closed")
    w.gate.check_end()
    eq(told(w, "x@stop.example"), ["defer"], "told once")
    eq(grey(w, "stop.example"), 1, "asked once")
    eq([r for r in w.redis.journal() if r.get("from") == "x@stop.example"][1:], [], "in the journal once")
    eq(rates(w, "stop.example"), [], "what was not accepted is given back")


def silent_redis(w):
    """It is gone for good before it has answered."""
    topic("Redis does not answer any more")
    w.configure(CONFIG, redis='{ server = "unix:%s"; timeout = "300ms"; on_error = "defer"; }' % w.redis.socket, **w.sections)
    w.redis.freeze()
    with w.policy(instance="silent", sender="x@silent.example") as link:
        like(link.ask(), "unavailable", "on_error says what then")
        like(link.ask(), "unavailable", "the same answer again")
        like(link.ask(recipient="carol@example.net"), "unavailable", "another recipient")
    w.gate.check_end()
    w.redis.thaw()
    eq(told(w, "x@silent.example"), ["defer"], "told once")


def waits_for_nothing(w):
    """What was asked of DNS on the chance, and is not needed, keeps nobody waiting."""
    topic("a question that is not needed")
    w.configure(SPARED, dns=DNS % w.dns.server, **w.sections)
    w.dns.freeze()
    with w.policy(instance="vain", sender="x@vain.example") as link:
        eq(link.ask(), "DUNNO", "the recipient")
        eq(link.ask(protocol_state="END-OF-MESSAGE", recipient_count="1", size="900"), "DUNNO", "the message")
    dns = json.loads(w.gate.command("status").stdout)["dns"]
    ok(dns["questions"] > 0 and dns["timeouts"] == 0, "while the questions are open: %r" % dns)
    w.dns.thaw()
    w.gate.check_end()
    eq(told(w, "x@vain.example"), ["accept"], "accepted once")


def short_deadline(w):
    """What DNS is given is more than what the whole stage is given."""
    topic("a deadline before DNS gives up")
    w.configure(CONFIG.replace('deadline = "10s"', 'deadline = "1s"'), dns=DNS % w.dns.server, **w.sections)
    w.dns.freeze()
    with w.policy(instance="short", sender="x@short.example") as link:
        like(link.ask(), "greylisted", "an answer, by the client's network alone")
    eq(json.loads(w.gate.command("status").stdout)["dns"]["timeouts"], 0, "before DNS has given up")
    w.dns.thaw()
    w.gate.check_end()
    eq(told(w, "x@short.example"), ["defer"], "told once")
    eq(grey(w, "short.example"), 1, "asked once")


def play(w, number):
    """EACH transactions, all asked before the first answer is read."""
    link = w.policy(client_address="192.0.2.%d" % (number + 1))
    data = b"".join(link.request(instance="m.%d.%d" % (number, i), sender="m%d@many%d.example" % (i, number)) for i in range(EACH))
    sender = threading.Thread(target=link.send, args=(data,))
    sender.start()
    answers = [link.answer() for _ in range(EACH)]
    sender.join()
    link.close()
    return answers


def many(w):
    """More transactions end at a time than one thread writes down."""
    topic("very many at once")
    got = [None] * LINKS

    def work(i):
        got[i] = play(w, i)

    threads = [threading.Thread(target=work, args=(i,)) for i in range(LINKS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    eq([set(answers) for answers in got], [{"DUNNO"}] * LINKS, "all are answered")
    w.gate.check_end()
    want = sorted("m%d@many%d.example" % (i, n) for n in range(LINKS) for i in range(EACH))
    ok(sorted(r["from"] for r in w.gate.mails() if "@many" in r["from"]) == want, "each is in the log once")
    ok(sorted(r["from"] for r in w.redis.journal() if "@many" in r.get("from", "")) == want, "and in the journal")


def main():
    with PolicyWorld(CONFIG, zone=ZONE, asked=("rcpt", "end")) as w:
        w.sections = {"policyd": w.gate._sections["policyd"]}
        w.configure(CONFIG, dns=DNS % w.dns.server, redis='{ server = "unix:%s"; timeout = "10s"; }' % w.redis.socket, **w.sections)
        nobody_waits(w)
        goes_away(w)
        repeated(w, 1)
        stopped(w)
        silent_redis(w)
        w.gate.start()
        short_deadline(w)
        w.gate.start()
        waits_for_nothing(w)
    with PolicyWorld(CONFIG, asked=("rcpt",)) as w:
        many(w)
        w.gate.start()
        w.end()


main()
