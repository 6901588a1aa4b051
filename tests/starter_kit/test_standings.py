"""The leaderboard in the terminal."""

import json

import pytest

from tests.starter_kit.local_site import TOKEN, LocalSite


def entry(rank, team, score, **more):
    return {
        "rank": rank,
        "team": team,
        "score": score,
        "passed_gate": score is not None,
        "recall": 0.8 if score is not None else 0.5,
        "precision": 0.3,
        "interval": None,
        "entries": 2,
        "last_submission_at": "2026-02-03T04:05:06Z",
        "is_mine": team == "Alice",
    } | more


@pytest.fixture
def site():
    with LocalSite() as site:
        site.entries = [
            entry(1, "Bob", 0.61234567),
            entry(2, "Charlie", 0.5),
            entry(3, "Dora", 0.4),
            entry(4, "Alice", 0.3),
            entry(5, "Erik", None),
        ]
        yield site


@pytest.fixture
def typed(site, shell, monkeypatch):
    monkeypatch.setenv("TAMAGO_URL", site.url)
    monkeypatch.setenv("TAMAGO_TOKEN", TOKEN)
    return shell


def rows(out):
    cells = ([cell.strip() for cell in line.strip("│ ").split("│")] for line in out.splitlines())
    return {row[-6]: row for row in cells if len(row) >= 7}


def test_all_pages_are_shown_the_best_first(typed):
    ended = typed("leaderboard", "typhoons")
    assert ended.status == 0, ended.err
    places = [ended.out.index(team) for team in ("Bob", "Charlie", "Dora", "Alice", "Erik")]
    assert places == sorted(places)


def test_scores_have_the_digits_that_the_organizers_chose(typed):
    out = typed("leaderboard", "typhoons").out
    assert "0.6123" in out
    assert "0.61234" not in out


def test_ones_own_row_is_marked(typed):
    lines = typed("leaderboard", "typhoons").out.splitlines()
    assert [line for line in lines if "→" in line] == [line for line in lines if "Alice" in line]


def test_ones_own_row_is_shown_below_the_top(typed):
    out = typed("leaderboard", "typhoons", "--top", "2").out
    assert "Alice" in out
    assert "Dora" not in out
    assert "5 teams in all" in out


def test_below_the_gate_is_said(typed):
    assert "below the gate" in next(
        line for line in typed("leaderboard", "typhoons").out.splitlines() if "Erik" in line
    )


def test_the_private_board_is_asked_for(site, typed):
    answer = json.loads(typed("leaderboard", "typhoons", "--private", "--json").out)
    assert answer["part"] == "private"
    assert len(answer["entries"]) == 5


def test_intervals_and_ties_are_shown_where_there_are_any(site, typed):
    bands = (1, 1, 2, 3, 3)
    site.entries = [
        each | {"interval": [0.30123, 0.70987], "tie_band": band}
        for each, band in zip(site.entries, bands, strict=True)
    ]
    out = typed("leaderboard", "typhoons").out
    lines = {
        name: line for line in out.splitlines() for name in ("Bob", "Charlie", "Dora", "Erik") if name in line
    }
    assert "0.301–0.710" in lines["Bob"]
    assert [" a " in lines[name] for name in ("Bob", "Charlie", "Dora")] == [True, True, False]
    assert " b " in lines["Erik"]
    assert "0.301" not in lines["Erik"]  # below the gate there is no score
    assert "cannot be told apart" in out


def test_without_draws_there_is_no_column_for_them(typed):
    out = typed("leaderboard", "typhoons").out
    assert "95 %" not in out
    assert "Tied" not in out


def test_an_empty_board_says_so(site, typed):
    site.entries = []
    assert "Nobody has a scored submission yet" in typed("leaderboard", "typhoons").out


def test_a_teams_name_cannot_paint_the_terminal(site, typed):
    site.entries = [entry(1, "[red]x[/red]\x1b[31m", 0.5)]
    out = typed("leaderboard", "typhoons").out
    assert "[red]x[/red]" in out
    assert "\x1b" not in out


def test_competitions_are_listed(typed):
    out = typed("competitions").out
    assert "typhoons" in out
    assert "2026-12-31 12:00" in out
