"""The benchmark's part about the greylist in Redis: bytes per entry, and what looking one up costs among few and many.

The script's call is taken from millgated itself, as MONITOR shows it; so is the value of an entry that has passed.  Keys of
its form are made in masses, the few and the many in databases of their own, and the same call is made about random ones.
Each is a pass that is counted: read and written.  They come as from a millgated with policyd under load: by one
connection, as many at once as policyd has clients in the benchmark, which is also what receiving and answering cost
least at.

  greylist/lookup  CPU time of the server for one of them, user and system, receiving and answering included
  greylist/script  of that the call itself, by Redis's own clock (INFO commandstats), which goes on while others run

Few and many take turns, and the best round of each counts, since other processes only ever add.  A table that has just
grown is gone through before: while Redis moves its entries from the old one, each command moves some, whatever is asked.
"""

import os
import re
import socket
import subprocess
import sys

import policyd
from place import Failure, until

FEW = 1000
MANY = int(os.environ.get("BENCH_GREYLIST_ENTRIES", 5000000))
CALLS = int(os.environ.get("BENCH_GREYLIST_CALLS", 100000))
ROUNDS = 10
DAY_MS = 86400000
US_PER_S = 1000000
SETTLE_S = 120
DATABASES = {FEW: 1, MANY: 2}  # what millgated has asked for stays out of the way


def watch(redis, act):
    """The words of the first script call that Redis gets while act() runs."""
    with socket.socket(socket.AF_UNIX) as s:
        s.settimeout(30)
        s.connect(redis.socket)
        lines = s.makefile("rb")
        s.sendall(b"MONITOR\r\n")
        lines.readline()
        act()
        for line in lines:
            words = re.findall(r'"((?:[^"\\]|\\.)*)"', line.decode())
            if words and words[0] == "EVALSHA" and ":grey:" in words[3]:
                return words
    return None


def key_of(pattern, number):
    return pattern.replace("__rand_int__", "%012d" % number)


def fill(redis, pattern, value, entries):
    """That many entries in their database, as redis-cli sends them: by the ten thousand."""
    with subprocess.Popen(["redis-cli", "-s", redis.socket, "-n", str(DATABASES[entries]), "--pipe"],
                          stdin=subprocess.PIPE, stdout=subprocess.DEVNULL) as pipe:
        for first in range(0, entries, 10000):
            out = []
            for number in range(first, min(first + 10000, entries)):
                key = key_of(pattern, number)
                out.append("*5\r\n$3\r\nSET\r\n$%d\r\n%s\r\n$%d\r\n%s\r\n$2\r\nPX\r\n$%d\r\n%d\r\n"
                           % (len(key), key, len(value), value, len(str(14 * DAY_MS)), 14 * DAY_MS))
            pipe.stdin.write("".join(out).encode())
        pipe.stdin.close()
        pipe.wait()


def used_memory(redis):
    return int(re.search(r"used_memory:(\d+)", redis.cmd("INFO", "memory")).group(1))


def has_one_table(redis, entries):
    """Whether the database's entries all have one table: the old one and the new one are not a power of two together."""
    stats = redis.cmd("MEMORY", "STATS")
    database = stats[stats.index("db.%d" % DATABASES[entries]) + 1]
    for name, each in (("main", 40), ("expires", 24)):  # bytes of an entry beside its place in the table, Redis 7.0
        slots = (database[database.index("overhead.hashtable." + name) + 1] - entries * each) // 8
        if slots & (slots - 1):
            return False
    return True


def settle(redis, entries):
    """Lets Redis move the entries of a table that has grown to the new one; it does so some milliseconds each second."""
    hz = redis.cmd("CONFIG", "GET", "hz")[1]
    redis.cmd("CONFIG", "SET", "hz", "500")
    try:
        until("Redis to have moved its tables", lambda: has_one_table(redis, entries), SETTLE_S)
    except Failure as e:
        sys.stderr.write("run: %s: another Redis than 7.0?\n" % e)
    redis.cmd("CONFIG", "SET", "hz", hz)


def cpu_us(redis):
    info = redis.cmd("INFO", "cpu")
    return sum(float(re.search(r"used_cpu_%s:([\d.]+)" % mode, info).group(1)) for mode in ("user", "sys")) * US_PER_S


def cost(redis, words, pattern, entries):
    """Microseconds of one look-up: of the server's CPU, and of the script's call."""
    redis.cmd("CONFIG", "RESETSTAT")
    before = cpu_us(redis)
    subprocess.run(["redis-benchmark", "-s", redis.socket, "-q", "-c", "1", "-P", str(policyd.CONNECTIONS),
                    "-n", str(CALLS), "-r", str(entries), "--dbnum", str(DATABASES[entries]),
                    words[0], words[1], words[2], pattern, *words[4:]], stdout=subprocess.DEVNULL, check=True)
    cpu = (cpu_us(redis) - before) / CALLS
    stats = redis.cmd("INFO", "commandstats")
    calls, script = re.search(r"cmdstat_evalsha:calls=(\d+).*?usec_per_call=([\d.]+)", stats).groups()
    assert int(calls) == CALLS, "%s calls of %d" % (calls, CALLS)
    stats = redis.cmd("INFO", "stats")
    misses = re.search(r"keyspace_misses:(\d+)", stats).group(1)
    assert int(misses) == 0, "%s look-ups of what is not there" % misses
    return cpu, float(script)


def check(redis, words, pattern):
    """A look-up among the many answers that the triplet has passed."""
    with socket.socket(socket.AF_UNIX) as s:
        s.connect(redis.socket)
        asked = ["SELECT", str(DATABASES[MANY])], [*words[:3], key_of(pattern, MANY - 1), *words[4:]]
        s.sendall("".join("*%d\r\n" % len(c) + "".join("$%d\r\n%s\r\n" % (len(w), w) for w in c) for c in asked).encode())
        lines = s.makefile("rb")
        assert lines.readline() == b"+OK\r\n" and lines.readline() == b"*5\r\n" and lines.readline() == b":2\r\n"


def run(redis, act):
    """Prints the figures.  act(): has millgated ask about a triplet that has passed."""
    words = watch(redis, act)
    assert words is not None, "millgated has asked no greylist"
    value = redis.cmd("GET", words[3])
    prefix = words[3].split("{")[0]
    pattern = prefix + "{n__rand_int__.example.org}:alice@example.org:bob@example.net"
    # A known client has a key of its own beside: here there is none, and a pass does not ask for it.
    words = [w.replace(words[3], pattern) for w in words]
    fill(redis, pattern, value, FEW)
    before = used_memory(redis)
    fill(redis, pattern, value, MANY)
    settle(redis, MANY)
    each = (used_memory(redis) - before) / MANY
    check(redis, words, pattern)
    rounds = [(cost(redis, words, pattern, FEW), cost(redis, words, pattern, MANY)) for _ in range(ROUNDS)]
    few, many = ([min(r[i][k] for r in rounds) for k in range(2)] for i in range(2))
    print("bench greylist/entry %.0f bytes" % each)
    for k, name in enumerate(("lookup", "script")):
        print("bench greylist/%s/%d %.2f us" % (name, FEW, few[k]))
        print("bench greylist/%s/%d %.2f us" % (name, MANY, many[k]))
    print("ratio greylist/lookup %.2f" % (many[0] / few[0]))
    print("ratio greylist/script %.2f" % (many[1] / few[1]))
