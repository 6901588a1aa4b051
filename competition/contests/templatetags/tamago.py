"""What templates of every page may call: Markdown, times, numbers, icons."""

from bisect import bisect_left
from datetime import UTC, datetime
from functools import cache
from unicodedata import east_asian_width

import nh3
from django import template
from django.contrib.auth.models import AnonymousUser
from django.templatetags.static import static
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext
from markdown_it import MarkdownIt
from markdown_it.token import Token

from competition.accounts.models import User
from competition.contests.models import Competition

register = template.Library()

LARGEST_WRITTEN_OUT = 1e15  # beyond it a number has more digits than it tells

# What a text of an organizer may contain: no script, no style, no form, nothing that positions itself.
ALLOWED_TAGS = {
    *("p", "br", "hr", "h2", "h3", "h4", "h5", "h6", "blockquote", "pre", "code"),
    *("em", "strong", "s", "a", "img", "ul", "ol", "li", "sub", "sup"),
    *("table", "thead", "tbody", "tr", "th", "td"),
}
ALLOWED_ATTRIBUTES = {
    "a": {"href", "title"},
    "img": {"src", "alt", "title"},
    "ol": {"start"},
    "th": {"align"},
    "td": {"align"},
}


@cache
def _markdown() -> MarkdownIt:
    return MarkdownIt("commonmark", {"html": False, "linkify": False}).enable(["table", "strikethrough"])


def _join_lines_without_spaces(inline: list[Token]) -> None:
    """Where a line of Japanese ends, browsers would show a space that nobody wrote."""
    for before, token, after in zip(inline, inline[1:], inline[2:], strict=False):
        edges = before.content[-1:] + after.content[:1]
        if token.type == "softbreak" and any(east_asian_width(edge) in "WF" for edge in edges):
            token.type = "text"


@register.filter
def markdown(text: str) -> SafeString:
    """Markdown as HTML, sanitised. Headings sink by one level: the page has its own `h1`."""
    tokens = _markdown().parse(text or "")
    for token in tokens:
        _join_lines_without_spaces(token.children or [])
        if token.type in {"heading_open", "heading_close"}:
            token.tag = f"h{min(int(token.tag[1]) + 1, 6)}"
    html = _markdown().renderer.render(tokens, _markdown().options, {})
    clean = nh3.clean(
        html,
        tags=ALLOWED_TAGS,
        attributes=ALLOWED_ATTRIBUTES,
        url_schemes={"http", "https", "mailto"},
        link_rel="noopener nofollow",
    )
    return mark_safe(clean)  # noqa: S308 - cleaned on the line above


@register.simple_tag
def moment(value: datetime | None, *, style: str = "datetime") -> SafeString | str:
    """A time: UTC as it stands, the visitor's own zone where a script runs.

    `style`: `datetime`, `date`, or `ago` (relative, such as "3 hours ago").
    """
    if value is None:
        return "–"
    utc = value.astimezone(UTC)
    text = f"{utc:%Y-%m-%d}" if style == "date" else f"{utc:%Y-%m-%d %H:%M} UTC"
    return format_html('<time datetime="{}" data-local="{}">{}</time>', utc.isoformat(), style, text)


@register.simple_tag
def countdown(value: datetime) -> SafeString:
    """How long until `value`, kept current by a script; days and hours as they are now without one."""
    utc = value.astimezone(UTC)
    remaining = max((utc - datetime.now(UTC)).total_seconds(), 0)
    days, hours = divmod(int(remaining // 3600), 24)
    text = gettext("%(days)s d %(hours)s h") % {"days": days, "hours": hours}
    return format_html('<time datetime="{}" data-countdown>{}</time>', utc.isoformat(), text)


@register.simple_tag
def icon(name: str, label: str = "") -> SafeString:
    """An icon of `static/img/icons.svg`; decorative unless it has a label."""
    href = f"{static('img/icons.svg')}#{name}"
    if label:
        return format_html(
            '<svg class="icon" role="img" aria-label="{}"><use href="{}"></use></svg>', label, href
        )
    return format_html('<svg class="icon" aria-hidden="true"><use href="{}"></use></svg>', href)


@register.filter
def score(value: float | None, metric: dict | int | None = None) -> str:
    """A score at the organizer's digits (the metric configuration, or a number of digits; 5 if neither)."""
    if value is None:
        return "–"
    digits = metric if isinstance(metric, int) else (metric or {}).get("digits", 5)
    # An own metric may return anything: 1e300 has three hundred digits, and -1e-9 would be shown as -0.00000.
    return f"{value:z.{digits}f}" if abs(value) < LARGEST_WRITTEN_OUT else f"{value:.{digits}e}"


@register.filter
def entry(mapping: dict, key: object) -> object | None:
    """What a mapping holds under a key that is a variable of the template."""
    return mapping.get(key)


@register.filter
def tags_to_notice(level_tag: str) -> str:
    """The notice's class for a level of `django.contrib.messages`."""
    return {"success": "notice-success", "warning": "notice-warning", "error": "notice-error"}.get(
        level_tag, ""
    )


@register.simple_tag
def competition_text(competition: Competition, name: str) -> str:
    """A text of the competition in the reader's language: title, tagline, overview…"""
    return competition.text(name)


@register.simple_tag
def can_organize(competition: Competition, user: User | AnonymousUser) -> bool:
    return competition.is_organized_by(user)


def _typhoons_to_the_gate(floor: float, found: int | None, missed: int | None) -> dict[str, int]:
    if found is None or missed is None:
        return {}
    typhoons = found + missed
    # The smallest count whose float quotient reaches the floor, as the score compares it.
    needed = bisect_left(range(typhoons + 1), floor, key=lambda count: count / typhoons) if typhoons else 0
    return {"typhoons": typhoons, "found": found, "needed": needed, "distance": abs(found - needed)}


@register.inclusion_tag("includes/recall_gauge.html")
def recall_gauge(
    recall: float,
    floor: float,
    *,
    found: int | None = None,
    missed: int | None = None,
    drawing: bool = True,
    caption: bool = True,
) -> dict:
    """Recall on a scale with the gate's edge: a drawing for eyes, the same in words for ears.

    The scale is zoomed to the gate's neighbourhood, because that is where entries stand. Where the typhoons
    `found` and `missed` are given, the words say how many of them lie between the entry and the gate.
    Without `drawing` or `caption` only the other one is given.
    """
    left, right = max(0.0, min(floor - 0.2, recall - 0.05)), 1.0

    def place(value: float) -> float:
        return round(10 + 380 * (value - left) / (right - left), 1)

    return {
        "recall": recall,
        "floor": floor,
        "margin": abs(recall - floor),
        "passed": recall >= floor,
        "drawing": drawing,
        "caption": caption,
        **_typhoons_to_the_gate(floor, found, missed),
        "x_recall": place(recall),
        "x_floor": place(floor),
        "width_below": round(place(floor) - 10, 1),
        "width_above": round(390 - place(floor), 1),
        "left": left,
        "right": right,
        # A label near an edge must not leave the drawing.
        "anchor": "start" if place(recall) < 70 else "end" if place(recall) > 330 else "middle",
    }
