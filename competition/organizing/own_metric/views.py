"""The console's pages of own metrics: upload a file, read the report of its test run, put it into force."""

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from competition.accounts.models import User
from competition.contests.models import Competition, OwnMetric
from competition.organizing.amend import change_metric
from competition.organizing.own_metric.forms import AdoptionForm, OwnMetricForm
from competition.organizing.own_metric.upload import upload_metric
from competition.organizing.rescoring.start import start_rescoring
from competition.organizing.views import for_organizers
from competition.refusal import Refusal
from competition.submissions.models import State
from competition.submissions.own_metric import sandbox_limits


def page(
    request: HttpRequest, competition: Competition, name: str, status: int = 200, **context: Any
) -> HttpResponse:
    context = {"competition": competition, "tab": "metric", "limits": sandbox_limits(), **context}
    return render(request, f"organizing/own_metric/{name}.html", context, status=status)


@never_cache
@for_organizers
def own_metrics(request: HttpRequest, competition: Competition) -> HttpResponse:
    form = OwnMetricForm(request.POST or None, request.FILES or None)
    status = 200
    if request.method == "POST":
        status = 422
        if form.is_valid():
            assert isinstance(request.user, User)
            try:
                uploaded = upload_metric(user=request.user, competition=competition, **form.cleaned_data)
            except Refusal as refusal:
                form.add_error("file" if refusal.code == "metric_file" else None, refusal.message)
                status = refusal.status
            else:
                return redirect(uploaded)
    uploads = competition.own_metrics.select_related("uploaded_by", "competition").defer("source")
    return page(request, competition, "list", status, form=form, uploads=uploads)


@never_cache
@require_safe
@for_organizers
def own_metric(request: HttpRequest, competition: Competition, pk: int) -> HttpResponse:
    return _own_metric_page(request, competition, pk, AdoptionForm())


@require_safe
@for_organizers
def file(request: HttpRequest, competition: Competition, pk: int) -> HttpResponse:
    """The source, as a download: never shown by a browser as anything but text."""
    uploaded = get_object_or_404(competition.own_metrics, pk=pk)
    headers = {"Content-Disposition": f'attachment; filename="metric-{uploaded.sha256[:8]}.py"'}
    return HttpResponse(uploaded.source, content_type="text/x-python; charset=utf-8", headers=headers)


@require_POST
@for_organizers
def adopt(request: HttpRequest, competition: Competition, pk: int) -> HttpResponse:
    """Put it into force; once entries are scored, by scoring all of them again."""
    uploaded = get_object_or_404(competition.own_metrics, pk=pk)
    form = AdoptionForm(request.POST)
    scored = _is_scored(competition)
    if scored and not form.is_valid():
        return _own_metric_page(request, competition, pk, form, status=422)
    try:
        if scored:
            assert isinstance(request.user, User)
            reason = form.cleaned_data["reason"]
            rescoring = start_rescoring(
                user=request.user, competition=competition, reason=reason, metric=uploaded.metric
            )
            return redirect(rescoring)
        change_metric(competition=competition, metric=uploaded.metric)
    except Refusal as refusal:
        messages.error(request, refusal.message)
    else:
        messages.success(request, _("This metric is in force."))
    return redirect(uploaded)


def _own_metric_page(
    request: HttpRequest, competition: Competition, pk: int, form: AdoptionForm, status: int = 200
) -> HttpResponse:
    uploaded = get_object_or_404(competition.own_metrics.select_related("uploaded_by", "competition"), pk=pk)
    return page(
        request,
        competition,
        "detail",
        status,
        uploaded=uploaded,
        form=form,
        scored=_is_scored(competition),
        is_waiting=uploaded.state == OwnMetric.State.TESTING,
        may_adopt=uploaded.state == OwnMetric.State.USABLE and not uploaded.is_in_force,
    )


def _is_scored(competition: Competition) -> bool:
    return competition.submissions.filter(state=State.SCORED).exists()
