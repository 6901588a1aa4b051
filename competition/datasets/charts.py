"""Charts of the data page, drawn in the browser by Bokeh from JSON."""

from dataclasses import dataclass
from typing import Any

import bokeh.plotting
import numpy as np
from bokeh.core.types import ID
from bokeh.embed import json_item
from bokeh.models import DataRange1d, Range, Range1d
from django.core.cache import cache
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from competition.contests.models import Competition
from competition.datasets.models import Release
from competition.datasets.overview import precision_of_coldest

POSITIVE_COLOUR, NEGATIVE_COLOUR = "#d9622b", "#3b82c4"  # told apart in both themes and by the colour-blind
DEFAULT_RECALL = 0.79
OLR_STEP = 5  # W m⁻²: the histograms are finer, to find thresholds in them


@dataclass(frozen=True)
class Chart:
    element: str  # id of the element that it is drawn into
    title: str
    text: str  # what it says, for those who cannot see it too
    item: Any  # Bokeh's JSON of the figure

    @property
    def json_element(self) -> str:
        return f"{self.element}-json"


def charts(*, release: Release, competition: Competition) -> list[Chart]:
    recall = competition.metric.get("recall_floor", DEFAULT_RECALL)
    key = f"charts:{release.pk}:{release.registered_at.timestamp()}:{recall}:{get_language()}"
    made = cache.get(key)
    if made is None:
        made = [_olr_chart(release, recall), _lead_time_chart(release)]
        cache.set(key, made, timeout=86400)
    return made


def _olr_chart(release: Release, recall: float) -> Chart:
    overview, counts = release.overview, release.manifest["counts"]["train"]
    precision = precision_of_coldest(
        overview, positives=counts["positives"], negatives=counts["negatives"], recall=recall
    )
    text = _(
        "Cold tops alone tell no typhoon: a threshold on an image's mean OLR that finds "
        "%(recall)s of the positives is right in %(precision)s of its alarms."
    ) % {"recall": f"{recall:.0%}", "precision": f"{precision:.1%}"}
    met = np.flatnonzero(np.add(overview["olr"]["positive"], overview["olr"]["negative"]))
    lowest, highest = (overview["olr"]["edges"][at] for at in (met[0], met[-1] + 1))
    figure = _figure(
        _("mean OLR of an image, W m⁻²"),
        _("share of the class"),
        x_range=Range1d(lowest, highest),
        tooltips=[(_("from"), "@x W m⁻²"), (_("share of the class"), "@y{0.0 %}")],
    )
    edges = np.array(overview["olr"]["edges"][::OLR_STEP])
    for name, label, colour in (
        ("negative", _("no cyclone"), NEGATIVE_COLOUR),
        ("positive", _("cyclone or precursor"), POSITIVE_COLOUR),
    ):
        histogram = np.array(overview["olr"][name], float)
        share = np.add.reduceat(histogram, np.arange(0, len(histogram), OLR_STEP)) / histogram.sum()
        figure.step(
            x=edges.tolist(),
            y=[*share.tolist(), float(share[-1])],
            mode="after",
            color=colour,
            line_width=2,
            legend_label=label,
        )
    figure.legend.orientation = "horizontal"
    figure.add_layout(figure.legend[0], "above")  # inside, it would hide the curves on a phone
    return Chart("chart-olr", _("Mean OLR by class"), text, json_item(figure, ID("chart-olr")))


def _lead_time_chart(release: Release) -> Chart:
    lead = release.overview["lead_times"]
    days = np.array(lead["edges"]) / 24
    figure = _figure(
        _("days until the cyclone forms (after it: negative)"),
        _("images"),
        x_range=DataRange1d(flipped=True),
        tooltips=[(_("days"), "@left – @right"), (_("images"), "@top")],
    )
    figure.quad(
        left=days[:-1].tolist(),
        right=days[1:].tolist(),
        top=lead["counts"],
        bottom=0,
        color=POSITIVE_COLOUR,
        line_color=None,
        fill_alpha=0.85,
    )
    early = sum(n for n, edge in zip(lead["counts"], lead["edges"], strict=False) if edge >= 48)
    text = _(
        "%(share)s of the positives are precursors that become a cyclone only after two days or more."
    ) % {"share": f"{early / max(sum(lead['counts']), 1):.0%}"}
    return Chart(
        "chart-lead-time", _("Positives by lead time"), text, json_item(figure, ID("chart-lead-time"))
    )


def _figure(
    x_label: str, y_label: str, *, x_range: Range, tooltips: list[tuple[str, str]]
) -> bokeh.plotting.figure:
    return bokeh.plotting.figure(
        height=300,
        sizing_mode="stretch_width",
        x_axis_label=x_label,
        y_axis_label=y_label,
        toolbar_location=None,
        tools="",
        background_fill_color=None,
        border_fill_color=None,
        outline_line_color=None,
        x_range=x_range,
        y_range=DataRange1d(start=0),
        tooltips=tooltips,
    )
