#!/usr/bin/python3
"""A small DNS server for tests: UDP and TCP on loopback, answers from a zone file, misbehaves on request.

usage: dnsd.py --zone FILE --port-file FILE [--log FILE] [--port N] [--address ADDR] [--ttl S] [--negative-ttl S]

It plays a resolver: it answers for every name (RA and AA set), follows CNAMEs within the zone file, and says NXDOMAIN
for names it does not know.  --port 0 (the default) takes a free port; the number is written to --port-file
(atomically) once both sockets listen.  SIGHUP reads the zone file again (a bad one is reported and changes nothing),
and writes --port-file again; SIGTERM and SIGINT end it.

Zone file: one record or behaviour a line; `#` or `;` at the start of a line or after a space begins a comment.

    NAME TYPE DATA [TTL]
    example.org        A      192.0.2.1
    example.org        AAAA   2001:db8::1 30          # with a TTL
    example.org        MX     10 mx.example.org       # a null MX is `MX 0 .`
    example.org        TXT    "v=spf1 " "-all" 60     # each quoted string is one string; \\" \\\\ \\DDD; bare text is one
    www.example.org    CNAME  example.org
    *.bl.test          A      127.0.0.2               # any name below bl.test that has no records of its own
    192.0.2.1          PTR    mx.example.org          # an address as NAME stands for its reverse name (IPv6 too)
    odd.test           A      RAW deadbeef00          # rdata in hex, as it is
    odd.test           TYPE99 RAW 00
    "two words.test"   A      192.0.2.2               # a name may be quoted as well

    NAME TYPE BEHAVIOUR        TYPE `*`: all types; NAME may be a wildcard, or `*` for every name
    dead.test          *      TIMEOUT                 # no answer at all
    fail.test          MX     SERVFAIL                # also REFUSED, NXDOMAIN, FORMERR, NOTIMP, NODATA
    slow.test          A      DELAY 300               # milliseconds, before the answer from the records
    big.test           TXT    TRUNCATE                # TC over UDP, the whole answer over TCP (also done by itself
                                                      # for what does not fit the size that the client announced)
    junk.test          *      GARBAGE                 # header and question, then bytes that are no record

An exact name's behaviour comes before a wildcard's, that of one type before that of all.  Behaviours of one name add
up (DELAY and SERVFAIL).  --log gets one line for each query: NAME TYPE udp|tcp, the name in lower case.
"""
import argparse
import heapq
import ipaddress
import os
import selectors
import signal
import socket
import struct
import sys
import time

TYPES = {"A": 1, "NS": 2, "CNAME": 5, "SOA": 6, "PTR": 12, "MX": 15, "TXT": 16, "AAAA": 28, "SRV": 33, "OPT": 41}
TYPE_NAMES = {number: name for name, number in TYPES.items()}
RCODES = {"FORMERR": 1, "SERVFAIL": 2, "NXDOMAIN": 3, "NOTIMP": 4, "REFUSED": 5}
ANY = "*"
MAX_CHAIN = 12


class ZoneError(Exception):
    pass


def split_words(line):
    """Words of a line; a quoted one is (True, bytes), a bare one (False, text)."""
    words, i, n = [], 0, len(line)
    while i < n:
        if line[i].isspace():
            i += 1
        elif line[i] in "#;" and (i == 0 or line[i - 1].isspace()):
            break
        elif line[i] == '"':
            out, i = bytearray(), i + 1
            while i < n and line[i] != '"':
                if line[i] == "\\" and line[i + 1:i + 4].isdigit():
                    out.append(int(line[i + 1:i + 4]) & 255)
                    i += 4
                    continue
                if line[i] == "\\":
                    i += 1
                out += line[i:i + 1].encode()
                i += 1
            if i >= n:
                raise ZoneError("no closing quote")
            words.append((True, bytes(out)))
            i += 1
        else:
            start = i
            while i < n and not line[i].isspace():
                i += 1
            words.append((False, line[start:i]))
    return words


