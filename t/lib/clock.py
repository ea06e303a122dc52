"""Redis with a clock that the test moves (moved.c, preloaded into redis-server).

Greylisting goes by Redis's clock alone, and so does all that expires there; millgated and the other servers keep the real
one.  The clock only goes forward, and nothing waits for it.
"""

import mmap
import os
import shlex
import struct
import time

from place import PATIENCE, Failure, run
from redis_server import Redis

HERE = os.path.dirname(os.path.abspath(__file__))


class MovedRedis(Redis):
    """now: seconds since 1970, by its own clock."""

    def start(self, begin=0):
        """begin: what its clock shows first; not in the past."""
        library, path = self.place.path("redis/moved.so"), self.place.path("redis/offset")
        if self.process is None:
            run([*shlex.split(os.environ.get("CC", "cc")), "-std=gnu11", "-O2", "-shared", "-fPIC", "-o", library,
                 HERE + "/moved.c"])
            self.place.write("redis/offset", bytes(8))
            with open(path, "r+b") as f:
                self._map = mmap.mmap(f.fileno(), 8)
            self._offset = 0.0
        self.move(begin)
        # redis-server's alone: what has started already looks for it no more.
        ours = {"LD_PRELOAD": library, "CLOCK_OFFSET_FILE": path}
        os.environ.update(ours)
        try:
            super().start()
        finally:
            for name in ours:
                del os.environ[name]
        if abs(int(self.cmd("TIME")[0]) - self.now) > PATIENCE:
            raise Failure("redis-server's clock is not the one that was given to it")
        return self

    @property
    def now(self):
        return time.time() + self._offset

    def move(self, to):
        """Forward; the past stays past."""
        if to > self.now:
            self._offset = to - time.time()
            self._map[:] = struct.pack("=q", int(self._offset * 1000000))

    def later(self, seconds):
        """So much time passes."""
        self.move(self.now + seconds)
