#!/usr/bin/python3
"""Ten thousand first contacts: whom greylisting delays, and what it keeps out.

SIM_CONTACTS (500; `make sim`: 10000), SIM_SEED (4).

How: millgated, a real Redis and a real DNS server; each attempt is the policy requests that Postfix would make at RCPT, DATA
and END-OF-MESSAGE, in the order of their times, over twenty days of working hours.  Redis's clock is moved from one attempt
to the next (t/lib/clock.py), so that delays, retry windows and days are as long as they are, and take no time.  Who
sends, and how often in a hundred, is t/sim/mix.py; a good sender comes again as its MTA does by default (5, 15, 30 or 60
minutes, give or take a tenth), each attempt of a pool from another of its networks.  The same seed makes the same mail.

What is asserted, from `millgate greylist report --json` and from the answers:

  * whoever one of our users had written to, and clients that are known, are never delayed;
  * a new good sender, that is a client (as greylisting tells them apart), a normalised sender and a recipient, is
    deferred once at most: its first retry is let through, and so is whatever it sends later;
  * no bot's message passes.

Bots that keep a queue and come again an hour later as an MTA does would pass, here as with any greylisting: there is
nothing to tell them apart by.  They are other checks' business, and not in the mix.  More in t/sim/README.md.
"""

import collections
import datetime
import json
import os
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "..", "lib")]
import tap  # noqa: E402
from clock import MovedRedis  # noqa: E402
from dns import Dns, probes  # noqa: E402
from gate import Gate  # noqa: E402
from mix import DAY, DAYS, PROVER_DAYS, Attempt, Mix, Party  # noqa: E402
from place import Place, until  # noqa: E402
from policy import Policy  # noqa: E402
from tap import eq, ok, topic  # noqa: E402

CONTACTS = int(os.environ.get("SIM_CONTACTS", 500))
SEED = int(os.environ.get("SIM_SEED", 4))
WORKERS = 8  # policy connections, as so many smtpd processes have them
TICK = 1.0  # seconds that count as one moment
OURS = "192.0.2.77"

CONFIG = """
greylist: { enabled = true; };
spf: { enabled = true; };
dnsbl: { reject_at = 5; lists = ( { zone = "bl.test"; weight = 2; } ); };
journal: { entries = 10000000; };
"""


class Mta:
    """What Gate wants to know of one; there is none."""

    group = "nogroup"

    def __init__(self, place):
        self.socket_dir = place.path("mta")


class Worker:
    """One smtpd's connection.  A refused transaction ends for millgate when the next one begins."""

    number = 0

    def __init__(self, path, ended):
        self.policy = Policy(path)
        self.ended = ended  # called when a transaction comes into the journal
        self.open = False

    def ask(self, attempt, recipient, user=""):
        """"" when the message is accepted, else the action that refused it."""
        if self.open:
            self.ended()
        self.open = True
        Worker.number += 1
        about = {"instance": "sim.%d" % Worker.number, "client_address": attempt.ip, "client_name": attempt.name,
                 "reverse_client_name": attempt.name, "helo_name": attempt.helo, "sender": attempt.sender,
                 "recipient": recipient, "sasl_username": user}
        for state in ("RCPT", "DATA", "END-OF-MESSAGE"):
            action = self.policy.ask(protocol_state=state, recipient_count="0" if state == "RCPT" else "1",
                                     size="2000" if state == "END-OF-MESSAGE" else "0", **about)
            if action.split(" ")[0] not in ("DUNNO", "PREPEND"):
                if state == "DATA":
                    self._over()
                return action
        self._over()
        return ""

    def _over(self):
        self.open = False
        self.ended()

    def settle(self):
        """Ends a transaction that was refused: a user of ours begins one."""
        if self.open:
            self.ended()
            Worker.number += 1
            self.policy.ask(instance="sim.%d" % Worker.number, client_address=OURS, sender="user0@example.net",
                            recipient="nobody@elsewhere.example", sasl_username="user0")


class Simulation(Place):
    def __init__(self):
        super().__init__()
        mix = Mix(SEED)
        self.parties = mix.parties(CONTACTS)
        midnight = int(time.time()) // DAY * DAY + DAY
        self.begin = midnight
        self.redis = MovedRedis(self).start(midnight)
        self.dns = Dns(self, probes("bl.test") + "\n".join(mix.zone) + "\n").start()
        policy = self.path("mta/policy.sock")
        section = '{ listen = "unix:%s"; mode = "0660"; group = "nogroup"; asked_at = ( "rcpt", "data", "end" ); }' % policy
        self.gate = Gate(self, Mta(self), self.redis, self.dns, CONFIG, policyd=section,
                         log='{ to = "stderr"; level = "warning"; }')
        self.gate.start()
        until("the policy socket", lambda: os.path.exists(policy))
        self.journalled = 0
        self.workers = [Worker(policy, self._ended) for _ in range(WORKERS)]
        self.passed_bots = []

    def _ended(self):
        self.journalled += 1

    # ---- Playing ----

    def events(self):
        """(time, party, attempt), in order; an attempt of None: our user writes."""
        found = []
        for n, party in enumerate(self.parties):
            found += [(a.time, n, k, party, a) for k, a in enumerate(party.attempts)]
            if party.writes:
                found.append((party.writes[0], n, -1, party, None))
        return sorted(found, key=lambda e: e[:3])

    def play(self):
        earlier = DAY  # what is written before the first day
        busy, tick = set(), None
        for t, n, _, party, attempt in self.events():
            moment = self.begin + earlier + t
            if tick is None or moment >= tick + TICK:
                self._settle(busy)
                tick = moment
                self.redis.move(moment)
            worker = self.workers[n % WORKERS]
            if attempt is None:
                self._write(worker, party)
            elif attempt.message not in party.accepted:
                self._try(worker, party, attempt)
            else:
                continue
            busy.add(worker)
        self._settle(busy)
        self.redis.move(self.begin + earlier + DAYS * DAY)

    def _write(self, worker, party):
        to = party.writes[1]
        action = worker.ask(Attempt(0, OURS, party.recipient), to, user=party.recipient.split("@")[0])
        if action:
            ok(False, "our user's mail to %s: %s" % (to, action))

    def _try(self, worker, party, attempt):
        action = worker.ask(attempt, party.recipient)
        if not action:
            party.accepted.add(attempt.message)
        else:
            party.deferrals += 1
            assert "greylisted" in action, action

    def _settle(self, busy):
        """What was refused is in the journal before the clock moves on."""
        for worker in busy:
            worker.settle()
        busy.clear()
        end = time.monotonic() + 30
        while self.redis.cmd("XLEN", "millgate:journal") < self.journalled:
            if time.monotonic() > end:
                raise AssertionError("the journal lacks entries")

    # ---- What came of it ----

    def report(self):
        done = self.gate.command("greylist", "report", "--since", "60d", "--json")
        return json.loads(done.stdout)


