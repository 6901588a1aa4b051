"""Pages of submissions: handing one in, watching it, and choosing which ones count in the end."""

from dataclasses import dataclass

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from competition.accounts.models import User
from competition.accounts.requests import SignedInRequest
from competition.contests.joining import participation_of
from competition.contests.models import Competition
from competition.contests.pages import render_page, visible_competition
from competition.refusal import Refusal
from competition.submissions.cancel import CANCELLABLE, cancel_submission
from competition.submissions.finals import choose_final, effective_finals
from competition.submissions.forms import SubmissionForm
from competition.submissions.models import Score, State, Submission
from competition.submissions.receive import next_reset, receive_submission, remaining_today
from competition.submissions.report import Report, report
from competition.submissions.results import public_result, sees_exact_results

PAGE_SIZE = 50
# Where a submission that did not reach its score was stopped.
STOPPED_AT = {State.INVALID: State.VALIDATING, State.FAILED: State.SCORING, State.CANCELLED: State.QUEUED}


@dataclass(frozen=True)
class Step:
    """One station of a submission's way, and whether it was passed (`done`), is `now`, or went `bad`."""

    label: str
    status: str


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def submit(request: SignedInRequest, slug: str) -> HttpResponse:
    """The form, and what it sends. A script that shows progress asks for JSON: the address to go to."""
    competition = visible_competition(request, slug)
    participation = participation_of(request.user, competition)
    if participation is None and request.method != "POST":
        return redirect(f"{reverse('contests:join', args=[slug])}?next={request.path}")
    form = SubmissionForm()
    status, refusal = 200, None
    if request.method == "POST":
        form = SubmissionForm(request.POST, request.FILES)
        status = 422
        if form.is_valid():
            try:
                submission = receive_submission(
                    user=request.user,
                    competition=competition,
                    file=form.cleaned_data["file"],
                    message=form.cleaned_data["message"],
                )
            except Refusal as declined:
                status, refusal = declined.status, declined
            else:
                if wants_json(request):
                    return JsonResponse({"location": submission.get_absolute_url()}, status=201)
                return redirect(submission)
        if wants_json(request):
            problems = [str(error) for errors in form.errors.values() for error in errors]
            return JsonResponse(
                {"detail": refusal.message if refusal else " ".join(problems)},
                status=status,
                headers=_retry_after(refusal),
            )
    response = render_page(
        request,
        "submissions/submit.html",
        competition,
        tab="submit",
        status=status,
        participation=participation,
        form=form,
        refusal=refusal,
        rules_changed=participation is not None and participation.rules != competition.current_rules,
        remaining=remaining_today(participation.team) if participation else 0,
        resets_at=next_reset(),
    )
    for name, value in _retry_after(refusal).items():
        response[name] = value
    return response


@login_required
@never_cache
@require_safe
def mine(request: SignedInRequest, slug: str) -> HttpResponse:
    """All submissions of the visitor's team, newest first."""
    competition = visible_competition(request, slug)
    participation = participation_of(request.user, competition)
    if participation is None:
        return redirect(f"{reverse('contests:join', args=[slug])}?next={request.path}")
    team = participation.team
    submissions = team.submissions.select_related("user").prefetch_related("scores")
    page = Paginator(submissions, PAGE_SIZE).get_page(request.GET.get("page"))
    exact = sees_exact_results(request.user, competition)
    results = {
        submission.pk: public_result(scores[0], competition, exact=exact)
        for submission in page
        if (scores := submission.scores.all())
    }
    return render_page(
        request,
        "submissions/list.html",
        competition,
        tab="submissions",
        participation=participation,
        page=page,
        results=results,
        finals=team.submissions.filter(is_final=True).count(),
        counting={submission.pk for submission in effective_finals(team)},
        live=any(not submission.is_finished for submission in page),
        remaining=remaining_today(team),
        resets_at=next_reset(),
    )


@login_required
@never_cache
@require_safe
def detail(request: SignedInRequest, pk: str) -> HttpResponse:
    submission = visible_submission(request, pk)
    competition = submission.competition
    return render_page(
        request, "submissions/detail.html", competition, tab="submissions", **_result(request, submission)
    )


@login_required
@never_cache
@require_safe
def state(request: SignedInRequest, pk: str) -> HttpResponse:
    """The live part of the detail page; 204 while nothing has changed since the state `?seen=`."""
    submission = visible_submission(request, pk)
    if request.GET.get("seen") == submission.state:
        return HttpResponse(status=204)
    context = {"competition": submission.competition, **_result(request, submission)}
    return render(request, "submissions/state.html", context)


@login_required
@require_POST
def cancel(request: SignedInRequest, pk: str) -> HttpResponse:
    submission = visible_submission(request, pk)
    try:
        cancel_submission(user=request.user, submission=submission)
    except Refusal as refusal:
        messages.error(request, refusal.message)
    else:
        messages.success(request, _("Cancelled. It does not count towards today’s limit."))
    return redirect(submission)


@login_required
@require_POST
def final(request: SignedInRequest, pk: str) -> HttpResponse:
    submission = visible_submission(request, pk)
    chosen = request.POST.get("final") == "true"
    try:
        choose_final(user=request.user, submission=submission, final=chosen)
    except Refusal as refusal:
        messages.error(request, refusal.message)
    else:
        messages.success(
            request, _("Chosen as a final submission.") if chosen else _("No longer a final submission.")
        )
    back = request.POST.get("next", "")
    safe = url_has_allowed_host_and_scheme(
        back, allowed_hosts={request.get_host()}, require_https=request.is_secure()
    )
    return redirect(back if safe else submission)


def visible_submission(request: SignedInRequest, pk: str) -> Submission:
    """The submission, for its team, the organizers and staff; 404 for everybody else."""
    return get_object_or_404(
        Submission.objects.visible_to(request.user).select_related("competition", "team", "user"), pk=pk
    )


def wants_json(request: HttpRequest) -> bool:
    return request.headers.get("Accept") == "application/json"


def steps(state: str) -> list[Step]:
    """The five stations from `received` to `scored`, as far as a submission in `state` has come."""
    way = [State.RECEIVED, State.VALIDATING, State.QUEUED, State.SCORING, State.SCORED]
    reached = way.index(State(STOPPED_AT.get(State(state), state)))
    here = "done" if state == State.SCORED else "bad" if state in STOPPED_AT else "now"
    return [
        Step(str(station.label), "done" if number < reached else here if number == reached else "")
        for number, station in enumerate(way)
    ]


def _retry_after(refusal: Refusal | None) -> dict[str, str]:
    return {"Retry-After": str(refusal.retry_after)} if refusal and refusal.retry_after is not None else {}


def _result(request: SignedInRequest, submission: Submission) -> dict:
    participation = participation_of(request.user, submission.competition)
    score = submission.scores.first()
    own = participation is not None and participation.team_id == submission.team_id
    return {
        "submission": submission,
        "participation": participation,
        "score": score,
        "public": _public_report(request.user, score, submission.competition) if score else None,
        "steps": steps(submission.state),
        "may_cancel": own and submission.state in CANCELLABLE,
        "may_choose": own
        and submission.state == State.SCORED
        and submission.competition.state == Competition.State.OPEN,
    }


def _public_report(user: User, score: Score, competition: Competition) -> Report:
    exact = sees_exact_results(user, competition)
    result = public_result(score, competition, exact=exact)
    return report(result, metric=score.metric, part="public", is_exact=exact)
