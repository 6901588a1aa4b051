"""The site's REST API, as far as a participant needs it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any, BinaryIO, Self, TypeVar

import httpx
from pydantic import BaseModel, ConfigDict, ValidationError

from starter_kit.errors import StarterKitError
from starter_kit.site.credentials import LOGIN_HINT, Credentials

ATTEMPTS = 4
FIRST_PAUSE = 0.5  # seconds; doubles with each attempt
LONGEST_PAUSE = 30.0  # a Retry-After beyond this is reported rather than waited for
PATIENCE = 300.0  # seconds without any answer, while waiting for a score, before giving up
TIMEOUT = httpx.Timeout(30.0, read=120.0, write=120.0)  # validating a large upload takes the site a while
BUSY = (502, 503, 504)
TERMINAL = ("scored", "invalid", "failed", "cancelled")

Model = TypeVar("Model", bound="Answer")


class ApiError(StarterKitError):
    """The site refused or failed. `problems`: what to repair in an upload, one sentence each."""

    def __init__(self, message: str, *, status: int, code: str = "", problems: list[str] | None = None):
        super().__init__(message)
        self.status = status
        self.code = code
        self.problems = problems or []


class UnreachableError(StarterKitError):
    """No answer came."""


class Answer(BaseModel):
    """Part of what the site answers; members that the kit does not need are passed over."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class RemoteFile(Answer):
    """A file to download; `name` is its path within the release."""

    name: str
    size: int
    sha256: str
    url: str


class CompetitionSummary(Answer):
    slug: str
    title: str
    state: str
    opens_at: datetime
    closes_at: datetime
    url: str
    joined: bool = False


class Competition(CompetitionSummary):
    metric: dict[str, Any]
    max_upload_bytes: int
    remaining_today: int | None = None


class Participation(Answer):
    team: str
    rules_version: int


class PartResult(Answer):
    """The public result: `R` of `python -m scoring grade --json`."""

    score: float | None
    passed_gate: bool | None
    precision: float | None = None
    recall: float | None = None
    threshold: float | None = None
    interval: tuple[float, float] | None = None
    probability_below_gate: float | None = None
    uncertainty: dict[str, Any] | None = None
    shown: bool = True  # false where the competition's Ladder holds it back


class FileProblem(Answer):
    message: str


class Submission(Answer):
    id: str
    state: str
    url: str
    filename: str = ""
    public: PartResult | None = None
    problems: list[FileProblem] = []
    warnings: list[str] = []

    @property
    def is_done(self) -> bool:
        return self.state in TERMINAL


class Entry(Answer):
    rank: int
    team: str
    score: float | None
    passed_gate: bool
    recall: float | None = None
    precision: float | None = None
    interval: tuple[float, float] | None = None
    tie_band: int | None = None
    probability_below_gate: float | None = None
    entries: int
    last_submission_at: datetime | None = None
    is_mine: bool = False


class Leaderboard(Answer):
    part: str
    metric: dict[str, Any]
    entries: list[Entry]
    count: int


class Client:
    """A connection to one site. Use it in a `with` statement.

    Every method raises ApiError for what the site refuses, UnreachableError where no answer comes, and
    StarterKitError for an answer that no Tamago gives; the messages are for the person at the keyboard.
    """

    def __init__(self, credentials: Credentials, *, pause: float = FIRST_PAUSE) -> None:
        self.url = credentials.url
        self._pause = pause
        self._http = httpx.Client(
            base_url=f"{credentials.url}/api/v1/",
            auth=_TokenForOneSite(credentials),
            headers={"Accept": "application/json", "User-Agent": "tamago-starter-kit"},
            timeout=TIMEOUT,
            follow_redirects=True,  # files may lie in an object store
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *raised: object) -> None:
        self._http.close()

    def competitions(self) -> list[CompetitionSummary]:
        found: list[CompetitionSummary] = []
        while True:
            page = self._get("competitions", params={"limit": 200, "offset": len(found)})
            items = [_parsed(CompetitionSummary, item, self.url) for item in _member(page, "items", self.url)]
            found += items
            if not items or len(found) >= _member(page, "count", self.url):
                return found

    def competition(self, slug: str) -> Competition:
        return _parsed(Competition, self._get(f"competitions/{slug}"), self.url)

    def join(self, slug: str) -> Participation:
        """Accept the rules in force. Asking twice is harmless."""
        answer = self._request("POST", f"competitions/{slug}/join", json={"accept_rules": True})
        return _parsed(Participation, _json(answer, self.url), self.url)

    def files(self, slug: str) -> list[RemoteFile]:
        page = self._get(f"competitions/{slug}/files")
        return [_parsed(RemoteFile, item, self.url) for item in _member(page, "items", self.url)]

    def submit(self, slug: str, file: BinaryIO, *, filename: str, message: str = "") -> Submission:
        """Upload a submission. Sent once: after a broken connection, look before sending again.

        Raises ApiError with `problems` for an invalid file.
        """
        answer = self._request(
            "POST",
            f"competitions/{slug}/submissions",
            files={"file": (filename, file)},
            data={"message": message},
        )
        return _parsed(Submission, _json(answer, self.url), self.url)

    def submission(self, submission_id: str) -> Submission:
        return _parsed(Submission, self._get(f"submissions/{submission_id}"), self.url)

    def wait(
        self, submission: Submission, on_state: Callable[[str], None] = lambda state: None
    ) -> Submission:
        """Ask until the submission's state is final; on_state(state) is called at each answer.

        A site that does not answer for a while is asked again for five minutes.
        """
        pause, heard = self._pause, time.monotonic()
        while not submission.is_done:
            time.sleep(pause)
            pause = min(pause * 1.3, 5.0)
            try:
                submission = self.submission(submission.id)
                heard = time.monotonic()
                on_state(submission.state)
            except (ApiError, UnreachableError) as error:
                ours = isinstance(error, ApiError) and error.status not in (429, 500, *BUSY)
                if ours or time.monotonic() - heard > PATIENCE:
                    raise
        return submission

    def leaderboard(self, slug: str, *, private: bool = False) -> Leaderboard:
        """All standings, the best first. The private ones can be read once the competition has closed."""
        params: dict[str, Any] = {"part": "private" if private else "public", "limit": 1000}
        board = _parsed(Leaderboard, self._get(f"competitions/{slug}/leaderboard", params=params), self.url)
        entries = list(board.entries)
        while len(entries) < board.count:
            params["offset"] = len(entries)
            more = _parsed(
                Leaderboard, self._get(f"competitions/{slug}/leaderboard", params=params), self.url
            )
            if not more.entries:
                break
            entries += more.entries
        return board.model_copy(update={"entries": entries})

    @contextmanager
    def open_download(self, url: str, headers: dict[str, str]) -> Iterator[httpx.Response]:
        """One attempt at a download, its body not read yet. Raises ApiError from status 400 on, but for
        416."""
        try:
            with self._http.stream("GET", url, headers=headers) as response:
                if response.is_error and response.status_code != 416:
                    response.read()
                    raise refusal(response)
                yield response
        except httpx.HTTPError as error:
            raise unreachable(self.url, error) from error

    def _get(self, path: str, params: dict[str, Any] | None = None) -> Any:
        return _json(self._request("GET", path, params=params), self.url)

    def _request(self, method: str, path: str, **content: Any) -> httpx.Response:
        """Ask, and ask again where that is harmless: only GET, and only after an answer that may pass."""
        attempts = ATTEMPTS if method == "GET" else 1
        for attempt in range(1, attempts + 1):
            pause = self._pause * 2 ** (attempt - 1)
            try:
                response = self._http.request(method, path, **content)
            except httpx.HTTPError as error:
                if attempt == attempts:
                    raise unreachable(self.url, error) from error
            else:
                if response.is_success:
                    return response
                wanted = retry_after(response)
                may_pass = response.status_code in BUSY or (response.status_code == 429 and wanted)
                if attempt == attempts or not may_pass or (wanted or 0) > LONGEST_PAUSE:
                    raise refusal(response)
                pause = max(pause, wanted or 0)
            time.sleep(pause)
        raise AssertionError("the last attempt returns or raises")


