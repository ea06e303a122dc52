#!/usr/bin/env python3
"""Text parts as mime_texts sees them, against Python's own parser: made messages, and, with MILLGATE_CORPORA, real ones."""

import email
import email.policy
import glob
import itertools
import os
import random
import subprocess
import sys

sys.path.insert(0, os.path.join(os.environ.get("top_srcdir") or
                                os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", ".."), "t", "lib"))
import tap  # noqa: E402

HELPER = os.path.join(os.environ.get("top_builddir", "."), "t", "unit", "mime_texts_lines")
CHARSETS = {"utf-8": "h\u00e9llo \u043f\u0440\u0438\u0432\u0435\u0442 \u4e2d", "koi8-r": "\u043f\u0440\u0438\u0432\u0435\u0442",
            "windows-1251": "\u044f\u0431\u043b\u043e\u043a\u043e", "iso-8859-15": "caf\u00e9 \u20ac",
            "iso-2022-jp": "\u65e5\u672c\u8a9e", "gb18030": "\u4e2d\u6587", "utf-16": "wide \u20ac", "us-ascii": "plain"}
WORDS = ("--", "=", "==", "=3D", "From ", ".", "--b", "a" * 90, "\t", " ", "", "http://a.example/", "--=_x--")


class Texts:
    """The helper program, one message after another."""

    def __init__(self):
        self.process = subprocess.Popen([HELPER], stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def of(self, message):
        out, answer = self.process.stdout, []
        self.process.stdin.write(b"%d\n%s" % (len(message), message))
        self.process.stdin.flush()
        while True:
            line = out.readline().split()
            if line[0] == b"end":
                return answer
            answer.append((line[0].decode(), out.read(int(line[1]))))
            out.read(1)

    def close(self):
        self.process.stdin.close()
        return self.process.wait()


def python_texts(message):
    """The same by Python, as UTF-8."""
    answer = []
    for part in email.message_from_bytes(message, policy=email.policy.compat32).walk():
        if part.get_content_maintype() != "text" or part.is_multipart():
            continue
        raw = part.get_payload(decode=True)
        text = raw.decode(part.get_content_charset("utf-8"), "surrogateescape").encode("utf-8", "surrogateescape")
        if text:
            answer.append(("html" if part.get_content_subtype() == "html" else "plain", text))
    return answer


def lines(text):
    """Without line ends' kinds, and white space at their ends, which Python's quoted-printable drops and ours keeps."""
    return [line.rstrip() for line in text.rstrip().splitlines()]


def make_leaf(dice):
    name = dice.choice(list(CHARSETS))
    text = "\r\n".join(dice.choice(WORDS) + dice.choice(WORDS) + CHARSETS[name] for _ in range(dice.randrange(12)))
    raw = text.encode(name) + dice.choice((b"", b"\r\n"))
    encoding = dice.choice(("base64",) if name == "utf-16" else ("base64", "quoted-printable", "8bit"))
    if encoding == "base64":
        raw = email.base64mime.body_encode(raw, eol="\r\n").encode()
    elif encoding == "quoted-printable":
        raw = email.quoprimime.body_encode(raw.decode("latin-1"), eol="\r\n").encode()
    kind = dice.choice(("text/plain", "TEXT/html", "text/enriched"))
    fold = dice.choice(("; ", ";\r\n\t", " ;\r\n "))
    return ["Content-Type: %s%scharset=%s" % (kind, fold, dice.choice(('"%s"', "%s")) % name),
            "Content-Transfer-Encoding: " + encoding], raw


def make(dice, depth=0, path="b"):
    """(fields, body) of a part: a text, a message, or more parts."""
    choice = dice.random()
    if depth > 4 or choice < 0.4:
        return make_leaf(dice)
    if choice < 0.5 and depth > 0:
        fields, body = make(dice, depth + 1, path + "m")
        return ["Content-Type: message/rfc822"], "\r\n".join(["Subject: inner"] + fields + ["", ""]).encode() + body
    if choice < 0.55:
        return ["Content-Type: image/png", "Content-Transfer-Encoding: base64"], b"aGVsbG8=\r\n"
    boundary = "=_%s/%d" % (path, dice.randrange(10))
    body = dice.choice((b"", b"A preamble.\r\n\r\n"))
    for number in range(dice.randrange(1, 4)):
        fields, inner = make(dice, depth + 1, path + str(number))
        body += b"--%s\r\n" % boundary.encode() + "\r\n".join(fields + ["", ""]).encode() + inner + b"\r\n"
    body += b"--%s--\r\n" % boundary.encode() + dice.choice((b"", b"An epilogue.\r\n"))
    return ['Content-Type: multipart/mixed;\r\n boundary="%s"' % boundary], body


def compare(texts, message, name):
    got, want = [t for t in texts.of(message) if t[1]], python_texts(message)
    same = [k for k, _ in got] == [k for k, _ in want] and all(
        lines(g.decode("utf-8", "replace")) == lines(w.decode("utf-8", "replace")) for (_, g), (_, w) in zip(got, want))
    if not same:
        for g, w in itertools.zip_longest(got, want):
            if g != w:
                tap.diag("%s\ngot:  %.1000r\nwant: %.1000r" % (name, g, w))
                break
    return same


def made(texts):
    tap.topic("made messages")
    wrong = 0
    for seed in range(2000):
        fields, body = make(random.Random(seed))
        message = "\r\n".join(["Subject: x", "MIME-Version: 1.0"] + fields + ["", ""]).encode() + body
        if wrong < 3:
            wrong += not compare(texts, message, "seed %d" % seed)
    tap.eq(wrong, 0, "2000 messages have the same texts")


def real(texts, corpora):
    tap.topic("real messages")
    names = sorted(glob.glob(os.path.join(corpora, "dkim", "mail-dkim", "corpus", "*.txt")))
    tap.ok(len(names) > 10, "%d messages" % len(names))
    for name in names:
        with open(name, "rb") as f:
            message = f.read().replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
        tap.ok(compare(texts, message, name), os.path.basename(name))


def main():
    texts = Texts()
    made(texts)
    if os.environ.get("MILLGATE_CORPORA"):
        real(texts, os.environ["MILLGATE_CORPORA"])
    tap.eq(texts.close(), 0, "the helper ends well")
    tap.done()


main()
