#!/usr/bin/python3
"""The administrator's rules, carried out on real mail: move, copy, delete, quarantine, headers, subject, skip, refusals."""

import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)) + "/../lib")
from message import decoded, header, message, payload
from place import until
from tap import eq, like, ok, topic, unlike
from world import World

RULES = r"""
greylist: { enabled = true; delay = "1h"; };
rules = (
    { name = "strangers wait"; match = "none"; when = ( { fact = "sender"; is = "unknown@example.org"; } );
      then = { skip = ( "greylist" ); }; },
    { name = "no such sender"; when = ( { fact = "sender"; is = "early@example.org"; } ); then = { reject = true; }; },
    { name = "move"; when = ( { fact = "recipient"; is = "leaver@example.net"; } );
      then = { move = "manager@example.net"; }; },
    { name = "copy"; match = "all";
      when = ( { fact = "recipient"; is = "sales@example.net"; }, { fact = "size"; over = "5K"; } );
      then = { copy = "archive@example.net"; }; },
    { name = "copy to the world"; when = ( { fact = "subject"; is = "copy out"; } );
      then = { copy = ( "gone@remote.example", "here@remote.example" ); }; },
    { name = "delete"; match = "all";
      when = ( { fact = "recipient"; is = "dave@example.net"; }, { fact = "subject"; contains = "lottery"; } );
      then = { delete = true; }; },
    { name = "hold"; when = ( { fact = "subject"; starts_with = "hold me"; } );
      then = { quarantine = "held by a rule"; }; },
    { name = "tag"; when = ( { fact = "subject"; contains = "ТЕСТ"; } );
      then = { tag_subject = "[проверка]"; }; },
    { name = "headers"; when = ( { fact = "subject"; is = "headers"; } );
      then = { add_header = ( "X-Added: one", "X-Sender: %{sender}" ); set_header = "X-Set: new";
               remove_header = "X-Secret"; }; },
    { name = "не для всех"; match = "all";
      when = ( { header = "List-Id"; exists = true; }, { fact = "subject"; matches = "(?i)\\bwin\\b"; } );
      then = { reject = "550 5.7.1 not wanted here"; }; },
    { name = "later"; when = ( { fact = "subject"; ends_with = "not now"; } ); then = { defer = true; }; },
    { name = "group"; match = "all";
      when = ( { fact = "subject"; is = "group"; },
               { any = ( { fact = "sender"; is = "x@example.org"; },
                         { all = ( { fact = "client_ip"; in = ( "198.51.100.0/24" ); },
                                   { fact = "helo"; is = "client.example.org"; } ); } ); } );
      then = { add_header = "X-Group: yes"; }; }
);
"""

USERS = ("bob", "carol", "dave", "sales", "archive", "leaver", "manager")


def boxes(w):
    """How many messages each mailbox holds; those without are left out."""
    return {u: len(w.inbox(u)) for u in USERS if w.inbox(u)}


