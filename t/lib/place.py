"""A place of its own for each test: a temporary directory, a loopback address, and the processes that it started.

Tests run in parallel, so nothing may clash.  The address is made from the process's number, which no other process has
at the same time: all of 127.0.0.0/8 is this machine, so ports need not be searched for.  Every process started is ended
by its number: at the end of the `with` block, when the test dies, and, by a guardian, when it is killed.
"""

import atexit
import ctypes
import errno
import fcntl
import os
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time

import tap

PATIENCE = 30.0  # seconds until a wait is given up: generous, for loaded machines and sanitizers
_libc = ctypes.CDLL(None, use_errno=True)

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


class Failure(Exception):
    """The surroundings of a test do not work."""


def until(what, condition, patience=PATIENCE):
    """Waits until condition() answers something true; answers that."""
    end = time.monotonic() + patience
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise Failure("waited %d s in vain: %s" % (patience, what))
        time.sleep(0.02)


def run(words, input=None, check=True, env=None):
    """Runs a command to its end; answers its CompletedProcess, with stdout and stderr as text."""
    done = subprocess.run([str(w) for w in words], input=input, capture_output=True, text=True,
                          env=env, timeout=4 * PATIENCE)
    if check and done.returncode:
        raise Failure("%s: exit %d: %s%s" % (words[0], done.returncode, done.stdout, done.stderr))
    return done


_CLONE_NEWNET, _CLONE_NEWNS, _CLONE_NEWUTS = 0x40000000, 0x00020000, 0x04000000
_MS_BIND, _MS_REC, _MS_PRIVATE = 4096, 16384, 1 << 18
_SIOCSIFFLAGS, _IFF_UP = 0x8914, 1


def _checked(what, result):
    """Some containers forbid root to do this: then the test cannot be run there."""
    if result and ctypes.get_errno() == errno.EPERM:
        tap.skip_all("%s is not permitted here" % what)
    if result:
        raise Failure("%s: %s" % (what, os.strerror(ctypes.get_errno())))


def private_file(path, text):
    """From now on this process and its children see another text in a file of the system."""
    _checked("unshare", _libc.unshare(_CLONE_NEWNS))
    _checked("mount", _libc.mount(b"none", b"/", None, _MS_REC | _MS_PRIVATE, None))
    with tempfile.NamedTemporaryFile("w", dir="/tmp") as f:
        f.write(text)
        f.flush()
        os.chmod(f.name, 0o644)
        _checked("mount", _libc.mount(f.name.encode(), os.path.realpath(path).encode(), None, _MS_BIND, None))


def private_network():
    """Moves this process into a network of its own, which has only a loopback: there every port is free."""
    _checked("unshare", _libc.unshare(_CLONE_NEWNET))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        fcntl.ioctl(s, _SIOCSIFFLAGS, struct.pack("16sh14x", b"lo", _IFF_UP))


def private_name(name):
    """From now on this process and its children think that the machine has this name."""
    _checked("unshare", _libc.unshare(_CLONE_NEWUTS))
    socket.sethostname(name)


def _started(pid):
    """When the process was started, in clock ticks: numbers come again, this does not.  None: there is none."""
    try:
        with open("/proc/%d/stat" % pid) as f:
            fields = f.read().rpartition(")")[2].split()
    except OSError:
        return None
    return None if fields[0] == "Z" else int(fields[19])


