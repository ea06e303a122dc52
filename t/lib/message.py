"""Messages to send, and what is compared of those that arrived."""

import email.header
import re


def message(subject="Hello", body="Some text.\n", headers=(), sender="alice@example.org", to="bob@example.net", size=0):
    """A message (bytes, LF line ends).  headers: lines, text or bytes; size: the body is filled up to about that."""
    lines = ["From: Alice <%s>" % sender, "To: %s" % to, "Date: Mon, 02 Nov 2026 10:00:00 +0000",
             "Message-ID: <1@example.org>"]
    out = [line.encode() for line in lines]
    if subject is not None:
        out.append(b"Subject: " + (subject if isinstance(subject, bytes) else subject.encode()))
    out += [h if isinstance(h, bytes) else h.encode() for h in headers]
    text = b"\n".join(out) + b"\n\n" + (body if isinstance(body, bytes) else body.encode())
    filler = b"The quick brown fox jumps over the lazy dog, again and again.\n"
    while len(text) < size:
        text += filler
    return text


def headers(text):
    """[(name, value)] of a message, folded lines joined by LF as they came."""
    head = text.split(b"\n\n", 1)[0]
    out = []
    for line in head.split(b"\n"):
        if line[:1] in b" \t" and out:
            out[-1] = (out[-1][0], out[-1][1] + b"\n" + line)
        elif b":" in line:
            name, value = line.split(b":", 1)
            out.append((name.decode("latin-1"), value.strip()))
    return out


def header(text, name):
    """All values of one field (bytes)."""
    return [value for n, value in headers(text) if n.lower() == name.lower()]


def decoded(value):
    """A field's value as people read it: encoded words, and raw UTF-8 between them."""
    return "".join(part.decode(charset or "raw-unicode-escape") if isinstance(part, bytes) else part
                   for part, charset in email.header.decode_header(value.decode("utf-8")))


def body(text):
    return text.split(b"\n\n", 1)[1]


# What delivery writes: differs between any two copies.
_TRACE = re.compile(rb"(?im)^(Return-Path|X-Original-To|Delivered-To|Received):.*\n([ \t].*\n)*")


def payload(text):
    """The message without the trace fields that Postfix puts on top: what must arrive byte for byte."""
    head, rest = text.split(b"\n\n", 1)
    return _TRACE.sub(b"", head + b"\n").rstrip(b"\n") + b"\n\n" + rest
