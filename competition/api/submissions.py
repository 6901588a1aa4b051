"""Submissions: sending one, following it, choosing finals."""

from typing import Annotated
from uuid import UUID

from django.db.models import Prefetch, QuerySet
from django.http import HttpResponse
from django.shortcuts import get_object_or_404
from django.utils.translation import gettext as _
from ninja import File, Form, Path, Router, Status, UploadedFile

from competition.api import schemas
from competition.api.authentication import PERSON, PersonRequest
from competition.api.competitions import Limit, Offset, Slug, rounded, visible_competition
from competition.api.problems import problem, problems
from competition.api.throttles import GENEROUS, UPLOADS
from competition.leaderboards.standings import private_result
from competition.submissions.cancel import cancel_submission
from competition.submissions.finals import choose_final
from competition.submissions.models import Score, State, Submission
from competition.submissions.receive import receive_submission
from competition.submissions.results import public_result, sees_exact_results

router = Router(tags=["Submissions"], auth=PERSON)

Id = Annotated[UUID, Path(description="The submission's id")]


@router.post(
    "/competitions/{slug:slug}/submissions",
    response={201: schemas.Submission, **problems(400, 401, 403, 404, 409, 413, 422, 429)},
    throttle=[GENEROUS, UPLOADS],
    summary="Submit predictions",
)
def submit(
    request: PersonRequest,
    slug: Slug,
    file: Annotated[
        UploadedFile, File(description="Every test id once: .csv, .csv.gz, .csv.zst or .parquet")
    ],
    message: Annotated[str, Form(max_length=200, description="For your team's list of submissions")] = "",
) -> Status | HttpResponse:
    """The file is checked at once and scored soon: ask for the submission until its state is final.

    A file that is not valid is answered with 422, all its problems, and the id of the entry that keeps them;
    it does not count against the daily limit.
    """
    competition = visible_competition(request, slug)
    submission = receive_submission(user=request.user, competition=competition, file=file, message=message)
    if submission.state == State.INVALID:
        return problem(
            422,
            _("The file is not a valid submission; “problems” lists what to repair. It does not count."),
            code="invalid_submission",
            id=str(submission.pk),
            problems=submission.problems,
        )
    return Status(201, _submission(request, submission, result=None))


@router.get(
    "/competitions/{slug:slug}/submissions",
    response={200: schemas.Page[schemas.Submission], **problems(401, 404, 422, 429)},
    summary="Your team's submissions",
)
def list_submissions(request: PersonRequest, slug: Slug, limit: Limit = 50, offset: Offset = 0) -> dict:
    """The newest first, without curves and private results. Organizers see those of all teams."""
    competition = visible_competition(request, slug)
    visible = Submission.objects.visible_to(request.user).filter(competition=competition)
    shown = _with_scores(visible)[offset : offset + limit]
    exact = sees_exact_results(request.user, competition)
    return {
        "items": [
            _submission(request, each, result=_without_curve(_public_result(each, exact=exact)))
            for each in shown
        ],
        "count": visible.count(),
    }


@router.get(
    "/submissions/{id}",
    response={200: schemas.Submission, **problems(401, 404, 422, 429)},
    summary="One submission",
)
def get_submission(request: PersonRequest, id: Id) -> dict:  # noqa: A002 - the name in the contract
    """Its state, problems and public result; its private result too once the competition is closed."""
    return _detail(request, id)


@router.put(
    "/submissions/{id}/final",
    response={200: schemas.Submission, **problems(400, 401, 403, 404, 409, 422, 429)},
    summary="Choose it as final",
)
def set_final(request: PersonRequest, id: Id, body: schemas.FinalRequest) -> dict:  # noqa: A002
    """Finals decide the private leaderboard; they can be chosen until the competition closes."""
    choose_final(user=request.user, submission=_visible(request, id), final=body.final)
    return _detail(request, id)


@router.post(
    "/submissions/{id}/cancel",
    response={200: schemas.Submission, **problems(401, 403, 404, 409, 422, 429)},
    summary="Cancel it",
)
def cancel(request: PersonRequest, id: Id) -> dict:  # noqa: A002
    """Possible before scoring has begun; it no longer counts against the daily limit."""
    cancel_submission(user=request.user, submission=_visible(request, id))
    return _detail(request, id)


def _with_scores(submissions: QuerySet[Submission]) -> QuerySet[Submission]:
    return submissions.select_related("competition", "team", "user").prefetch_related(
        Prefetch("scores", Score.objects.order_by("-id"), to_attr="newest")
    )


def _visible(request: PersonRequest, pk: UUID) -> Submission:
    return get_object_or_404(_with_scores(Submission.objects.visible_to(request.user)), pk=pk)


def _detail(request: PersonRequest, pk: UUID) -> dict:
    submission = _visible(request, pk)
    private = private_result(submission, request.user) if submission.competition.is_closed else None
    exact = sees_exact_results(request.user, submission.competition)
    return {
        **_submission(request, submission, result=_public_result(submission, exact=exact)),
        "private": private and private.result | {"score": rounded(private.value, submission.competition)},
    }


def _public_result(submission: Submission, *, exact: bool) -> dict | None:
    scores = submission.newest  # type: ignore[attr-defined]  # prefetched
    if not scores:
        return None
    result = public_result(scores[0], submission.competition, exact=exact)
    return result | {"score": rounded(result["score"], submission.competition)}


def _without_curve(result: dict | None) -> dict | None:
    return result and {name: value for name, value in result.items() if name != "curve"}


def _submission(request: PersonRequest, submission: Submission, *, result: dict | None) -> dict:
    return {
        "id": submission.pk,
        "competition": submission.competition.slug,
        "team": submission.team.name,
        "user": submission.user.username,
        "filename": submission.filename,
        "message": submission.message,
        "size": submission.size,
        "sha256": submission.sha256,
        "state": submission.state,
        "received_at": submission.received_at,
        "finished_at": submission.finished_at,
        "public": result,
        "problems": submission.problems,
        "warnings": submission.warnings,
        "is_final": submission.is_final,
        "url": request.build_absolute_uri(submission.get_absolute_url()),
    }
