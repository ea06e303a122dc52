"""millgated as a policy service: for Postfix (PolicyWorld), and asked directly (Policy)."""

import os
import socket

from place import PATIENCE
from world import World

SERVICE = "check_policy_service unix:millgate/policy.sock"
# Without the first one Postfix looks last whether a recipient exists, and unknown ones would be greylisted.
RESTRICTIONS = {"rcpt": "smtpd_recipient_restrictions = reject_unlisted_recipient, " + SERVICE,
                "data": "smtpd_data_restrictions = " + SERVICE, "end": "smtpd_end_of_data_restrictions = " + SERVICE}
ALL = ("rcpt", "data", "end")


class _Section:
    """The section `policyd` of the configuration; its path is known when it is written."""

    def __init__(self, world, asked, more):
        self.world, self.asked, self.more = world, asked, more

    def __str__(self):
        return '{ listen = "unix:%s"; mode = "0660"; group = "postfix"; asked_at = ( %s ); %s }' % (
            self.world.policy_socket, ", ".join('"%s"' % stage for stage in self.asked), self.more)


class PolicyWorld(World):
    """fronts: "policy", "milter" or both; asked: where Postfix asks; told: what millgate is told of that."""

    def __init__(self, text="", fronts=("policy",), asked=ALL, told=None, settings="", more="", **sections):
        lines = [settings]
        if "milter" not in fronts:
            lines += ["smtpd_milters =", "non_smtpd_milters ="]
        if "policy" in fronts:
            lines += [RESTRICTIONS[stage] for stage in asked]
            sections["policyd"] = _Section(self, asked if told is None else told, more)
        super().__init__(text, settings="\n".join(lines), **sections)

    @property
    def policy_socket(self):
        return os.path.join(self.dir, "postfix/queue/millgate/policy.sock")

    def policy(self, **attributes):
        return Policy(self.policy_socket, **attributes)


class Policy:
    """One connection, as an smtpd process has it; attributes: of every request on it."""

    def __init__(self, path, **attributes):
        self.attributes = {
            "request": "smtpd_access_policy", "protocol_state": "RCPT", "protocol_name": "ESMTP",
            "client_address": "198.51.100.3", "client_name": "unknown", "reverse_client_name": "unknown",
            "client_port": "40000", "server_address": "203.0.113.25", "server_port": "25",
            "helo_name": "client.example.org", "sender": "alice@example.org", "recipient": "bob@example.net",
            "recipient_count": "0", "queue_id": "", "size": "0", "sasl_username": "", **attributes}
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(PATIENCE)
        self.socket.connect(path)
        self.left = b""

    def request(self, **attributes):
        """The request's bytes."""
        lines = ["%s=%s\n" % item for item in {**self.attributes, **attributes}.items() if item[1] is not None]
        return "".join(lines).encode() + b"\n"

    def send(self, data):
        self.socket.sendall(data)

    def answer(self):
        """The next action; None when the connection is closed."""
        while b"\n\n" not in self.left:
            data = self.socket.recv(65536)
            if not data:
                return None
            self.left += data
        one, self.left = self.left.split(b"\n\n", 1)
        name, action = one.decode().split("=", 1)
        assert name == "action", one
        return action

    def ask(self, **attributes):
        self.send(self.request(**attributes))
        return self.answer()

    def close(self):
        self.socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
