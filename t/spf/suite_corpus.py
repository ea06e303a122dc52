#!/usr/bin/python3
"""The OpenSPF suite, by both evaluators: ours answers every case right; libspf2 differs just where the list says.

MILLGATE_CORPORA names the directory that has spf/rfc7208-tests.yml; without it there is nothing to run.
"""

import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "..", "lib")]
import suite  # noqa: E402
import tap  # noqa: E402

CASES = 203


def known_differences():
    """{case: libspf2's answer}"""
    with open(os.path.join(HERE, "libspf2.differences"), encoding="utf-8") as f:
        lines = [line.split(None, 2) for line in f if line.strip() and not line.startswith("#")]
    return {name: answer for name, answer, _ in lines}


def own(path, *way):
    tap.topic(" ".join(("our evaluator",) + way))
    cases = suite.run(path, "own", *way)
    tap.eq(len(cases), CASES, "the suite is whole")
    for case in cases:
        if not tap.ok(case.right, "%s: %s: %s" % (case.scenario, case.name, " or ".join(case.want))):
            tap.diag("got %s" % case.got)


def libspf2(path):
    tap.topic("libspf2")
    cases = suite.run(path, "libspf2")
    known = known_differences()
    found = {case.name: case.got for case in cases if not case.right}
    polled = {case.name: case.got for case in suite.run(path, "libspf2", "poll") if not case.right}
    tap.eq(polled, known, "polled, it answers the same")
    tap.eq(found, known, "libspf2 differs from the suite where the list of differences says, and only there")
    tap.ok(len(found) < len(cases), "%d of %d are right" % (len(cases) - len(found), len(cases)))


def main():
    corpora = os.environ.get("MILLGATE_CORPORA")
    if not corpora:
        tap.skip_all("MILLGATE_CORPORA is not set")
    path = os.path.join(corpora, "spf", "rfc7208-tests.yml")
    own(path)
    own(path, "poll")
    libspf2(path)
    tap.done()


main()
