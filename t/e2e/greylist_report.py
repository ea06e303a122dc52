#!/usr/bin/python3
"""millgate greylist report: who was delayed, for how long, and who never came back."""

import json
import os
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)) + "/../lib")
from message import message
from place import until
from policy import PolicyWorld
from tap import eq, like, ok, topic, unlike
from world import World

DELAY = 190  # seconds: a little more than the delay
WINDOW = 250  # and than the short retry window
GREY = 'greylist: { enabled = true; delay = "3m"; delay_no_fcrdns = "3m"; %s };'
SHORT = 'greylist: { enabled = true; delay = "1m"; delay_no_fcrdns = "1m"; retry_window = "4m"; };'
SOON = 'greylist: { enabled = true; delay = "1s"; delay_no_fcrdns = "1s"; };'
SOON_DELAY = 1.2
BACK, GONE, WAITING = "11.1.1.7", "11.2.1.7", "11.3.1.7"


def journalled(w, n):
    until("%d entries in the journal" % n, lambda: len(w.redis.journal()) >= n)


def report(w, *words):
    done = w.gate.command("greylist", "report", "--json", *words)
    eq((done.returncode, done.stderr), (0, ""), "a report")
    return json.loads(done.stdout)


def contact(r, identity, sender="alice@example.org", recipient="bob@example.net"):
    found = [c for c in r["delayed"] if (c["identity"], c["sender"], c["recipient"]) == (identity, sender, recipient)]
    eq(len(found), 1, "one contact of %s, %s, %s" % (identity, sender or "<>", recipient))
    return found[0] if found else {}


