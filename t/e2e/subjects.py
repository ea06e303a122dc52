#!/usr/bin/python3
"""A Russian subject matches however it arrived, and what does not match is not touched."""

import base64
import os
import quopri
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)) + "/../lib")
from message import message, payload
from smtp import transaction
from tap import eq, ok, topic
from world import World

TEXT = "Это точно не спам, честное слово, прочитайте письмо"
OTHER = "Это точно не реклама"

RULES = """
charsets = ( "koi8-r", "windows-1251" );
rules = ( { name = "не спам"; when = ( { fact = "subject"; contains = "НЕ СПАМ"; } );
            then = { copy = "archive@example.net"; }; } );
"""


def q(text, charset):
    raw = "".join(chr(b) if chr(b).isalnum() and b < 128 else "_" if b == 32 else "=%02X" % b for b in text.encode(charset))
    return "=?%s?Q?%s?=" % (charset, raw)


def b(text, charset):
    return "=?%s?B?%s?=" % (charset, base64.b64encode(text.encode(charset)).decode())


def cut(text, sizes, encode):
    """Encoded words of the given sizes, folded between them."""
    words, at = [], 0
    for size in sizes:
        words.append(encode(text[at:at + size]))
        at += size
    words.append(encode(text[at:]))
    return "\n ".join(words)


def split_bytes(text, charset, size):
    """Encoded words that part a character's bytes, as some senders write them."""
    raw = text.encode(charset)
    return "\n ".join("=?%s?B?%s?=" % (charset, base64.b64encode(raw[i:i + size]).decode())
                      for i in range(0, len(raw), size))


FORMS = []
for charset in ("utf-8", "koi8-r", "windows-1251"):
    FORMS += [
        ("%s, Q" % charset, lambda t, c=charset: cut(t, (9, 9, 9), lambda p: q(p, c))),
        ("%s, B" % charset, lambda t, c=charset: cut(t, (8, 5, 12), lambda p: b(p, c))),
        ("%s, one long word" % charset, lambda t, c=charset: b(t, c)),
        ("%s, folded within the phrase" % charset, lambda t, c=charset: cut(t, (12,), lambda p: q(p, c))),
        ("%s, raw 8-bit" % charset, lambda t, c=charset: t.encode(c)),
        ("%s, raw and folded" % charset, lambda t, c=charset: t.replace(" спам", "\n спам").encode(c)),
    ]
FORMS += [
    ("utf-8, words that part characters", lambda t: split_bytes(t, "utf-8", 15)),
    ("mixed charsets, mixed encodings", lambda t: q(t[:10], "koi8-r") + "\n " + b(t[10:16], "windows-1251") + " " +
     q(t[16:], "UTF-8")),
]

with World(RULES) as w:
    with w.connect() as session:
        session.ehlo()
        for name, form in FORMS:
            w.postfix.empty()
            text = message(form(TEXT))
            if not ok(transaction(session, text).ok, "%s: accepted" % name):
                continue
            arrived = w.inbox("archive")
            eq(len(arrived), 1, "%s: matched" % name)
            eq([payload(m) for m in arrived + w.inbox("bob")], [text] * (len(arrived) + 1), "%s: not touched" % name)
        topic("another text")
        w.postfix.empty()
        for name, form in FORMS:
            transaction(session, message(form(OTHER)))
        eq((len(w.inbox("archive")), len(w.inbox("bob"))), (0, len(FORMS)), "matches in none of the forms")
        session.quit()

    w.end()
