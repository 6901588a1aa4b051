"""Competitions: the list, one of them, joining it, its files and its standings."""

from typing import Annotated, Any, Literal

from django.core.cache import cache
from django.db.models import Count, QuerySet
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils.translation import gettext as _
from ninja import Path, Query, Router

from competition.api import schemas
from competition.api.authentication import PERSON, PUBLIC, PersonRequest
from competition.api.problems import problems
from competition.contests import models
from competition.contests.joining import join_competition, participation_of
from competition.datasets.downloads import current_release, downloadable_file, file_response
from competition.leaderboards.standings import (
    CACHE_SECONDS,
    Standing,
    board_version,
    private_standings,
    public_standings,
)
from competition.refusal import Refusal
from competition.submissions.models import Score
from competition.submissions.receive import next_reset, remaining_today

router = Router()

Slug = Annotated[str, Path(description="The competition's address", examples=["typhoons"])]
Limit = Annotated[int, Query(ge=1, le=200, description="How many at most")]
Offset = Annotated[int, Query(ge=0, le=10**9, description="How many to skip")]


def visible_competition(request: HttpRequest, slug: str) -> models.Competition:
    """Drafts exist for their organizers and for staff alone: 404 for everybody else."""
    return get_object_or_404(models.Competition.objects.visible_to(request.user), slug=slug)


@router.get(
    "/competitions",
    **PUBLIC,
    response={200: schemas.Page[schemas.Competition], **problems(401, 422, 429)},
    tags=["Competitions"],
    summary="All competitions",
)
def list_competitions(request: HttpRequest, limit: Limit = 50, offset: Offset = 0) -> dict:
    """The newest first. Without a token: what is public."""
    visible = models.Competition.objects.visible_to(request.user)
    shown = list(_counted(visible)[offset : offset + limit])
    participations = {}
    if request.user.is_authenticated:
        mine = request.user.participations.filter(competition__in=shown).select_related("team")
        participations = {each.competition_id: each for each in mine}
    return {
        "items": [_summary(request, each, participations.get(each.pk)) for each in shown],
        "count": visible.count(),
    }


@router.get(
    "/competitions/{slug:slug}",
    **PUBLIC,
    response={200: schemas.CompetitionDetail, **problems(401, 404, 422, 429)},
    tags=["Competitions"],
    summary="One competition",
)
def get_competition(request: HttpRequest, slug: Slug) -> dict:
    """Its texts, metric, limits, and how you take part."""
    competition = get_object_or_404(_counted(models.Competition.objects.visible_to(request.user)), slug=slug)
    participation = participation_of(request.user, competition)
    rules = competition.rules_versions.order_by("-number").first()
    return {
        **_summary(request, competition, participation),
        **{name: competition.text(name) for name in ("overview", "evaluation", "prizes", "data_notes")},
        "metric": competition.metric,
        "rules": rules
        and {"version": rules.number, "accepted": participation.rules.number if participation else None},
        "daily_limit": competition.daily_limit,
        "remaining_today": remaining_today(participation.team) if participation else None,
        "next_reset": next_reset(),
        "max_team_size": competition.max_team_size,
        "max_finals": competition.max_finals,
        "max_upload_bytes": competition.max_upload_bytes,
    }


@router.post(
    "/competitions/{slug:slug}/join",
    auth=PERSON,
    response={200: schemas.Participation, **problems(400, 401, 403, 404, 409, 422, 429)},
    tags=["Competitions"],
    summary="Take part",
)
def join(request: PersonRequest, slug: Slug, body: schemas.JoinRequest) -> dict:
    """Accept the rules in force; their version is recorded. Who takes part already accepts newer rules.

    Asking twice is harmless.
    """
    competition = visible_competition(request, slug)
    if not body.accept_rules:
        raise Refusal(
            _("Taking part means accepting the rules: send {“accept_rules”: true} once you have read them."),
            code="rules_not_accepted",
            status=422,
        )
    participation = join_competition(user=request.user, competition=competition)
    return {
        "competition": competition.slug,
        "team": participation.team.name,
        "rules_version": participation.rules.number,
        "rules_accepted_at": participation.rules_accepted_at,
        "joined_at": participation.joined_at,
    }


@router.get(
    "/competitions/{slug:slug}/files",
    **PUBLIC,
    response={200: schemas.Files, **problems(401, 404, 422, 429)},
    tags=["Data"],
    summary="The files of the data",
)
def list_files(request: HttpRequest, slug: Slug) -> dict:
    """Everything that can be downloaded. The list is public; the files are for participants."""
    competition = visible_competition(request, slug)
    release = current_release(competition)
    if release is None:
        raise Refusal(_("This competition has no data yet."), code="no_release", status=404)
    items = [
        {
            "name": file.path,
            "size": file.size,
            "sha256": file.sha256,
            "url": request.build_absolute_uri(
                reverse("api-v1:download_file", args=[competition.slug, file.path])
            ),
        }
        for file in release.files.all()
    ]
    return {
        "release": release.name,
        "version": release.version,
        "licence": release.manifest["licence"]["name"],
        "items": items,
        "count": len(items),
    }


