"""The organizer's console. One that somebody else organizes answers 404, as one that does not exist."""

import csv
from collections.abc import Callable
from functools import wraps
from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from competition.accounts.models import User
from competition.contests.models import Competition
from competition.leaderboards.standings import private_standings, public_standings
from competition.organizing import overview
from competition.organizing.amend import (
    amend_limits,
    amend_texts,
    change_metric,
    change_release,
    change_rules,
    move_timeline,
)
from competition.organizing.close import close_competition
from competition.organizing.create import create_competition
from competition.organizing.exports import standings_rows
from competition.organizing.fairness.advice import sharing_the_data
from competition.organizing.forms import (
    AddressForm,
    ConfirmationForm,
    LimitsForm,
    NewTextsForm,
    OrganizerForm,
    ReleaseForm,
    RulesForm,
    StateForm,
    TextsForm,
    TimelineForm,
)
from competition.organizing.metric_form import MetricForm
from competition.organizing.people import add_organizer, remove_organizer
from competition.organizing.publish import missing_for_publication, publish_competition
from competition.organizing.retry import retry_submission
from competition.organizing.starting_texts import STARTING_TEXTS
from competition.refusal import Refusal
from competition.submissions.models import PENDING, State, Submission

PAGE_SIZE = 50

View = Callable[..., HttpResponse]


def for_organizers(view: View) -> View:
    """Give the view the competition of its address, if the person signed in organizes it or is staff."""

    @wraps(view)
    @login_required
    def lookup(request: HttpRequest, slug: str, **kwargs: Any) -> HttpResponse:
        competition = get_object_or_404(Competition.objects.organized_by(request.user), slug=slug)
        return view(request, competition, **kwargs)

    return lookup


def page(
    request: HttpRequest, competition: Competition, tab: str, status: int = 200, **context: Any
) -> HttpResponse:
    return render(
        request,
        f"organizing/{tab}.html",
        {"competition": competition, "tab": tab, **context},
        status=status,
    )


def to(name: str, competition: Competition) -> HttpResponseRedirect:
    return redirect(f"organizing:{name}", slug=competition.slug)


@require_safe
@login_required
def home(request: HttpRequest) -> HttpResponse:
    assert isinstance(request.user, User)
    competitions = overview.competitions_of(request.user)
    return render(request, "organizing/home.html", {"competitions": competitions})


@login_required
def new(request: HttpRequest) -> HttpResponse:
    assert isinstance(request.user, User)
    if not request.user.may_create_competitions:
        return render(request, "organizing/may_not_create.html", status=403)
    data = request.POST if request.method == "POST" else None
    # All write into one new competition, which the rule saves.
    draft = Competition()
    parts: dict[str, forms.BaseForm] = {
        "texts": NewTextsForm(data, instance=draft, initial=STARTING_TEXTS),
        "address": AddressForm(data, instance=draft),
        "release": ReleaseForm(data),
        "metric": MetricForm(data),
        "timeline": TimelineForm(data),
        "limits": LimitsForm(data, instance=draft),
        "rules": RulesForm(data),
    }
    status = 200
    refusal = ""
    if data is not None:
        valid = [form.is_valid() for form in parts.values()]  # every form, so that all errors show at once
        if all(valid):
            for name, value in {
                **parts["timeline"].cleaned_data,
                **parts["limits"].limits(),  # type: ignore[attr-defined]
                "metric": parts["metric"].config,  # type: ignore[attr-defined]
            }.items():
                setattr(draft, name, value)
            try:
                competition = create_competition(
                    user=request.user,
                    draft=draft,
                    folder=parts["release"].cleaned_data["folder"],
                    rules=parts["rules"].cleaned_data["body"],
                    rules_ja=parts["rules"].cleaned_data["body_ja"],
                )
            except Refusal as declined:
                refusal, status = declined.message, declined.status
            else:
                messages.success(request, _("Saved as a draft, which only its organizers see."))
                for other in sharing_the_data(competition):
                    messages.warning(
                        request,
                        _("“%(title)s” runs on the very same data: see Fairness for what that means.")
                        % {"title": other.title},
                    )
                return to("console", competition)
        else:
            status = 422
    context = {**parts, "parts": parts, "refusal": refusal}
    return render(request, "organizing/new.html", context, status=status)


