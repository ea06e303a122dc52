"""The benchmark's part about Postfix's policy protocol: millgated beside Debian's postgrey, with triplets that are known.

postgrey is taken from where it is installed, or unpacked from Debian's packages into a private folder: nothing of the
system is touched.  Both log to a file, both keep their greylist as they do by default; neither needs to ask DNS.
Redis works for millgated: its CPU time has a line of its own, and is counted with millgated's in a ratio of its own.
"""

import glob
import os
import subprocess
import sys
import time

from place import Process

REQUESTS = int(os.environ.get("BENCH_POLICY_REQUESTS", 50000))
PEER_REQUESTS = int(os.environ.get("BENCH_POSTGREY_REQUESTS", 10000))
CONNECTIONS, IDLE, TRIPLETS = 8, 5000, 5000
ROUNDS = int(os.environ.get("BENCH_ROUNDS", 5))
DELAY = 1  # seconds of greylisting

UNPACKED = "/var/cache/millgate-tests/postgrey"
PACKAGES = ("postgrey", "libnet-server-perl", "libberkeleydb-perl", "libnetaddr-ip-perl", "libnet-dns-perl",
            "libio-multiplex-perl")

CONFIG = """\
user = "%(user)s"; group = "%(group)s";
hostname = "mx.example.net";
local_domains = ( "example.net" );
milter: { listen = "%(milter)s"; };
policyd: { listen = "%(policy)s"; asked_at = ( "rcpt" ); };
control: { listen = "%(control)s"; };
redis: { server = "unix:%(redis)s"; prefix = "policyd:"; };
dns: { servers = ( "127.0.0.1@%(dns)s" ); };
spf: { enabled = false; };
greylist: { enabled = true; delay = "%(delay)ds"; delay_no_fcrdns = "%(delay)ds"; };
"""


# ---- postgrey ----

def unpack(place):
    """A folder with postgrey and what it needs; None when it cannot be had."""
    folder = UNPACKED if os.geteuid() == 0 else place.path("postgrey-files")
    if os.path.exists(folder + "/usr/sbin/postgrey"):
        return folder
    debs = place.path("debs")
    os.mkdir(debs)
    got = subprocess.run(["apt-get", "-q", "download", *PACKAGES], cwd=debs, capture_output=True, text=True, check=False)
    if got.returncode:
        return None
    for deb in glob.glob(debs + "/*.deb"):
        subprocess.run(["dpkg", "-x", deb, folder + ".new"], check=True)
    os.rename(folder + ".new", folder)
    return folder


def postgrey_words(place):
    """The command that starts it, or None."""
    files = "/etc/postgrey"
    if os.path.exists("/usr/sbin/postgrey"):
        words = ["perl", "-T", "/usr/sbin/postgrey"]
    else:
        folder = unpack(place)
        if folder is None:
            return None
        libs = [folder + "/usr/share/perl5"] + glob.glob(folder + "/usr/lib/*/perl5/*")
        files = folder + "/usr/share/postgrey"
        words = ["perl", "-T", *("-I" + lib for lib in libs), folder + "/usr/sbin/postgrey"]
    return words + ["--whitelist-clients=%s/whitelist_clients" % files,
                    "--whitelist-recipients=%s/whitelist_recipients" % files]


def start_postgrey(place, user, group):
    words = postgrey_words(place)
    if words is None:
        sys.stderr.write("run: postgrey is not installed and its packages cannot be downloaded: %s\n" % ", ".join(PACKAGES))
        return None
    place.write("postgrey/.place", "")
    os.chmod(place.path("postgrey"), 0o1777)
    socket = place.path("postgrey/socket")
    server = Process("postgrey", [*words, "--unix=" + socket, "--dbdir=" + place.path("postgrey"), "--delay=%d" % DELAY,
                                  "--user=" + user, "--group=" + group], place.path("postgrey.log"))
    place.on_close(server.stop)
    server.ready(lambda: os.path.exists(socket))
    return {"name": "postgrey", "pid": server.pid, "spec": "unix:" + socket, "other": None}


