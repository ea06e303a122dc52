#!/usr/bin/python3
"""Lists of domains: HELO, sender and From, and the hosts of URLs however they are hidden in the text."""

import base64
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)) + "/../lib")
from message import message
from tap import eq, like, ok, topic, unlike
from world import World

KEY = "abcdefghij0123456789klmnop"
ZONES = {"domains.example": "domain list", "links.example": "links", KEY + ".keyed.example": None}


def test_entry(zone):
    return "test.%s A 127.0.0.2\n" % zone


def lists(domain, zone, code="127.0.0.2"):
    return "%s.%s A %s\n" % (domain, zone, code)


ZONE = "".join(test_entry(zone) for zone in ZONES) + "".join([
    lists("spam-host.com", "domains.example"),
    lists("spam-sender.co.uk", "domains.example"),
    lists("spam-author.net", "domains.example"),
    lists("spam-link.info", "links.example"),
    lists("xn--80ayhh.xn--p1ai", "links.example"),
    lists("keyed-link.info", KEY + ".keyed.example"),
    lists("half.info", "links.example", "127.0.0.8"),
    lists("error.info", "links.example", "127.255.255.254"),
    # Whatever is asked of our own, or of what nobody has: a bad reason to refuse.
    lists("example.net", "links.example"),
    lists("printer.local", "links.example"),
])

LISTS = """
dnsbl: { reject_at = 5; lists = (
	{ zone = "domains.example"; weight = 5; name = "domain list"; of = ( "helo", "sender", "from" ); },
	{ zone = "links.example"; codes = "127.0.0.2"; weight = 5; name = "links"; of = ( "url" ); },
	{ zone = "links.example"; codes = "127.0.0.8"; weight = 3; name = "half"; of = ( "url" ); },
	{ zone = "%s.keyed.example"; weight = 5; of = ( "url" ); } ); };
""" % KEY


def part(body, kind="text/plain", encoding="7bit"):
    """A message of one part."""
    if encoding == "base64":
        body = base64.encodebytes(body.encode()).decode()
    return message(body=body + "\n", headers=["MIME-Version: 1.0", "Content-Type: " + kind,
                                              "Content-Transfer-Encoding: " + encoding])


def multipart(*parts, boundary="b"):
    body = "".join("--%s\n%s\n" % (boundary, p) for p in parts) + "--%s--\n" % boundary
    return message(body=body, headers=["MIME-Version: 1.0", "Content-Type: multipart/mixed; boundary=%s" % boundary])


HIDDEN = {
    "plain text": part("See http://www.spam-link.info/x for more"),
    "upper case, a port, a dot": part("HTTPS://WWW.SPAM-LINK.INFO.:8080/x"),
    "www": part("www.spam-link.info"),
    "a name with a path": part("go to spam-link.info/offer"),
    "user information": part("http://www.paypal.com@spam-link.info/login"),
    "percent encoding": part("http://spam%2Dlink.%69nfo/"),
    "another URL's query": part("http://good.org/?u=http%3A%2F%2Fspam-link.info%2F"),
    "base64": part("http://spam-link.info/", "text/plain", "base64"),
    "quoted-printable HTML": part("<a href=3D\"http://spam-li=\nnk.info/\">x</a>", "text/html", "quoted-printable"),
    "character references": part("<a href='http:&#47;&#x2f;spam-link&period;info'>x</a>", "text/html"),
    "what HTML shows": part("http://spam<b></b>-link.in<wbr>fo/", "text/html"),
    "an image": part("<img src=//spam-link.info/x.png>", "text/html"),
    "HTML in base64 in an inner part": multipart(
        "Content-Type: multipart/alternative; boundary=i\n\n--i\n\nHello\n--i\nContent-Type: text/html\n"
        "Content-Transfer-Encoding: base64\n\n" +
        base64.encodebytes(b"<a href=http://spam-link.info>x</a>").decode() + "--i--"),
    "UTF-16": part(base64.encodebytes("http://spam-link.info/".encode("utf-16")).decode(), "text/plain; charset=utf-16",
                   "7bit").replace(b"Encoding: 7bit", b"Encoding: base64"),
    "an attached message": multipart("Content-Type: message/rfc822\n\nSubject: x\n\nhttp://spam-link.info/"),
    "U-labels": message(body="http://\u0441\u043f\u0430\u043c.\u0440\u0444/\n",
                        headers=["Content-Type: text/plain; charset=utf-8", "Content-Transfer-Encoding: 8bit"]),
    "A-labels": part("http://xn--80ayhh.xn--p1ai/"),
    "ideographic dots": message(body="<a href=http://spam-link\u3002info/>\n",
                                headers=["Content-Type: text/html; charset=utf-8"]),
}

