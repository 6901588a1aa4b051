"""The leaderboard's page and its export."""

import csv

import numpy as np
import pytest
from django.core.cache import cache

from competition.contests.teams import rename_team
from competition.leaderboards.standings import private_standings
from tests.competition.conftest import signed_in, take_part
from tests.competition.pages.conftest import scored
from tests.competition.pages.sane_html import page_of, text_of

BOARD = "/competitions/typhoons/leaderboard/"
PRIVATE = ("0.42424", "0.51717")


def rows(response) -> list[list[str]]:
    page = page_of(response)
    return [
        [" ".join(cell.get_text(" ").split()) for cell in row.select("td, th")]
        for row in page.select("tbody tr[data-team]")
    ]


def test_the_best_of_each_team_is_ranked(season):
    board = rows(signed_in(None).get(BOARD))
    assert [row[:2] for row in board] == [["1", "Team Alice You"], ["2", "Team Dave You"]]
    assert board[0][2:5] == ["0.61803", "0.80000", "passes"]


def test_the_board_says_what_the_gate_is(season):
    response = signed_in(None).get(BOARD)
    assert "recall, the share of the typhoons that an entry finds, must reach 0.79" in text_of(response)
    assert page_of(response).select_one('main a[href$="/evaluation/"]')


def test_ones_own_row_is_marked_and_only_that_one(season, alice, team, other_team):
    page = page_of(signed_in(alice).get(BOARD))
    assert f'[data-team="{team.pk}"]' in page.select_one("head style").get_text()
    assert f'"{other_team.pk}"' not in page.select_one("head style").get_text()
    assert "Your team Team Alice rank 1 of 2 0.61803" in text_of(signed_in(alice).get(BOARD))
    assert not page_of(signed_in(None).get(BOARD)).select("head style")


def test_entries_below_the_gate_stand_apart(season, carol, typhoons):
    low = take_part(typhoons, carol, name="Nearly")
    scored(low, 0.99, recall=0.5)
    page = page_of(signed_in(None).get(BOARD))
    lines = [row.get_text(" ", strip=True) for row in page.select("tbody tr")]
    assert lines[2].startswith("Below the gate")
    assert "Nearly" in lines[3]
    assert len(page.select(".gate-row")) == 1


def test_teams_of_equal_result_share_a_rank(season, carol, typhoons):
    same = take_part(typhoons, carol, name="Same")
    scored(same, 0.61803)
    assert [row[0] for row in rows(signed_in(None).get(BOARD))] == ["1 =", "1 =", "3"]


def test_before_the_close_nothing_of_the_private_part_is_shown(season, alice, organizer, staff):
    for user in (None, alice, organizer, staff):
        for path in (BOARD, f"{BOARD}?part=private", BOARD.rstrip("/") + ".csv?part=private"):
            response = signed_in(user).get(path)
            for score in PRIVATE:
                assert score not in response.content.decode()
                assert score not in str(response.headers)


def test_after_the_close_the_private_part_decides(season):
    signed_in(None).get(BOARD)  # in the cache before the close
    season.close()
    client = signed_in(None)
    board = rows(client.get(BOARD))
    assert [(row[0], row[1], row[2], row[3]) for row in board] == [
        ("1", "up 1", "Team Dave You", "0.51717"),
        ("2", "down 1", "Team Alice You", "0.42424"),
    ]
    assert rows(client.get(f"{BOARD}?part=public"))[0][1] == "Team Alice You"


def test_after_the_close_ones_own_private_result_is_on_its_page(season, alice, dave):
    path = season.submissions["scored"].get_absolute_url()
    assert "Private score" not in text_of(signed_in(alice).get(path))
    season.close()
    assert "Private score 0.42424" in text_of(signed_in(alice).get(path))
    assert signed_in(dave).get(path).status_code == 404


def test_a_board_is_rendered_once_per_version_and_language(
    season, alice, team, django_assert_max_num_queries
):
    client = signed_in(None)
    client.get(BOARD)
    with django_assert_max_num_queries(8):
        client.get(BOARD)
    assert "順位" in client.get(BOARD, headers={"Accept-Language": "ja"}).content.decode()
    rename_team(user=alice, team=team, name="The Renamed")
    assert "The Renamed" in text_of(client.get(BOARD))
    scored(team, 0.7)
    assert "0.70000" in text_of(client.get(BOARD))
    cache.clear()
    assert "0.70000" in text_of(client.get(BOARD))


