"""With the Ladder an entry is shown only if it is clearly better than its team's best, wherever one looks."""

import json
from datetime import timedelta

import pytest
from django.core.cache import cache
from django.utils import timezone

from competition.contests.models import Competition, Team
from competition.leaderboards.standings import public_standings
from competition.submissions.evaluate import evaluate
from competition.submissions.finals import effective_finals
from competition.submissions.ladder import climb_again
from competition.submissions.models import Score, Submission
from competition.submissions.results import public_result
from tests.competition.api.conftest import Program
from tests.competition.conftest import signed_in
from tests.competition.submissions.conftest import submit

HERE = "/api/v1/competitions/typhoons"


@pytest.fixture
def typhoons(typhoons) -> Competition:
    typhoons.ladder = True
    typhoons.daily_limit = 50
    typhoons.metric = typhoons.metric | {"digits": 3, "replicates": 200}
    typhoons.save()
    cache.clear()
    return typhoons


def enter(user, competition: Competition, *, noise: float, seed: int = 0) -> Submission:
    submission = submit(user, competition, noise=noise, seed=seed)
    evaluate(submission.pk, worker="test")
    submission.refresh_from_db()
    return submission


@pytest.fixture
def entries(alice, team: Team, release, typhoons) -> list[Submission]:
    """A fair one, one much better, one hardly different from that, and one much worse."""
    return [
        enter(alice, typhoons, noise=noise, seed=seed)
        for noise, seed in ((0.9, 1), (0.4, 2), (0.41, 2), (2.0, 3))
    ]


def rungs(entries: list[Submission]) -> list[bool]:
    return [entry.scores.get().is_rung for entry in entries]


def close(competition: Competition) -> None:
    competition.closes_at = timezone.now() - timedelta(seconds=1)
    competition.save()


def test_only_clear_improvements_are_rungs(entries):
    assert rungs(entries) == [True, True, False, False]


def test_without_the_ladder_every_entry_is(alice, team, release, typhoons):
    typhoons.ladder = False
    typhoons.save()
    assert rungs([enter(alice, typhoons, noise=noise) for noise in (0.4, 2.0)]) == [True, True]


def test_each_team_has_a_ladder_of_its_own(entries, dave, other_team, typhoons):
    assert rungs([enter(dave, typhoons, noise=2.0)]) == [True]


def test_nothing_is_told_of_what_is_no_rung_until_the_close(entries, typhoons):
    for entry, is_rung in zip(entries, rungs(entries), strict=True):
        score = entry.scores.get()
        told = public_result(score, typhoons)
        assert told["shown"] is is_rung
        if not is_rung:
            assert {value for name, value in told.items() if name != "shown"} == {None}
        assert public_result(score, typhoons, exact=True)["recall"] == score.recall
    close(typhoons)
    assert all(public_result(entry.scores.get(), typhoons)["tp"] > 0 for entry in entries)


def test_a_team_stands_where_its_highest_rung_is(entries, typhoons):
    best = entries[1].scores.get()
    (standing,) = public_standings(typhoons)
    assert (standing.submission_id, standing.value) == (entries[1].pk, round(best.value, 3))
    assert standing.entries == 4
    close(typhoons)
    (standing,) = public_standings(typhoons)
    assert (standing.submission_id, standing.value) == (entries[1].pk, best.value)


def test_which_entries_count_without_a_choice_tells_nothing_of_the_others(entries, team, typhoons):
    typhoons.max_finals = 3
    typhoons.save()
    # The rungs, the highest first; then by time.
    assert effective_finals(Team.objects.get()) == [entries[1], entries[0], entries[2]]


def test_pages_and_api_hold_no_trace_of_what_is_no_rung(entries, alice, dave, other_team, typhoons):
    hidden = [entry.scores.get() for entry in entries[2:]]
    traces = [str(score.result[name])[:5] for score in hidden for name in ("precision", "recall")]
    shown = "".join(str(entry.scores.get().result) for entry in entries[:2])
    traces = [trace for trace in traces if trace not in shown and len(trace) == 5]
    assert traces
    addresses = [
        "/competitions/typhoons/leaderboard/",
        "/competitions/typhoons/leaderboard.csv",
        "/competitions/typhoons/submissions/",
        *(entry.get_absolute_url() for entry in entries),
        *(f"{entry.get_absolute_url()}state/" for entry in entries),
    ]
    calls = [f"{HERE}/leaderboard", f"{HERE}/submissions", *(f"/api/v1/submissions/{e.pk}" for e in entries)]
    for user in (alice, dave):
        answers = {address: signed_in(user).get(address).content for address in addresses}
        answers |= {call: Program(user).get(call).content for call in calls}
        for address, answer in answers.items():
            assert [trace for trace in traces if trace.encode() in answer] == [], address
    page = signed_in(alice).get(entries[2].get_absolute_url()).content.decode()
    assert "clearly better than your best" in page
    assert "below the gate" not in signed_in(alice).get(entries[3].get_absolute_url()).content.decode()
    told = Program(alice).get(f"/api/v1/submissions/{entries[2].pk}").json()["public"]
    assert (told["shown"], told["score"], told["passed_gate"]) == (False, None, None)


def test_crossing_the_gate_is_told_like_any_step(alice, team, release, typhoons):
    """Too few found, then as few, then enough: whether a gate is passed tells of labels too."""
    typhoons.metric = typhoons.metric | {"threshold": "submitted", "recall_floor": 0.5}
    typhoons.save()
    below, same, passing = (enter(alice, typhoons, noise=noise, seed=4) for noise in (0.3, 0.3, 0.3))
    Score.objects.filter(submission=below).update(value=None, passed_gate=False, recall=0.4)
    Score.objects.filter(submission=same).update(value=None, passed_gate=False, recall=0.4)
    Score.objects.update(replicates=None)
    climb_again(typhoons)
    assert rungs([below, same, passing]) == [True, False, True]
    assert json.loads(json.dumps(public_result(same.scores.get(), typhoons)))["passed_gate"] is None


def test_ladders_are_set_up_anew_when_the_scores_have_changed(entries, typhoons):
    values = {entries[0]: 0.9, entries[1]: 0.2, entries[2]: 0.95, entries[3]: 0.1}
    for entry, value in values.items():
        Score.objects.filter(submission=entry).update(value=value, replicates=None)
    climb_again(typhoons)
    assert rungs(entries) == [True, False, True, False]
