"""What tests do with an MTA, whichever it is: postfix.py, sendmail.py."""

from place import until
from smtp import Lost, Session, attempt


class Mta:
    """Who inherits has ip, port, master (a Process, or None), connect(), _under_way() and queued()."""

    master = None

    def _answers(self):
        try:
            with Session(self.ip, self.port):
                return True
        except (OSError, Lost):  # while it starts it may drop a connection, too
            return False

    def _serve(self, process):
        """Waits until it answers; ends it with the test."""
        self.master = process
        self.place.on_close(self.stop)
        self.master.ready(self._answers)
        return self

    def stop(self):
        if self.master is not None:
            self.master.stop()
            self.master = None

    def send(self, message, sender="alice@example.org", rcpts=("bob@example.net",), mail_parameters=(),
             helo="client.example.org", **client):
        """One message in a session of its own; answers its Outcome."""
        with self.connect(**client) as session:
            outcome = attempt(session, message, sender, rcpts, mail_parameters, helo)
            session.quit()
        return outcome

    def settle(self):
        """Waits until whatever was accepted is delivered, held or deferred."""
        until("the queue to settle", lambda: not self._under_way())

    def held(self):
        return [m for m in self.queued() if m["queue_name"] == "hold"]
