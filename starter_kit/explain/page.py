"""The report as one HTML page that needs nothing else: no network, no other file, no script to be read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from importlib import resources

from scoring import Comparison
from starter_kit.explain.browser import Shown
from starter_kit.explain.cases import LEADS, MONTHS, Cases
from starter_kit.explain.charts import Bar, Point, curve, dots
from starter_kit.explain.rates import REPORTED_DAYS, Interval, Rate, Reliability

BASIN_NAMES = {
    "WNP": "western North Pacific",
    "ENP": "eastern North Pacific",
    "NAT": "North Atlantic",
    "NIO": "North Indian Ocean",
    "SIO": "South Indian Ocean",
    "SPO": "South Pacific",
    "SAT": "South Atlantic",
}


@dataclass(frozen=True)
class Side:
    """Images that one model calls a cyclone and the other does not: what happened, how many, some of them."""

    what: str
    count: int
    shown: list[tuple[dict[str, object], str]]
    """(what is known of it, with `score` and `other_score`; the image as PNG data)"""


@dataclass(frozen=True)
class Contrast:
    """Two models on the images that neither learned from."""

    name: str
    other_name: str
    cases: Cases
    other: Cases
    comparison: Comparison
    sides: list[Side]


@dataclass(frozen=True)
class Report:
    """All that the page shows."""

    name: str
    release: str
    cases: Cases
    by_day: list[Rate]
    by_lead: list[Rate]
    by_basin: list[Rate]
    by_month: list[Rate]
    reliability: Reliability
    misses: list[Shown]
    false_alarms: list[Shown]
    contrast: Contrast | None


def render(report: Report) -> str:
    """The page."""
    folder = resources.files("starter_kit.explain")
    style = (folder / "page.css").read_text(encoding="utf-8")
    script = (folder / "page.js").read_text(encoding="utf-8")
    sections = [
        ("summary", "In short", _summary(report)),
        ("detection", "What is found", _detection(report)),
        ("reliability", "Can the scores be believed?", _reliability(report)),
        ("errors", "The worst errors", _errors(report)),
        ("reading", "How to read this", READING),
    ]
    if report.contrast is not None:
        sections.insert(3, ("comparison", "Two models", _comparison(report.contrast)))
    body = "".join(f'<section id="{key}"><h2>{title}</h2>{text}</section>' for key, title, text in sections)
    links = "".join(f'<a href="#{key}">{title}</a>' for key, title, _ in sections)
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<link rel="icon" href="data:,">'
        f"<title>{escape(report.name)}: where it errs</title><style>{style}</style></head><body>"
        f"<h1>{escape(report.name)}: what it finds, and where it errs</h1>"
        f'<p class="faint">{escape(report.release)} · {escape(_images(report.cases))}</p>'
        f"<nav>{links}</nav>{body}<script>{script}</script></body></html>\n"
    )


def _images(cases: Cases) -> str:
    positives = int(cases.table["label"].sum())
    storms = cases.table["storm_id"].drop_nulls().n_unique()
    return (
        f"{len(cases.table):,} {cases.what}: {positives:,} of {storms:,} storms, and "
        f"{len(cases.table) - positives:,} of other clouds"
    )


def _summary(report: Report) -> str:
    result, cases = report.cases.result, report.cases
    counts = [
        ("Precision", _number(result.precision), f"95 %: {_range(result.interval)}"),
        ("Recall", _number(result.recall), f"at least {cases.recall_floor:g} asked for"),
        ("Threshold", f"{cases.threshold:.4g}", "scores from here on are called a cyclone"),
        ("False-alarm ratio", _number(1 - (result.precision or 0)), f"{result.fp:,} false alarms"),
        ("Missed", f"{result.fn:,}", f"of {(result.tp or 0) + (result.fn or 0):,} images of storms"),
        ("Brier score", f"{report.reliability.brier:.4f}", "0 is perfect"),
    ]
    boxes = "".join(
        f"<div><dt>{name}</dt><dd>{value}<small>{escape(note)}</small></dd></div>"
        for name, value, note in counts
    )
    return (
        f'<dl class="numbers">{boxes}</dl><p>Everything below holds at this threshold: the one with the best '
        f"precision whose recall is at least {cases.recall_floor:g}, as on the leaderboard. Intervals come "
        "from drawing whole storms, and blocks of days, anew.</p>"
    )


def _detection(report: Report) -> str:
    days = [(int(rate.group), rate) for rate in report.by_day]
    points = [
        Point(day, rate.pod, rate.pod_interval, _told(rate), day in REPORTED_DAYS)
        for day, rate in days
        if rate.pod is not None
    ]
    reach = [day for day, _ in days] or [0, 1]
    low, high = min(*reach, 0), max(*reach, 1)
    step = max(1, round((high - low) / 9))
    ticks = [(high, str(high)), *((day, str(day)) for day in range(high - step, low, -step)), (low, str(low))]
    lead = curve(
        points,
        x_label="days until genesis (negative: after it)",
        y_label="probability of detection",
        x_ticks=ticks,
        describe="Probability of detection by days until genesis",
    )
    by_day = dict(days)
    rows = [
        (f"{day} days before", by_day[day]) if day in by_day else (f"{day} days before", None)
        for day in REPORTED_DAYS
    ]
    table = "".join(_lead_row(name, rate) for name, rate in rows)
    table += "".join(_lead_row(rate.group, rate) for rate in report.by_lead)
    full = [
        f"{escape(code)} {escape(BASIN_NAMES[code])}"
        for code in (rate.group for rate in report.by_basin)
        if code in BASIN_NAMES
    ]
    return (
        f'<h3>By lead time</h3><div class="charts"><figure>{lead}<figcaption>Share of the images of storms '
        "that are called a cyclone, by days until genesis, ± 12 hours; larger dots: the days that Matsuoka "
        'et al. (2018) report.</figcaption></figure><div class="scroll"><table><tr><th>before genesis</th>'
        "<th>POD</th><th>95 %</th><th>found</th><th>storms</th></tr>"
        f"{table}</table></div></div>"
        f"<h3>By basin</h3>{_pair(report.by_basin, 'basin')}"
        f'<p class="faint">{"; ".join(full)}.</p>'
        f"<h3>By month</h3>{_pair(report.by_month, 'month')}"
    )


def _lead_row(name: str, rate: Rate | None) -> str:
    if rate is None or rate.pod is None:
        return f'<tr><td>{escape(name)}</td><td>–</td><td></td><td class="faint">no image</td><td></td></tr>'
    return (
        f"<tr><td>{escape(name)}</td><td>{rate.pod:.2f}</td><td>{_range(rate.pod_interval, 2)}</td>"
        f"<td>{rate.hits:,} of {rate.positives:,}</td><td>{rate.storms:,}</td></tr>"
    )


def _pair(rates: Sequence[Rate], noun: str) -> str:
    found = [
        Bar(
            rate.group,
            rate.pod,
            rate.pod_interval,
            f"{rate.hits:,} of {rate.positives:,}" if rate.positives else "no storm",
        )
        for rate in rates
    ]
    wrong = [
        Bar(rate.group, rate.far, rate.far_interval, f"{rate.false_alarms or 0:,} false") for rate in rates
    ]
    return (
        f'<div class="charts"><figure>{dots(found, describe=f"Probability of detection by {noun}")}'
        "<figcaption>Probability of detection: of the images of storms, the share found.</figcaption>"
        "</figure>"
        f"<figure>{dots(wrong, describe=f'False-alarm ratio by {noun}')}"
        "<figcaption>False-alarm ratio: of what is called a cyclone, the share that is none.</figcaption>"
        "</figure></div>"
    )


def _reliability(report: Report) -> str:
    told = report.reliability
    points = [
        Point(forecast, observed, interval, f"score {forecast:.2f}: {observed:.2f} of {count:,} images")
        for forecast, observed, interval, count in zip(
            told.forecast, told.observed, told.intervals, told.count, strict=True
        )
    ]
    diagram = curve(
        points,
        x_label="score",
        y_label="share of cyclones",
        x_ticks=[(0, "0"), (0.25, "0.25"), (0.5, "0.5"), (0.75, "0.75"), (1, "1")],
        describe="Reliability diagram",
        diagonal=True,
    )
    rows = "".join(
        f"<tr><td>{forecast:.3f}</td><td>{observed:.3f}</td><td>{count:,}</td></tr>"
        for forecast, observed, count in zip(told.forecast, told.observed, told.count, strict=True)
    )
    over = sum(
        count * (f - o) for f, o, count in zip(told.forecast, told.observed, told.count, strict=True)
    ) / sum(told.count)
    verdict = (
        "Taken as probabilities, the scores are too high"
        if over > 0.02
        else "Taken as probabilities, the scores are too low"
        if over < -0.02
        else "On average, the scores are as high as they should be"
    )
    return (
        f"<p>{verdict}: {abs(over):.3f} {'above' if over >= 0 else 'below'} what happened, in the mean. "
        "Training on balanced batches makes scores too high; the leaderboard judges their order alone and "
        "does not mind. <code>ensemble --calibration isotonic</code> makes them honest.</p>"
        f'<div class="charts"><figure>{diagram}<figcaption>On the dashed line, of the images with a score of '
        '0.3 three in ten are cyclones.</figcaption></figure><div class="scroll"><table>'
        "<tr><th>mean score</th>"
        f"<th>cyclones</th><th>images</th></tr>{rows}</table></div></div>"
    )


def _comparison(contrast: Contrast) -> str:
    told, one, other = contrast.comparison, contrast.cases, contrast.other
    low, high = told.interval
    name, other_name = escape(contrast.name), escape(contrast.other_name)
    if told.is_distinguishable:
        better, worse = (name, other_name) if told.difference > 0 else (other_name, name)
        verdict = f"<b>{better}</b> is better than {worse}: the interval of the difference leaves out 0."
    else:
        verdict = (
            "The two cannot be told apart on these storms: the interval of the difference holds 0. On others "
            "the order may turn round."
        )
    rows = "".join(
        f"<tr><td>{who}</td><td>{_number(cases.result.precision)}</td><td>{_range(cases.result.interval)}</td>"
        f"<td>{_number(cases.result.recall)}</td><td>{cases.threshold:.4g}</td><td>{cases.result.fn:,}</td><td>{cases.result.fp:,}</td></tr>"
        for who, cases in ((name, one), (other_name, other))
    )
    sides = "".join(_side(side, contrast) for side in contrast.sides)
    return (
        f'<p>{verdict}</p><div class="scroll"><table><tr><th>model</th><th>precision</th><th>95 %</th>'
        f"<th>recall</th><th>threshold</th><th>missed</th><th>false alarms</th></tr>{rows}</table></div>"
        f"<p>Difference {told.difference:+.3f} ({low:+.3f} to {high:+.3f}, 95 %, both on the same draws); "
        f"{name} is the better one in {told.probability_better:.0%} of them. "
        f"{escape(_images(one))}.</p>{sides}"
    )


def _side(side: Side, contrast: Contrast) -> str:
    cards = "".join(
        f'<div class="card"><div class="pictures one"><img alt="" src="{picture}"></div><p>'
        f"{_where(about)}<br>{escape(contrast.name)} {about['score']:.3f}, {escape(contrast.other_name)} "
        f"{about['other_score']:.3f}</p></div>"
        for about, picture in side.shown
    )
    some = f" The {len(side.shown)} on which they differ most:" if len(side.shown) < side.count else ""
    return f'<h3>{escape(side.what)}: {side.count:,}</h3><p>{some}</p><div class="cards small">{cards}</div>'


def _errors(report: Report) -> str:
    shown = [("miss", each) for each in report.misses] + [
        ("false alarm", each) for each in report.false_alarms
    ]
    basins = sorted({str(each.about["basin"]) for _, each in shown})
    months = sorted({int(str(each.about["month"])) for _, each in shown})
    leads = [lead for lead in LEADS if any(each.about["lead"] == lead for _, each in shown)]
    choices = [
        ("kind", "Error", [("miss", "missed storms"), ("false alarm", "false alarms")]),
        ("basin", "Basin", [(code, BASIN_NAMES.get(code, code)) for code in basins]),
        ("month", "Month", [(str(month), MONTHS[month - 1]) for month in months]),
        ("lead", "Lead time (storms)", [(lead, lead) for lead in leads]),
    ]
    selects = "".join(
        f'<label>{title}<select name="{name}"><option value="">all</option>'
        + "".join(
            f'<option value="{escape(value, quote=True)}">{escape(text)}</option>' for value, text in options
        )
        + "</select></label>"
        for name, title, options in choices
    )
    cards = "".join(_card(kind, each) for kind, each in shown)
    return (
        "<p>The worst of all, and the three worst of every basin, month and lead time. Left the image, north "
        "up, cold clouds white; in the middle Grad-CAM, bright where the network saw what speaks for a "
        "cyclone (plain where it saw none); right integrated gradients, red for a cyclone, blue against "
        "it.</p>"
        f'<form id="filter" hidden>{selects}</form><p id="told" class="faint" aria-live="polite"></p>'
        f'<div class="cards">{cards}</div>'
    )


def _card(kind: str, shown: Shown) -> str:
    about = shown.about
    name = "Missed storm" if kind == "miss" else "False alarm"
    pictures = "".join(
        f'<img alt="{alt}" src="{data}" loading="lazy">'
        for alt, data in (
            ("the image", shown.grey),
            ("Grad-CAM", shown.grad_cam),
            ("integrated gradients", shown.gradients),
        )
    )
    keys = "".join(
        f' data-{key}="{escape(str(value), quote=True)}"'
        for key, value in (
            ("kind", kind),
            ("basin", about["basin"]),
            ("month", about["month"]),
            ("lead", about["lead"] or ""),
        )
    )
    return (
        f'<div class="card"{keys}><div class="pictures">{pictures}</div><p><span class="kind">{name}</span>, '
        f"score {about['score']:.4f}<br>{_where(about)}<br>"
        f'<span class="faint">{escape(str(about["image_id"]))}</span></p></div>'
    )


def _where(about: dict[str, object]) -> str:
    """Storm, lead time, place and time of an image."""
    latitude, longitude = float(str(about["latitude"])), float(str(about["longitude"]))
    place = (
        f"{abs(latitude):.1f}° {'N' if latitude >= 0 else 'S'}, "
        f"{abs(longitude):.1f}° {'E' if longitude >= 0 else 'W'}"
    )
    parts = [f"{about['time']:%Y-%m-%d %H:%M}", f"{about['basin']}, {place}"]
    if about["storm_id"] is not None:
        parts.insert(0, f"storm {about['storm_id']}, {_lead(about['lead_time_hours'])}")
    return "<br>".join(escape(part) for part in parts)


def _lead(hours: object) -> str:
    if hours is None:
        return "genesis unknown"
    value = float(str(hours))
    if value == 0:
        return "at genesis"
    return f"{abs(value) / 24:.1f} days {'before' if value > 0 else 'after'} genesis"


def _told(rate: Rate) -> str:
    return f"{rate.group} days: {rate.hits:,} of {rate.positives:,} images of {rate.storms:,} storms"


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"


def _range(interval: Interval | None, digits: int = 3) -> str:
    return "too few storms" if interval is None else f"{interval[0]:.{digits}f} to {interval[1]:.{digits}f}"


READING = """
<p><b>Grad-CAM</b> weighs the last feature map of the network by what a change of it would do to the answer
(Selvaraju et al. 2017, doi 10.1109/ICCV.2017.74). It is coarse, a few points stretched to the whole image,
and scaled in each image to its own maximum: it tells where, not how much.</p>
<p><b>Integrated gradients</b> share the logit out over the pixels, against a sky without any cloud
(Sundararajan, Taly &amp; Yan 2017, arXiv 1703.01365). They are complete: all pixels together make the
difference between the two logits.</p>
<p>Both tell what the network used, not what makes the weather. A map that looks sensible proves nothing: look
for what the errors of one kind have in common, and test it by changing the images or the training.</p>
<p><b>Few storms make wide intervals.</b> Images of one storm resemble each other; 40 images of two storms say
about as much as two images. Groups of fewer than five storms have no interval: so few may agree by
chance, and it would promise too much.</p>
"""
