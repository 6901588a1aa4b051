"""Competitions by API: what is on, taking part, the data file by file, the standings."""

import hashlib

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from competition.contests.models import RulesVersion
from tests.competition.api.conftest import HERE, ROOT, Program, close, is_problem, predictions, score_all
from tests.competition.conftest import take_part


def test_the_list_is_public(anybody, typhoons, team, other_team):
    page = anybody.get(f"{ROOT}/competitions").json()
    assert page["count"] == 1
    (item,) = page["items"]
    assert (item["slug"], item["state"], item["participants"], item["teams"]) == ("typhoons", "open", 3, 2)
    assert item["url"] == "http://testserver/competitions/typhoons/"
    assert (item["joined"], item["team"]) == (False, None)
    assert item["opens_at"].endswith("Z")


def test_the_list_says_where_one_takes_part(bobs, team):
    (item,) = bobs.get(f"{ROOT}/competitions").json()["items"]
    assert (item["joined"], item["team"]) == (True, "Team Alice")


def test_pages_of_the_list(anybody, typhoons):
    page = anybody.get(f"{ROOT}/competitions?limit=1&offset=1").json()
    assert page == {"items": [], "count": 1}


def test_texts_come_in_the_readers_language(anybody, typhoons):
    assert anybody.get(HERE, **{"Accept-Language": "ja"}).json()["title"] == "台風を見つけよう"
    assert anybody.get(HERE).json()["title"] == "Find the typhoons"


def test_one_competition_tells_its_metric_and_limits(alices, anybody, team, typhoons):
    told = alices.get(HERE).json()
    assert told["metric"] == typhoons.metric
    assert told["rules"] == {"version": 1, "accepted": 1}
    assert (told["daily_limit"], told["remaining_today"]) == (5, 5)
    assert told["next_reset"].endswith("T00:00:00Z")
    stranger = anybody.get(HERE).json()
    assert (stranger["rules"], stranger["remaining_today"]) == ({"version": 1, "accepted": None}, None)


def test_the_list_asks_the_database_as_often_for_many_as_for_few(
    alices, typhoons, team, django_assert_num_queries
):
    alices.get(f"{ROOT}/competitions")  # notes the token's use
    with django_assert_num_queries(4):
        alices.get(f"{ROOT}/competitions")
    typhoons.pk, typhoons.slug = None, "more-typhoons"
    typhoons.save()
    with django_assert_num_queries(4):
        assert alices.get(f"{ROOT}/competitions").json()["count"] == 2


# --- Taking part -------------------------------------------------------------------------------------------


def test_joining_records_the_version_of_the_rules(carols, carol, typhoons):
    RulesVersion.objects.create(competition=typhoons, number=2, body="Be very fair.")
    told = carols.post(f"{HERE}/join", {"accept_rules": True}).json()
    assert told["rules_version"] == 2
    assert told["team"] == "Carol"
    assert typhoons.participations.get(user=carol).rules.number == 2


def test_joining_twice_is_harmless_and_accepts_newer_rules(alices, alice, team, typhoons):
    assert alices.post(f"{HERE}/join", {"accept_rules": True}).json()["rules_version"] == 1
    RulesVersion.objects.create(competition=typhoons, number=2, body="Be very fair.")
    assert alices.post(f"{HERE}/join", {"accept_rules": True}).json()["rules_version"] == 2
    assert typhoons.participations.filter(user=alice).count() == 1


def test_nobody_joins_without_accepting_the_rules(carols, typhoons):
    is_problem(carols.post(f"{HERE}/join", {"accept_rules": False}), 422, "rules_not_accepted")
    assert not typhoons.participations.exists()


def test_nobody_joins_without_a_name(anybody, typhoons):
    is_problem(anybody.post(f"{HERE}/join", {"accept_rules": True}), 401, "not_authenticated")


def test_nobody_joins_after_the_close(carols, typhoons):
    close(typhoons)
    is_problem(carols.post(f"{HERE}/join", {"accept_rules": True}), 403, "closed")


# --- The data ----------------------------------------------------------------------------------------------


def test_the_list_of_files_is_public(anybody, data, release_folder):
    told = anybody.get(f"{HERE}/files").json()
    assert (told["release"], told["licence"], told["count"]) == ("synthetic-typhoons", "CC0-1.0", 7)
    for file in told["items"]:
        content = (release_folder / file["name"]).read_bytes()
        assert (file["size"], file["sha256"]) == (len(content), hashlib.sha256(content).hexdigest())
        assert file["url"] == f"http://testserver{HERE}/files/{file['name']}"
    assert "solution" not in str(told)


def test_a_competition_without_data_says_so(anybody, typhoons):
    is_problem(anybody.get(f"{HERE}/files"), 404, "no_release")


