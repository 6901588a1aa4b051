"""Where a storm is between its fixes, and which of its fixes are near a time."""

import numpy as np
import pytest

from cloud_images.tracks import Storm, Tracks, along_great_circle, distance_km

HOUR = 3600.0


def storm(fixes: list[tuple[float, float, float]], name: str = "a") -> Storm:
    hours, latitude, longitude = np.array(fixes, np.float64).T
    basin = np.array(["WNP"] * len(fixes), object)
    return Storm(name, hours * HOUR, latitude, longitude, basin, strength_known=True, genesis=hours[0] * HOUR)


def positions(
    track: Storm, hours: list[float], max_gap_hours: float = 12
) -> list[tuple[float, float] | None]:
    latitude, longitude, nearest = track.at(np.array(hours) * HOUR, max_gap_hours)
    found = zip(latitude.round(6).tolist(), longitude.round(6).tolist(), nearest, strict=True)
    return [None if fix < 0 else (north, east) for north, east, fix in found]


def test_at_a_fix_the_storm_is_where_the_fix_says_to_the_last_bit():
    track = storm([(0, 10.123456789, 170.1), (6, 11.987654321, 171.3)])
    latitude, longitude, nearest = track.at(np.array([0, 6 * HOUR]), 12)
    assert latitude.tolist() == [10.123456789, 11.987654321]
    assert longitude.tolist() == pytest.approx([170.1, 171.3], abs=1e-12)
    assert nearest.tolist() == [0, 1]


def test_between_fixes_it_moves_along_the_great_circle_across_the_date_line():
    assert positions(storm([(0, 0, 179), (6, 0, -179)]), [1.5, 3, 4.5]) == [
        (0, 179.5),
        (0, -180),
        (0, -179.5),
    ]
    assert positions(storm([(0, 10, 150), (6, 20, 150)]), [3]) == [(15, 150)]
    # Half way from (60 N, 0) to (60 N, 90 E) the great circle is north of the parallel: atan(√6) = 67.79°.
    assert positions(storm([(0, 60, 0), (6, 60, 90)]), [3])[0] == pytest.approx((67.792346, 45), abs=1e-5)


def test_before_the_first_and_after_the_last_fix_it_is_nowhere():
    assert positions(storm([(0, 10, 150), (6, 11, 150)]), [-0.1, 0, 6, 6.1]) == [
        None,
        (10, 150),
        (11, 150),
        None,
    ]


def test_fixes_too_far_apart_are_not_joined_but_hold_themselves():
    track = storm([(0, 10, 150), (12, 11, 150), (25, 12, 150)])
    assert positions(track, [6, 12, 18, 25]) == [(10.5, 150), (11, 150), None, (12, 150)]
    assert positions(track, [18], max_gap_hours=13)[0] is not None


def test_a_track_of_one_fix_is_there_at_that_time_only():
    assert positions(storm([(3, 10, 150)]), [2, 3, 4]) == [None, (10, 150), None]


def test_the_nearest_fix_lends_its_basin():
    track = storm([(0, 10, 150), (6, 11, 150)])
    assert track.at(np.array([2.9, 3.1]) * HOUR, 12)[2].tolist() == [0, 1]


def test_ends_of_a_great_circle_are_exact_and_a_storm_may_stand_still():
    latitude, longitude = along_great_circle(
        *(np.array([value] * 3) for value in (5.0, 179.9, 5.0, 179.9)), np.array([0, 0.3, 1])
    )
    assert latitude.tolist() == pytest.approx([5, 5, 5], abs=1e-12)
    assert longitude.tolist() == pytest.approx([179.9] * 3, abs=1e-12)


def test_distances_are_those_of_the_sphere():
    assert distance_km(0, 0, 0, 90) == pytest.approx(6371.0088 * np.pi / 2)
    assert distance_km(10, 179, 10, -179) == pytest.approx(219.0, abs=0.1)
    assert distance_km(-45, 0, 45, 180) == pytest.approx(6371.0088 * np.pi)


def test_fixes_of_all_storms_near_a_time_are_found():
    tracks = Tracks(
        [storm([(0, 1, 150), (6, 2, 150)], "a"), storm([(3, 3, 150), (40, 4, 150)], "b")], "standard"
    )
    assert sorted(tracks.near_in_time(3 * HOUR, 3)[0]) == [1, 2, 3]
    assert sorted(tracks.near_in_time(3 * HOUR, 2.9)[0]) == [3]
    assert tracks.near_in_time(20 * HOUR, 3)[0].tolist() == []
