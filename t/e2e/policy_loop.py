#!/usr/bin/python3
"""What the loop thread answers is what a worker answers: the same questions, in any order, while Redis's settings change."""

import collections
import os
import random
import re
import sys
import threading

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)) + "/../lib")
from dns import listed, probes
from policy import PolicyWorld
from tap import eq, ok, topic

SEED = 20261122
CLIENTS = 48
AT_ONCE = 12
DELAY = 660  # seconds: a little more than the delay below
HELO = "h" * 400  # too long for a pattern on the loop thread
PER_UNIT = 1200  # seconds: an hour, by the three messages below

CONFIG = """
greylist: { enabled = true; delay = "10m"; };
dnsbl: { reject_at = 5; lists = ( { zone = "zen.example"; weight = 5; }, { zone = "mild.example"; weight = 1; } ); };
spf: { enabled = true; on_fail = "reject"; };
fcrdns: { enabled = true; };
sender_domain: { enabled = true; };
limits: { rates = ( { name = "sender"; by = ( "sender" ); messages = 3; per = "1h"; },
                    { name = "pair"; by = ( "client_ip", "recipient" ); messages = 5; per = "1h"; } ); };
rules = (
  { name = "patterns"; when = ( { fact = "helo"; %s; } ); then = { reject = true; }; },
  { name = "friends"; when = ( { fact = "recipient"; is = "sales@example.net"; }, { fact = "spf"; is = "pass"; } );
    then = { skip = "greylist"; }; },
  { name = "closed"; when = ( { fact = "recipient"; is = "dave@example.net"; }, { fact = "spf_lookups"; under = 3; } );
    then = { reject = "550 5.7.1 closed to %%{sender} (%%{spf} %%{rate} %%{fcrdns})"; }; }
);
"""
RCPTS = ["bob@example.net", "carol@example.net", "dave@example.net", "sales@example.net"]
# Of a log line or a journal entry, what differs each time.
TIMES = {"id", "time", "ms", "waited_us", "level", "msg"}
NEW = re.compile(r' \[id [^]]*\]|in \d+ seconds|came again after [^;]*;|"greylist_wait(ed)?":"\d+"')


def policy_of(rng, i, net):
    """The SPF record of a domain, with what it leads to."""
    own = "d%d.example" % i
    passes = "ip4:%s.0/24 " % net
    kinds = [
        lambda: "",
        lambda: '%s TXT "v=spf1 %s-all"\n' % (own, passes),
        lambda: '%s TXT "v=spf1 ip4:203.0.113.1 ~all"\n' % own,
        lambda: '%s TXT "v=spf1 mx a include:i.%s -all"\ni.%s TXT "v=spf1 include:j.%s ?all"\nj.%s TXT "v=spf1 %s-all"\n'
        % (own, own, own, own, own, passes),
        lambda: '%s TXT "v=spf1 include:i.%s include:j.%s -all"\ni.%s TXT SERVFAIL\nj.%s TXT "v=spf1 %s-all"\n'
        % (own, own, own, own, own, passes),
        lambda: '%s TXT "v=spf1 redirect=r.%s"\nr.%s TXT "v=spf1 exists:%%{ir}.e.%s -all"\n' % (own, own, own, own),
        lambda: "%s TXT SERVFAIL\n" % own,
        lambda: '%s TXT "v=spf1 include:%s -all"\n' % (own, own),
    ]
    return rng.choice(kinds)()


def client(rng, i):
    """One client: its address, its sender, the lines of its zone, its transactions."""
    net = "198.18.%d" % i
    ip, name, domain = "%s.1" % net, "c%d.example" % i, "d%d.example" % i
    lines = [policy_of(rng, i, net)]
    lines.append(rng.choice(["", "%s PTR %s\n%s A %s\n" % (ip, name, name, ip), "%s PTR %s\n" % (ip, name), "%s PTR SERVFAIL\n" % ip]))
    lines.append(rng.choice(["%s MX 10 mx.%s\nmx.%s A %s\n" % (domain, domain, domain, ip), "%s A %s\n" % (domain, ip), "",
                             "%s MX 0 .\n" % domain, "%s MX SERVFAIL\n" % domain]))
    if i % 12 == 5:
        lines.append(listed("zen.example", ip))
    if i % 6 == 1:
        lines.append(listed("mild.example", ip))
    for owner in (ip, name, domain, "i." + domain, "j." + domain):
        if rng.random() < 0.5:
            lines.append("%s * DELAY %d\n" % (owner, rng.randrange(1, 40)))
    sender = rng.choice(["alice@" + domain] * 8 + [""])
    asked = [[rng.choice(RCPTS) for _ in range(rng.randrange(1, 6))] for _ in range(4)]
    ends = [rng.choice(["end", "next", "data", "close"]) for _ in asked]
    if i % 4 == 0:  # asked by two connections, either of which may be the last: then the next one ends nothing
        ends = ["end" if end == "next" else end for end in ends]
    return {"ip": ip, "sender": sender, "zone": "".join(lines), "asked": asked, "ends": ends, "twice": i % 4 == 0}


def plain(text):
    """Without what is new each time."""
    return NEW.sub("", text or "closed")