@require_safe
@for_organizers
def console(request: HttpRequest, competition: Competition) -> HttpResponse:
    return page(
        request,
        competition,
        "console",
        traffic=overview.traffic(competition),
        workers=overview.workers(),
        missing=missing_for_publication(competition) if competition.published_at is None else [],
        release=competition.releases.filter(is_current=True).first(),
        awaiting_acceptance=overview.awaiting_acceptance(competition),
    )


def edit(
    request: HttpRequest,
    competition: Competition,
    tab: str,
    form: forms.BaseForm,
    rule: Callable[[], str],
    **context: Any,
) -> HttpResponse:
    """Show the form; where it is sent and valid, apply `rule`, which returns what to tell."""
    status = 200
    if request.method == "POST":
        status = 422
        if form.is_valid():
            try:
                told = rule()
            except Refusal as refusal:
                form.add_error(None, refusal.message)
                status = refusal.status
            else:
                messages.success(request, told)
                return to(tab, competition)
        # A ModelForm has written what was typed into its instance: the page's header tells what is stored.
        competition = Competition.objects.get(pk=competition.pk)
    return page(request, competition, tab, status=status, form=form, **context)


@for_organizers
def texts(request: HttpRequest, competition: Competition) -> HttpResponse:
    form = TextsForm(request.POST or None, instance=competition)

    def apply() -> str:
        changed = {name: form.cleaned_data[name] for name in form.changed_data}
        amend_texts(competition=competition, texts=changed)
        return _("The texts are saved.")

    return edit(request, competition, "texts", form, apply)


@for_organizers
def limits(request: HttpRequest, competition: Competition) -> HttpResponse:
    form = LimitsForm(request.POST or None, instance=competition)

    def apply() -> str:
        amend_limits(competition=competition, limits=form.limits())
        return _("The limits are saved.")

    return edit(request, competition, "limits", form, apply)


@for_organizers
def timeline(request: HttpRequest, competition: Competition) -> HttpResponse:
    form = TimelineForm(request.POST or None, competition=competition)

    def apply() -> str:
        move_timeline(competition=competition, **form.cleaned_data)
        return _("The timeline is saved.")

    return edit(request, competition, "timeline", form, apply)


@for_organizers
def metric(request: HttpRequest, competition: Competition) -> HttpResponse:
    form = MetricForm(request.POST or None, metric=competition.metric)
    scored = competition.submissions.filter(state=State.SCORED).exists()

    def apply() -> str:
        if not change_metric(competition=competition, metric=form.config):
            return _("Nothing has changed.")
        return _("The metric is saved.")

    return edit(request, competition, "metric", form, apply, scored=scored)


@for_organizers
def rules(request: HttpRequest, competition: Competition) -> HttpResponse:
    form = RulesForm(request.POST or None, rules=competition.rules_versions.first())

    def apply() -> str:
        version = change_rules(competition=competition, **form.cleaned_data)
        if version is None:
            return _("Nothing has changed.")
        return _("Version %(number)s of the rules is in force.") % {"number": version.number}

    return edit(
        request,
        competition,
        "rules",
        form,
        apply,
        versions=competition.rules_versions.all(),
        participants=competition.participations.count(),
        awaiting_acceptance=overview.awaiting_acceptance(competition),
    )


@for_organizers
def data(request: HttpRequest, competition: Competition) -> HttpResponse:
    release = competition.releases.filter(is_current=True).first()
    form = ReleaseForm(request.POST or None, current=release.folder if release else "")

    def apply() -> str:
        release = change_release(competition=competition, folder=form.cleaned_data["folder"])
        return _("%(release)s is the current release.") % {"release": release}

    return edit(
        request,
        competition,
        "data",
        form,
        apply,
        releases=competition.releases.all(),
        submitted=competition.submissions.exists(),
    )


