"""Pages of competitions: the list, a competition's texts, joining, and the team."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.db.models import Count
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from competition.accounts.requests import SignedInRequest
from competition.contests.forms import AcceptRulesForm, TeamNameForm
from competition.contests.joining import current_rules, join_competition, participation_of
from competition.contests.models import Competition, Participation, Team
from competition.contests.pages import render_page, visible_competition
from competition.contests.teams import accept_invitation, leave_team, rename_team, renew_invitation
from competition.refusal import Refusal
from scoring.metrics.definition import SLICES, common_parameters, definitions

THEMES = ("auto", "light", "dark")
THEME_SECONDS = 365 * 24 * 3600


@require_safe
def home(request: HttpRequest) -> HttpResponse:
    visible = Competition.objects.visible_to(request.user).annotate(
        participants=Count("participations", distinct=True)
    )
    order = [
        Competition.State.OPEN,
        Competition.State.UPCOMING,
        Competition.State.DRAFT,
        Competition.State.CLOSED,
    ]
    competitions = sorted(visible, key=lambda one: order.index(one.state))
    return render(request, "contests/home.html", {"competitions": competitions})


@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    """What each metric is, in the words of its own definition."""
    context = {"metrics": definitions(), "common": common_parameters(), "slices": SLICES}
    return render(request, "contests/metrics.html", context)


@require_POST
def theme(request: HttpRequest) -> HttpResponse:
    """Remember the choice of colours in a cookie; scripts set the same cookie without a round trip."""
    response = redirect(next_url(request) or "contests:home")
    choice = request.POST.get("theme", "auto")
    if choice in THEMES:
        response.set_cookie("theme", choice, max_age=THEME_SECONDS, samesite="Lax")
    return response


@require_safe
def overview(request: HttpRequest, slug: str) -> HttpResponse:
    return _text_page(request, slug, "overview")


@require_safe
def evaluation(request: HttpRequest, slug: str) -> HttpResponse:
    return _text_page(request, slug, "evaluation")


@require_safe
def prizes(request: HttpRequest, slug: str) -> HttpResponse:
    return _text_page(request, slug, "prizes")


@require_safe
def timeline(request: HttpRequest, slug: str) -> HttpResponse:
    competition = visible_competition(request, slug)
    return render_page(
        request,
        "contests/timeline.html",
        competition,
        tab="overview",
        section="timeline",
        now=timezone.now(),
        **_numbers(competition),
    )


@require_safe
def rules(request: HttpRequest, slug: str) -> HttpResponse:
    competition = visible_competition(request, slug)
    versions = list(competition.rules_versions.order_by("-number"))
    return render_page(
        request, "contests/rules.html", competition, tab="rules", rules=versions[0] if versions else None
    )


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def join(request: SignedInRequest, slug: str) -> HttpResponse:
    competition = visible_competition(request, slug)
    participation = participation_of(request.user, competition)
    rules_now = current_rules(competition)
    if participation and participation.rules_id == rules_now.pk:
        return HttpResponseRedirect(next_url(request) or competition.get_absolute_url())
    form = AcceptRulesForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        join_competition(user=request.user, competition=competition)
        messages.success(
            request,
            _("You have accepted the new rules.") if participation else _("Welcome! You take part now."),
        )
        return HttpResponseRedirect(next_url(request) or reverse("datasets:data", args=[slug]))
    return render_page(
        request,
        "contests/join.html",
        competition,
        tab="join",
        status=422 if form.is_bound else 200,
        participation=participation,
        rules=rules_now,
        form=form,
        next=next_url(request),
    )


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def team(request: SignedInRequest, slug: str) -> HttpResponse:
    participation = own_participation(request, slug)
    team = participation.team
    form = TeamNameForm(request.POST if request.method == "POST" else None, initial={"name": team.name})
    status = 200
    if request.method == "POST":
        status = 422
        if form.is_valid():
            try:
                rename_team(user=request.user, team=team, name=form.cleaned_data["name"])
            except Refusal as refusal:
                form.add_error("name", refusal.message)
                status = refusal.status
            else:
                messages.success(request, _("Your team has its new name."))
                return redirect("contests:team", slug)
    members = team.participations.select_related("user").order_by("joined_at")
    link = request.build_absolute_uri(reverse("contests:invitation", args=[team.invitation_code]))
    return render_page(
        request,
        "contests/team.html",
        participation.competition,
        tab="team",
        status=status,
        participation=participation,
        team=team,
        members=members,
        form=form,
        invitation_link=link,
    )


@login_required
@require_POST
def new_invitation(request: SignedInRequest, slug: str) -> HttpResponse:
    participation = own_participation(request, slug)
    renew_invitation(user=request.user, team=participation.team)
    messages.success(request, _("Here is the new invitation link; the old one no longer works."))
    return redirect("contests:team", slug)


@login_required
@require_POST
def leave(request: SignedInRequest, slug: str) -> HttpResponse:
    participation = own_participation(request, slug)
    try:
        leave_team(user=request.user, team=participation.team)
    except Refusal as refusal:
        messages.error(request, refusal.message)
    else:
        messages.success(request, _("You have left the team and are a team of your own now."))
    return redirect("contests:team", slug)


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def invitation(request: SignedInRequest, code: str) -> HttpResponse:
    team = Team.objects.select_related("competition").filter(invitation_code=code).first()
    if team is None:
        raise Refusal(_("This invitation is not valid (any more)."), code="no_such_invitation", status=404)
    get_object_or_404(Competition.objects.visible_to(request.user), pk=team.competition_id)
    participation = participation_of(request.user, team.competition)
    if request.method == "POST":
        accept_invitation(user=request.user, code=code)
        messages.success(request, _("You are a member of “%(team)s” now.") % {"team": team.name})
        return redirect("contests:team", team.competition.slug)
    return render_page(
        request,
        "contests/invitation.html",
        team.competition,
        tab="team",
        participation=participation,
        team=team,
        members=team.members,
        is_member=participation is not None and participation.team_id == team.pk,
    )


def own_participation(request: SignedInRequest, slug: str) -> Participation:
    """How the visitor takes part; 404 for who does not: a team's page is its members' alone."""
    competition = visible_competition(request, slug)
    participation = participation_of(request.user, competition)
    if participation is None:
        raise Http404
    participation.competition = competition
    return participation


def next_url(request: HttpRequest) -> str:
    """The address to go on to, if the request names one on this site."""
    url = request.POST.get("next") or request.GET.get("next") or ""
    safe = url_has_allowed_host_and_scheme(
        url, allowed_hosts={request.get_host()}, require_https=request.is_secure()
    )
    return url if safe else ""


def _numbers(competition: Competition) -> dict[str, int]:
    return {"people": competition.participations.count(), "team_count": competition.teams.count()}


def _text_page(request: HttpRequest, slug: str, name: str) -> HttpResponse:
    competition = visible_competition(request, slug)
    return render_page(
        request,
        "contests/text.html",
        competition,
        tab="overview",
        section=name,
        text=competition.text(name),
        now=timezone.now(),
        **_numbers(competition),
    )
