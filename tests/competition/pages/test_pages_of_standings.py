"""The leaderboard's page and its export."""

import csv

from django.core.cache import cache

from competition.contests.teams import rename_team
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
