"""Whose result counts, and in which order. `test_on_postgresql` runs this on PostgreSQL too."""

from dataclasses import dataclass
from datetime import timedelta

import numpy as np
import pytest

from competition.contests.models import Competition
from competition.contests.teams import rename_team
from competition.leaderboards.standings import (
    board_version,
    private_result,
    private_standings,
    public_standings,
)
from competition.refusal import Refusal
from competition.submissions.models import State, Submission
from tests.competition.conftest import person, take_part
from tests.competition.leaderboards.entries import NOW, close, enter, rescore


def refused(code: str):
    return pytest.raises(Refusal, check=lambda refusal: refusal.code == code)


def lines(standings) -> list[tuple]:
    return [(standing.rank, standing.team, standing.value) for standing in standings]


class TestPublicBoard:
    def test_the_best_submission_of_each_team_counts(self, team, other_team, typhoons):
        enter(team, 0.3, received_at=NOW - timedelta(hours=2))
        best = enter(team, 0.4, received_at=NOW - timedelta(hours=1))
        enter(team, 0.2)
        enter(other_team, 0.35)
        first, second = public_standings(typhoons)
        assert (first.team, first.value, first.submission_id) == ("Team Alice", 0.4, best.pk)
        assert (first.entries, first.last_submission_at) == (3, NOW)
        assert (second.rank, second.team, second.entries) == (2, "Team Dave", 1)
        assert first.public_rank is None

    def test_equal_results_share_a_rank(self, typhoons, team, other_team):
        third = take_part(typhoons, person("eve"), name="Team Eve")
        enter(other_team, 0.4, received_at=NOW - timedelta(hours=1))
        enter(team, 0.400000001)
        enter(third, 0.39)
        assert lines(public_standings(typhoons)) == [
            (1, "Team Dave", 0.4),
            (1, "Team Alice", 0.4),
            (3, "Team Eve", 0.39),
        ]

    def test_below_the_gate_is_under_all_others_by_recall(self, typhoons, team, other_team):
        third = take_part(typhoons, person("eve"), name="Team Eve")
        enter(team, None, recall=0.5)
        enter(team, None, recall=0.6)
        enter(other_team, 0.01)
        enter(third, None, recall=0.7)
        standings = public_standings(typhoons)
        assert [(s.rank, s.team, s.recall, s.passed_gate) for s in standings] == [
            (1, "Team Dave", 0.8, True),
            (2, "Team Eve", 0.7, False),
            (3, "Team Alice", 0.6, False),
        ]

    @pytest.mark.parametrize("state", [State.CANCELLED, State.FAILED, State.INVALID, State.SCORING])
    def test_only_scored_submissions_count(self, typhoons, team, state):
        enter(team, 0.4, state=state)
        assert public_standings(typhoons) == []

    def test_the_newest_score_of_a_submission_counts(self, typhoons, team):
        submission = enter(team, 0.9)
        rescore(submission, 0.2)
        enter(team, 0.3)
        assert lines(public_standings(typhoons)) == [(1, "Team Alice", 0.3)]

    def test_an_interval_is_shown_where_there_is_one(self, typhoons, team, other_team):
        for score in (enter(team, 0.4).scores.get(), enter(other_team, 0.3).scores.get().private):
            score.result["interval"] = [0.3, 0.5]
            score.save()
        assert [standing.interval for standing in public_standings(typhoons)] == [(0.3, 0.5), None]
        close(typhoons)
        assert {s.team: s.interval for s in private_standings(typhoons)} == {
            "Team Alice": None,
            "Team Dave": (0.3, 0.5),
        }

    def test_other_competitions_do_not_mix_in(self, typhoons, team):
        elsewhere = Competition.objects.create(
            slug="elsewhere", title="Elsewhere", opens_at=typhoons.opens_at, closes_at=typhoons.closes_at
        )
        elsewhere.rules_versions.create(number=1, body="Be fair.")
        enter(take_part(elsewhere, person("eve"), name="Team Eve"), 0.9)
        enter(team, 0.1)
        assert lines(public_standings(typhoons)) == [(1, "Team Alice", 0.1)]

    def test_scored_after_the_close_counts_too(self, typhoons, team):
        close(typhoons)
        enter(team, 0.4, received_at=typhoons.closes_at - timedelta(seconds=1))
        assert lines(public_standings(typhoons)) == [(1, "Team Alice", 0.4)]

    def test_two_queries_whatever_the_number_of_teams(self, typhoons, django_assert_num_queries):
        for number in range(5):
            enter(take_part(typhoons, person(f"p{number}"), name=f"T{number}"), 0.1 * number)
        with django_assert_num_queries(2):
            assert len(public_standings(typhoons)) == 5


