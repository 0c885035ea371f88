"""Runs on the monitor: takes what comes by webhook, mail and remote_write, and writes who was told what, a JSON line each."""

import asyncore
import json
import re
import smtpd
import sys
import threading
from email import message_from_bytes
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

BOOK = Path(sys.argv[1])
TURN = threading.Lock()


def note(who, what):
    with TURN, BOOK.open("a", encoding="utf-8") as book:
        book.write(json.dumps({"who": who, "what": what}) + "\n")


class Web(BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.path == "/write":
            note("write", [self.headers["X-Prometheus-Remote-Write-Version"], len(body)])
        else:
            labels = [alert["labels"] for alert in json.loads(body)["alerts"] if alert["status"] == "firing"]
            note(self.path[1:], [[one["alertname"], one.get("node", "")] for one in labels])
        self.send_response(204)
        self.end_headers()

    def log_request(self, *words):
        pass


class Mail(smtpd.SMTPServer):
    def process_message(self, *words, **_more):
        parts = [part for part in message_from_bytes(words[3]).walk() if not part.is_multipart()]
        text = "".join(part.get_payload(decode=True).decode() for part in parts)
        note("mail", [[name, ""] for name in re.findall(r"alertname = (\w+)", text)])


threading.Thread(target=ThreadingHTTPServer(("127.0.0.1", 9801), Web).serve_forever, daemon=True).start()
Mail(("127.0.0.1", 9802), None)
asyncore.loop()