def test_a_download_in_two_pieces_is_the_file(alices, team, data):
    (file,) = [each for each in alices.get(f"{HERE}/files").json()["items"] if each["name"] == "train.csv"]
    path = file["url"].removeprefix("http://testserver")
    half = file["size"] // 2
    first = alices.get(path, Range=f"bytes=0-{half - 1}")
    rest = alices.get(path, Range=f"bytes={half}-", **{"If-Range": first["ETag"]})
    assert (first.status_code, rest.status_code) == (206, 206)
    content = b"".join([*first.streaming_content, *rest.streaming_content])
    assert hashlib.sha256(content).hexdigest() == file["sha256"]


def test_head_of_a_download(alices, team, data):
    response = alices.client.head(f"{HERE}/files/train.csv", headers=alices.headers)
    assert response.status_code == 200
    assert int(response["Content-Length"]) == data.files.get(path="train.csv").size


def test_a_range_outside_a_file_is_a_problem_that_names_its_size(alices, team, data):
    response = alices.get(f"{HERE}/files/test.csv", Range="bytes=99999999-")
    is_problem(response, 416, "requested_range_not_satisfiable")
    assert response["Content-Range"] == f"bytes */{data.files.get(path='test.csv').size}"


def test_downloads_are_for_participants(anybody, carols, typhoons, data, organizers):
    is_problem(anybody.get(f"{HERE}/files/train.csv"), 401, "not_authenticated")
    is_problem(carols.get(f"{HERE}/files/train.csv"), 403, "not_joined")
    assert organizers.get(f"{HERE}/files/train.csv").status_code == 200


@pytest.mark.parametrize("path", ["solution.parquet", "../solution.parquet", "%2e%2e/x", "nothing", "a%00b"])
def test_other_files_are_404(alices, team, data, path):
    is_problem(alices.get(f"{HERE}/files/{path}"), 404, "not_found")


# --- Standings ---------------------------------------------------------------------------------------------


@pytest.fixture
def scored(typhoons, team, other_team, data):
    for member, noise in ((team.members[0], 0.2), (other_team.members[0], 2.0)):
        assert Program(member).submit(predictions(data, noise=noise)).status_code == 201
    score_all(typhoons)


def test_standings_are_public(scored, anybody, typhoons):
    board = anybody.get(f"{HERE}/leaderboard").json()
    assert (board["part"], board["count"], board["metric"]) == ("public", 2, typhoons.metric)
    assert board["updated_at"]
    assert [(entry["rank"], entry["team"]) for entry in board["entries"]] == [
        (1, "Team Alice"),
        (2, "Team Dave"),
    ]
    for entry in board["entries"]:
        assert entry["entries"] == 1
        assert entry["is_mine"] is False
        assert entry["public_rank"] is None
        assert entry["recall"] >= 0.79
        assert entry["score"] == round(entry["score"], 5)


def test_scores_have_the_organizers_digits(scored, anybody, typhoons):
    full = [entry["score"] for entry in anybody.get(f"{HERE}/leaderboard").json()["entries"]]
    typhoons.metric["digits"] = 1
    typhoons.save()
    short = [entry["score"] for entry in anybody.get(f"{HERE}/leaderboard").json()["entries"]]
    assert short == [round(score, 1) for score in full]


def test_my_team_is_marked(scored, bobs):
    assert [entry["is_mine"] for entry in bobs.get(f"{HERE}/leaderboard").json()["entries"]] == [True, False]


def test_an_empty_board_is_a_board(anybody, typhoons):
    board = anybody.get(f"{HERE}/leaderboard").json()
    assert (board["entries"], board["updated_at"]) == ([], None)


def test_the_private_board_waits_for_the_close(scored, anybody, organizers, typhoons):
    for program in (anybody, organizers):
        is_problem(program.get(f"{HERE}/leaderboard?part=private"), 403, "not_closed")
    close(typhoons)
    board = anybody.get(f"{HERE}/leaderboard?part=private").json()
    assert board["part"] == "private"
    assert [entry["public_rank"] for entry in board["entries"]] == [1, 2]


def test_there_is_no_third_board(anybody, typhoons):
    is_problem(anybody.get(f"{HERE}/leaderboard?part=secret"), 422, "invalid_request")


def test_a_board_asks_the_database_as_often_for_many_as_for_few(scored, anybody, typhoons, carol, data):
    def queries() -> int:
        with CaptureQueriesContext(connection) as asked:
            anybody.get(f"{HERE}/leaderboard")
        return len(asked)

    for_two = queries()
    take_part(typhoons, carol, name="Team Carol")
    Program(carol).submit(predictions(data, seed=1))
    score_all(typhoons)
    assert queries() == for_two
    assert anybody.get(f"{HERE}/leaderboard").json()["count"] == 3
