"""The rest of the world: an SMTP server in a thread that takes everything and remembers it."""

import re
import socketserver
import threading

from place import until


class Taken:
    """One message: sender, recipients with their parameters, and the text."""

    def __init__(self, sender):
        self.sender = sender
        self.rcpts = []
        self.parameters = {}
        self.data = b""


class _Handler(socketserver.StreamRequestHandler):
    def say(self, text):
        self.wfile.write(text.encode() + b"\r\n")

    def handle(self):
        taken = None
        self.say("220 sink ESMTP")
        for raw in self.rfile:
            line = raw.decode("latin-1").rstrip("\r\n")
            verb = line[:4].upper()
            path = re.search(r":\s*<(.*?)>\s*(.*)", line)
            if verb == "EHLO":
                self.say("250-sink")
                self.say("250-8BITMIME")
                self.say("250 DSN")
            elif verb == "MAIL" and path:
                taken = Taken(path.group(1))
                self.say("250 2.1.0 ok")
            elif verb == "RCPT" and path and taken:
                if path.group(1) in self.server.refused:
                    self.say("550 5.1.1 no such user here")
                    continue
                taken.rcpts.append(path.group(1))
                taken.parameters[path.group(1)] = path.group(2)
                self.say("250 2.1.5 ok")
            elif verb == "DATA" and taken:
                self.say("354 go on")
                lines = []
                for text in self.rfile:
                    if text == b".\r\n":
                        break
                    lines.append(text[1:] if text.startswith(b".") else text)
                taken.data = b"".join(lines)
                self.server.taken.append(taken)
                self.say("250 2.0.0 taken")
                taken = None
            elif verb == "QUIT":
                self.say("221 2.0.0 bye")
                return
            elif verb in ("HELO", "RSET", "NOOP"):
                self.say("250 2.0.0 ok")
            else:
                self.say("502 5.5.2 what?")


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    request_queue_size = 500
    allow_reuse_address = True


class Sink:
    """refused: addresses that do not exist there, so that mail to them bounces."""

    def __init__(self, place, port=2526, refused=()):
        self.server = _Server((place.ip, port), _Handler)
        self.server.taken = []
        self.server.refused = set(refused)
        self.address = (place.ip, port)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        place.on_close(self._close)

    def _close(self):
        self.server.shutdown()
        self.server.server_close()

    @property
    def taken(self):
        return self.server.taken

    def wait(self, count):
        until("%d messages at the sink" % count, lambda: len(self.taken) >= count)
        return self.taken