class Guardian:
    """A process that outlives a killed test, ends what it had started, and removes its directory.

    The kernel's own way (PR_SET_PDEATHSIG) is no help: it is forgotten when a server gives up root.
    """

    current = None  # this process's

    def __init__(self, directory):
        reader, self.writer = os.pipe()
        self.pid = os.fork()
        if self.pid:
            os.close(reader)
            return
        try:
            os.close(self.writer)
            os.setsid()
            for sig in (signal.SIGHUP, signal.SIGINT, signal.SIGTERM):
                signal.signal(sig, signal.SIG_IGN)
            # Nobody who reads the test's output is to wait for this process.
            null = os.open(os.devnull, os.O_RDWR)
            for fd in (0, 1, 2):
                os.dup2(null, fd)
            with os.fdopen(reader) as lines:
                self._watch(lines, directory)
        finally:
            os._exit(0)

    @staticmethod
    def _watch(lines, directory):
        known = []
        for line in lines:
            if line == "done\n":
                return
            pid, started = line.split()
            known.append((int(pid), int(started)))
        for sig, patience in ((signal.SIGTERM, 10), (signal.SIGKILL, 1)):
            for pid, started in reversed(known):
                if _started(pid) == started:
                    os.kill(pid, signal.SIGCONT)
                    os.kill(pid, sig)
            end = time.monotonic() + patience
            while time.monotonic() < end and any(_started(pid) == started for pid, started in known):
                time.sleep(0.05)
        shutil.rmtree(directory, ignore_errors=True)

    def know(self, pid):
        started = _started(pid)
        if started is not None:
            os.write(self.writer, b"%d %d\n" % (pid, started))

    def dismiss(self):
        os.write(self.writer, b"done\n")
        os.close(self.writer)
        os.waitpid(self.pid, 0)


class Process:
    """A server in the foreground, its output in a file."""

    def __init__(self, name, words, output, env=None):
        self.name = name
        self.output = output
        with open(output, "ab") as out:
            self.child = subprocess.Popen([str(w) for w in words], stdin=subprocess.DEVNULL, stdout=out, stderr=out,
                                          env=env, cwd="/", start_new_session=True)
        if Guardian.current:
            Guardian.current.know(self.child.pid)

    @property
    def pid(self):
        return self.child.pid

    def alive(self):
        return self.child.poll() is None

    def kill(self, sig):
        self.child.send_signal(sig)

    def ready(self, condition, patience=PATIENCE):
        """Waits for the condition; a process that ends meanwhile is an error, shown with its output."""
        def or_dead():
            if not self.alive():
                raise Failure("%s ended with %d at start:\n%s" % (self.name, self.child.returncode, self.text()[-4000:]))
            return condition()
        until("%s to be ready" % self.name, or_dead, patience)

    def wait(self, patience=PATIENCE):
        """Its exit status; None when it does not end."""
        try:
            return self.child.wait(patience)
        except subprocess.TimeoutExpired:
            return None

    def stop(self, sig=signal.SIGTERM, patience=PATIENCE):
        """Asks it to end, insists after a while; answers its exit status (negative: a signal)."""
        if self.alive():
            self.kill(signal.SIGCONT)
            self.kill(sig)
            if self.wait(patience) is None:
                self.kill(signal.SIGKILL)
                self.wait()
        return self.child.returncode

    def text(self):
        with open(self.output, errors="replace") as f:
            return f.read()


class Place:
    """The directory `dir`, the address `ip`, and what was started, to be ended in reverse order."""

    def __init__(self):
        pid = os.getpid()
        self.ip = "127.%d.%d.%d" % (64 + (pid >> 16 & 63), pid >> 8 & 255, pid & 255)
        # Not below TMPDIR of some user: postfix and nobody have to reach it.
        self.dir = tempfile.mkdtemp(prefix="millgate-test-", dir="/tmp")
        os.chmod(self.dir, 0o755)
        Guardian.current = Guardian(self.dir)
        self._closers = []
        self._owner = pid
        atexit.register(self.close)
        for sig in (signal.SIGTERM, signal.SIGHUP):
            signal.signal(sig, lambda number, frame: sys.exit(128 + number))

    def path(self, *parts):
        return os.path.join(self.dir, *parts)

    def write(self, name, text, mode=0o644):
        path = self.path(name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as f:
            f.write(text if isinstance(text, bytes) else text.encode())
        os.chmod(path, mode)
        return path

    def on_close(self, closer):
        self._closers.append(closer)

    def close(self):
        if os.getpid() != self._owner:  # a forked child has nothing to tidy up
            return
        while self._closers:
            closer = self._closers.pop()
            try:
                closer()
            except Exception as error:  # the others are still to be ended
                print("# while tidying up:", error, flush=True)
        if os.environ.get("MILLGATE_KEEP"):
            print("# kept:", self.dir, flush=True)
        else:
            shutil.rmtree(self.dir, ignore_errors=True)
        if Guardian.current:
            Guardian.current.dismiss()
            Guardian.current = None
        atexit.unregister(self.close)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