with World(GREY % "", moved=True) as w:
    topic("nothing yet")
    r = report(w)
    eq((r["first_contacts"], r["journal_begins"], r["delayed"]), (0, None, []), "an empty journal")
    like(w.gate.command("greylist", "report").stdout, r"(?m)^the journal is empty$", "is said to be so")

    topic("who is delayed")
    begun = w.redis.now
    eq(w.send(sender="alice@example.org", ip=BACK).status, "451 4.7.1", "a stranger waits")
    eq(w.send(sender="alice@example.org", ip=BACK).status, "451 4.7.1", "and waits")
    eq(w.send(sender="alice@example.org", ip=WAITING).status, "451 4.7.1", "so does another one")
    eq(w.send(sender="", ip=BACK).status, "451 4.7.1", "and a bounce, at DATA")
    ok(w.send(message(to="friend@example.org"), sender="bob@example.net", rcpts=["friend@example.org"], ip="192.0.2.5").ok,
       "our user writes to somebody")
    until("the correspondent to be learned", lambda: w.redis.keys("millgate:met:*"))
    journalled(w, 5)
    w.redis.later(DELAY)
    both = w.send(sender="alice@example.org", ip=BACK, rcpts=["BOB@Example.NET", "carol@example.net"])
    eq([reply.code for reply in both.rcpts], [250, 451], "then it passes, for the one who had waited")
    ok(w.send(sender="", ip=BACK).ok, "so does the bounce")
    ok(w.send(sender="friend@example.org", ip="12.1.1.7").ok, "the correspondent never waits")
    ok(w.send(sender="alice@example.org", ip=BACK).ok, "the next message passes at once")
    journalled(w, 9)
    r = report(w)
    eq(r["contacts"], {"met": 1, "client": 0, "shadow": 0, "came_back": 2, "waiting": 2, "never_came_back": 0}, "the contacts")
    eq((r["first_contacts"], r["left_out"], r["unreadable"]), (5, 0, 0), "all of them")
    eq(r["attempts"], {"defer": 5, "pass": 2, "known": 1, "client": 0, "met": 1}, "their attempts")
    c = contact(r, "11.1.1.0/24")
    eq((c["fate"], c["attempts"]), ("came_back", 3), "how often it tried")
    ok(DELAY * 1000 <= c["delay_ms"] <= (w.redis.now - begun) * 1000, "how long it was delayed: %d ms" % c["delay_ms"])
    like(c["why"], "^waits 3m; by network: no SPF record, no confirmed host name$", "and why")
    eq(contact(r, "11.1.1.0/24", sender="")["fate"], "came_back", "a bounce's")
    eq(contact(r, "11.1.1.0/24", recipient="carol@example.net")["fate"], "waiting", "each recipient by itself")
    eq(r["delay_ms"]["max"], max(c["delay_ms"], contact(r, "11.1.1.0/24", sender="")["delay_ms"]), "the longest delay")
    eq([(v["identity"], v["delayed"], v["came_back"]) for v in r["clients"]], [("11.1.1.0/24", 3, 2), ("11.3.1.0/24", 1, 0)],
       "the clients, the most delayed first")

    topic("for people")
    text = w.gate.command("greylist", "report").stdout
    like(text, r"(?m)^ +2 +40%  delayed, and came back$", "sums")
    like(text, r"(?m)^ +1 +20%  not delayed: the recipient had written to the sender$", "and why others were not")
    like(text, r"(?m)^ +3m \d+s +3   20\S+Z 11\.1\.1\.0/24 alice@example\.org bob@example\.net$", "a line of a contact")
    like(text, r"(?m)^ +1   20\S+Z 11\.1\.1\.0/24 alice@example\.org carol@example\.net$", "one that waits")
    like(text, r"(?m)^the journal begins at 20", "since when there is a journal")
    unlike(w.gate.command("greylist", "report", "--limit", "0").stdout, "IDENTITY", "only sums")
    like(w.gate.command("greylist", "report", "--limit", "1").stdout, r"may still come back: the latest first \(1 of 2\)",
         "what is left out is said")

    topic("who never comes back")
    w.redis.flush()
    w.configure(SHORT)
    eq(w.send(sender="alice@example.org", ip=GONE).status, "451 4.7.1", "a stranger waits")
    journalled(w, 1)
    w.redis.later(WINDOW)
    eq(w.send(sender="alice@example.org", ip=BACK).status, "451 4.7.1", "another one waits")
    journalled(w, 2)
    r = report(w)
    eq(contact(r, "11.2.1.0/24")["fate"], "never_came_back", "the window is over: it did not come back")
    eq(w.send(sender="alice@example.org", ip=GONE).status, "451 4.7.1", "then it is new")
    journalled(w, 3)
    r = report(w)
    eq([c["attempts"] for c in r["delayed"] if c["identity"] == "11.2.1.0/24"], [1, 1], "as the report says")

    topic("how far back")
    first = w.redis.cmd("XRANGE", "millgate:journal", "-", "+")[0][0]
    w.redis.cmd("XDEL", "millgate:journal", first)
    r = report(w)
    eq((r["first_contacts"], r["journal_reaches_back"]), (2, False), "what was cut off is not there")
    w.redis.later(DELAY)
    r = report(w, "--since", "1m")
    eq((r["first_contacts"], r["entries"], r["journal_reaches_back"]), (0, 0, True), "--since")
    for wrong in (["--since", "x"], ["--since", "0"], ["--limit", "-1"], ["--limit", "x"], ["more"]):
        eq(w.gate.command("greylist", "report", *wrong).returncode, 2, "no sense: " + " ".join(wrong))

    topic("text from the wire")
    evil = "a\x1b[2J\u202e\"<b>@example.org"
    w.redis.cmd("XADD", "millgate:journal", "*", "recipients", json.dumps([
        {"to": evil, "verdict": "defer", "facts": {"greylist": "defer", "greylist_identity": evil, "greylist_sender": evil}}]))
    w.redis.cmd("XADD", "millgate:journal", "*", "recipients", "[" * 100000)
    w.redis.cmd("XADD", "millgate:journal", "*", "recipients", b"[{\"to\":\"\xff\"}]")
    text = w.gate.command("greylist", "report").stdout
    ok("\x1b" not in text and "\u202e" not in text and "a\\x1b[2J" in text, "escaped for people")
    like(text, r"(?m)^2 entries could not be read$", "what nobody has written is passed over")
    eq(report(w)["delayed"][-1]["sender"], evil, "as it was in JSON")

    topic("shadow")
    w.redis.flush()
    w.configure(GREY % "shadow = true;")
    ok(w.send(sender="alice@example.org", ip=BACK).ok, "nobody is deferred")
    journalled(w, 1)
    w.redis.later(DELAY)
    ok(w.send(sender="alice@example.org", ip=BACK).ok, "nor later")
    journalled(w, 2)
    r = report(w)
    eq((r["contacts"]["shadow"], r["delayed"]), (1, []), "nor does the report say so")

    topic("Redis away")
    w.redis.stop()
    done = w.gate.command("greylist", "report")
    eq(done.returncode, 1, "no report")
    like(done.stderr, "Redis", "and it is said why")
    w.redis.start()
    w.gate.check_end()

# The daemon says when the first attempt began, by its own clock: this one is not moved.
with PolicyWorld(SOON, fronts=("policy",)) as w:
    topic("by the policy protocol, which does not tell the end of what was refused")
    with w.policy(client_address=BACK) as one, w.policy(client_address=BACK) as other:
        begun = time.time()
        like(one.ask(instance="1"), "^DEFER_IF_PERMIT", "a stranger waits")
        time.sleep(SOON_DELAY)
        eq([other.ask(instance="2", protocol_state=state, recipient_count="1") for state in ("RCPT", "DATA", "END-OF-MESSAGE")],
           ["DUNNO"] * 3, "then it passes, by another connection")
        journalled(w, 1)
        c = contact(report(w), "11.1.1.0/24")
        eq((c["fate"], c.get("began_before")), ("came_back", True), "that it passes is told first")
        one.ask(instance="3", sender="next@example.org")
        journalled(w, 2)
        r = report(w)
        c = contact(r, "11.1.1.0/24")
        eq((c["fate"], c["attempts"], c.get("began_before"), r["contacts"]["waiting"]), ("came_back", 2, None, 0),
           "then when it began")
        ok(SOON_DELAY * 1000 <= c["delay_ms"] <= (time.time() - begun) * 1000, "and so how long it waited: %d ms" % c["delay_ms"])
    w.end()
