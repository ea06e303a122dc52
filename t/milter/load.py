#!/usr/bin/python3
"""Many connections at once, while the configuration is loaded again and again, and while the daemon is stopped."""

import os
import signal
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from talk import Talk, at, environment, message, program, tap  # noqa: E402

# Other needs from one reload to the next: sessions of several configurations are open side by side.
RULES = (
    'rules = ( { name = "a"; match = "always"; then = { add_header = "X-A: yes"; }; } );',
    'rules = ( { name = "b"; when = ( { fact = "subject"; contains = "nothing of the kind"; } ); then = { reject = true; }; },'
    ' { name = "c"; when = ( { fact = "size"; over = "100M"; } ); then = { quarantine = true; }; } );',
)
TRUSTED = {"trusted_networks": '( "203.0.113.0/24" )'}


def load(t, messages, connections=32):
    return subprocess.Popen([program("t/bench/millload"), "-s", t.spec, "-n", str(messages), "-c", str(connections)],
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment())


def figures(process):
    out, err = process.communicate(timeout=240)
    if err:
        tap.diag(err)
    return {name: float(value) for name, value in (line.split() for line in out.splitlines())}


def check_reload():
    tap.topic("reload under load")
    with Talk(RULES[0], **TRUSTED) as t:
        process, reloads = load(t, 4000), 0
        while process.poll() is None:
            reloads += 1
            t.gate.configure(RULES[reloads % 2], **{**t.sections, **TRUSTED})
            t.gate.process.kill(signal.SIGUSR1 if reloads % 3 else signal.SIGHUP)
            time.sleep(0.05)
        got = figures(process)
        tap.diag("%d reloads during %s s" % (reloads, got.get("seconds")))
        tap.eq((got.get("messages"), got.get("errors"), got.get("refused")), (4000, 0, 0), "every message is accepted")


def check_stop():
    tap.topic("stop under load")
    with Talk(RULES[1], **TRUSTED) as t:
        process = load(t, 1000000)
        time.sleep(0.5)
        t.gate.process.kill(signal.SIGTERM)
        tap.eq(t.gate.process.wait(), 0, "the daemon ends well")
        process.kill()
        process.communicate()
        t.gate.start()
        tap.eq(at(t.say(message()), "END"), "accept", "and starts again over its own socket")


check_reload()
check_stop()
tap.done()
