#!/usr/bin/python3
"""The policy protocol, the milter, and both at once: the same transactions, verdicts, greylist entries and counters."""

import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)) + "/../lib")
from dns import listed, probes
from message import header, message
from place import until
from policy import ALL, PolicyWorld
from smtp import transaction
from tap import done, eq, like, ok, topic

DELAY = 660  # seconds: a little more than the delay below
PER_UNIT = 120  # seconds: an hour, by the 30 messages below
PER_FEW = 1800  # by the two

CONFIG = """
greylist: { enabled = true; delay = "10m"; delay_no_fcrdns = "10m"; };
dnsbl: { reject_at = 5; lists = ( { zone = "zen.example"; weight = 5; } ); };
spf: { enabled = true; on_fail = "reject"; };
deny: { clients = ( "203.0.113.0/24" ); senders = ( "@spam.example" ); };
allow: { clients = ( "198.51.100.77" ); };
limits: { message_size = "20K"; recipients = 3;
          rates = ( { name = "client"; by = ( "client_ip" ); messages = 30; per = "1h"; },
                    { name = "few"; by = ( "auth_user" ); messages = 2; per = "1h"; action = "reject"; } ); };
rules = (
  { name = "no newsletter"; when = ( { fact = "sender"; is = "news@bulk.example"; } ); then = { reject = true; }; },
  { name = "no helo"; when = ( { fact = "helo"; is = "localhost.localdomain"; } ); then = { reject = "554 5.7.1 no"; }; },
  { name = "closed"; when = ( { fact = "recipient"; is = "dave@example.net"; } ); then = { reject = "550 5.7.1 closed"; }; },
  { name = "later"; when = ( { fact = "sender"; is = "later@example.com"; } ); then = { defer = "452 4.3.1 later"; }; },
  { name = "trap"; when = ( { fact = "sender"; is = "drop@example.com"; } ); then = { delete = true; }; },
  { name = "odd"; when = ( { fact = "sender"; is = "odd@example.com"; } ); then = { quarantine = "odd"; }; },
  { name = "leaver"; when = ( { fact = "recipient"; is = "leaver@example.net"; } ); then = { move = "manager@example.net"; }; },
  { name = "copy"; when = ( { fact = "recipient"; is = "sales@example.net"; } ); then = { copy = "archive@example.net"; }; },
  { name = "crowd"; when = ( { fact = "recipients"; over = 1; }, { fact = "sender"; is = "crowd@example.com"; } );
    then = { reject = "550 5.7.1 one at a time"; }; }
);
"""
ZONE = probes("zen.example") + listed("zen.example", "198.51.100.66") + """\
forged.example TXT "v=spf1 ip4:192.0.2.99 -all"
good.example TXT "v=spf1 ip4:198.51.100.0/24 -all"
"""

BOB, CAROL, DAVE = "bob@example.net", "carol@example.net", "dave@example.net"
KNOWN = {"ip": "198.51.100.3", "sender": "friend@example.org"}  # a triplet that has waited
BIG = message(size=30000)
USERS = ("bob", "carol", "dave", "leaver", "manager", "sales", "archive", "postmaster")