class _TokenForOneSite(httpx.Auth):
    """Adds the token to requests to its own site: a file's address may name another, which must not see
    it."""

    def __init__(self, credentials: Credentials) -> None:
        self._site = httpx.URL(credentials.url)
        self._token = credentials.token

    def auth_flow(self, request: httpx.Request) -> Iterator[httpx.Request]:  # type: ignore[override]
        if (request.url.scheme, request.url.host, request.url.port) == (
            self._site.scheme,
            self._site.host,
            self._site.port,
        ):
            request.headers["Authorization"] = f"Bearer {self._token}"
        yield request


def unreachable(url: str, error: httpx.HTTPError) -> UnreachableError:
    if isinstance(error, httpx.TimeoutException):
        return UnreachableError(f"{url} did not answer in time. Try again; the site may be busy.")
    if isinstance(error, httpx.ConnectError):
        return UnreachableError(
            f"{url} cannot be reached ({error}). Is the address right, the network there?"
        )
    return UnreachableError(f"The connection to {url} broke ({error or type(error).__name__}). Try again.")


def refusal(response: httpx.Response) -> ApiError:
    """What an answer of 400 and above means, from its problem+json (RFC 9457) where it has one."""
    status = response.status_code
    try:
        problem = response.json()
        assert isinstance(problem, dict)
    except (ValueError, AssertionError):
        problem = {}
    said = str(problem.get("detail") or problem.get("title") or f"HTTP {status} {response.reason_phrase}")
    code = str(problem.get("code", ""))
    listed = problem.get("problems")
    problems = [
        str(each.get("message", each)) if isinstance(each, dict) else str(each)
        for each in (listed if isinstance(listed, list) else [])
    ]
    if status == 401:
        said = f"{said} {LOGIN_HINT}"
    elif status == 429:
        seconds = retry_after(response)
        said = f"{said} Try again in {timedelta(seconds=round(seconds))} h." if seconds else said
    elif status >= 500:
        said = f"The site has a problem, which is not your fault: {said} Try again later."
    return ApiError(said, status=status, code=code, problems=problems)


def retry_after(response: httpx.Response) -> float | None:
    """Seconds, where the site says how long to wait."""
    value = response.headers.get("Retry-After", "")
    return float(value) if value.isdecimal() else None


def _json(response: httpx.Response, url: str) -> Any:
    try:
        return response.json()
    except ValueError:
        kind = response.headers.get("Content-Type", "no type")
        raise StarterKitError(
            f"{url} answered, but not as Tamago's API does ({kind} instead of JSON). Is the address right?"
        ) from None


def _member(page: Any, name: str, url: str) -> Any:
    if not isinstance(page, dict) or name not in page:
        raise StarterKitError(
            f"{url} answered with a list that the kit does not understand; is it up to date?"
        )
    return page[name]


def _parsed(model: type[Model], answer: Any, url: str) -> Model:
    try:
        return model.model_validate(answer)
    except ValidationError as error:
        where = ".".join(str(part) for part in error.errors()[0]["loc"]) or "all of it"
        raise StarterKitError(
            f"{url} answered with a {model.__name__} that the kit does not understand ({where}). "
            "Is the kit up to date?"
        ) from None
