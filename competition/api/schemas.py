"""What the API takes and gives: the OpenAPI document is made from these."""

from datetime import datetime
from typing import Any, Generic, Literal, TypeVar
from uuid import UUID

from ninja import Schema
from pydantic import ConfigDict, Field

from competition.api.problems import FileProblem
from competition.submissions.models import State

SubmissionState = Literal[
    "received", "validating", "queued", "scoring", "scored", "invalid", "failed", "cancelled"
]
assert set(State.values) == set(SubmissionState.__args__)  # type: ignore[attr-defined]
CompetitionState = Literal["draft", "upcoming", "open", "closed"]

Item = TypeVar("Item")


class Page(Schema, Generic[Item]):
    """A part of a list: ?limit=&offset= choose which."""

    items: list[Item]
    count: int = Field(description="How many there are in all", examples=[1])


class Rules(Schema):
    version: int = Field(description="The version in force", examples=[1])
    accepted: int | None = Field(description="The version that you accepted; null where none")


class Competition(Schema):
    slug: str = Field(examples=["typhoons"])
    title: str = Field(description="In the language of Accept-Language", examples=["Find the typhoons"])
    tagline: str
    state: CompetitionState
    opens_at: datetime
    closes_at: datetime
    url: str = Field(description="Its page")
    participants: int
    teams: int
    joined: bool = Field(description="Whether you take part")
    team: str | None = Field(description="Your team's name")


class CompetitionDetail(Competition):
    overview: str = Field(description="Markdown, as are the other texts")
    evaluation: str
    prizes: str
    data_notes: str
    metric: dict[str, Any] = Field(description="The metric's configuration, as `python -m scoring` takes it")
    rules: Rules | None = Field(description="Null until the organizers have written them")
    daily_limit: int = Field(description="Submissions per team and day (UTC)")
    remaining_today: int | None = Field(description="What your team has left of it; null where you have none")
    next_reset: datetime = Field(description="When the day ends")
    max_team_size: int
    max_finals: int
    max_upload_bytes: int


class JoinRequest(Schema):
    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"accept_rules": True}]})

    accept_rules: bool = Field(description="true: I have read the rules in force, and accept them")


class Participation(Schema):
    competition: str = Field(description="Its slug")
    team: str
    rules_version: int = Field(description="What you accepted")
    rules_accepted_at: datetime
    joined_at: datetime


class File(Schema):
    name: str = Field(description="Path within the release", examples=["train/images-00000.npy"])
    size: int = Field(description="Bytes")
    sha256: str = Field(description="Hexadecimal; the ETag of the download as well")
    url: str = Field(description="Download it from here with the same token; Range is honoured")


class Files(Page[File]):
    release: str = Field(description="Name of the data", examples=["synthetic-typhoons"])
    version: str
    licence: str


class Curve(Schema):
    precision: list[float]
    recall: list[float]
    threshold: list[float | None] = Field(description="Nulls until the competition closes")


class PartResult(Schema):
    """The result on the public or the private part: `R` of `python -m scoring grade --json`."""

    model_config = ConfigDict(extra="allow")

    score: float | None = Field(description="Rounded to the competition's digits; null below the gate")
    shown: bool = Field(
        True, description="false: no clear improvement over your best, so until the close nothing is told"
    )
    passed_gate: bool | None
    precision: float | None = None
    recall: float | None = None
    threshold: float | None = Field(None, description="This and the counts: null until the close")
    tp: int | None = None
    fp: int | None = None
    fn: int | None = None
    tn: int | None = None
    interval: list[float] | None = Field(None, description="95 % confidence interval of the score")
    probability_below_gate: float | None = Field(
        None, description="Share of the draws in which its recall misses the gate"
    )
    uncertainty: dict[str, Any] | None = Field(
        None,
        description="replicates, level, standard_error; interval and quantiles of recall and precision at "
        "the threshold; cloud: recall and precision in some of the draws",
    )
    slices: dict[str, Any] | None = Field(None, description="By column of the solution: its groups' results")
    curve: Curve | None = None


class Submission(Schema):
    id: UUID
    competition: str = Field(description="Its slug")
    team: str
    user: str = Field(description="Who sent it")
    filename: str
    message: str
    size: int = Field(description="Bytes")
    sha256: str
    state: SubmissionState
    received_at: datetime
    finished_at: datetime | None
    public: PartResult | None = Field(description="Once it is scored")
    private: PartResult | None = Field(None, description="Once the competition is closed")
    problems: list[FileProblem] = Field(description="Why it is invalid: everything found at once")
    warnings: list[str]
    is_final: bool
    url: str = Field(description="Its page")


class FinalRequest(Schema):
    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"final": True}]})

    final: bool = Field(description="Whether it counts on the private leaderboard")


class Entry(Schema):
    rank: int = Field(examples=[1])
    team: str
    score: float | None = Field(description="Null below the gate")
    passed_gate: bool
    recall: float | None
    precision: float | None
    interval: list[float] | None = Field(None, description="95 % confidence interval of the score")
    tie_band: int | None = Field(
        None,
        description="1: the leader and those who cannot be told apart from it; the first who can leads 2",
    )
    probability_below_gate: float | None = Field(
        None, description="Share of the draws in which its recall misses the gate"
    )
    entries: int = Field(description="Scored submissions of the team")
    last_submission_at: datetime | None
    is_mine: bool
    public_rank: int | None = Field(None, description="On the private board: the rank on the public one")


class Leaderboard(Schema):
    competition: str
    part: Literal["public", "private"]
    updated_at: datetime | None = Field(description="When the newest score was made; null where none is")
    metric: dict[str, Any]
    entries: list[Entry] = Field(description="Best first; those below the gate last, by recall")
    count: int = Field(description="How many teams there are in all")