_FILE = {"schema": {"type": "string", "format": "binary"}}
_DOWNLOAD = {
    "parameters": [
        {
            "in": "header",
            "name": "Range",
            "schema": {"type": "string", "examples": ["bytes=1048576-"]},
            "description": "One range of bytes; several are answered with the whole file",
        },
        {
            "in": "header",
            "name": "If-Range",
            "schema": {"type": "string"},
            "description": "The ETag of your first part: if the file has changed, all of it comes",
        },
    ],
    "responses": {
        200: {
            "description": "The whole file",
            "content": dict.fromkeys(("application/octet-stream", "text/csv", "application/json"), _FILE),
            "headers": {"ETag": {"schema": {"type": "string"}, "description": "Its SHA-256, in quotes"}},
        },
        206: {
            "description": "The part asked for",
            "content": dict.fromkeys(("application/octet-stream", "text/csv", "application/json"), _FILE),
            "headers": {"Content-Range": {"schema": {"type": "string"}}},
        },
        304: {"description": "Unchanged (If-None-Match, If-Modified-Since)"},
    },
}


@router.get(
    "/competitions/{slug:slug}/files/{path:path}",
    auth=PERSON,
    response={200: None, **problems(401, 403, 404, 412, 416, 422, 429, 503)},
    openapi_extra=_DOWNLOAD,
    tags=["Data"],
    summary="Download a file",
    url_name="download_file",
)
def download_file(
    request: HttpRequest,
    slug: Slug,
    path: Annotated[str, Path(description="Its `name` in the list", examples=["train/images-00000.npy"])],
) -> HttpResponseBase:
    """For participants once the competition is open. Honours Range, If-Range and the other preconditions."""
    file = downloadable_file(user=request.user, competition=visible_competition(request, slug), path=path)
    return file_response(request, file)


@router.api_operation(
    ["HEAD"],
    "/competitions/{slug:slug}/files/{path:path}",
    auth=PERSON,
    response={200: None},
    include_in_schema=False,
    url_name="head_file",
)
def head_file(request: HttpRequest, slug: str, path: str) -> HttpResponseBase:
    return download_file(request, slug, path)


@router.get(
    "/competitions/{slug:slug}/leaderboard",
    **PUBLIC,
    response={200: schemas.Leaderboard, **problems(401, 403, 404, 422, 429)},
    tags=["Leaderboard"],
    summary="The standings",
)
def leaderboard(
    request: HttpRequest,
    slug: Slug,
    part: Annotated[
        Literal["public", "private"], Query(description="private: after the competition has closed")
    ] = "public",
    limit: Annotated[int, Query(ge=1, le=1000, description="How many teams at most")] = 1000,
    offset: Offset = 0,
) -> dict:
    """Teams, the best first; those below the gate last. Scores have the digits that the organizers chose."""
    competition = visible_competition(request, slug)
    board = _board(competition, part)
    participation = participation_of(request.user, competition)
    own = participation.team_id if participation else None
    return {
        "competition": competition.slug,
        "part": part,
        "updated_at": board["updated_at"],
        "metric": competition.metric,
        "entries": [
            {**entry, "is_mine": team_id == own}
            for team_id, entry in board["entries"][offset : offset + limit]
        ],
        "count": len(board["entries"]),
    }


def _board(competition: models.Competition, part: str) -> dict[str, Any]:
    """The standings as they are sent, each beside its team's key; made once per version of the board, which
    changes with the close: what is refused before it is not found either."""
    key = f"board-json:{competition.pk}:{part}:{board_version(competition)}"
    board = cache.get(key)
    if board is None:
        standings = private_standings(competition) if part == "private" else public_standings(competition)
        newest = Score.objects.filter(submission__competition=competition).order_by("-pk")
        entries = [(each.team_id, _entry(each, competition)) for each in standings]
        board = {"updated_at": newest.values_list("created_at", flat=True).first(), "entries": entries}
        cache.set(key, board, CACHE_SECONDS)
    return board


def _entry(standing: Standing, competition: models.Competition) -> dict[str, Any]:
    return {
        "rank": standing.rank,
        "team": standing.team,
        "score": rounded(standing.value, competition),
        "passed_gate": standing.passed_gate,
        "recall": standing.recall,
        "precision": standing.precision,
        "interval": standing.interval,
        "tie_band": standing.tie_band,
        "probability_below_gate": standing.probability_below_gate,
        "entries": standing.entries,
        "last_submission_at": standing.last_submission_at,
        "public_rank": standing.public_rank,
    }


def rounded(score: float | None, competition: models.Competition) -> float | None:
    """A score with the digits that the organizers chose."""
    return None if score is None else round(score, competition.metric.get("digits", 5))


def _counted(competitions: QuerySet[models.Competition]) -> QuerySet[models.Competition]:
    return competitions.annotate(
        participants=Count("participations", distinct=True), team_count=Count("teams", distinct=True)
    )


def _summary(
    request: HttpRequest, competition: models.Competition, participation: models.Participation | None
) -> dict:
    return {
        "slug": competition.slug,
        "title": competition.text("title"),
        "tagline": competition.text("tagline"),
        "state": competition.state,
        "opens_at": competition.opens_at,
        "closes_at": competition.closes_at,
        "url": request.build_absolute_uri(competition.get_absolute_url()),
        "participants": competition.participants,  # type: ignore[attr-defined]  # annotated
        "teams": competition.team_count,  # type: ignore[attr-defined]
        "joined": participation is not None,
        "team": participation.team.name if participation else None,
    }