class Player:
    """One client, with a connection of its own; now and then a question is repeated on a second one before it is answered."""

    def __init__(self, w, c, name):
        self.w, self.c, self.name, self.said = w, c, name, []
        self.attributes = {"client_address": c["ip"], "sender": c["sender"], "helo_name": HELO}

    def ask(self, link, other, **attributes):
        if other is not None:
            link.send(link.request(**attributes))
            other.send(other.request(**attributes))
            answers = [plain(link.answer()), plain(other.answer())]
            self.said.append(answers[0] if answers[0] == answers[1] else answers)
        else:
            self.said.append(plain(link.ask(**attributes)))
        return self.said[-1]

    def transaction(self, link, other, number, rcpts, end):
        base = {"instance": "%s.%d" % (self.name, number)}
        for rcpt in rcpts:
            self.ask(link, other, recipient=rcpt, **base)
        if end in ("data", "end"):
            self.ask(link, None, protocol_state="DATA", recipient="", recipient_count="1", **base)
        if end == "end":
            self.ask(link, None, protocol_state="END-OF-MESSAGE", recipient="", recipient_count="1", size="900", **base)

    def play(self, numbers):
        link, other = self.w.policy(**self.attributes), None
        for number in numbers:
            if self.c["twice"]:
                other = self.w.policy(**self.attributes)
            self.transaction(link, other, number, self.c["asked"][number], self.c["ends"][number])
            if other is not None:
                other.close()
            if self.c["ends"][number] == "close":
                link.close()
                link = self.w.policy(**self.attributes)
        link.close()


def play_all(w, clients, name, numbers, answers):
    """All of them, so many at a time, in some order."""
    left, lock = list(enumerate(clients)), threading.Lock()
    random.Random(SEED + len(name)).shuffle(left)

    def work():
        while True:
            with lock:
                if not left:
                    return
                i, c = left.pop()
            player = Player(w, c, "%s.%d" % (name, i))
            player.play(numbers)
            answers[i] = answers.get(i, []) + player.said

    threads = [threading.Thread(target=work) for _ in range(AT_ONCE)]
    for thread in threads:
        thread.start()
    return threads


def facts_of(entry):
    return tuple(sorted((k, NEW.sub("", str(v))) for k, v in entry.items() if k not in TIMES))


def told(w):
    """What the log and the journal say, each of any order."""
    return {"log": collections.Counter(facts_of(r) for r in w.gate.mails()[w.seen:]),
            "journal": collections.Counter(facts_of(e) for e in w.redis.journal())}


def state(w):
    """What Redis holds; a triplet's times left out."""
    grey = {key: w.redis.cmd("GET", key).split(" ")[2:4] for key in w.redis.keys("millgate:grey:*")}
    used = {key: -(-int(w.redis.cmd("PTTL", key)) // (PER_UNIT * 1000)) for key in w.redis.keys("millgate:rate:*sender*")}
    return {"greylist": grey, "rates": w.redis.keys("millgate:rate:*"), "used": used, "known": w.redis.keys("millgate:known:*")}


def run(w, clients, name, pattern, meanwhile=None):
    """Two transactions of each client, and, when the greylist's time is over, the others."""
    topic(name)
    w.redis.flush()
    w.configure(CONFIG % pattern, **w.sections)
    w.seen = len(w.gate.mails())
    answers = {}
    for numbers in ((0, 1), (2, 3)):
        threads = play_all(w, clients, name, numbers, answers)
        while meanwhile is not None and any(t.is_alive() for t in threads):
            meanwhile()
        for thread in threads:
            thread.join()
        w.redis.later(DELAY)
    w.gate.check_end()
    lines = told(w)
    eq(lines["log"].total(), lines["journal"].total(), "each transaction is in the log and in the journal")
    eq(lines["log"].total(), len(clients) * len(clients[0]["asked"]), "once")
    return answers, {**lines, **state(w)}


def compare(clients, got, want, names):
    for i, c in enumerate(clients):
        if got[0][i] != want[0][i]:
            eq(got[0][i], want[0][i], "%s: client %d, %r" % (names, i, c))
    ok(got[0] == want[0], "%s: the answers are the same" % names)
    for key in want[1]:
        a, b = got[1][key], want[1][key]
        if isinstance(a, collections.Counter):
            eq(sorted((a - b).elements()), sorted((b - a).elements()), "%s: the same in the %s" % (names, key))
        else:
            eq(a, b, "%s: %s" % (names, key))


def main():
    rng = random.Random(SEED)
    clients = [client(rng, i) for i in range(CLIENTS)]
    zone = probes("zen.example") + probes("mild.example") + "".join(c["zone"] for c in clients)
    with PolicyWorld(CONFIG % 'is = "x"', zone=zone, moved=True) as w:
        w.sections = {"policyd": w.gate._sections["policyd"]}
        timeouts = ["2s", "1900ms"]

        def change():
            """Another client of Redis and of DNS, and back."""
            timeouts.reverse()
            w.gate.configure(CONFIG % 'is = "x"', redis='{ server = "unix:%s"; timeout = "%s"; }' % (w.redis.socket, timeouts[0]),
                             **w.sections)
            w.gate.reload()

        workers = run(w, clients, "workers", 'matches = "^x"')
        loop = run(w, clients, "loop", 'is = "x"')
        changing = run(w, clients, "changing", 'is = "x"', change)
        words = {answer.split(" ")[0] for said in workers[0].values() for answer in said}
        ok({"DUNNO", "DEFER_IF_PERMIT", "550"} <= words, "of all kinds: %r" % words)
        compare(clients, loop, workers, "the loop's and the workers'")
        compare(clients, changing, workers, "while the settings change, and the workers'")
        w.gate.start()
        w.end()


main()