# What is sent, and what becomes of each recipient: 2, 4 or 5, or "-" for a transaction that was given up.
TRANSACTIONS = [
    ("a known triplet", {**KNOWN}, "2"),
    ("another recipient of it", {**KNOWN, "rcpts": [CAROL]}, "4"),
    ("both recipients", {**KNOWN, "rcpts": [BOB, CAROL]}, "24"),
    ("another address of its network", {**KNOWN, "ip": "198.51.100.200"}, "2"),
    ("an unknown triplet", {"ip": "198.18.5.1"}, "4"),
    ("the same, too soon", {"ip": "198.18.5.1"}, "4"),
    ("a client without IPv4", {"ip": "2001:db8:7::5"}, "4"),
    ("a null sender", {"ip": "198.18.6.1", "sender": ""}, "4"),
    ("a listed client", {"ip": "198.51.100.66"}, "5"),
    ("a listed client writes to postmaster", {"ip": "198.51.100.66", "rcpts": ["postmaster@example.net"]}, "4"),
    ("to postmaster and to bob", {"ip": "198.51.100.66", "rcpts": ["postmaster@example.net", BOB]}, "45"),
    ("SPF fails", {"ip": "198.51.100.3", "sender": "a@forged.example"}, "5"),
    ("SPF passes", {"ip": "198.51.100.3", "sender": "a@good.example"}, "4"),
    ("a denied network", {"ip": "203.0.113.9"}, "5"),
    ("a denied sender", {"ip": "198.18.7.1", "sender": "win@spam.example"}, "5"),
    ("an allowed client", {"ip": "198.51.100.77"}, "2"),
    ("an authenticated user", {"ip": "198.18.8.1", "login": "alice"}, "2"),
    ("the user's second message", {"ip": "198.18.8.1", "login": "alice"}, "2"),
    ("the third is one too many", {"ip": "198.18.8.1", "login": "alice"}, "5"),
    ("another user from a listed address", {"ip": "198.51.100.66", "login": "carol"}, "2"),
    ("a trusted network", {"ip": "192.0.2.4", "rcpts": [CAROL]}, "2"),
    ("a rule on the sender", {**KNOWN, "sender": "news@bulk.example"}, "5"),
    ("a rule on HELO", {**KNOWN, "helo": "localhost.localdomain"}, "5"),
    ("a rule on one of two recipients", {**KNOWN, "rcpts": [DAVE, BOB]}, "52"),
    ("a rule that defers", {**KNOWN, "sender": "later@example.com"}, "4"),
    ("a rule on the second recipient", {"ip": "192.0.2.4", "sender": "crowd@example.com", "rcpts": [BOB, CAROL]}, "25"),
    ("too many recipients", {"ip": "192.0.2.4", "rcpts": [BOB, CAROL, "archive@example.net", "manager@example.net"]}, "2224"),
    ("too big, and it says so", {**KNOWN, "text": BIG, "mail_parameters": ["SIZE=30000"]}, "5"),
    ("too big, and it does not", {**KNOWN, "text": BIG}, "5"),
    ("a recipient that does not exist", {**KNOWN, "rcpts": ["nobody@example.net", BOB]}, "52"),
    ("deleted", {"ip": "192.0.2.4", "sender": "drop@example.com", "rcpts": [BOB, CAROL]}, "22"),
    ("held", {"ip": "192.0.2.4", "sender": "odd@example.com"}, "2"),
    ("moved", {"ip": "192.0.2.4", "rcpts": ["leaver@example.net"]}, "2"),
    ("copied", {"ip": "192.0.2.4", "rcpts": ["sales@example.net"]}, "2"),
    ("given up before DATA", {"ip": "192.0.2.5", "give_up": True}, "-"),
    ("given up by a user", {"ip": "198.18.9.1", "login": "dave", "give_up": True}, "-"),
]


def fates(outcome, n):
    """What became of each of n recipients."""
    if outcome.helo is not None or not outcome.mail:
        return str(outcome.last.code)[0] * n
    end = str(outcome.end.code)[0] if outcome.end is not None else "-"
    return "".join(end if rcpt else str(rcpt.code)[0] for rcpt in outcome.rcpts)


def give_up(w, ip, login=None):
    with w.connect(ip, login=login) as session:
        session.ehlo()
        session.mail()
        done = [session.rcpt(BOB)]
        session.rset()
        session.quit()
    return "".join("-" if r else str(r.code)[0] for r in done)


def play(w, **how):
    if how.pop("give_up", False):
        return give_up(w, **how)
    return fates(w.send(how.pop("text", None), **how), len(how.get("rcpts", [BOB])))