INNOCENT = {
    "no URL": part("Nothing to see"),
    "a domain that nobody lists": part("http://www.good.org/spam-link.info"),
    "the name without a link": part("They call themselves spam-link.info"),
    "the name in an address": part("write to me@spam-link.info"),
    "a comment": part("<!-- http://spam-link.info -->", "text/html"),
    "no text": part("http://spam-link.info", "application/octet-stream"),
    "our own domain": part("http://www.example.net/ http://mx.example.net/"),
    "private names and addresses": part("http://printer.local/ http://192.0.2.1/ http://localhost/ http://0x7f000001/"),
    "half the score": part("http://half.info/"),
}

# Each is built to cost much; none holds a listed domain.
BOMBS = {
    "a hundred thousand empty parts": message(body="--b\n\n" * 100000, headers=["Content-Type: multipart/mixed; boundary=b"]),
    "parts in parts": message(
        body="".join("--b%d\nContent-Type: multipart/mixed; boundary=b%d\n\n" % (i, i + 1) for i in range(10000)),
        headers=["Content-Type: multipart/mixed; boundary=b0"]),
    "messages in messages": message(body="Content-Type: message/rfc822\n\n" * 20000,
                                    headers=["Content-Type: message/rfc822"]),
    "a million slashes": part("\n".join(["http://" * 128] * 1000)),
    "a million tags": part("\n".join(["<a href=" * 100] * 1000), "text/html"),
    "thousands of hosts": part("\n".join("http://a%d.b%d.org/" % (i, i) for i in range(20000))),
}

