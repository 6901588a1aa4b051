"""The console's page about a leaderboard that resists guessing: digits, the Ladder, signs of probing."""

from typing import Any

from django import forms
from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST

from competition.contests.models import Competition
from competition.organizing.fairness.advice import digits_advice, sharing_the_data
from competition.organizing.fairness.ladder import set_ladder
from competition.organizing.views import edit, for_organizers, to
from competition.submissions.models import ProbingSign
from competition.submissions.probing import dismiss, in_words

PAGE_SIZE = 20
SUBMISSIONS_SHOWN = 12


class LadderForm(forms.Form):
    ladder = forms.BooleanField(
        label=gettext_lazy("Show a new public score only if it is clearly better than the team’s best"),
        required=False,
    )


class DismissForm(forms.Form):
    note = forms.CharField(max_length=ProbingSign._meta.get_field("note").max_length, required=False)


@for_organizers
def fairness(request: HttpRequest, competition: Competition) -> HttpResponse:
    data = request.POST if request.method == "POST" else None
    form = LadderForm(data, initial={"ladder": competition.ladder})
    submitted = competition.submissions.exists()
    form.fields["ladder"].disabled = data is None and (submitted or competition.is_closed)

    def apply() -> str:
        if not set_ladder(competition=competition, ladder=form.cleaned_data["ladder"]):
            return _("Nothing has changed.")
        if form.cleaned_data["ladder"]:
            return _("The Ladder is on: participants read about it on the evaluation page.")
        return _("The Ladder is off: every public score is shown.")

    signs = competition.probing_signs.select_related("team", "other_team", "dismissed_by")
    page = Paginator(signs.filter(dismissed_at__isnull=True), PAGE_SIZE).get_page(request.GET.get("page"))
    return edit(
        request,
        competition,
        "fairness",
        form,
        apply,
        submitted=submitted,
        advice=digits_advice(competition),
        sharing=sharing_the_data(competition),
        rows=page,
        signs=[_told(sign) for sign in page],
        dismissed=[_told(sign) for sign in signs.filter(dismissed_at__isnull=False)[:PAGE_SIZE]],
    )


@require_POST
@for_organizers
def dismiss_sign(request: HttpRequest, competition: Competition, pk: int) -> HttpResponse:
    sign = get_object_or_404(ProbingSign, competition=competition, pk=pk, dismissed_at__isnull=True)
    form = DismissForm(request.POST)
    if form.is_valid():
        dismiss(user=request.user, sign=sign, note=form.cleaned_data["note"])  # type: ignore[arg-type]
        messages.success(request, _("Dismissed. It comes back if the series becomes twice as long."))
    else:
        messages.error(request, " ".join(map(str, form.errors["note"])))
    return to("fairness", competition)


def _told(sign: ProbingSign) -> dict[str, Any]:
    submissions = sign.submissions.order_by("-received_at")
    return {
        "sign": sign,
        "words": in_words(sign),
        "submissions": submissions[:SUBMISSIONS_SHOWN],
        "more": max(0, submissions.count() - SUBMISSIONS_SHOWN),
    }
