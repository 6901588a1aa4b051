"""Who can be told apart on the boards, read off the draws that are kept beside every score."""

import numpy as np
import pytest

from competition.leaderboards.standings import private_standings, public_standings
from competition.submissions.models import PrivateScore, Score, Submission
from tests.competition.conftest import person, take_part
from tests.competition.leaderboards.entries import close, enter

WEATHER = np.random.default_rng(5).normal(0, 0.03, 400)  # of the draws, the same for every entry


def draw(row: Score | PrivateScore, value: float, own: float, *, risk: float | None = None) -> None:
    """Give the result draws around `value`: the weather's, and the entry's `own` with that deviation."""
    noise = np.random.default_rng(int(1e6 * value)).normal(0, own, len(WEATHER))
    row.replicates = (value + WEATHER + noise).astype("<f8").tobytes()
    row.result = row.result | {"probability_below_gate": risk}
    row.save()


def entrant(typhoons, name: str, value: float | None, **fields) -> Submission:
    return enter(take_part(typhoons, person(name.lower()), name=name), value, **fields)


def bands(standings) -> dict[str, int | None]:
    return {standing.team: standing.tie_band for standing in standings}


def test_what_the_draws_cannot_tell_apart_shares_a_band(typhoons):
    for name, value in (("Ann", 0.50), ("Ben", 0.49), ("Cleo", 0.30)):
        draw(entrant(typhoons, name, value).scores.get(), value, own=0.02)
    assert bands(public_standings(typhoons)) == {"Ann": 1, "Ben": 1, "Cleo": 2}


def test_the_same_draws_of_storms_tell_apart_what_intervals_alone_would_not(typhoons):
    for name, value in (("Ann", 0.50), ("Ben", 0.49)):  # each ± 0.06, and their difference ± 0.004
        draw(entrant(typhoons, name, value).scores.get(), value, own=0.001)
    assert bands(public_standings(typhoons)) == {"Ann": 1, "Ben": 2}


def test_the_private_board_has_bands_of_its_own(typhoons):
    for name, private in (("Ann", 0.2), ("Ben", 0.5), ("Cleo", 0.49)):
        submission = entrant(typhoons, name, 0.4, private=private)
        draw(submission.scores.get(), 0.4, own=0.02)
        draw(submission.scores.get().private, private, own=0.02)
    close(typhoons)
    assert set(bands(public_standings(typhoons)).values()) == {1}
    assert bands(private_standings(typhoons)) == {"Ben": 1, "Cleo": 1, "Ann": 2}


@pytest.mark.parametrize("replicates", [None, np.full(400, np.nan).tobytes()], ids=["none", "undefined"])
def test_an_entry_without_draws_has_no_band_and_parts_none(typhoons, replicates):
    for name, value in (("Ann", 0.50), ("Ben", 0.495), ("Cleo", 0.49)):
        draw(entrant(typhoons, name, value).scores.get(), value, own=0.02)
    Score.objects.filter(submission__team__name="Ben").update(replicates=replicates)
    assert bands(public_standings(typhoons)) == {"Ann": 1, "Ben": None, "Cleo": 1}


def test_the_risk_of_missing_the_gate_stands_beside_and_is_coarse_until_the_close(typhoons):
    score = entrant(typhoons, "Ann", 0.5).scores.get()
    draw(score, 0.5, own=0.02, risk=0.1234)
    assert [standing.probability_below_gate for standing in public_standings(typhoons)] == [0.12]
    close(typhoons)
    assert [standing.probability_below_gate for standing in public_standings(typhoons)] == [0.1234]