with World(LISTS, zone=ZONE) as w:
    topic("the envelope")
    refused = w.send(helo="mx7.spam-host.com")
    eq((refused.stage, refused.status), ("RCPT", "554 5.7.1"), "a listed HELO name is refused at RCPT")
    like(refused.last.text, "domain list", "the reply names the list")
    unlike(refused.last.text, r"domains\.example|spam-host", "neither its zone nor the domain")
    refused = w.send(sender="x@news.spam-sender.co.uk")
    eq((refused.stage, refused.status), ("RCPT", "554 5.7.1"), "so is a listed sender")
    ok(w.send(sender="").ok, "the null sender passes")
    ok(w.send(helo="[198.51.100.3]").ok, "an address for HELO passes")
    ok(w.send(sender="x@good.org", helo="mx.good.org").ok, "a domain that nobody lists passes")
    ok(w.dns.asked("good.org.domains.example"), "it was asked about")
    ok(not w.dns.asked("mx.good.org.domains.example"), "the registrable domain alone")
    ok(not w.dns.asked("good.org.links.example"), "not of a list of URLs")
    mixed = w.send(helo="spam-host.com", rcpts=["postmaster@example.net", "bob@example.net"])
    eq([r.status for r in mixed.rcpts], ["250 2.1.5", "554 5.7.1"], "postmaster takes mail from all")

    topic("From")
    refused = w.send(message(sender="a@mail.spam-author.net"))
    eq((refused.stage, refused.status), ("END", "554 5.7.1"), "a listed domain in From is refused at the end")
    like(refused.last.text, "domain list", "the reply names the list")
    ok(w.send(message(sender="a@good.org")).ok, "another passes")

    topic("URLs, hidden")
    for name, text in HIDDEN.items():
        refused = w.send(text)
        eq((refused.stage, refused.status), ("END", "554 5.7.1"), name)
    like(refused.last.text, "links", "the reply names the list")
    refused = w.send(part("http://keyed-link.info/"))
    eq(refused.status, "554 5.7.1", "a list with a key in its zone")
    like(refused.last.text, r"keyed\.example", "is named without it")

    topic("innocent mail")
    for name, text in INNOCENT.items():
        result = w.send(text)
        ok(result.ok, "%s: %s" % (name, result.last))
    ok(not w.dns.asked("example.net.links.example"), "nobody is asked about our own domains")
    ok(not w.dns.asked("printer.local.links.example"), "nor about private ones")

    topic("who is not asked about")
    ok(w.send(HIDDEN["plain text"], login="bob").ok, "an authenticated user's mail")

    topic("exempt recipients")
    ok(w.send(HIDDEN["plain text"], rcpts=["abuse@example.net"]).ok, "abuse gets the spam that people complain of")
    w.postfix.empty()
    ok(w.send(HIDDEN["plain text"], rcpts=["abuse@example.net", "bob@example.net"]).ok, "one answer for both: accepted")
    like(w.inbox("bob")[0], rb"(?m)^X-Millgate-[A-Za-z]+: .*listed by links", "and marked, as mixed_recipients says")

    topic("hostile messages")
    for name, text in BOMBS.items():
        result = w.send(text)
        ok(result.ok, "%s: %s" % (name, result.last))
    eq(w.send(HIDDEN["base64"]).status, "554 5.7.1", "the daemon goes on")

    topic("an error of the list")
    ok(w.send(part("http://error.info/")).ok, "is no listing")
    ok(w.send(HIDDEN["base64"]).ok, "and suspends the list")

    topic("the key")
    unlike("\n".join(str(line) for line in w.gate.lines()), KEY, "is not in the log")

    topic("facts for the administrator's rules")
    w.configure(LISTS.replace("reject_at = 5", "reject_at = 0") + """
    rules = ( { name = "stamp"; match = "always";
                then = { add_header = ( "X-Message: %{dnsbl_message_score} %{dnsbl_message}",
                                        "X-Envelope: %{dnsbl_envelope_score} %{dnsbl_envelope}",
                                        "X-Hosts: %{url_host}" ); }; } );
    """)
    w.postfix.empty()
    ok(w.send(part("http://www.spam-link.info/ http://half.info http://0x7f.1"), sender="x@spam-sender.co.uk").ok,
       "without a threshold all pass")
    text = w.inbox("bob")[0]
    like(text, rb"(?m)^X-Message: 13 links, half$", "the message's score holds the envelope's")
    like(text, rb"(?m)^X-Envelope: 5 domain list$", "which is known, too")
    like(text, rb"(?m)^X-Hosts: www.spam-link.info, half.info, 127.0.0.1$", "and the hosts")

    topic("what is not needed is not asked for")
    w.configure(LISTS.replace('of = ( "url" )', 'of = ( "helo" )'))
    before = len(w.dns.asked("spam-link.info.links.example"))
    ok(w.send(HIDDEN["plain text"]).ok, "without a list of URLs nobody reads the text")
    eq(len(w.dns.asked("spam-link.info.links.example")), before, "and no list is asked")
    w.configure(LISTS + 'allow: { clients = ( "198.51.100.3" ); };')
    ok(w.send(HIDDEN["plain text"], helo="spam-host.com").ok, "an allowed client is spared all lists")
    w.configure(LISTS.replace("reject_at = 5;", "reject_at = 5; shadow = true;"))
    ok(w.send(HIDDEN["plain text"], helo="spam-host.com").ok, "shadow refuses nothing")

    w.end()
