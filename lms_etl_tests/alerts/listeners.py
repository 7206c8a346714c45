"""Where alerts arrive in tests: a real SMTP server and a real webhook, both able to refuse."""

import email
import email.policy
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP

from lms_etl_tests.servers.child import free_port

FROM = "etl@example.org"
TO = "admin@example.org"


@dataclass
class Mailbox:
    """A mail server that keeps what it accepts; while `refuses` it accepts nothing."""

    port: int
    refuses: bool = False
    mails: list[dict[str, str]] = field(default_factory=list)

    def url(self, *recipients: str) -> str:
        return f"mailto://127.0.0.1:{self.port}/?from={FROM}&to={','.join(recipients or (TO,))}"

    @property
    def titles(self) -> list[str]:
        return [mail["Subject"] for mail in self.mails]

    async def handle_RCPT(  # noqa: N802 - aiosmtpd's name
        self, _server: SMTP, _session: Any, envelope: Any, address: str, _options: list[str]
    ) -> str:
        if self.refuses:
            return "451 come back later"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, _server: SMTP, _session: Any, envelope: Any) -> str:  # noqa: N802 - aiosmtpd's name
        mail = email.message_from_bytes(envelope.content, policy=email.policy.default)
        text = mail.get_body(("plain", "html")).get_content()
        headers = {name: str(mail[name]) for name in ("Subject", "Idempotency-Key")}
        self.mails.append({**headers, "To": ",".join(envelope.rcpt_tos), "Text": text})
        return "250 OK"


@contextmanager
def mailbox() -> Iterator[Mailbox]:
    """A mail server on a port of its own."""
    box = Mailbox(free_port())
    controller = Controller(box, hostname="127.0.0.1", port=box.port)
    controller.start()
    try:
        yield box
    finally:
        controller.stop()


@dataclass
class Webhook:
    """A web server that keeps what is posted; while `refuses` it answers 503."""

    port: int
    refuses: bool = False
    calls: list[dict[str, Any]] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"json://127.0.0.1:{self.port}/hook/s3cretPath99"

    @property
    def titles(self) -> list[str]:
        return [call["title"] for call in self.calls]


@contextmanager
def webhook() -> Iterator[Webhook]:
    """A web server on a port of its own."""
    hook = Webhook(free_port())

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            posted = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            if not hook.refuses:
                hook.calls.append({**posted, "key": self.headers["Idempotency-Key"]})
            self.send_response(503 if hook.refuses else 200)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            """Says nothing on stderr."""

    server = HTTPServer(("127.0.0.1", hook.port), Handler)
    thread = Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield hook
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