def table(parties, seconds):
    print("#\n# %-26s %8s %9s %9s %9s %9s" % ("first contacts", "number", "at once", "delayed", "delays", "kept out"))
    kinds = collections.OrderedDict()
    for party in parties:
        kinds.setdefault(party.kind, []).append(party)
    kinds["all"] = parties
    for kind, those in kinds.items():
        print("# %-26s %8d %9d %9d %9d %9d" % (
            kind, len(those), sum(p.deferrals == 0 for p in those),
            sum(p.deferrals > 0 and bool(p.accepted) for p in those), sum(p.deferrals for p in those if p.good),
            sum(not p.accepted for p in those)))
    print("#\n# seed %d, %d s\n#" % (SEED, seconds), flush=True)


def check_answers(parties):
    """By what each sender was answered."""
    def bad(those):
        return sorted((p.kind, p.attempts[0].sender, p.recipient, p.deferrals, len(p.accepted)) for p in those)[:5]
    topic("by the answers")
    good, bots = [p for p in parties if p.good], [p for p in parties if not p.good]
    eq(bad(p for p in good if len(p.accepted) < 1 + max(a.message for a in p.attempts)), [], "all good mail arrived")
    eq(bad(p for p in good if p.at_once and p.deferrals), [], "correspondents and known clients were never delayed")
    eq(bad(p for p in good if p.deferrals > 1), [], "no good sender was deferred more than once")
    eq(bad(p for p in bots if p.accepted), [], "no bot's message passed")


def domain(contact):
    return contact["sender"].rpartition("@")[2]


def check_report(parties, report):
    """By what the administrator is told."""
    topic("by the report")
    eq((report["unreadable"], report["left_out"]), (0, 0), "every entry was read")
    fates, delayed = report["contacts"], report["delayed"]
    back = [c for c in delayed if c["fate"] == "came_back"]
    eq(fates["waiting"], 0, "nobody waits any more")
    eq([c for c in back if c["attempts"] != 2][:3], [], "whoever came back was deferred once")
    keys = collections.Counter((c["identity"], c["sender"], c["recipient"]) for c in back)
    eq([k for k, n in keys.items() if n > 1][:3], [], "and never again")
    eq(len(back), sum(p.good and p.deferrals > 0 for p in parties), "as many as the answers say")
    eq(fates["met"], sum(p.kind in ("reply", "one-time code") for p in parties), "correspondents: not delayed, each")
    known = sum(p.kind == "known client" for p in parties)
    ok(fates["client"] >= known, "known clients: not delayed (%d; the pools among them)" % fates["client"])
    bots = {(p.attempts[0].sender, p.recipient) for p in parties if not p.good}
    gone = [c for c in delayed if c["fate"] == "never_came_back"]
    eq(len(gone), fates["never_came_back"], "all that never came back is named")
    back_domains = collections.Counter(domain(c) for c in back if domain(c))
    worst = back_domains.most_common(1)[0]
    offices = max(n for d, n in back_domains.items() if d.startswith("office"))
    eq(offices, PROVER_DAYS, "a domain that proves itself is delayed %d times in all" % PROVER_DAYS)
    print("# delays of one sender domain in all: %d at most (%s); of those with many senders (pools) %d at most" %
          (worst[1], worst[0], max(n for d, n in back_domains.items() if d.startswith("pool"))))
    ok(len(gone) >= len(bots), "bots: %d deferred contacts of %d letters never came back" % (len(gone), len(bots)))
    ms = report["delay_ms"]
    print("# first contacts by the report: %d; delay of those that came back: median %s, 90%% %s, longest %s" % (
        report["first_contacts"], *(datetime.timedelta(seconds=ms[k] // 1000) for k in ("median", "p90", "max"))))


def main():
    began = time.monotonic()
    with Simulation() as sim:
        sim.play()
        table(sim.parties, time.monotonic() - began)
        check_answers(sim.parties)
        check_report(sim.parties, sim.report())
        print("# " + sim.gate.command("greylist", "report", "--since", "60d", "--limit", "3").stdout.replace("\n", "\n# "))
        sim.gate.check_end()
    tap.done()


main()
