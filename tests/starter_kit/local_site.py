"""A small HTTP server that keeps the REST contract and can be told to fail in every way a network fails.

The journey test walks the same commands against the real site; here the faults can be chosen.
"""

from __future__ import annotations

import hashlib
import json
import re
import threading
from collections import Counter
from dataclasses import dataclass, field
from email.message import Message
from email.parser import BytesParser
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self

from scoring import InvalidSubmission, MetricConfig, Solution, grade, validate_submission
from scoring.disclosure import withheld

TOKEN = "tmg_alice"
# Images are drawn, not storms: of these the tests' release has a single one.
METRIC = {
    "metric": "recall_constrained_precision",
    "prediction": "score",
    "digits": 4,
    "cluster_by": None,
}


@dataclass
class Faults:
    """What goes wrong next."""

    break_after: list[int] = field(default_factory=list)
    """Downloads break off after so many bytes, one entry for each attempt."""
    damage: set[str] = field(default_factory=set)
    """Names of files that arrive with a wrong byte."""
    ignore_ranges: bool = False
    answers: list[tuple[int, dict[str, str], dict[str, Any]]] = field(default_factory=list)
    """(status, headers, problem) to give instead, one for each request."""
    answers_to_upload: list[tuple[int, dict[str, str], dict[str, Any]]] = field(default_factory=list)
    answers_after_upload: list[tuple[int, dict[str, str], dict[str, Any]]] = field(default_factory=list)
    states: list[str] = field(default_factory=lambda: ["queued", "scoring"])
    """What a submission is before it is scored."""