@require_POST
@for_organizers
def publish(request: HttpRequest, competition: Competition) -> HttpResponse:
    try:
        publish_competition(competition=competition)
    except Refusal as refusal:
        messages.error(request, refusal.message)
    else:
        messages.success(request, _("The competition is published."))
    return to("console", competition)


@for_organizers
def close(request: HttpRequest, competition: Competition) -> HttpResponse:
    form = ConfirmationForm(request.POST or None)
    status = 200
    if request.method == "POST":
        status = 422
        if form.is_valid():
            try:
                close_competition(competition=competition, confirmation=form.cleaned_data["confirmation"])
            except Refusal as refusal:
                form.add_error("confirmation", refusal.message)
                status = refusal.status
            else:
                messages.success(request, _("The competition is closed, and the private standings are out."))
                return to("console", competition)
    traffic = overview.traffic(competition)
    return page(request, competition, "close", status=status, form=form, traffic=traffic)


@require_safe
@for_organizers
def submissions(request: HttpRequest, competition: Competition) -> HttpResponse:
    rows = Submission.objects.filter(competition=competition).select_related("team", "user")
    filter_form = StateForm(request.GET)
    state = filter_form.cleaned_data["state"] if filter_form.is_valid() else ""
    if state:
        rows = rows.filter(state__in=PENDING if state == "pending" else [state])
    return page(
        request,
        competition,
        "submissions",
        filter=filter_form,
        state=state,
        rows=Paginator(rows.prefetch_related("scores"), PAGE_SIZE).get_page(request.GET.get("page")),
        failed=State.FAILED,
        traffic=overview.traffic(competition),
    )


@require_POST
@for_organizers
def retry(request: HttpRequest, competition: Competition, pk: Any) -> HttpResponse:
    submission = get_object_or_404(Submission, competition=competition, pk=pk)
    try:
        retry_submission(submission=submission)
    except Refusal as refusal:
        messages.error(request, refusal.message)
    else:
        messages.success(request, _("The submission waits for a worker again."))
    return to("submissions", competition)


@require_safe
@for_organizers
def teams(request: HttpRequest, competition: Competition) -> HttpResponse:
    rows = Paginator(overview.teams(competition), PAGE_SIZE).get_page(request.GET.get("page"))
    return page(request, competition, "teams", rows=rows, rules=competition.rules_versions.first())


@for_organizers
def organizers(request: HttpRequest, competition: Competition) -> HttpResponse:
    form = OrganizerForm(request.POST or None)

    def apply() -> str:
        user = add_organizer(competition=competition, username=form.cleaned_data["username"])
        return _("%(name)s organizes the competition now.") % {"name": user}

    everybody = competition.organizers.order_by("username")
    return edit(request, competition, "organizers", form, apply, organizers=everybody)


@require_POST
@for_organizers
def remove(request: HttpRequest, competition: Competition, username: str) -> HttpResponse:
    user = get_object_or_404(User, username=username, organized_competitions=competition)
    try:
        remove_organizer(competition=competition, user=user)
    except Refusal as refusal:
        messages.error(request, refusal.message)
    else:
        messages.success(request, _("%(name)s no longer organizes the competition.") % {"name": user})
    if not competition.is_organized_by(request.user):
        return redirect("organizing:home")
    return to("organizers", competition)


@require_safe
@for_organizers
def standings_csv(request: HttpRequest, competition: Competition) -> HttpResponse:
    part = "private" if request.GET.get("part") == "private" else "public"
    try:
        standings = (
            private_standings(competition) if part == "private" else public_standings(competition, exact=True)
        )
    except Refusal as refusal:
        messages.error(request, refusal.message)
        return to("console", competition)
    response = HttpResponse(content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="{competition.slug}-{part}.csv"'
    csv.writer(response).writerows(standings_rows(standings))
    return response
