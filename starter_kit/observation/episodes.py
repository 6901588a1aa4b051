"""Which images share their weather, and a division that keeps them together.

Frames six hours apart show nearly the same clouds, and two images of one frame overlap. So nothing is ever
divided by image: an *episode* is a run of frames without a gap of more than three days, and long runs are cut
every 30 days. All that is learned from one half of the episodes is judged on the other.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from starter_kit.errors import StarterKitError
from starter_kit.observation.patches import Observations

GAP_HOURS = 72.0
"""Clouds stay alike for a few days; a release keeps as far from the border between train and test."""
LONGEST_HOURS = 30 * 24.0
LEFT_OUT = -1


def find_episodes(hours: NDArray[np.float64], storms: Sequence[str | None]) -> NDArray[np.int64]:
    """The episode of each image, (N,) from 0 up in order of time; −1 for those to leave out.

    hours: (N,) since any origin; storms: ids, None for images of no storm. A storm belongs wholly to the
    episode of its first image. Where a long run was cut, images of no storm are left out for three days
    after the cut.
    """
    distinct = np.unique(hours)
    numbers = np.zeros(len(distinct), np.int64)
    since_cut = np.full(len(distinct), np.inf)
    number, begin, is_cut = 0, distinct[0] if len(distinct) else 0.0, False
    for place, hour in enumerate(distinct):
        if place and hour - distinct[place - 1] > GAP_HOURS:
            number, begin, is_cut = number + 1, hour, False
        elif hour - begin >= LONGEST_HOURS:
            number, begin, is_cut = number + 1, hour, True
        numbers[place] = number
        if is_cut:
            since_cut[place] = hour - begin
    at = np.searchsorted(distinct, hours)
    episodes = numbers[at]
    names = np.array([name or "" for name in storms], object)
    for name in set(names) - {""}:
        mine = names == name
        episodes[mine] = episodes[mine][np.argmin(hours[mine])]
    episodes[(names == "") & (since_cut[at] < GAP_HOURS)] = LEFT_OUT
    return episodes


def halves(episodes: NDArray[np.int64], is_storm: NDArray[np.bool_]) -> NDArray[np.int64]:
    """0 or 1 for each image (N,), −1 where it is left out: whole episodes, with about as many storm images in
    each half.

    The episode with the most storm images goes first, each to the half that has fewer. Raises StarterKitError
    for fewer than two episodes with storms: then nothing could be judged on weather that was not learned.
    """
    names = np.unique(episodes[episodes != LEFT_OUT])
    counts = {name: int(np.count_nonzero(is_storm & (episodes == name))) for name in names.tolist()}
    if sum(count > 0 for count in counts.values()) < 2:
        raise StarterKitError(
            "The observed images hold storms of one episode of weather alone, and what is learned from it "
            "must be judged on another. Add frames of another storm, more than three days apart (--fields "
            "takes a pattern, such as 'olr/*.nc')."
        )
    half = np.full(len(episodes), LEFT_OUT)
    totals = [0, 0]
    for name in sorted(counts, key=lambda name: (-counts[name], name)):
        side = int(totals[1] < totals[0])
        half[episodes == name] = side
        totals[side] += counts[name]
    return half


@dataclass(frozen=True)
class Divided:
    """Observed images and the half of each, (N,) of 0 and 1."""

    observed: Observations
    half: NDArray[np.int64]

    def side(self, number: int) -> Observations:
        return self.observed.take(self.half == number)

    def labelled(self) -> Divided:
        """Those with a label alone."""
        known = self.observed.labelled
        return Divided(self.observed.take(known), self.half[known])


def divide(observed: Observations) -> Divided:
    """By `halves`. Raises StarterKitError where there are not two episodes, or where a half lacks storms or
    other clouds, without either of which no model can be judged."""
    half = halves(observed.episodes, observed.labels == 1)
    divided = Divided(observed.take(half >= 0), half[half >= 0])
    for number in (0, 1):
        labels = divided.labelled().side(number).labels
        if len(np.unique(labels)) < 2:
            raise StarterKitError(
                f"Half of the observed images has {np.count_nonzero(labels)} storms and "
                f"{np.count_nonzero(labels == 0)} other clouds, and both are needed to judge a model. Frames "
                "that reach farther from the storms bring other clouds."
            )
    return divided
