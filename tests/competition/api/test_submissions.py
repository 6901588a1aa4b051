"""Submissions by API: from the file to the score."""

from uuid import UUID

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from competition.contests.models import RulesVersion
from competition.submissions.models import State, Submission
from tests.competition.api.conftest import HERE, ROOT, close, is_problem, predictions, score_all

MINE = f"{HERE}/submissions"


def csv(text: str) -> SimpleUploadedFile:
    return SimpleUploadedFile("try.csv", text.encode())


@pytest.fixture
def sent(alices, team, data) -> str:
    """The address of a submission that waits for a worker."""
    return f"{ROOT}/submissions/{alices.submit(predictions(data), 'first try').json()['id']}"


@pytest.fixture
def scored(sent, typhoons) -> str:
    score_all(typhoons)
    return sent


def test_a_submission_is_taken_and_queued(alices, team, data):
    response = alices.submit(predictions(data), "first try")
    assert response.status_code == 201
    told = response.json()
    UUID(told["id"])
    assert (told["state"], told["team"], told["user"]) == ("queued", "Team Alice", "alice")
    assert (told["filename"], told["message"], told["competition"]) == ("try.csv", "first try", "typhoons")
    assert (told["public"], told["private"], told["problems"]) == (None, None, [])
    assert told["url"] == f"http://testserver/submissions/{told['id']}/"
    kept = Submission.objects.get(pk=told["id"])
    assert (told["size"], told["sha256"]) == (kept.size, kept.sha256)


def test_once_scored_it_has_a_public_result(alices, organizers, scored, typhoons):
    told = alices.get(scored).json()
    assert told["state"] == "scored"
    assert told["finished_at"]
    result = told["public"]
    assert result["passed_gate"] is result["shown"] is True
    assert result["score"] == result["precision"]
    assert set(result["curve"]) == {"precision", "recall", "threshold"}
    assert told["private"] is None
    exact = organizers.get(scored).json()["public"]
    assert exact["precision"] == exact["tp"] / (exact["tp"] + exact["fp"])
    assert exact["recall"] == exact["tp"] / (exact["tp"] + exact["fn"]) >= 0.79
    for name in ("score", "precision", "recall"):
        assert result[name] == round(exact[name], typhoons.metric["digits"])


def test_counts_and_thresholds_come_with_the_close(alices, scored, typhoons):
    result = alices.get(scored).json()["public"]
    names = ("tp", "fp", "fn", "tn", "threshold")
    assert [result[name] for name in names] == [None] * 5
    close(typhoons)
    result = alices.get(scored).json()["public"]
    assert None not in [result[name] for name in names]
    assert result["precision"] == result["tp"] / (result["tp"] + result["fp"])


def test_the_private_result_comes_with_the_close(alices, bobs, scored, typhoons):
    close(typhoons)
    told = bobs.get(scored).json()
    assert told["private"]["passed_gate"] in (True, False)
    assert told["private"]["tp"] != told["public"]["tp"]
    assert told["private"]["score"] == round(told["private"]["score"], 5)


def test_all_problems_of_a_file_come_at_once_with_the_entry_that_keeps_them(alices, team, data):
    response = alices.submit(csv("image_id,score\ntest_0000000,nan\ntest_0000000,1\nstranger,1\n"))
    said = is_problem(response, 422, "invalid_submission")
    kinds = {problem["kind"] for problem in said["problems"]}
    assert len(kinds) >= 3
    assert all(set(problem) == {"kind", "message", "rows", "total"} for problem in said["problems"])
    told = alices.get(f"{ROOT}/submissions/{said['id']}").json()
    assert (told["state"], told["problems"]) == ("invalid", said["problems"])
    assert alices.get(HERE).json()["remaining_today"] == 5


@pytest.mark.parametrize("fields", [{}, {"message": "no file"}, {"file": "text, not a file"}])
def test_a_submission_needs_a_file(alices, team, data, fields):
    response = alices.client.post(MINE, fields, headers=alices.headers)
    said = is_problem(response, 422, "invalid_request")
    assert said["problems"][0]["location"][-1] == "file"


def test_a_message_has_200_characters_at_most(alices, team, data):
    said = is_problem(alices.submit(predictions(data), "x" * 201), 422, "invalid_request")
    assert said["problems"][0]["location"][-1] == "message"
    assert alices.submit(predictions(data), "x" * 200).status_code == 201


def test_a_file_over_the_limit_is_413(alices, team, data, typhoons):
    typhoons.max_upload_bytes = 100
    typhoons.save()
    is_problem(alices.submit(predictions(data)), 413, "too_large")
    assert not Submission.objects.exists()


