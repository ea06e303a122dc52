"""The show of contrib/quickstart: real messages through a private Postfix with millgate, and what became of them.

Each row says what must come of it.  README.md shows the same table; both are compared, and any difference is an error.
"""

import email.header
import os
import re
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(HERE)
sys.path.insert(0, os.path.join(TOP, "t/lib"))
import message
from dns import listed, probes
from place import run
from world import World

ZONE = probes("bl.example.com") + probes("wl.example.com") + "".join(
    listed("bl.example.com", ip) for ip in ("203.0.113.5", "203.0.113.7", "2001:db8::bad"))
# No answer: a row's message was taken.
TAKEN = "250 2.0.0"
MARK = "<!-- quickstart -->"
STRANGER, PARTNER = "198.51.100.3", "198.51.100.7"
COLUMNS = "{:>3}  {:<52}  {:<18}  {}"
# KOI8-R, cut into two encoded words within the phrase: what a mail program of 1998 would send.
KOI8 = "\n ".join(email.header.Header(part, "koi8-r").encode() for part in ("Это точно не ", "спам, честное слово"))


class Row:
    """what: for the table; answer: status and stage; delivered: mailboxes, in order; options: of send()."""

    def __init__(self, what, answer, delivered=(), before=0, **options):
        self.what, self.answer, self.delivered, self.before, self.options = what, answer, delivered, before, options
        self.got_answer = self.got_delivered = self.text = None


ROWS = (
    Row("a stranger writes to bob", "451 4.7.1 at RCPT"),
    Row("the same again, after the delay", TAKEN, ["bob"], before=2.2),
    Row("a client on the blocklist", "554 5.7.1 at RCPT", client="203.0.113.5"),
    Row("a client on the blocklist, by IPv6", "554 5.7.1 at RCPT", client="2001:db8::bad"),
    Row("the same client writes to postmaster", "451 4.7.1 at RCPT", client="203.0.113.5", to="postmaster"),
    Row("a client of a denied network", "554 5.7.1 at RCPT", client="198.18.4.5"),
    Row("a denied sender", "554 5.7.1 at RCPT", sender="win@spam.example"),
    Row("an allowed client, though on the blocklist", TAKEN, ["bob"], client="203.0.113.7"),
    Row("an allowed client, by its confirmed name", TAKEN, ["bob"], client="198.51.100.9", name="mail.partner.example"),
    Row("one of our users, logged in, from a listed address", TAKEN, ["bob"], client="203.0.113.5", login="dave",
        sender="dave@example.net"),
    Row("300 KB, announced (SIZE=300000)", "552 5.3.4 at MAIL", client=PARTNER, size=300000, announce=True),
    Row("300 KB, not announced", "552 5.3.4 at END", client=PARTNER, size=300000),
    Row("move: a letter to leaver", TAKEN, ["manager"], client=PARTNER, to="leaver"),
    Row("copy: 9 KB to sales, «…не спам…» in KOI8-R", TAKEN, ["archive", "sales"], client=PARTNER, to="sales", size=9000,
        subject=KOI8),
    Row("delete: the lottery, to bob and carol", TAKEN, ["bob"], client="203.0.113.7", to="bob carol",
        subject="You won the LOTTERY"),
    Row("quarantine: an invoice", TAKEN, ["(hold queue)"], client=PARTNER, subject="Invoice 2026-11"),
    Row("the fourth message of a client within a minute", "450 4.7.1 at RCPT", client=PARTNER),
)


def swaks(world, row):
    """Sends a row's message; answers status and stage, and the text of the answer."""
    o = {"client": STRANGER, "sender": "alice@example.org", "to": "bob", "subject": row.what.encode(), "size": 0, **row.options}
    mail_from = o["sender"]
    if o.get("announce"):
        # swaks closes the bracket by itself: ENVID swallows it.
        mail_from += "> SIZE=%d ENVID=swaks" % o["size"]
    path = world.write("message", message.message(o["subject"], size=o["size"], sender=o["sender"],
                                                  to=", ".join(u + "@example.net" for u in o["to"].split())))
    words = ["swaks", "--server", world.postfix.ip, "--port", world.postfix.port, "--helo", "client.example.org",
             "--xclient-addr", ("IPV6:" if ":" in o["client"] else "") + o["client"],
             "--xclient-name", o.get("name", "[UNAVAILABLE]"),
             "--xclient-reverse-name", o.get("ptr", o.get("name", "[UNAVAILABLE]")),
             "--from", mail_from, "--to", ",".join(u + "@example.net" for u in o["to"].split()), "--data", "@" + path]
    if "login" in o:
        words += ["--xclient-login", o["login"]]
    return read_transcript(run(words, check=False).stdout)


