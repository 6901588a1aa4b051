"""From the public order to the private one: the numbers, and where lines and names stand."""

from datetime import UTC, datetime
from itertools import pairwise
from uuid import uuid4

import numpy as np
import pytest
from scipy.stats import spearmanr

from competition.leaderboards.shake_up import SPREAD, shake_up
from competition.leaderboards.standings import Standing


def standing(team: int, private: int, public: int | None) -> Standing:
    return Standing(
        rank=private,
        team=f"Team {team}",
        team_id=team,
        submission_id=uuid4(),
        value=0.5,
        recall=0.8,
        precision=0.5,
        passed_gate=True,
        entries=1,
        last_submission_at=datetime(2026, 1, 1, tzinfo=UTC),
        public_rank=public,
    )


def board(publics: list[int]) -> list[Standing]:
    return [standing(place, place, public) for place, public in enumerate(publics, 1)]


def test_one_team_shakes_nothing_up():
    assert shake_up(board([1])) is None
    assert shake_up([]) is None


def test_who_moved_farthest_is_named_first():
    found = shake_up(board([5, 1, 2, 4, 3]))
    assert [(each.team, each.shake_up) for each in found.risers] == [("Team 1", 4)]
    assert [(each.team, each.shake_up) for each in found.fallers] == [
        ("Team 5", -2),
        *(("Team 3", -1), ("Team 2", -1)),
    ]
    assert found.unmoved == 1
    assert [slope.direction for slope in found.slopes] == ["up", "down", "down", "level", "down"]


@pytest.mark.parametrize("seed", range(5))
def test_the_correlation_is_spearmans_with_ties_at_their_mean(seed):
    rng = np.random.default_rng(seed)
    scores = rng.integers(0, 12, (2, 20))  # ties in both
    ranks = 1 + (scores[:, :, None] > scores[:, None, :]).sum(axis=2)
    order = np.argsort(ranks[1], kind="stable")
    found = shake_up([standing(int(team), int(ranks[1, team]), int(ranks[0, team])) for team in order])
    assert found.correlation == pytest.approx(spearmanr(*ranks).statistic)


def test_two_teams_have_no_correlation_worth_a_number():
    assert shake_up(board([2, 1])).correlation is None
    assert shake_up(board([1, 1, 1])).correlation is None


def test_lines_run_from_place_to_place():
    found = shake_up(board([3, 1, 2]))
    assert sorted(slope.public for slope in found.slopes) == [slope.private for slope in found.slopes]
    assert found.slopes[0].public == found.slopes[2].private
    assert all(slope.is_named for slope in found.slopes)


@pytest.mark.parametrize("teams", [31, 200, 1000])
def test_of_many_teams_a_few_are_named_and_no_two_texts_touch(teams):
    publics = list(np.random.default_rng(1).permutation(teams) + 1)
    found = shake_up(board([int(public) for public in publics]))
    named = [slope for slope in found.slopes if slope.is_named]
    assert 6 <= len(named) <= 9
    assert {slope.standing.team_id for slope in named} >= {1, 2, 3, found.risers[0].team_id}
    for texts in ([slope.public_text for slope in named], [slope.private_text for slope in named]):
        assert all(below - above >= SPREAD for above, below in pairwise(sorted(texts)))
        assert max(texts) < found.height
    assert found.height < 4100


def test_who_stood_on_one_board_alone_is_left_out():
    found = shake_up([*board([2, 1]), standing(3, 3, None)])
    assert [slope.standing.team_id for slope in found.slopes] == [1, 2]