def counters(w):
    """How much of each rate is used up."""
    return {key: -(-int(w.redis.cmd("PTTL", key)) // (unit * 1000)) for rate, unit in (("client", PER_UNIT), ("few", PER_FEW))
            for key in w.redis.keys("millgate:rate:*%s*" % rate)}


def run(fronts):
    """All of it behind these front ends: verdicts, keys, counters, mailboxes."""
    topic(" and ".join(fronts))
    with PolicyWorld(CONFIG, fronts=fronts, zone=ZONE, moved=True) as w:
        w.send(**KNOWN)
        w.redis.later(DELAY)
        got = {name: play(w, **how) for name, how, _ in TRANSACTIONS}
        for name, _, want in TRANSACTIONS:
            eq(got[name], want, name)
        # Nobody tells of the last two, given up, but that the smtpd process goes.
        held, boxes = len(w.postfix.held()), {user: len(w.inbox(user)) for user in USERS}
        w.postfix.stop()
        until("what was given up to be given back", lambda: not [
            key for client in ("192.0.2.5", "198.18.9.1") for key in w.redis.keys("millgate:rate:*%s*" % client)])
        state = {
            "greylist": w.redis.keys("millgate:grey:*"), "known": w.redis.keys("millgate:known:*"),
            "met": w.redis.keys("millgate:met:*"), "rates": w.redis.keys("millgate:rate:*"), "used": counters(w),
            "mailboxes": boxes, "held": held}
        fronts_seen = {"policy" if line.get("front") == "policy" else "milter" for line in w.gate.lines()
                       if line.get("msg") == "mail"}
        eq(fronts_seen, {"milter"} if "milter" in fronts else {"policy"}, "who has decided")
        w.gate.check_end()
    return got, state


def same(got, want, names):
    for key, value in want[1].items():
        eq(got[1][key], value, "%s: %s" % (names, key))
    eq(got[0], want[0], "%s: verdicts" % names)


def at_data():
    topic("asked at RCPT and DATA")
    rules = """rules = (
      { name = "stamp"; match = "always"; then = { add_header = ( "X-Seen: by %{hostname}", "X-Two: no" ); }; },
      { name = "drop"; when = ( { fact = "sender"; is = "drop@example.com"; } ); then = { delete = true; }; } );"""
    with PolicyWorld(rules, asked=("rcpt", "data")) as w:
        ok(w.send().ok, "a message")
        eq([header(m, "X-Seen") for m in w.inbox("bob")], [[b"by mx.example.net"]], "it has the first header")
        eq([header(m, "X-Two") for m in w.inbox("bob")], [[]], "the policy protocol has no second one")
        ok(w.send(sender="drop@example.com", rcpts=[BOB, CAROL]).ok, "a message that is deleted")
        eq([len(w.inbox(u)) for u in ("bob", "carol")], [1, 0], "nobody gets it")
        # With a warning at each start Postfix may come to a halt (postfix.py).
        eq([line for line in w.postfix.log_text().splitlines() if "overriding" in line], [], "main.cf says nothing twice")
        w.gate.check_end()


def at_rcpt():
    topic("asked at RCPT alone")
    limits = 'limits: { rates = ( { by = ( "client_ip" ); messages = 2; per = "1h"; } ); };'
    with PolicyWorld(limits + CONFIG.split("rules")[0].split("limits")[0], zone=ZONE, asked=("rcpt",), moved=True) as w:
        w.send(**KNOWN)
        w.redis.later(DELAY)
        eq([w.send(**KNOWN).status[0] for _ in range(4)], ["2", "2", "4", "4"], "what is not told to end counts at once")
        with w.connect("198.51.100.200") as session:
            session.ehlo()
            first = transaction(session, message(), "friend@example.org", [BOB])
            second = transaction(session, message(), "friend@example.org", [BOB])
            session.quit()
        eq((first.status[0], second.status[0]), ("2", "2"), "two messages in one session are two")
        with w.policy(instance="x") as p:
            eq([p.ask(protocol_state=s, instance="") for s in ("CONNECT", "EHLO", "HELO", "MAIL", "VRFY", "ETRN")],
               ["DUNNO"] * 6, "too early to say anything")
            ok(p.ask(client_address="203.0.113.9").startswith("554 5.7.1 "), "a refusal, asked directly")
            ok(p.ask(client_address="203.0.113.9").startswith("554 5.7.1 "), "and again")
        w.gate.check_end()


def in_shadow():
    topic("asked at RCPT alone, with shadow = true at the top")
    with PolicyWorld("shadow = true;" + CONFIG, zone=ZONE, asked=("rcpt",), moved=True) as w:
        with w.policy(client_address="198.51.100.77") as p:
            eq(p.ask(instance="one", recipient=DAVE), "DUNNO", "nobody is refused")
            eq([p.ask(instance="two", recipient=r) for r in (DAVE, BOB)], ["DUNNO"] * 2, "nor one of two")
            p.ask(instance="three")  # ends the second
        lines = until("both log lines", lambda: len(w.gate.mails()) == 2 and w.gate.mails())
        one, two = sorted(lines, key=lambda line: len(line["to"]))
        eq((one["verdict"], one.get("fired"), one["shadow"]), ("accept", None, "closed"), "the rule fired in shadow")
        like(one["would"], "^reject 550 5.7.1 closed", "what would have been")
        eq((two["would"], two["to"]), ("accept", "dave@example.net (would reject 550), bob@example.net"),
           "for whom, where it is one of two")
        entries = until("the journal", lambda: len(w.redis.journal()) == 2 and w.redis.journal())
        eq([e["recipients"].count('"would":"reject"') for e in entries], [1, 1], "the journal tells it, too")
        w.gate.check_end()


def no_end():
    topic("asked at RCPT alone, though more was promised")
    with PolicyWorld("", asked=("rcpt",), told=ALL) as w:
        with w.policy() as p:
            eq({p.ask(instance="n%d" % i) for i in range(100)}, {"DUNNO"}, "a hundred recipients pass")
        until("a warning", lambda: any("not asked once" in line.get("msg", "") for line in w.gate.lines()))
        ok(True, "the log warns of it")
        w.gate.check_end()


milter = run(("milter",))
policy = run(("policy",))
same(policy, milter, "policy as milter")
same(run(("milter", "policy")), milter, "both as milter")
at_data()
at_rcpt()
in_shadow()
no_end()
done()
