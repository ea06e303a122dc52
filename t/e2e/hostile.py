#!/usr/bin/python3
"""What comes from outside may be anything: odd addresses, odd headers, lost connections."""

import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)) + "/../lib")
from message import message
from smtp import transaction
from tap import eq, ok, topic
from world import SENDMAIL, World

RULES = r"""
greylist: { enabled = true; delay = "1h"; };
rules = ( { name = "no greylist"; match = "any";
            when = ( { fact = "sender_domain"; exists = false; }, { fact = "sender_domain"; is = "example.org"; } );
            then = { skip = "greylist"; }; },
          { name = "dave's is deleted"; when = ( { fact = "recipient"; is = "dave@example.net"; } ); then = { delete = true; }; },
          { name = "regex"; when = ( { fact = "subject"; matches = "(a+)+$"; }, { header = "X-Long"; exists = true; } );
            then = { add_header = "X-Regex: yes"; }; },
          { name = "to"; when = ( { fact = "to"; is = "list@example.net"; } ); then = { add_header = "X-To: yes"; }; },
          { name = "from"; when = ( { fact = "from"; is = "alice@example.org"; } ); then = { add_header = "X-From: yes"; }; },
          { name = "stamp"; match = "always"; then = { add_header = ( "X-S: %{subject}", "X-H: %{helo}" ); }; } );
"""


def lives(w, what, session, text, **options):
    outcome = transaction(session, text, **options)
    # sendmail's MaxHeadersLength is 32 kB.
    too_large = SENDMAIL and outcome.status == "552 5.6.0"
    ok((outcome.ok or too_large) and w.gate.process.alive(), "%s: %r" % (what, outcome))


with World(RULES) as w:
    topic("recipients to delete, however they are written")
    for rcpt in ("dave@example.net", "DAVE@EXAMPLE.NET", '"dave"@example.net', "@relay.example:dave@example.net",
                 '"d\\ave"@example.net'):
        w.postfix.empty()
        outcome = w.send(rcpts=["bob@example.net", rcpt, rcpt])
        ok(outcome.ok, "%s: accepted: %r" % (rcpt, outcome.rcpts))
        eq((len(w.inbox("bob")), len(w.inbox("dave"))), (1, 0), "%s: deleted for him alone" % rcpt)

    topic("senders")
    with w.connect() as session:
        session.ehlo("[IPv6:2001:db8::1]")
        for sender in ("", '"a b"@example.org', '"<>\\"\\\\"@example.org', "a" * 64 + "@example.org", "x+y=z@example.org",
                       "alice@[192.0.2.9]", "élan@example.org"):
            reply = session.mail(sender)
            ok(reply.code // 100 in (2, 5), "MAIL FROM:<%s>: %s" % (sender[:30], reply))
            if reply:
                session.rcpt("bob@example.net")
            session.rset()
        ok(w.gate.process.alive(), "it lives")

        topic("headers")
        lives(w, "no header at all", session, b"\nonly a body\n")
        lives(w, "an empty message", session, b"\n")
        lives(w, "an unfinished encoded word", session, message("=?utf-8?B?0LHRi"))
        lives(w, "an unknown charset", session, message("=?x-nothing?Q?=41=42?= =?utf-8?X?a?="))
        lives(w, "NUL, CR and LF in an encoded word", session, message("=?utf-8?Q?a=00b=0D=0AX-Injected:_yes?="))
        ok(not any(b"\nX-Injected:" in m for m in w.inbox("bob")), "no header is injected by it")
        lives(w, "invalid UTF-8", session, message(b"\xff\xfe\xc0\x80 \xed\xa0\x80"))
        lives(w, "ten thousand encoded words", session, message("\n ".join(["=?utf-8?Q?=D0=B1?="] * 10000)))
        lives(w, "a subject that makes a regex work hard", session,
              message("a" * 900 + "b", headers=["X-Long: " + "\n ".join(["x" * 900] * 60)]))
        lives(w, "five thousand fields", session, message(headers=["X-N%d: %d" % (n, n) for n in range(5000)]))
        lives(w, "the same field a thousand times", session, message(headers=["Subject: %d" % n for n in range(1000)]))
        lives(w, "a thousand addresses", session, message(to=",\n ".join("\"x, y\" <u%d@example.net>" % n for n in range(1000))))
        lives(w, "groups, comments, nonsense", session,
              message(to="a: b@c, (com(ment)) d@e;, <@x:f@g>, \"unfinished, <h@i, ;;;,,, <<>>"))
        lives(w, "deep comments", session, message(to="(" * 5000 + "x" + ")" * 5000 + " a@b.example"))
        lives(w, "a field's name that is none", session, message(headers=["bad name: x", "nocolon", "X-\xe9: y"]))
        session.quit()
    ok(w.gate.process.alive(), "it lives")

    topic("connections that break")
    for step in range(5):
        session = w.connect()
        commands = (lambda: session.ehlo(), lambda: session.mail(), lambda: session.rcpt("bob@example.net"),
                    lambda: session.cmd("DATA"), lambda: session.send(b"Subject: half\r\n\r\nof it"))
        for command in commands[:step + 1]:
            command()
        session.close()
    ok(w.send().ok, "after all of them mail flows")

    topic("pipelining")
    w.postfix.empty()
    with w.connect() as session:
        session.ehlo()
        session.send(b"MAIL FROM:<alice@example.org>\r\nRCPT TO:<dave@example.net>\r\nRCPT TO:<bob@example.net>\r\nDATA\r\n")
        codes = [session.reply().code for _ in range(4)]
        session.send(b"Subject: one\r\n\r\nx\r\n.\r\nMAIL FROM:<alice@example.org>\r\nRCPT TO:<bob@example.net>\r\nDATA\r\n")
        codes += [session.reply().code for _ in range(4)]
        codes.append(session.body(message("two")).code)
        session.quit()
    eq(codes, [250, 250, 250, 354, 250, 250, 250, 354, 250], "two messages in one go")
    eq((len(w.inbox("bob")), len(w.inbox("dave"))), (2, 0), "are told apart")

    w.end()
