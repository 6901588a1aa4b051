"""The console's pages of rescorings: begin one, follow it, look at its effect, publish or discard it."""

import csv
from collections.abc import Callable, Iterable
from typing import Any

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from competition.accounts.models import User
from competition.contests.models import Competition
from competition.organizing.metric import canonical
from competition.organizing.metric_form import MetricForm
from competition.organizing.rescoring.before_after import (
    before_after,
    changes_by_entry,
    metric_before,
    metric_changes,
)
from competition.organizing.rescoring.exports import entry_rows, team_rows
from competition.organizing.rescoring.forms import PublicationForm, RescoringForm
from competition.organizing.rescoring.progress import progress
from competition.organizing.rescoring.publish import (
    complete_rescoring,
    discard_rescoring,
    publish_rescoring,
)
from competition.organizing.rescoring.slope_chart import slope_chart
from competition.organizing.rescoring.start import start_rescoring
from competition.organizing.views import PAGE_SIZE, for_organizers
from competition.refusal import Refusal
from competition.submissions.models import Rescoring, State

FAILURES_SHOWN = 20


def page(
    request: HttpRequest, competition: Competition, name: str, status: int = 200, **context: Any
) -> HttpResponse:
    context = {"competition": competition, "tab": "rescoring", **context}
    return render(request, f"organizing/rescoring/{name}.html", context, status=status)


@require_safe
@for_organizers
def rescorings(request: HttpRequest, competition: Competition) -> HttpResponse:
    history = competition.rescorings.select_related("started_by", "finished_by", "solution", "competition")
    return page(
        request,
        competition,
        "history",
        rescorings=history,
        unfinished=next((each for each in history if each.is_unfinished), None),
        entries=competition.submissions.filter(state=State.SCORED).count(),
    )


@for_organizers
def new(request: HttpRequest, competition: Competition) -> HttpResponse:
    form = RescoringForm(request.POST or None, request.FILES or None)
    metric_form = MetricForm(request.POST or None, metric=competition.metric)
    status = 200
    if request.method == "POST":
        status = 422
        if all([form.is_valid(), metric_form.is_valid()]):
            assert isinstance(request.user, User)
            try:
                rescoring = start_rescoring(
                    user=request.user,
                    competition=competition,
                    reason=form.cleaned_data["reason"],
                    reason_ja=form.cleaned_data["reason_ja"],
                    metric=metric_form.config,
                    solution=form.cleaned_data["solution"],
                )
            except Refusal as refusal:
                form.add_error("solution" if "solution" in refusal.code else None, refusal.message)
                status = refusal.status
            else:
                return redirect(rescoring)
    return page(
        request,
        competition,
        "new",
        status=status,
        form=form,
        metric_form=metric_form,
        metric_open=bool(metric_form.errors)
        or (metric_form.is_bound and metric_form.config != canonical(competition.metric)),
        unfinished=competition.rescorings.unfinished().first(),
        entries=competition.submissions.filter(state=State.SCORED).count(),
    )


@never_cache
@require_safe
@for_organizers
def rescoring(request: HttpRequest, competition: Competition, pk: int) -> HttpResponse:
    found = rescoring_of(competition, pk)
    told = found.state in (Rescoring.State.READY, Rescoring.State.PUBLISHED)
    effect = before_after(found) if told else None
    boards = []
    if effect is not None:
        shown = [("private", effect.private)] if effect.private else []
        for part, board in [*shown, ("public", effect.public)]:
            boards.append({"part": part, "board": board, "chart": slope_chart(board.lines)})
    return page(
        request,
        competition,
        "rescoring",
        rescoring=found,
        progress=progress(found),
        effect=effect,
        boards=boards,
        metric_changes=metric_changes(found),
        metric_before=metric_before(found),
        failures=found.failures.select_related("submission__team")[:FAILURES_SHOWN],
    )


@never_cache
@require_safe
@for_organizers
def live(request: HttpRequest, competition: Competition, pk: int) -> HttpResponse:
    """The progress, fetched again and again; when it has come to a decision, the whole page is."""
    found = rescoring_of(competition, pk)
    response = page(request, competition, "progress", rescoring=found, progress=progress(found))
    if not found.is_at_work:
        response["HX-Refresh"] = "true"
    return response


@require_safe
@for_organizers
def entries(request: HttpRequest, competition: Competition, pk: int) -> HttpResponse:
    found = rescoring_of(competition, pk)
    rows = Paginator(changes_by_entry(found), PAGE_SIZE).get_page(request.GET.get("page"))
    return page(
        request, competition, "entries", rescoring=found, rows=rows, metric_before=metric_before(found)
    )


@require_safe
@for_organizers
def changes_csv(request: HttpRequest, competition: Competition, pk: int, of: str) -> HttpResponse:
    found = rescoring_of(competition, pk)
    rows: Iterable[tuple[object, ...]]
    rows = entry_rows(found) if of == "entries" else team_rows(before_after(found))
    response = HttpResponse(content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="{competition.slug}-rescoring-{pk}-{of}.csv"'
    csv.writer(response).writerows(rows)
    return response


@require_POST
@for_organizers
def publish(request: HttpRequest, competition: Competition, pk: int) -> HttpResponse:
    form = PublicationForm(request.POST)
    accepted = form.is_valid() and form.cleaned_data["accept_failures"]

    def rule(found: Rescoring, user: User) -> str:
        published = publish_rescoring(user=user, rescoring=found, accept_failures=accepted)
        if published.state == Rescoring.State.PUBLISHING:
            return _("It is published as soon as the entries are scored that came in meanwhile.")
        return _("Published: everybody sees the new scores.")

    return decide(request, competition, pk, rule)


@require_POST
@for_organizers
def discard(request: HttpRequest, competition: Competition, pk: int) -> HttpResponse:
    def rule(found: Rescoring, user: User) -> str:
        discard_rescoring(user=user, rescoring=found)
        return _("Discarded: nothing has changed for anybody.")

    return decide(request, competition, pk, rule)


@require_POST
@for_organizers
def complete(request: HttpRequest, competition: Competition, pk: int) -> HttpResponse:
    def rule(found: Rescoring, user: User) -> str:
        complete_rescoring(user=user, rescoring=found)
        return _("What was missing is being scored.")

    return decide(request, competition, pk, rule)


def decide(
    request: HttpRequest, competition: Competition, pk: int, rule: Callable[[Rescoring, User], str]
) -> HttpResponse:
    found = rescoring_of(competition, pk)
    assert isinstance(request.user, User)
    try:
        messages.success(request, rule(found, request.user))
    except Refusal as refusal:
        messages.error(request, refusal.message)
    return redirect(found)


def rescoring_of(competition: Competition, pk: int) -> Rescoring:
    found = get_object_or_404(
        competition.rescorings.select_related("started_by", "finished_by", "solution"), pk=pk
    )
    found.competition = competition
    return found