def read_transcript(text):
    """The refusal, or the last answer before QUIT, of what swaks printed."""
    stage, answer = "CONNECT", None
    for line in text.splitlines():
        if line.startswith(" -> "):
            verb = line[4:].split(" ")[0].split(":")[0].upper()
            if verb == "QUIT":
                break
            stage = {"RCPT": "RCPT", "MAIL": "MAIL", "EHLO": "HELO", "DATA": "DATA", ".": "END"}.get(verb, stage)
        found = re.match(r"<(-|\*\*) +(\d{3} ?(?:\d\.\d+\.\d+)?) ?(.*)", line)
        if found and (found.group(1) == "**" or stage == "END"):
            status = found.group(2).strip()
            answer = (status if status.startswith("2") else "%s at %s" % (status, stage)), found.group(3)
    return answer or ("no answer", text[-500:])


def mailboxes(world):
    """How many messages are where."""
    world.postfix.settle()
    boxes = {user: len(world.inbox(user)) for user in os.listdir(world.postfix.mailboxes)}
    boxes["(hold queue)"] = len(world.postfix.held())
    return boxes


def play(world):
    seen = mailboxes(world)
    for row in ROWS:
        time.sleep(row.before)
        row.got_answer, row.text = swaks(world, row)
        now = mailboxes(world)
        row.got_delivered = sorted(box for box in now for _ in range(now[box] - seen.get(box, 0)))
        seen = now


def table():
    lines = [COLUMNS.format("", "sent", "Postfix answered", "delivered to")]
    lines += [COLUMNS.format(n, row.what, row.got_answer, ", ".join(row.got_delivered) or "-")
              for n, row in enumerate(ROWS, 1)]
    return [line.rstrip() for line in lines]


def subjects(world):
    """The delivered mailboxes, for people."""
    for user in sorted(os.listdir(world.postfix.mailboxes)):
        for text in world.inbox(user):
            subject = " ".join(message.decoded(message.header(text, "Subject")[0]).split())
            print("  %-10s %-52s %7d bytes" % (user, subject, len(text)))


def readme():
    """The table in README.md: the indented lines behind the mark; None when there is no mark."""
    with open(os.path.join(TOP, "README.md")) as f:
        text = f.read()
    if MARK not in text:
        return None
    lines = text.split(MARK, 1)[1].lstrip("\n").splitlines()
    block = []
    for line in lines:
        if not line.startswith("    "):
            break
        block.append(line[4:])
    return block


def differences(world):
    wrong = []
    for n, row in enumerate(ROWS, 1):
        if row.got_answer != row.answer:
            wrong.append("row %d: wanted %s, got %s (%s)" % (n, row.answer, row.got_answer, row.text))
        if row.got_delivered != sorted(row.delivered):
            wrong.append("row %d: wanted it delivered to %s, got %s" % (n, list(row.delivered), row.got_delivered))
    if readme() != table():
        wrong.append("README.md shows another table" if readme() is not None else "README.md shows no table")
    keys = world.redis.keys("millgate:grey:*")
    wrong += ["no TTL: " + key for key in keys if world.redis.ttl(key) <= 0]
    if "millgate:grey:{198.51.100.0/24}:alice@example.org:bob@example.net" not in keys:
        wrong.append("the stranger's greylist key is missing")
    return wrong


def main():
    with open(os.path.join(HERE, "quickstart.conf")) as f:
        config = f.read()
    with World(config, zone=ZONE) as world:
        print("Postfix, Redis, DNS and millgated run on %s, in %s.\n" % (world.ip, world.dir), flush=True)
        play(world)
        print("\n".join(table()))
        print("\nWhat the answers say:")
        for n, row in enumerate(ROWS, 1):
            if row.got_answer != TAKEN:
                print("  %2d  %s" % (n, row.text))
        print("\nThe mailboxes:")
        subjects(world)
        print("\nPostfix's hold queue:")
        print("  " + run(["postqueue", "-c", world.postfix.config, "-p"]).stdout.strip().replace("\n", "\n  "))
        print("\nThe greylist, as redis-cli prints it:")
        for key in world.redis.keys("millgate:grey:*"):
            ttl = run(["redis-cli", "-s", world.redis.socket, "TTL", key]).stdout.strip()
            print("  %s\n      TTL %s s" % (key, ttl))
        wrong = differences(world)
        status = world.gate.stop()
    if status != 0:
        wrong.append("millgated ended with %s" % status)
    print()
    for line in wrong:
        print("DIFFERS: " + line)
    print("quickstart: %s" % ("%d differences" % len(wrong) if wrong else "all as the README says"))
    sys.exit(1 if wrong else 0)


main()
