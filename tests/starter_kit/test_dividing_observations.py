"""Images that share their weather stay together."""

import numpy as np
import pytest

from starter_kit.errors import StarterKitError
from starter_kit.observation.episodes import LEFT_OUT, divide, find_episodes, halves
from tests.starter_kit.observed_images import observations


def test_a_gap_of_more_than_three_days_begins_an_episode():
    hours = np.array([0.0, 6, 78, 151])  # gaps of 6, 72 and 73 hours
    assert find_episodes(hours, [None] * 4).tolist() == [0, 0, 0, 1]


def test_the_order_of_the_images_does_not_matter():
    hours = np.array([500.0, 0, 506, 6])
    assert find_episodes(hours, [None] * 4).tolist() == [1, 0, 1, 0]


def test_a_long_run_is_cut_after_thirty_days_and_the_days_after_the_cut_are_left_out():
    hours = np.arange(0, 40 * 24.0, 24)
    episodes = find_episodes(hours, [None] * len(hours))
    assert episodes[:30].tolist() == [0] * 30
    assert episodes[30:33].tolist() == [LEFT_OUT] * 3
    assert episodes[33:].tolist() == [1] * 7


def test_a_storm_that_lives_across_the_cut_belongs_to_the_episode_of_its_first_image():
    hours = np.arange(0, 40 * 24.0, 24)
    storms = ["crossing" if 28 <= day < 36 else None for day in range(40)]
    assert set(find_episodes(hours, storms)[28:36].tolist()) == {0}


def test_halves_hold_whole_episodes_and_about_as_many_storm_images():
    episodes = np.repeat([0, 1, 2, LEFT_OUT], [10, 6, 5, 3])
    half = halves(episodes, np.ones(24, bool))
    assert [set(half[episodes == name].tolist()) for name in (0, 1, 2, LEFT_OUT)] == [{0}, {1}, {1}, {-1}]


def test_storms_of_one_episode_alone_are_refused():
    with pytest.raises(StarterKitError, match="storms of one episode of weather alone"):
        halves(np.array([0, 0, 1]), np.array([True, True, False]))


def test_a_half_without_other_clouds_is_refused(release):
    observed = observations(release)
    with pytest.raises(StarterKitError, match="has 12 storms and 0 other clouds"):
        divide(observed.take((observed.episodes == 0) | (observed.labels == 1)))


def test_divided_observations_share_no_storm(release):
    divided = divide(observations(release, episodes=3))
    one, other = (set(divided.side(side).table["storm_id"].drop_nulls()) for side in (0, 1))
    assert one
    assert other
    assert not one & other
