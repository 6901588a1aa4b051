"""Before the close no answer of the API or the data page holds a private score or a trace of the solution."""

import json

import polars as pl
import pytest

from competition.submissions.models import PrivateScore, Score
from tests.competition.api.conftest import HERE, ROOT, Program, close, predictions, score_all

# Values that only private results have, in the forms in which a number may be printed.
VALUE, RECALL, PRECISION, COUNT = 0.918273645546372, 0.827364554637281, 0.736455463728190, 918273645
TRACES = [str(each)[:7].encode() for each in (VALUE, RECALL, PRECISION, COUNT)]


@pytest.fixture
def people(typhoons, team, other_team, data, staff) -> list[Program]:
    """A scored entry each of two teams, with marked private results; and everybody who may look."""
    for member, noise in ((team.members[0], 0.2), (other_team.members[0], 2.0)):
        Program(member).submit(predictions(data, noise=noise))
    score_all(typhoons)
    result = {"score": VALUE, "passed_gate": True, "precision": PRECISION, "recall": RECALL, "tp": COUNT}
    columns = {"value": VALUE, "recall": RECALL, "precision": PRECISION, "passed_gate": True}
    assert PrivateScore.objects.update(result=result, **columns) == 2
    return [Program(), *(Program(user) for user in (team.members[0], other_team.members[0], staff))]


def answers(program: Program) -> dict[str, bytes]:
    """Everything that can be read by GET, headers and all."""
    paths = [f"{ROOT}/openapi.json", f"{ROOT}/competitions", HERE, "/competitions/typhoons/data/"]
    paths += [
        f"{HERE}/{part}" for part in ("files", "submissions", "leaderboard", "leaderboard?part=private")
    ]
    paths += [f"{HERE}/files/{name}" for name in ("manifest.json", "croissant.json", "test.csv", "train.csv")]
    paths += [f"{ROOT}/submissions/{score.submission_id}" for score in Score.objects.all()]
    found = {}
    for path in paths:
        response = program.get(path)
        body = b"".join(response.streaming_content) if response.streaming else response.content
        found[path] = body + json.dumps(dict(response.items())).encode()
    return found


def test_no_private_score_before_the_close_and_some_after(people, typhoons):
    for program in people:
        for path, text in answers(program).items():
            for trace in TRACES:
                assert trace not in text, path
    close(typhoons)  # the same search finds them now, so it would have found them before
    for program in people:
        found = answers(program)
        assert TRACES[1] in found[f"{HERE}/leaderboard?part=private"]
        assert TRACES[0] not in found[f"{HERE}/leaderboard"]
    own = Score.objects.get(submission__team__name="Team Alice").submission_id
    assert TRACES[3] in answers(people[1])[f"{ROOT}/submissions/{own}"]


def test_writing_answers_no_private_score_either(people, typhoons, data):
    alices = people[1]
    score = Score.objects.get(submission__team__name="Team Alice")
    for response in (
        alices.put(f"{ROOT}/submissions/{score.submission_id}/final", {"final": True}),
        alices.post(f"{ROOT}/submissions/{score.submission_id}/cancel"),
        alices.post(f"{HERE}/join", {"accept_rules": True}),
        alices.submit(predictions(data)),
    ):
        assert not any(trace in response.content for trace in TRACES)


def test_no_storm_of_the_test_images_is_told(people, data):
    storms = pl.read_parquet(data.solution_path)["storm_id"].drop_nulls().unique()
    assert len(storms) > 0
    for program in people:
        for path, text in answers(program).items():
            assert not any(
                f'"{storm}"'.encode() in text or f",{storm},".encode() in text for storm in storms
            ), path


def test_no_curve_gives_the_positive_images_away(typhoons, team, data):
    """Its exact thresholds would be the scores of all public positives: their ids, where scores differ."""
    program = Program(team.members[0])
    program.submit(predictions(data))
    score_all(typhoons)
    score = Score.objects.get()
    exact = score.result["curve"]
    assert len(set(exact["threshold"])) > 1
    path = f"{ROOT}/submissions/{score.submission_id}"
    curve = program.get(path).json()["public"]["curve"]
    assert not any(curve["threshold"])
    assert all(value == round(value, 2) for value in curve["precision"])
    # Few positives are no curve: each point would name some of them.
    assert len(curve["recall"]) <= (score.result["tp"] + score.result["fn"]) / 25
    close(typhoons)
    assert program.get(path).json()["public"]["curve"] == exact


def test_no_exact_public_number_leaves_before_the_close(people, typhoons):
    """Counts, thresholds, and precisions finer than the organizer's digits: each tells of single images."""
    typhoons.metric["digits"] = 2
    typhoons.save()
    exact = []
    for score in Score.objects.all():
        # Marked, because a small count is found in any answer.
        score.result |= {"tp": 7654321, "fn": 1234567, "fp": 5647382, "tn": 9182736}
        score.save()
        numbers = (str(score.result[name])[:6] for name in ("precision", "recall", "threshold"))
        exact += [number for number in numbers if len(number) == 6]
        exact += ["7654321", "1234567", "5647382", "9182736"]
    for program in people[:3]:  # anybody, and both teams
        for path, text in answers(program).items():
            assert [trace for trace in exact if trace.encode() in text] == [], path
    staff = answers(people[3])  # who may look at everything, and does so to the last digit
    assert len(exact) > 8
    assert any(all(trace.encode() in text for trace in exact[-4:]) for text in staff.values())
    close(typhoons)
    own = Score.objects.get(submission__team__name="Team Alice").submission_id
    assert b"7654321" in answers(people[1])[f"{ROOT}/submissions/{own}"]
