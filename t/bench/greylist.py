"""The benchmark's part about the greylist in Redis: bytes per entry, and what looking one up costs among few and many.

The script's call is taken from millgated itself, as MONITOR shows it; so is the value of an entry that has passed.  Keys of
its form are made in masses, and the same call is made about random ones.  The time is Redis's own (INFO commandstats).
"""

import os
import re
import socket
import subprocess

FEW = 1000
MANY = int(os.environ.get("BENCH_GREYLIST_ENTRIES", 5000000))
CALLS = int(os.environ.get("BENCH_GREYLIST_CALLS", 200000))
ROUNDS = 3
DAY_MS = 86400000


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


def fill(redis, pattern, value, begin, end):
    """Entries with numbers from begin on, as redis-cli sends them: by the hundred thousand."""
    with subprocess.Popen(["redis-cli", "-s", redis.socket, "--pipe"], stdin=subprocess.PIPE,
                          stdout=subprocess.DEVNULL) as pipe:
        for first in range(begin, end, 10000):
            out = []
            for number in range(first, min(first + 10000, end)):
                key = key_of(pattern, number)
                out.append("*5\r\n$3\r\nSET\r\n$%d\r\n%s\r\n$%d\r\n%s\r\n$2\r\nPX\r\n$%d\r\n%d\r\n"
                           % (len(key), key, len(value), value, len(str(14 * DAY_MS)), 14 * DAY_MS))
            pipe.stdin.write("".join(out).encode())
        pipe.stdin.close()
        pipe.wait()


def used_memory(redis):
    return int(re.search(r"used_memory:(\d+)", redis.cmd("INFO", "memory")).group(1))


def cost(redis, words, pattern, entries):
    """Microseconds of Redis for one call: the best of some runs, since other processes only ever add."""
    best = None
    for _ in range(ROUNDS):
        redis.cmd("CONFIG", "RESETSTAT")
        subprocess.run(["redis-benchmark", "-s", redis.socket, "-q", "-c", "8", "-n", str(CALLS), "-r", str(entries),
                        words[0], words[1], words[2], pattern, *words[4:]], stdout=subprocess.DEVNULL, check=True)
        stats = redis.cmd("INFO", "commandstats")
        got = float(re.search(r"cmdstat_evalsha:.*?usec_per_call=([\d.]+)", stats).group(1))
        best = got if best is None else min(best, got)
    return best


def run(redis, act):
    """Prints the figures.  act(): has millgated ask about a triplet that has passed."""
    words = watch(redis, act)
    assert words is not None, "millgated has asked no greylist"
    value = redis.cmd("GET", words[3])
    prefix = words[3].split("{")[0]
    pattern = prefix + "{n__rand_int__.example.org}:alice@example.org:bob@example.net"
    # A known client has a key of its own beside: here there is none, so every call looks for both.
    words = [w.replace(words[3], pattern) for w in words]
    fill(redis, pattern, value, 0, FEW)
    few = cost(redis, words, pattern, FEW)
    before = used_memory(redis)
    fill(redis, pattern, value, FEW, MANY)
    each = (used_memory(redis) - before) / (MANY - FEW)
    many = cost(redis, words, pattern, MANY)
    print("bench greylist/entry %.0f bytes" % each)
    print("bench greylist/lookup/%d %.2f us" % (FEW, few))
    print("bench greylist/lookup/%d %.2f us" % (MANY, many))
    print("ratio greylist/lookup %.2f" % (many / few))