class TestPrivateBoard:
    def test_nobody_sees_it_before_the_close(self, typhoons, team, alice, organizer, staff):
        submission = enter(team, 0.4)
        with refused("not_closed"):
            private_standings(typhoons)
        for viewer in (alice, organizer, staff):
            with refused("not_closed"):
                private_result(submission, viewer)

    def test_the_best_final_counts_and_the_shake_up_is_told(self, typhoons, team, other_team):
        enter(team, 0.9, private=0.2)
        enter(team, 0.8, private=0.3)
        enter(team, 0.1, private=0.99)  # neither chosen nor among the two best
        enter(other_team, 0.5, private=0.4)
        close(typhoons)
        first, second = private_standings(typhoons)
        assert (first.team, first.value, first.public_rank, first.shake_up) == ("Team Dave", 0.4, 2, 1)
        assert (second.team, second.value, second.public_rank, second.shake_up) == ("Team Alice", 0.3, 1, -1)

    def test_a_choice_replaces_the_best_public_ones(self, typhoons, team):
        enter(team, 0.9, private=0.2)
        enter(team, 0.8, private=0.3)
        enter(team, 0.1, private=0.99, is_final=True)
        close(typhoons)
        assert lines(private_standings(typhoons)) == [(1, "Team Alice", 0.99)]

    def test_below_the_gate_in_private_is_under_all_others(self, typhoons, team, other_team):
        enter(team, 0.9, private=None)
        enter(other_team, 0.1, private=0.1)
        close(typhoons)
        first, second = private_standings(typhoons)
        assert (first.team, second.team, second.value, second.recall) == (
            "Team Dave",
            "Team Alice",
            None,
            0.3,
        )

    def test_a_result_is_seen_by_its_team_and_the_organizers_and_no_other_team(
        self, typhoons, team, alice, dave, organizer
    ):
        submission = enter(team, 0.4, private=0.35)
        rescore(submission, 0.4, private=0.36)
        close(typhoons)
        for viewer in (alice, organizer):
            assert private_result(submission, viewer).value == 0.36
        with refused("not_found"):
            private_result(submission, dave)


@dataclass
class Entry:
    team: int
    values: list[tuple]  # (public value, recall, private value) of each score, oldest first
    state: str
    final: bool
    minutes: int


@pytest.mark.parametrize("seed", range(8))
def test_the_boards_agree_with_a_plain_search(typhoons, seed):
    """An oracle in loops: few different values, so that ties, gates and choices meet."""
    rng = np.random.default_rng(seed)
    teams = [take_part(typhoons, person(f"p{n}"), name=f"T{n}") for n in range(6)]

    def draw() -> tuple:
        value = None if rng.random() < 0.3 else float(rng.integers(1, 6)) / 10
        private = None if rng.random() < 0.2 else float(rng.integers(1, 6)) / 10
        return value, float(rng.integers(1, 10)) / 10, private

    entries = []
    for minutes in rng.permutation(30):
        scored = rng.random() < 0.8
        entry = Entry(
            team=int(rng.integers(6)),
            values=[draw() for _ in range(rng.integers(1, 3))],
            state=State.SCORED if scored else State.CANCELLED,
            final=bool(scored and rng.random() < 0.2),
            minutes=int(minutes),
        )
        (value, recall, private), *rescored = entry.values
        submission = enter(
            teams[entry.team],
            value,
            recall=recall,
            private=private,
            state=entry.state,
            is_final=entry.final,
            received_at=NOW + timedelta(minutes=entry.minutes),
        )
        for value, recall, private in rescored:
            rescore(submission, value, recall=recall, private=private)
        entries.append(entry)

    def public_key(entry: Entry) -> tuple:
        value, recall, _ = entry.values[-1]
        return (value is None, -(value or 0), -recall, entry.minutes)

    def ranks(keys: dict[int, tuple]) -> dict[str, int]:
        return {f"T{team}": 1 + sum(other < key for other in keys.values()) for team, key in keys.items()}

    public, private = {}, {}
    for team in range(6):
        mine = sorted((e for e in entries if e.team == team and e.state == State.SCORED), key=public_key)
        if not mine:
            continue
        value, recall, _ = mine[0].values[-1]
        public[team] = (True, -recall) if value is None else (False, -value)
        finals = [e for e in mine if e.final] or mine[: typhoons.max_finals]
        results = [e.values[-1][2] for e in finals]
        private[team] = min((True, -0.3) if value is None else (False, -value) for value in results)
    assert {s.team: s.rank for s in public_standings(typhoons)} == ranks(public)
    close(typhoons)
    board = private_standings(typhoons)
    assert {s.team: s.rank for s in board} == ranks(private)
    assert {s.team: s.public_rank for s in board} == ranks(public)
    assert [s.rank for s in board] == sorted(s.rank for s in board)


def test_the_version_changes_with_whatever_the_board_shows(typhoons, team, other_team, alice, dave):
    submission = enter(team, 0.4)
    seen = [board_version(typhoons)]
    assert board_version(typhoons) == seen[0]

    def expect_another_version() -> None:
        seen.append(board_version(typhoons))
        assert len(set(seen)) == len(seen)

    rescore(submission, 0.5)
    expect_another_version()
    enter(other_team, 0.3)
    expect_another_version()
    rename_team(user=dave, team=other_team, name="Dave & co")
    expect_another_version()
    Submission.objects.filter(pk=submission.pk).update(is_final=True)
    expect_another_version()
    Submission.objects.filter(pk=submission.pk).update(is_final=False, state=State.CANCELLED)
    expect_another_version()
    close(typhoons)
    expect_another_version()