class LocalSite:
    """Use it in a `with` statement; `url` is its address."""

    def __init__(
        self,
        files: dict[str, bytes] | None = None,
        *,
        solution: Solution | None = None,
        uploads: Path | None = None,
    ) -> None:
        self.files = files or {}
        self.solution = solution
        self.uploads = uploads
        self.joined = True
        self.ladder = False  # with it, no score is shown here
        self.faults = Faults()
        self.requests: list[tuple[str, str]] = []
        self.ranges: list[str] = []
        self.tokens: Counter[str] = Counter()
        self.received: dict[str, Path] = {}
        self.asked: Counter[str] = Counter()
        self.messages: list[str] = []
        self.entries: list[dict[str, Any]] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self.files_at = self.url

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})
        self._thread.start()
        return self

    def __exit__(self, *raised: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def etag(self, name: str) -> str:
        return f'"{hashlib.sha256(self.files[name]).hexdigest()}"'


def problem(status: int, code: str, detail: str, **more: Any) -> tuple[int, dict[str, str], dict[str, Any]]:
    """As RFC 9457 has it."""
    body = {"type": f"urn:tamago:{code}", "title": code, "status": status, "detail": detail, "code": code}
    return status, {}, body | more


def _handler(site: LocalSite) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *arguments: Any) -> None:
            pass

        def do_GET(self) -> None:
            self._answer()

        def do_POST(self) -> None:
            self._answer()

        def _answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            path = self.path.partition("?")[0].removeprefix("/api/v1")
            site.requests.append((self.command, path))
            site.tokens[self.headers.get("Authorization", "")] += 1
            if site.faults.answers:
                return self._json(*site.faults.answers.pop(0))
            if self.headers.get("Authorization") != f"Bearer {TOKEN}" and not path.startswith("/elsewhere/"):
                return self._json(*problem(401, "not_authenticated", "Send a valid API token."))
            for pattern, action in routes:
                if match := re.fullmatch(pattern, f"{self.command} {path}"):
                    return action(self, body, *match.groups())
            return self._json(*problem(404, "not_found", "There is nothing at this address."))

        def _json(self, status: int, headers: dict[str, str], body: Any) -> None:
            content = json.dumps(body).encode()
            self.send_response(status)
            kind = "application/problem+json" if status >= 400 else "application/json"
            for name, value in {"Content-Type": kind, "Content-Length": str(len(content)), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)

        def competitions(self, body: bytes) -> None:
            self._json(200, {}, {"items": [_summary(site)], "count": 1})

        def competition(self, body: bytes, slug: str) -> None:
            detail = {"metric": METRIC, "max_upload_bytes": 10_000_000, "remaining_today": 5}
            self._json(200, {}, _summary(site) | detail)

        def join(self, body: bytes, slug: str) -> None:
            assert json.loads(body) == {"accept_rules": True}
            site.joined = True
            self._json(200, {}, {"competition": slug, "team": "Alice", "rules_version": 3})

        def list_files(self, body: bytes, slug: str) -> None:
            items = [
                {
                    "name": name,
                    "size": len(content),
                    "sha256": hashlib.sha256(content).hexdigest(),
                    "url": f"{site.files_at}/elsewhere/{name}"
                    if site.files_at != site.url
                    else f"{site.url}/api/v1/competitions/{slug}/files/{name}",
                }
                for name, content in site.files.items()
            ]
            self._json(200, {}, {"items": items, "count": len(items), "release": "r", "version": "1"})

        def file(self, body: bytes, name: str) -> None:
            if not site.joined:
                return self._json(*problem(403, "not_joined", "Join the competition first."))
            content, etag = site.files[name], site.etag(name)
            start, wanted = 0, self.headers.get("Range")
            site.ranges.append(wanted or "")
            if wanted and not site.faults.ignore_ranges and self.headers.get("If-Range", etag) == etag:
                start = int(wanted.removeprefix("bytes=").removesuffix("-"))
            self.send_response(206 if start else 200)
            self.send_header("ETag", etag)
            if start:
                self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
            self.send_header("Content-Length", str(len(content) - start))
            self.end_headers()
            if name in site.faults.damage:
                content = content[:-1] + bytes([content[-1] ^ 1])
            part = content[start:]
            if site.faults.break_after:
                self.wfile.write(part[: site.faults.break_after.pop(0)])
                self.close_connection = True
                return None
            self.wfile.write(part)
            return None

        def submit(self, body: bytes, slug: str) -> None:
            if site.faults.answers_to_upload:
                return self._json(*site.faults.answers_to_upload.pop(0))
            if not site.joined:
                return self._json(*problem(403, "not_joined", "Join the competition before you submit."))
            parts = _multipart(self.headers, body)
            filename, content = parts["file"]
            site.messages.append(parts["message"][1].decode())
            number = str(len(site.received))
            file = site.uploads / filename
            file.write_bytes(content)
            try:
                validate_submission(file, ids=site.solution.ids, config=MetricConfig.model_validate(METRIC))
            except InvalidSubmission as error:
                listed = [each.to_dict() for each in error.problems]
                return self._json(
                    *problem(422, "invalid_submission", "Not valid.", problems=listed, id=number)
                )
            site.received[number] = file
            site.faults.answers += site.faults.answers_after_upload
            return self._json(201, {}, _submission(site, number, "received"))

        def submission(self, body: bytes, number: str) -> None:
            asked = site.asked[number]
            site.asked[number] += 1
            state = site.faults.states[asked] if asked < len(site.faults.states) else "scored"
            self._json(200, {}, _submission(site, number, state))

        def leaderboard(self, body: bytes, slug: str) -> None:
            offset = int(re.search(r"offset=(\d+)", self.path)[1]) if "offset" in self.path else 0
            page = site.entries[offset : offset + 3]  # small, so that pages have to be turned
            part = "private" if "part=private" in self.path else "public"
            self._json(200, {}, {"part": part, "metric": METRIC, "entries": page, "count": len(site.entries)})

    routes = [
        (r"GET /competitions", Handler.competitions),
        (r"GET /competitions/(typhoons)", Handler.competition),
        (r"POST /competitions/(typhoons)/join", Handler.join),
        (r"GET /competitions/(typhoons)/files", Handler.list_files),
        (r"GET /competitions/typhoons/files/(.+)", Handler.file),
        (r"GET /elsewhere/(.+)", Handler.file),
        (r"POST /competitions/(typhoons)/submissions", Handler.submit),
        (r"GET /submissions/(\d+)", Handler.submission),
        (r"GET /competitions/(typhoons)/leaderboard", Handler.leaderboard),
    ]
    return Handler


def _summary(site: LocalSite) -> dict[str, Any]:
    return {
        "slug": "typhoons",
        "title": "Find the typhoons",
        "tagline": "",
        "state": "open",
        "opens_at": "2026-01-01T00:00:00Z",
        "closes_at": "2026-12-31T12:00:00Z",
        "url": f"{site.url}/competitions/typhoons/",
        "joined": site.joined,
    }


def _submission(site: LocalSite, number: str, state: str) -> dict[str, Any]:
    public = None
    if state == "scored":
        config = MetricConfig.model_validate(METRIC)
        graded = grade(site.received[number], site.solution, config, device="cpu")
        public = graded.public.to_dict()
        if site.ladder:
            public = withheld(public)
    url = f"{site.url}/submissions/{number}/"
    problems = [{"kind": "nan_value", "message": "row 2: NaN", "rows": [2], "total": 1}] * (
        state == "invalid"
    )
    return {"id": number, "state": state, "url": url, "public": public, "problems": problems, "warnings": []}


def _multipart(headers: Message, body: bytes) -> dict[str, tuple[str, bytes]]:
    head = f"Content-Type: {headers['Content-Type']}\r\n\r\n".encode()
    form = BytesParser().parsebytes(head + body)
    return {
        part.get_param("name", header="content-disposition"): (
            part.get_filename() or "",
            part.get_payload(decode=True),
        )
        for part in form.get_payload()
    }
