#!/usr/bin/python3
"""The protocol matrix: a rule that is decided by each event, with each action; and what the MTA is told at every stage.

Rows are the conditions, by the event that makes them known; columns are the actions.  One rule for each pair.
"""

import os
import re
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from talk import CONNECT, Talk, at, message, tap  # noqa: E402

EVENTS = ("CONNECT", "HELO", "MAIL", "RCPT", "DATA", "EOH", "BODY", "END")

# The conditions: how a rule is decided at this event, and a message that it fits.  {a} stands for the action's name,
# {n} for its number.
CONDITIONS = {
    "connect": ('{{ fact = "client_ip"; is = "192.0.2.{n}"; }}', {"connect": "connect mail.example.org 192.0.2.{n} 4000"}),
    "helo": ('{{ fact = "helo"; is = "{a}.helo.example"; }}', {"helo": "{a}.helo.example"}),
    "mail": ('{{ fact = "sender"; is = "{a}@mail.example"; }}', {"sender": "<{a}@mail.example>"}),
    "rcpt": ('{{ fact = "recipient"; is = "{a}@example.net"; }}', {"rcpts": ("<{a}@example.net>",)}),
    "header": ('{{ fact = "subject"; contains = "{a} this"; }}', {"subject": "please {a} this"}),
    "end": ('{{ fact = "sender"; is = "{a}@end.example"; }}, {{ fact = "size"; over = "10K"; }}',
            {"sender": "<{a}@end.example>", "body": 20000}),
}

# The actions: what a rule says, and what the MTA is told at the end ("": nothing but accept); refusals: the reply.
EDITS = {
    "accept": ("accept = true", ""),
    "delete": ("delete = true", None),
    "quarantine": ('quarantine = "looks odd"', "quarantine looks odd [id *]"),
    "copy": ('copy = "archive@example.net"', "addrcpt archive@example.net NOTIFY=NEVER"),
    "move": ('move = "other@example.net"', "delrcpt * / addrcpt other@example.net"),
    "addheader": ('add_header = "X-Added: yes"', "addheader X-Added: yes"),
    "setheader": ('set_header = "X-Set: yes"', "chgheader 1 X-Set: yes"),
    "removeheader": ('remove_header = "X-Set"', "delheader 1 X-Set"),
    "tag": ('tag_subject = "[tag]"', "chgheader 1 Subject: [tag] *"),
    "skip": ('skip = "greylist"', ""),
}
REFUSALS = {
    "reject": ('reject = "550 5.7.1 not wanted"', "reply 550 5.7.1 not wanted [id *]"),
    "plainreject": ("reject = true", "reply 550 5.7.1 *"),
    "defer": ('defer = "450 4.2.1 later"', "reply 450 4.2.1 later [id *]"),
    "percent": ('defer = "100% later"', "reply 451 4.7.1 100% later [id *]"),
    "close": ('defer = "421 4.7.0 bye"', "reply 421 4.7.0 bye [id *]"),
}
ACTIONS = {**EDITS, **REFUSALS}

# Where a refusal by this condition is given: never before RCPT.
GIVEN_AT = {"connect": "RCPT", "helo": "RCPT", "mail": "RCPT", "rcpt": "RCPT", "header": "EOH", "end": "END"}


def pairs(actions=ACTIONS):
    for condition in CONDITIONS:
        for number, action in enumerate(actions, 1):
            yield condition, action, number


def rules(actions=ACTIONS, extra="", name=""):
    out = []
    for condition, action, number in pairs(actions):
        when = CONDITIONS[condition][0].format(a=name + action, n=number)
        out.append('  { name = "%s %s"; %s when = ( %s ); then = { %s; }; }'
                   % (condition, action, extra, when, ACTIONS[action][0]))
    return "rules = (\n%s\n);\n" % ",\n".join(out)


def script(condition, action, number, **changes):
    values = {}
    for key, value in CONDITIONS[condition][1].items():
        if isinstance(value, tuple):
            value = tuple(v.format(a=action, n=number) for v in value)
        elif isinstance(value, str):
            value = value.format(a=action, n=number)
        values[key] = value
    return message(**{"headers": ("X-Set: no",), **values, **changes})