def test_the_export_has_every_digit_and_no_formula(season, alice, team):
    rename_team(user=alice, team=team, name="=HYPERLINK(evil)")
    response = signed_in(None).get("/competitions/typhoons/leaderboard.csv")
    assert response["Content-Type"].startswith("text/csv")
    table = list(csv.DictReader(response.content.decode().splitlines()))
    assert [(row["rank"], row["team"], row["score"]) for row in table] == [
        ("1", "'=HYPERLINK(evil)", "0.61803"),
        ("2", "Team Dave", "0.41234"),
    ]


def test_a_teams_name_is_text(season, alice, team):
    rename_team(user=alice, team=team, name="<b>bold</b>")
    page = page_of(signed_in(None).get(BOARD))
    assert "<b>bold</b>" in page.get_text()
    assert not page.select(".team-name b")


def draw(submission, *, low: float, high: float, around: float, risk: float = 0.4) -> None:
    """Give the results of a submission draws around a value, the same weather for all."""
    weather = np.random.default_rng(3).normal(0, 0.02, 300)
    score = submission.scores.first()
    for row in (score, score.private):
        row.result = row.result | {"interval": [low, high], "probability_below_gate": risk}
        row.replicates = (around + weather).astype("<f8").tobytes()
        row.save()


@pytest.fixture
def three_teams(season, carol, typhoons):
    """Team Alice leads clearly; Team Dave and Team Carol cannot be told apart."""
    alone = scored(take_part(typhoons, carol, name="Team Carol"), 0.41, private=(0.6, 0.8))
    dave = typhoons.submissions.get(team__name="Team Dave")
    draw(season.submissions["scored"], low=0.58, high=0.66, around=0.6)
    draw(dave, low=0.36, high=0.46, around=0.41)
    draw(alone, low=0.35, high=0.47, around=0.41)
    return season


def test_intervals_lie_on_one_scale(three_teams):
    page = page_of(signed_in(None).get(BOARD))
    bars = [
        tuple(float(bar[name].rstrip("%")) for name in ("x", "width"))
        for bar in page.select(".board .whisker .interval")
    ]
    (alice, alice_width), (dave, dave_width), (carol, carol_width) = bars
    assert carol < dave < alice
    assert carol_width > dave_width > alice_width
    assert alice + alice_width < 100
    assert page.select_one(".board .whisker")["aria-label"] == "from 0.580 to 0.660"


def test_who_cannot_be_told_apart_stands_in_a_bracket(three_teams):
    page = page_of(signed_in(None).get(BOARD))
    rows = page.select(".board tbody tr")
    assert [row["class"] for row in rows] == [[], ["band-row"], ["band"], ["band", "band-end"]]
    assert "ranks 2 to 3" in rows[1].get_text()
    assert "cannot be told apart" in page.select_one("details.reading summary").get_text()


def test_a_board_without_draws_is_as_plain_as_before(season):
    page = page_of(signed_in(None).get(BOARD))
    assert not page.select(".whisker, .band, .band-row, details.reading")


def test_the_risk_stands_on_the_board_where_the_threshold_is_kept(three_teams, typhoons):
    assert "risk" not in page_of(signed_in(None).get(BOARD)).select_one(".board").get_text()
    typhoons.metric = typhoons.metric | {"threshold": "submitted"}
    typhoons.save()
    assert "risk 2 in 5" in page_of(signed_in(None).get(BOARD)).select_one(".board").get_text()


def test_the_export_has_intervals_bands_and_risks(three_teams):
    exported = csv.DictReader(
        signed_in(None).get("/competitions/typhoons/leaderboard.csv").content.decode().splitlines()
    )
    told = [
        (row["interval_low"], row["interval_high"], row["tie_band"], row["probability_below_gate"])
        for row in exported
    ]
    assert told == [("0.58", "0.66", "1", "0.4"), ("0.36", "0.46", "2", "0.4"), ("0.35", "0.47", "2", "0.4")]


def test_the_shake_up_is_drawn_after_the_close(three_teams, alice, team):
    assert not page_of(signed_in(alice).get(BOARD)).select(".shake-up")
    three_teams.close()
    page = page_of(signed_in(alice).get(BOARD))
    section = page.select_one("section[aria-labelledby=shake-up-title]")
    assert {
        slope["data-team"]: set(slope["class"]) & {"up", "down", "level"}
        for slope in section.select(".slope")
    } == {
        str(each.team_id): {"up" if each.shake_up > 0 else "down" if each.shake_up < 0 else "level"}
        for each in private_standings(three_teams.competition)
    }
    words = " ".join(section.get_text(" ").split())
    assert "Biggest rise 2 Team Carol" in words
    assert "Biggest fall 2 Team Alice" in words
    assert f'.slope[data-team="{team.pk}"]' in page.select_one("head style").get_text()
    assert not page_of(signed_in(None).get(f"{BOARD}?part=public")).select(".shake-up")