# ---- The load ----

def load(program, server, requests, connections=CONNECTIONS):
    words = [program, "-s", server["spec"], "-n", str(requests), "-c", str(connections), "-r", str(TRIPLETS),
             "-p", str(server["pid"])]
    if server["other"]:
        words += ["-x", str(server["other"])]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    sys.stderr.write(done.stderr)
    return {name: float(value) for name, value in (line.split() for line in done.stdout.splitlines())}


def warm_up(program, server):
    """Every triplet is deferred once, and then known."""
    first = load(program, server, TRIPLETS)
    time.sleep(DELAY + 0.5)
    second = load(program, server, TRIPLETS)
    if first["deferred"] == 0 or second["passed"] != TRIPLETS:
        sys.exit("run: %s does not greylist as expected: %s, %s" % (server["name"], first, second))


def resident(pid):
    with open("/proc/%d/status" % pid) as f:
        return int(next(line for line in f if line.startswith("VmRSS")).split()[1])


def measure_idle(program, server):
    """Memory with many connections that lie idle after one request: kB in all, bytes for each."""
    before = resident(server["pid"])
    client = subprocess.Popen([program, "-s", server["spec"], "-c", str(IDLE), "-r", str(TRIPLETS), "-i"],
                              stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    while not client.stdout.readline().startswith("p99_us"):
        if client.poll() is not None:
            sys.exit("run: %d connections could not be opened" % IDLE)
    busy = resident(server["pid"])
    # What each one asked about is forgotten after a minute.
    time.sleep(float(os.environ.get("BENCH_IDLE_SECONDS", 65)))
    idle = resident(server["pid"])
    client.stdin.close()
    client.wait()
    print("bench policyd/idle %d connections" % IDLE)
    print("bench policyd/idle/asked %d kB" % busy)
    print("bench policyd/idle/rss %d kB" % idle)
    print("bench policyd/idle/each %d bytes" % ((idle - before) * 1024 // IDLE))


# ---- The figures ----

def mean(rounds, figure):
    return sum(r[figure] for r in rounds) / len(rounds)


def report(name, rounds):
    print("bench %s/requests %d requests" % (name, sum(r["requests"] for r in rounds)))
    print("bench %s/errors %d requests" % (name, sum(r["requests"] - r["passed"] + r["errors"] for r in rounds)))
    print("bench %s/rate %.0f requests/s" % (name, mean(rounds, "rate")))
    print("bench %s/cpu %.1f us" % (name, mean(rounds, "cpu_us")))
    if "other_us" in rounds[0]:
        print("bench %s/redis/cpu %.1f us" % (name, mean(rounds, "other_us")))
    for p in ("p50", "p99"):
        print("bench %s/%s %.2f ms" % (name, p, mean(rounds, p + "_us") / 1000))


def run(program, millgated, postgrey):
    """Prints the figures.  Answers how many requests went wrong."""
    servers = [server for server in (millgated, postgrey) if server]
    for server in servers:
        warm_up(program, server)
    rounds = {server["name"]: [] for server in servers}
    for number in range(ROUNDS):
        for server in servers if number % 2 == 0 else servers[::-1]:
            requests = (REQUESTS if server is millgated else PEER_REQUESTS) // ROUNDS
            rounds[server["name"]].append(load(program, server, requests))
    for name, figures in rounds.items():
        report(name, figures)
    if postgrey:
        ours, theirs = mean(rounds["policyd"], "cpu_us"), mean(rounds["postgrey"], "cpu_us")
        print("ratio policyd/postgrey %.2f" % (theirs / ours))
        # postgrey keeps its greylist itself.
        print("ratio policyd/postgrey/redis %.2f" % (theirs / (ours + mean(rounds["policyd"], "other_us"))))
    measure_idle(program, millgated)
    return int(sum(r["requests"] - r["passed"] + r["errors"] for r in rounds["policyd"]))
