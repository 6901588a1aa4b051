"""The leaderboard's page and its export."""

import csv
from typing import Any

from django.core.cache import cache
from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from competition.contests.joining import participation_of
from competition.contests.models import Competition
from competition.contests.pages import render_page, visible_competition
from competition.leaderboards.board import board_of
from competition.leaderboards.shake_up import shake_up
from competition.leaderboards.standings import (
    CACHE_SECONDS,
    Standing,
    board_version,
    private_standings,
    public_standings,
)
from competition.submissions.report import gate_of

COLUMNS = (
    *("rank", "team", "score", "interval_low", "interval_high", "tie_band", "probability_below_gate"),
    *("recall", "precision", "passed_gate", "entries", "last_submission_at"),
)


def wanted_part(request: HttpRequest, competition: Competition) -> str:
    """`private` after the close, `public` where asked for; before the close whatever was asked: `public`."""
    asked = request.GET.get("part", "private")
    return asked if competition.is_closed and asked in {"public", "private"} else "public"


def standings(competition: Competition, part: str) -> list[Standing]:
    return private_standings(competition) if part == "private" else public_standings(competition)


@require_safe
def board(request: HttpRequest, slug: str) -> HttpResponse:
    competition = visible_competition(request, slug)
    part = wanted_part(request, competition)
    participation = participation_of(request.user, competition)
    rendered = rendered_board(competition, part)
    team_id = participation.team_id if participation else None
    return render_page(
        request,
        "leaderboards/board.html",
        competition,
        tab="leaderboard",
        participation=participation,
        part=part,
        board=rendered["html"],
        own=rendered["places"].get(team_id),
        entered=rendered["entered"],
    )


@require_safe
def board_csv(request: HttpRequest, slug: str) -> HttpResponse:
    competition = visible_competition(request, slug)
    part = wanted_part(request, competition)
    response = HttpResponse(content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="{slug}-{part}-leaderboard.csv"'
    writer = csv.writer(response)
    writer.writerow(COLUMNS)
    for standing in standings(competition, part):
        writer.writerow(
            [
                standing.rank,
                harmless_in_a_spreadsheet(standing.team),
                standing.value,
                *(standing.interval or ("", "")),
                standing.tie_band,
                standing.probability_below_gate,
                standing.recall,
                standing.precision,
                standing.passed_gate,
                standing.entries,
                standing.last_submission_at.isoformat() if standing.last_submission_at else "",
            ]
        )
    return response


def rendered_board(competition: Competition, part: str) -> dict[str, Any]:
    """The table's HTML, the same for all readers of a language, and where each team stands.

    Made once per version of the board: reading it costs one look into the cache.
    """
    key = f"board:{competition.pk}:{part}:{board_version(competition)}:{get_language()}"
    rendered = cache.get(key)
    if rendered is None:
        rows = standings(competition, part)
        board = board_of(rows, competition.metric)
        html = render_to_string(
            "leaderboards/table.html",
            {
                "competition": competition,
                "board": board,
                "columns": board.columns + (part == "private"),
                "value_name": value_name(competition.metric),
                "part": part,
                "first_below": next((row.team_id for row in rows if not row.passed_gate), None),
                "updated": max(
                    (row.last_submission_at for row in rows if row.last_submission_at), default=None
                ),
            },
        )
        moved = shake_up(rows) if part == "private" else None
        if moved:
            html += render_to_string("leaderboards/shake_up.html", {"shake_up": moved})
        rendered = {
            "html": html,
            "places": {
                row.team_id: {"rank": row.rank, "value": row.value, "passed_gate": row.passed_gate}
                for row in rows
            },
            "entered": len(rows),
        }
        cache.set(key, rendered, CACHE_SECONDS)
    return rendered


def harmless_in_a_spreadsheet(text: str) -> str:
    """A name that begins like a formula is quoted: a team called `=cmd|…` must not run anywhere."""
    return f"'{text}" if text[:1] in "=+-@\t\r" else text


def value_name(metric: dict[str, Any]) -> str:
    """What the number is that ranks: where there is a gate, the one that is as good as it gets behind it."""
    gate = gate_of(metric)
    if gate is None:
        return _("Score")
    return _("Precision at the gate") if gate.number == "recall" else _("Recall at the gate")
