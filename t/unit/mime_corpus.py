#!/usr/bin/env python3
"""Decodes third-party corpora of header fields with mime_decode().

MILLGATE_CORPORA names the directory that has mime/header-unstructured.json and mime/encodedheaders.data; without it
there is nothing to run.
"""

import email.errors
import email.header
import json
import os
import re
import subprocess
import sys

sys.path.insert(0, os.path.join(os.environ.get("top_srcdir") or
                                os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", ".."), "t", "lib"))
import tap  # noqa: E402

HELPER = os.path.join(os.environ.get("top_builddir", "."), "t", "unit", "mime_decode_lines")

# Where the corpus and we differ, by the number of the case: what we answer, and why.
TOUCHING = ("a word that touches other text is none by RFC 2047, 5 (1); mail readers decode it all the same, and so do "
            "we, but nothing says that a space stands there: the corpus adds one")
DEBATABLE = {
    21: ("[SUSPECTED SPAM]This is the original subject", TOUCHING),
    22: ("Some text here", TOUCHING),
    27: ("[SUSPECTED SPAM]This is the original subject", TOUCHING),
    28: ("[SUSPECTED SPAM]This is the original subject", TOUCHING),
}


class Decoder:
    """The helper program, one value after another."""

    def __init__(self):
        self.process = subprocess.Popen([HELPER], stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def texts(self, value):
        out, answer = self.process.stdout, []
        self.process.stdin.write(b"%d\n%s" % (len(value), value))
        self.process.stdin.flush()
        for _ in range(int(out.readline())):
            answer.append(out.read(int(out.readline())).decode("utf-8"))
        return answer

    def close(self):
        self.process.stdin.close()
        return self.process.wait()


def field(text):
    """The first field body of a raw header: up to a line break that no white space follows."""
    return re.split(r"\r?\n(?![ \t])", text, maxsplit=1)[0]


def python_decodes(value):
    """The second opinion: Python's own decoder, over the unfolded text."""
    unfolded = re.sub(r"[ \t]*\r?\n[ \t]+", " ", value)
    try:
        return str(email.header.make_header(email.header.decode_header(unfolded))).strip()
    except (LookupError, UnicodeError, email.errors.HeaderParseError):
        return None


def unstructured(decoder, path):
    tap.topic("unstructured fields with their expected text")
    with open(path, encoding="utf-8") as corpus:
        cases = json.load(corpus)
    tap.ok(len(cases) >= 30, "%d cases" % len(cases))
    for number, case in enumerate(cases):
        want, why = DEBATABLE.get(number, (case["expected"], None))
        tap.eq(decoder.texts(field(case["header"]).encode("utf-8")), [want],
               "case %d%s" % (number, ", unlike the corpus: " + why if why else ""))


def encoded(decoder, path):
    tap.topic("encoded headers, against Python's decoder")
    with open(path, "rb") as corpus:
        text = corpus.read().decode("latin-1")
    values = re.split(r"\r?\n(?![ \t])", text)
    values = [v for v in values if v.strip()]
    tap.ok(len(values) >= 20, "%d values" % len(values))
    for number, value in enumerate(values):
        texts = decoder.texts(value.encode("latin-1"))
        want = python_decodes(value)
        if re.search(r"\S=\?[^?]+\?[bq]\?|\?=(?!=\?)\S", value, re.I):
            # Python adds spaces, as the other corpus does: see TOUCHING.
            tap.eq(texts[0].replace(" ", ""), want.replace(" ", ""), "value %d, but for spaces" % number)
        else:
            tap.eq(texts, [want], "value %d" % number)
        tap.ok("=?" not in texts[0], "value %d leaves no word" % number)


def main():
    corpora = os.environ.get("MILLGATE_CORPORA")
    if not corpora:
        print("1..0 # SKIP MILLGATE_CORPORA is not set")
        return
    decoder = Decoder()
    unstructured(decoder, os.path.join(corpora, "mime", "header-unstructured.json"))
    encoded(decoder, os.path.join(corpora, "mime", "encodedheaders.data"))
    tap.eq(decoder.close(), 0, "the decoder ends well")
    tap.done()


main()