with World(RULES, refused=["gone@remote.example"]) as w:
    topic("move")
    sent = message("to a leaver")
    ok(w.send(sent, rcpts=["leaver@example.net"]).ok, "accepted")
    eq(boxes(w), {"manager": 1}, "it arrives at the manager's alone")
    eq(payload(w.inbox("manager")[0]), sent, "byte for byte")

    topic("move for one of two recipients")
    w.postfix.empty()
    ok(w.send(sent, rcpts=["leaver@example.net", "bob@example.net"]).ok, "accepted")
    eq(boxes(w), {"manager": 1, "bob": 1}, "the other recipient gets it as well")
    w.postfix.empty()
    ok(w.send(sent, rcpts=["Leaver@Example.NET"]).ok, "another spelling of the recipient")
    eq(boxes(w), {"manager": 1}, "is moved just so")

    topic("copy")
    w.postfix.empty()
    small, large = message("small"), message("large", size=9000)
    ok(w.send(small, rcpts=["sales@example.net"]).ok, "a small message to sales")
    eq(boxes(w), {"sales": 1}, "is not copied")
    w.postfix.empty()
    ok(w.send(large, rcpts=["sales@example.net", "bob@example.net"]).ok, "a large one")
    eq(boxes(w), {"sales": 1, "bob": 1, "archive": 1}, "is")
    eq([payload(w.inbox(u)[0]) == large for u in ("sales", "bob", "archive")], [True] * 3, "all of them byte for byte")
    w.postfix.empty()
    ok(w.send(large, rcpts=["bob@example.net"]).ok, "a large one to somebody else")
    eq(boxes(w), {"bob": 1}, "is not")

    topic("a copy that fails tells nobody outside")
    ok(w.send(message("copy out")).ok, "accepted")
    taken = w.sink.wait(1)
    w.postfix.settle()
    eq([t.rcpts for t in taken], [["here@remote.example"]], "the copy is delivered; no bounce goes to the sender")
    like(taken[0].parameters["here@remote.example"], "NOTIFY=NEVER", "copies ask for no notification")

    topic("delete for one of two recipients")
    w.postfix.empty()
    sent = message("you won the LOTTERY", body="line\n.dot\n..two\n\n  spaces  \n", headers=["X-Odd:  two  spaces"])
    ok(w.send(sent, rcpts=["dave@example.net", "bob@example.net"]).ok, "accepted")
    eq(boxes(w), {"bob": 1}, "only the other one gets it")
    eq(payload(w.inbox("bob")[0]), sent, "byte for byte")
    w.postfix.empty()
    deleted = w.send(sent, rcpts=["dave@example.net"])
    ok(deleted.ok, "alone, it is accepted")
    eq(boxes(w), {}, "and delivered to nobody")
    until("its entry", lambda: w.redis.journal()[-1].get("queue_id") == deleted.queue_id)
    journal = str(w.redis.journal()[-1])
    like(journal, "delete", "the journal tells")
    like(journal, "dave@example.net", "and of whom")

    topic("quarantine")
    w.postfix.empty()
    sent = message("hold me, please")
    held = w.send(sent, rcpts=["bob@example.net", "carol@example.net"])
    ok(held.ok, "accepted")
    queue = w.postfix.held()
    eq([m["queue_id"] for m in queue], [held.queue_id], "it is in the hold queue")
    eq(sorted(r["address"] for r in queue[0]["recipients"]), ["bob@example.net", "carol@example.net"], "for both")
    eq(boxes(w), {}, "and not delivered")
    like(str(w.gate.mail(queue_id=held.queue_id)[0]), "quarantine", "the log tells")
    w.postfix.release(held.queue_id)
    until("the release", lambda: boxes(w) == {"bob": 1, "carol": 1})
    eq(payload(w.inbox("bob")[0]), sent, "released, it arrives byte for byte")

    topic("subject and headers")
    w.postfix.empty()
    ok(w.send(message("это тест".encode())).ok, "a raw UTF-8 subject")
    text = w.inbox("bob")[0]
    eq(" ".join(decoded(header(text, "Subject")[0]).split()), "[проверка] это тест", "is tagged")
    ok(header(text, "Subject")[0].endswith("это тест".encode()), "and otherwise as it was: %r" % header(text, "Subject"))
    w.postfix.empty()
    sent = message("headers", headers=["X-Secret: a", "X-Set: old", "X-Secret: b\n folded", "X-Keep:kept", "X-Set: older"])
    ok(w.send(sent).ok, "header edits")
    text = w.inbox("bob")[0]
    eq((header(text, "X-Added"), header(text, "X-Sender")), ([b"one"], [b"alice@example.org"]), "added")
    eq(header(text, "X-Set"), [b"new"], "set: one is left")
    eq(header(text, "X-Secret"), [], "removed, all of them")
    like(text, rb"(?m)^X-Keep:kept$", "others stay as they were")

    topic("refusals")
    w.postfix.empty()
    refused = w.send(message("you WIN again", headers=["List-Id: <x.example.org>"]))
    eq((refused.stage, refused.status), ("END", "550 5.7.1"), "a rule on the header refuses at the end")
    like(refused.last.text, "not wanted here", "with the administrator's text")
    ok(refused.last.id, "and the transaction: %s" % refused.last)
    unlike(refused.last.text, "[^ -~\n]", "in ASCII; the rule's name is for the log")
    like(str(w.gate.mail(id=refused.last.id)[0]), "не для всех", "which has it")
    ok(w.send(message("you WIN again")).ok, "without List-Id it passes")
    eq(w.send(message("please not now")).status.split()[0], "451", "defer = true: 451")
    early = w.send(sender="early@example.org")
    eq((early.stage, early.last.code // 100), ("RCPT", 5), "a rule on the envelope refuses at RCPT: %r" % early)

    topic("skip and groups")
    eq(w.send(sender="unknown@example.org").status, "451 4.7.1", "who is not skipped is greylisted")
    w.postfix.empty()
    ok(w.send(message("group")).ok, "nested groups")
    eq(header(w.inbox("bob")[0], "X-Group"), [b"yes"], "matched")

    w.end()