def fits(got, want):
    """Whether the text is what is wanted; * stands for anything."""
    return re.fullmatch(".*".join(re.escape(part) for part in want.split("*")), got) is not None


def told(lines, event, want, name):
    got = at(lines, event)
    if not tap.ok(fits(got, want), name):
        tap.diag("got: %s\nwanted: %s" % (got, want))
        tap.diag("\n".join(lines))


def check_edits(t):
    for condition, action, number in pairs(EDITS):
        lines = t.say(script(condition, action, number))
        want = EDITS[action][1]
        end = "discard" if want is None else (want + " / accept" if want else "accept")
        told(lines, "END", end, "%s, %s: told at the end" % (condition, action))
        early = {at(lines, event) for event in EVENTS[:-1]} - {"continue", "none", "skipped"}
        tap.eq(early, set(), "%s, %s: and nothing before" % (condition, action))


def check_refusals(t):
    for condition, action, number in pairs(ACTIONS):
        if action in EDITS:
            continue
        lines = t.say(script(condition, action, number))
        event = GIVEN_AT[condition]
        told(lines, event, REFUSALS[action][1], "%s, %s: refused at %s" % (condition, action, event))
        before = {at(lines, e) for e in EVENTS[:EVENTS.index(event)]} - {"continue", "none", "skipped"}
        tap.eq(before, set(), "%s, %s: and not before" % (condition, action))


def check_one_of_two(t):
    """Actions that act on one recipient leave the other alone."""
    two = {"rcpts": ("<{}@example.net>", "<bob@example.net>")}

    def say(action):
        return t.say(message(rcpts=tuple(r.format(action) for r in two["rcpts"]), headers=("X-Set: no",)))
    told(say("delete"), "END", "delrcpt <delete@example.net> / accept", "delete, one of two")
    told(say("move"), "END", "delrcpt <move@example.net> / addrcpt other@example.net / accept", "move, one of two")
    told(say("copy"), "END", "addrcpt archive@example.net NOTIFY=NEVER / accept", "copy, one of two")
    for action in ("reject", "defer"):
        lines = say(action)
        told(lines, "RCPT", REFUSALS[action][1] + " / continue", "%s, one of two: the other is accepted" % action)
        told(lines, "END", "accept", "%s, one of two: and gets the message" % action)


def check_early():
    """refuse_at = "connect": as soon as it is known; at CONNECT no text is possible, so HELO has it."""
    only = {k: v for k, v in ACTIONS.items() if k in REFUSALS}
    given = {"connect": "HELO", "helo": "HELO", "mail": "MAIL", "rcpt": "RCPT", "header": "EOH", "end": "END"}
    with Talk(rules(only, 'refuse_at = "connect";'), trusted_networks='( "203.0.113.0/24" )') as t:
        for condition, action, number in pairs(only):
            lines = t.say(script(condition, action, number))
            told(lines, given[condition], REFUSALS[action][1],
                 'refuse_at = "connect", %s, %s: refused at %s' % (condition, action, given[condition]))
            if given[condition] == "HELO":
                told(lines, "MAIL", REFUSALS[action][1], "and again at MAIL, whatever the client makes of it")


def check_shadow():
    with Talk("shadow = true;\n" + rules(), trusted_networks='( "203.0.113.0/24" )') as t:
        for condition, action, number in pairs():
            lines = t.say(script(condition, action, number))
            everything = {at(lines, event) for event in EVENTS}
            tap.eq(everything - {"continue", "none", "skipped"}, {"accept"}, "shadow, %s, %s: changes nothing"
                   % (condition, action))


with Talk(rules(), trusted_networks='( "203.0.113.0/24" )') as talk:
    tap.topic("edits and final actions, told at the end")
    check_edits(talk)
    tap.topic("refusals")
    check_refusals(talk)
    tap.topic("one of two recipients")
    check_one_of_two(talk)
    tap.topic("nothing fits")
    told(talk.say(message(connect=CONNECT)), "END", "accept", "a message that no rule fits")
tap.topic("early refusals")
check_early()
tap.topic("shadow")
check_shadow()
tap.done()