def test_the_daily_limit_is_429_and_says_when_to_come_back(alices, team, data, typhoons):
    typhoons.daily_limit = 1
    typhoons.save()
    assert alices.submit(predictions(data)).status_code == 201
    response = alices.submit(predictions(data))
    is_problem(response, 429, "daily_limit")
    assert 0 < int(response["Retry-After"]) <= 86400


def test_only_participants_submit(carols, anybody, data, typhoons):
    is_problem(carols.submit(predictions(data)), 403, "not_joined")
    is_problem(anybody.submit(predictions(data)), 401, "not_authenticated")


def test_newer_rules_have_to_be_accepted_first(alices, team, data, typhoons):
    RulesVersion.objects.create(competition=typhoons, number=2, body="Be very fair.")
    is_problem(alices.submit(predictions(data)), 403, "rules_changed")
    alices.post(f"{HERE}/join", {"accept_rules": True})
    assert alices.submit(predictions(data)).status_code == 201


def test_nothing_is_taken_after_the_close_or_without_data(alices, team, typhoons, release_folder):
    is_problem(alices.submit(csv("image_id,score\n")), 409, "no_release")
    close(typhoons)
    is_problem(alices.submit(csv("image_id,score\n")), 403, "closed")


def test_uploads_are_counted_by_the_minute_too(alices, team, data, monkeypatch):
    monkeypatch.setattr("competition.api.throttles.UPLOADS.requests", 1)
    assert alices.submit(csv("x")).status_code == 422
    is_problem(alices.submit(csv("x")), 429, "throttled")


# --- Reading ----------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("other_team")
@pytest.mark.parametrize(
    ("program", "count"), [("alices", 1), ("bobs", 1), ("organizers", 1), ("daves", 0), ("carols", 0)]
)
def test_a_team_sees_its_own_and_organizers_see_all(request, scored, program, count):
    program = request.getfixturevalue(program)
    page = program.get(MINE).json()
    assert (page["count"], len(page["items"])) == (count, count)
    assert program.get(scored).status_code == (200 if count else 404)


def test_the_list_has_results_without_curves(scored, alices):
    (item,) = alices.get(MINE).json()["items"]
    assert item["public"]["recall"] > 0
    assert item["public"]["curve"] is None


def test_the_list_asks_the_database_as_often_for_many_as_for_few(
    scored, alices, data, typhoons, django_assert_num_queries
):
    with django_assert_num_queries(6):
        alices.get(MINE)
    for seed in (1, 2):
        alices.submit(predictions(data, seed=seed))
    score_all(typhoons)
    with django_assert_num_queries(6):
        assert alices.get(MINE).json()["count"] == 3


# --- Finals and cancelling --------------------------------------------------------------------------------


def test_a_final_is_chosen_and_taken_back(scored, alices):
    assert alices.put(f"{scored}/final", {"final": True}).json()["is_final"] is True
    assert alices.get(scored).json()["is_final"] is True
    assert alices.put(f"{scored}/final", {"final": False}).json()["is_final"] is False


def test_finals_are_limited(scored, alices, data, typhoons):
    typhoons.max_finals = 1
    typhoons.save()
    other = f"{ROOT}/submissions/{alices.submit(predictions(data, seed=1)).json()['id']}"
    is_problem(alices.put(f"{other}/final", {"final": True}), 409, "not_scored")
    score_all(typhoons)
    assert alices.put(f"{scored}/final", {"final": True}).status_code == 200
    is_problem(alices.put(f"{other}/final", {"final": True}), 409, "too_many_finals")


def test_finals_are_fixed_at_the_close(scored, alices, typhoons):
    close(typhoons)
    is_problem(alices.put(f"{scored}/final", {"final": True}), 403, "not_open")


def test_only_the_team_chooses(scored, daves, organizers, other_team):
    is_problem(daves.put(f"{scored}/final", {"final": True}), 404, "not_found")
    is_problem(organizers.put(f"{scored}/final", {"final": True}), 403, "not_a_member")
    is_problem(organizers.post(f"{scored}/cancel"), 403, "not_a_member")


def test_a_waiting_submission_is_cancelled_and_does_not_count(sent, bobs):
    assert bobs.post(f"{sent}/cancel").json()["state"] == State.CANCELLED
    assert bobs.get(HERE).json()["remaining_today"] == 5


def test_a_scored_one_is_not(scored, alices):
    is_problem(alices.post(f"{scored}/cancel"), 409, "too_late")