def wire_name(name):
    out = b""
    for label in name.rstrip(".").split("."):
        raw = label.encode()
        if not raw and name not in (".", ""):
            raise ZoneError("empty label in " + name)
        if raw:
            if len(raw) > 63:
                raise ZoneError("label too long in " + name)
            out += bytes([len(raw)]) + raw
    return out + b"\0"


def type_number(word):
    word = word.upper()
    if word.startswith("TYPE") and word[4:].isdigit():
        return int(word[4:])
    if word not in TYPES:
        raise ZoneError("unknown type " + word)
    return TYPES[word]


def owner(name):
    try:
        return ipaddress.ip_address(name).reverse_pointer
    except ValueError:
        return name.lower().rstrip(".")


def txt_rdata(words):
    strings = []
    for quoted, word in words:
        raw = word if quoted else word.encode()
        strings += [raw[i:i + 255] for i in range(0, len(raw), 255)] or [b""]
    return b"".join(bytes([len(s)]) + s for s in strings)


def rdata(number, words):
    """(rdata, unused words)"""
    bare = [None if quoted else word for quoted, word in words]
    if bare[0] == "RAW":
        return bytes.fromhex(bare[1] if len(bare) > 1 and bare[1] else ""), words[2:]
    if number == 1:
        return socket.inet_pton(socket.AF_INET, bare[0]), words[1:]
    if number == 28:
        return socket.inet_pton(socket.AF_INET6, bare[0]), words[1:]
    if number in (2, 5, 12):
        return wire_name(bare[0]), words[1:]
    if number == 15:
        return struct.pack("!H", int(bare[0])) + wire_name(bare[1]), words[2:]
    if number == 16:
        if words[0][0]:
            quoted = [w for w in words if w[0]]
            return txt_rdata(quoted), words[len(quoted):]
        return txt_rdata([(True, " ".join(b if b is not None else "" for b in bare).encode())]), []
    if number == 33:
        return struct.pack("!HHH", *map(int, bare[:3])) + wire_name(bare[3]), words[4:]
    raise ZoneError("this type needs RAW data")


class Zone:
    def __init__(self, path, ttl):
        self.records = {}     # name -> {type: [(rdata, ttl, target or None)]}
        self.behaviours = {}  # name -> {type or ANY: {word: argument}}
        self.enclosers = set()
        with open(path, encoding="utf-8") as f:
            for lineno, line in enumerate(f, 1):
                try:
                    self.add(split_words(line), ttl)
                except (ZoneError, ValueError, OSError, IndexError, TypeError, struct.error) as e:
                    raise ZoneError("%s:%d: %s" % (path, lineno, e or type(e).__name__)) from None

    def add(self, words, ttl):
        if not words:
            return
        if len(words) < 3:
            raise ZoneError("NAME TYPE DATA expected")
        name = words[0][1].decode("utf-8", "replace") if words[0][0] else words[0][1]
        name, kind = owner(name), words[1][1].upper()
        what = words[2][1]
        if not words[2][0] and (what in RCODES or what in ("TIMEOUT", "TRUNCATE", "GARBAGE", "NODATA", "DELAY")):
            number = ANY if kind in (ANY, "ANY") else type_number(kind)
            argument = int(words[3][1]) if what == "DELAY" else True
            self.behaviours.setdefault(name, {}).setdefault(number, {})[what] = argument
            return
        number = type_number(kind)
        data, rest = rdata(number, words[2:])
        if rest:
            ttl = int(rest[0][1])
        target = owner(words[2][1]) if number == 5 and what != "RAW" else None
        self.records.setdefault(name, {}).setdefault(number, []).append((data, ttl, target))
        while "." in name:
            name = name.split(".", 1)[1]
            self.enclosers.add(name)

    def find(self, table, name):
        if name in table:
            return table[name]
        while "." in name:
            name = name.split(".", 1)[1]
            if "*." + name in table:
                return table["*." + name]
            if table is self.records and name in table:
                return None
        return table.get("*")

    def behaviour(self, name, number):
        found = self.find(self.behaviours, name)
        if not found:
            return {}
        return {**found.get(ANY, {}), **found.get(number, {})}

    def answer(self, name, number):
        """(rcode, [(owner name, type, ttl, rdata)])"""
        out = []
        for _ in range(MAX_CHAIN):
            types = self.find(self.records, name)
            if types is None:
                return (0 if name in self.enclosers else RCODES["NXDOMAIN"]), out
            if number in types:
                return 0, out + [(name, number, ttl, data) for data, ttl, _ in types[number]]
            if 5 not in types:
                return 0, out
            data, ttl, target = types[5][0]
            out.append((name, 5, ttl, data))
            if target is None:
                return 0, out
            name = target
        return 0, out


def parse_query(packet):
    """(id, flags, name, type, the question's bytes, announced UDP size), or None."""
    if len(packet) < 17:
        return None
    ident, flags, questions, _, _, additional = struct.unpack("!6H", packet[:12])
    if flags & 0x8000 or questions != 1:
        return None
    at, labels = 12, []
    while at < len(packet) and packet[at]:
        if packet[at] > 63:
            return None
        labels.append(packet[at + 1:at + 1 + packet[at]].decode("utf-8", "replace"))
        at += 1 + packet[at]
    end = at + 5
    if end > len(packet):
        return None
    number = struct.unpack("!H", packet[at + 1:at + 3])[0]
    size = 512
    if additional and len(packet) >= end + 11 and packet[end:end + 3] == b"\0\0\x29":
        size = max(512, struct.unpack("!H", packet[end + 3:end + 5])[0])
    return ident, flags, ".".join(labels).lower(), number, packet[12:end], size


class Server:
    def __init__(self, args):
        self.args = args
        self.zone = Zone(args.zone, args.ttl)
        self.log = os.open(args.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644) if args.log else None
        self.selector = selectors.DefaultSelector()
        self.later = []
        self.sequence = 0
        self.listen()

    def listen(self):
        family = socket.AF_INET6 if ":" in self.args.address else socket.AF_INET
        for attempt in range(50):
            self.udp = socket.socket(family, socket.SOCK_DGRAM)
            self.udp.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
            self.udp.bind((self.args.address, self.args.port))
            port = self.udp.getsockname()[1]
            self.tcp = socket.socket(family, socket.SOCK_STREAM)
            self.tcp.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                self.tcp.bind((self.args.address, port))
                break
            except OSError:  # the port is free for UDP alone: take another
                if self.args.port or attempt == 49:
                    raise
                self.udp.close()
                self.tcp.close()
        self.tcp.listen(128)
        self.udp.setblocking(False)
        self.tcp.setblocking(False)
        self.selector.register(self.udp, selectors.EVENT_READ, self.udp_ready)
        self.selector.register(self.tcp, selectors.EVENT_READ, self.tcp_accept)
        self.port = port
        self.tell_port()

    def tell_port(self):
        temporary = self.args.port_file + ".tmp"
        with open(temporary, "w") as f:
            f.write("%d\n" % self.port)
        os.rename(temporary, self.args.port_file)

    def reload(self, *_):
        try:
            self.zone = Zone(self.args.zone, self.args.ttl)
        except (ZoneError, OSError) as e:
            print("dnsd.py: %s" % e, file=sys.stderr, flush=True)
        self.tell_port()

    def respond(self, packet, tcp):
        """(the response or None, delay in seconds)"""
        query = parse_query(packet)
        if query is None:
            return None, 0
        ident, flags, name, number, question, size = query
        if self.log is not None:
            kind = TYPE_NAMES.get(number, "TYPE%d" % number)
            os.write(self.log, ("%s %s %s\n" % (name or ".", kind, "tcp" if tcp else "udp")).encode())
        how = self.zone.behaviour(name, number)
        delay = how.get("DELAY", 0) / 1000
        if "TIMEOUT" in how:
            return None, 0
        rcode, answers = self.zone.answer(name, number)
        forced = [RCODES[word] for word in how if word in RCODES]
        if forced:
            rcode, answers = forced[0], []
        elif "NODATA" in how:
            rcode, answers = 0, []
        flags = 0x8480 | (flags & 0x0100) | rcode
        if "GARBAGE" in how:
            return struct.pack("!6H", ident, flags, 1, 3, 0, 0) + question + b"\xc0\xff\x00\x01\xc0", delay
        body, authority = b"", b""
        for owner_name, kind, ttl, data in answers:
            where = b"\xc0\x0c" if owner_name == name else wire_name(owner_name)
            body += where + struct.pack("!HHIH", kind, 1, ttl, len(data)) + data
        if rcode in (0, 3) and not any(kind == number for _, kind, _, _ in answers):
            soa = b"\0\0" + struct.pack("!5I", 1, 3600, 600, 86400, self.args.negative_ttl)
            authority = b"\0" + struct.pack("!HHIH", 6, 1, self.args.negative_ttl, len(soa)) + soa
        out = struct.pack("!6H", ident, flags, 1, len(answers), 1 if authority else 0, 0) + question + body + authority
        if not tcp and ("TRUNCATE" in how or len(out) > size):
            out = struct.pack("!6H", ident, flags | 0x0200, 1, 0, 0, 0) + question
        return out, delay

    def send(self, delay, function, *arguments):
        if delay:
            self.sequence += 1
            heapq.heappush(self.later, (time.monotonic() + delay, self.sequence, function, arguments))
        else:
            function(*arguments)

    def udp_send(self, data, peer):
        try:
            self.udp.sendto(data, peer)
        except OSError:
            pass

    def udp_ready(self, _):
        for _ in range(64):
            try:
                packet, peer = self.udp.recvfrom(4096)
            except OSError:
                return
            out, delay = self.respond(packet, False)
            if out is not None:
                self.send(delay, self.udp_send, out, peer)

    def tcp_accept(self, _):
        try:
            connection, _ = self.tcp.accept()
        except OSError:
            return
        connection.settimeout(5)
        pending = bytearray()
        self.selector.register(connection, selectors.EVENT_READ, lambda c: self.tcp_ready(c, pending))

    def tcp_send(self, connection, data):
        try:
            connection.sendall(struct.pack("!H", len(data)) + data)
        except OSError:
            pass

    def tcp_ready(self, connection, pending):
        try:
            data = connection.recv(65536)
        except OSError:
            data = b""
        if not data:
            self.selector.unregister(connection)
            connection.close()
            return
        pending += data
        while len(pending) >= 2 and len(pending) >= 2 + (pending[0] << 8 | pending[1]):
            n = pending[0] << 8 | pending[1]
            packet = bytes(pending[2:2 + n])
            del pending[:2 + n]
            out, delay = self.respond(packet, True)
            if out is not None:
                self.send(delay, self.tcp_send, connection, out)

    def run(self):
        while True:
            now = time.monotonic()
            while self.later and self.later[0][0] <= now:
                _, _, function, arguments = heapq.heappop(self.later)
                function(*arguments)
            wait = max(0, self.later[0][0] - now) if self.later else None
            for key, _ in self.selector.select(wait):
                key.data(key.fileobj)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--zone", required=True)
    parser.add_argument("--port-file", required=True)
    parser.add_argument("--log")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--address", default="127.0.0.1")
    parser.add_argument("--ttl", type=int, default=60, help="of records that have none of their own")
    parser.add_argument("--negative-ttl", type=int, default=60)
    args = parser.parse_args()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: os._exit(0))
    try:
        server = Server(args)
    except (ZoneError, OSError) as e:
        sys.exit("dnsd.py: %s" % e)
    signal.signal(signal.SIGHUP, server.reload)
    server.run()


if __name__ == "__main__":
    main()
