"""Attacks of the literature on a leaderboard, simulated: how many labels leak, how far a score is inflated.

``python -m scoring simulate-attacks`` prints the table of `docs/organizers/fair-leaderboard.md`. An attacker
sends submissions about an invented public part and sees what a `Board` answers, which is what the platform
would answer: the same metric, the same `scoring.disclosure`, the same `scoring.ladder`. The attacker knows
more than a participant does, namely how many of the public images are positive.

- Reading thresholds: each image gets a score of its own; a threshold in the answer is that of a positive.
- Counting blocks: a block of images is called positive on top of a fair entry; the change of recall counts
  its positives, and blocks are halved (group testing; single flips are blocks of one).
- Whitehill, J. (2017), Climbing the Kaggle leaderboard by exploiting the log-loss oracle, arXiv:1707.01825:
  log-odds of a batch in powers of two make every labelling another loss.
- Whitehill, J. (2016), Exploiting an oracle that reports AUC scores in machine learning contests, AAAI-16,
  arXiv:1506.01339: of a few images in a known order, the labellings that fit the AUC are enumerated.
- Blum, A. and Hardt, M. (2015), arXiv:1502.04585, section 4: random entries, of which those that happened to
  score better are put together; here random changes to a fair entry, which climb further than pure guesses.
- Climbing by blocks: whatever raises the score shown is kept. It is made for the Ladder, whose only answer is
  whether something is better.
"""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from itertools import product
from typing import Any

import numpy as np
import numpy.typing as npt

from scoring.clustering import clusters_of
from scoring.disclosure import advise_digits, disclosed, withheld
from scoring.ladder import Attempt, is_clear_improvement
from scoring.metrics import MetricConfig, Result
from scoring.tally import Part

Floats = npt.NDArray[np.float64]

SUBMISSIONS = 100
IMAGES = 12_000  # public ones; as many again, and more, are private
PRIVATE_SHARE = 0.7
PREVALENCE = 0.031
STORM_IMAGES = 12
SKILL = 2.5  # how far the fair entry's mean scores of positives and negatives lie apart, in their deviations
DRAWS = 400
STRIDE = 0.3  # of random changes to the fair scores, in their deviations
SURE = 0.99  # an image counts as named where the attacker is as sure of its label
DOUBT = 1e-3  # that any attacker keeps: the simulation's bits are finite where one errs


@dataclass(frozen=True)
class Protection:
    """What stands between a result and who submitted. digits: None shows everything, to the last bit."""

    name: str
    digits: int | None
    ladder: bool = False


@dataclass(frozen=True, eq=False)
class World:
    """Public and private images, in that order. labels: (N,) 0 and 1. fair: (N,) the scores of an honest
    model. storm: (N,) of positives, below 0 for the others. public: how many images are."""

    labels: npt.NDArray[np.int64]
    fair: Floats
    storm: npt.NDArray[np.int64]
    public: int

    @classmethod
    def invent(cls, rng: np.random.Generator, images: int = IMAGES) -> "World":
        total = round(images / (1 - PRIVATE_SHARE))
        labels = (rng.random(total) < PREVALENCE).astype(np.int64)
        storm = np.where(labels == 1, np.cumsum(labels) // STORM_IMAGES, -1)
        # Images of one storm are alike: what is hard about one is hard about the next.
        mood = rng.normal(0, 0.5, total // STORM_IMAGES)
        fair = SKILL * labels + rng.normal(0, 1, total) + np.where(labels == 1, mood[storm], 0.0)
        return cls(labels, fair, storm, images)

    @property
    def public_labels(self) -> npt.NDArray[np.int64]:
        return self.labels[: self.public]

    @property
    def positives(self) -> int:
        return int(self.public_labels.sum())


class Board:
    """The public leaderboard as one team sees it."""

    def __init__(self, world: World, config: MetricConfig, protection: Protection) -> None:
        self.world, self.config, self.protection = world, config, protection
        self.sent = 0
        self.standing = world.fair  # of what was shown, the best entry
        self._shown: float | None = None
        self._best: Attempt | None = None
        rows = slice(0, world.public)
        self._positive = world.labels[rows] == 1
        self._clusters = clusters_of(self._positive, world.storm[rows], None, DRAWS, "storm_id")

    def submit(self, predictions: Floats) -> dict[str, Any]:
        """predictions: (N,) of all images; the answer as the platform's pages and API give it."""
        self.sent += 1
        result, part = self._evaluate(predictions)
        seen = self._answer(result, part)
        sign = 1 if self.config.higher_is_better else -1
        if seen["score"] is not None and (self._shown is None or sign * seen["score"] > self._shown):
            self.standing, self._shown = predictions, sign * seen["score"]
        return seen

    def _answer(self, result: Result, part: Part) -> dict[str, Any]:
        exact = result.to_dict()
        digits = self.protection.digits
        if digits is None:
            return exact | {"shown": True}
        if self.protection.ladder and not self._is_rung(result, part, 10.0**-digits):
            return withheld(exact)
        return disclosed(exact, digits)

    @property
    def is_spent(self) -> bool:
        return self.sent >= SUBMISSIONS

    def true_scores(self, predictions: Floats) -> tuple[float, float]:
        """(public, private), which no attacker sees."""
        public = self._evaluate(predictions)[0].score
        private = self.config.evaluate(self._part(predictions, slice(self.world.public, None))).score
        return public or 0.0, private or 0.0

    def advised_digits(self, predictions: Floats) -> int:
        """What the platform advises for this public part, from one entry's standard error."""
        result, part = self._evaluate(predictions)
        drawn = self.config.replicate(part, result)
        error = 0.0 if drawn is None else float(np.nanstd(drawn.values))
        return advise_digits(15, standard_error=error).recommended

    def _evaluate(self, predictions: Floats) -> tuple[Result, Part]:
        part = self._part(predictions, slice(0, self.world.public))
        return self.config.evaluate(part), part

    def _part(self, predictions: Floats, rows: slice) -> Part:
        positive = self.world.labels[rows] == 1
        values = predictions[rows]
        public = rows.start == 0
        return Part(values[positive], values[~positive], self._clusters if public else None)

    def _is_rung(self, result: Result, part: Part, unit: float) -> bool:
        better = self.config.higher_is_better
        attempt = Attempt.of(result.score, result.recall, None, higher_is_better=better)
        if self._best is not None and attempt.value <= self._best.value + unit:
            return False  # whatever the draws say
        drawn = self.config.replicate(part, result)
        if drawn is not None:
            ranked = drawn.values if drawn.ranked is None else drawn.ranked
            attempt = Attempt.of(result.score, result.recall, ranked, higher_is_better=better)
        if is_clear_improvement(attempt, self._best, unit=unit):
            self._best = attempt
            return True
        return False


@dataclass(frozen=True, eq=False)
class Loot:
    """What an attacker has in the end. belief: (public,) the probability that an image is positive. climbed:
    whether a better score was wanted, and not labels."""

    belief: Floats
    climbed: bool = False


@dataclass(frozen=True)
class Leak:
    """named: labels that the attacker is surer of than who knows the share of positives, and right, less the
    wrong ones. positives: such that are typhoons. bits: how much less than before the attacker is
    surprised by the labels. inflation: by how much the public score of the entry that stands on the board in
    the end exceeds that of the fair one, beyond what its private score does; None where labels were wanted.
    """

    named: int
    positives: int
    bits: float
    inflation: float | None


def measure(board: Board, loot: Loot) -> Leak:
    world = board.world
    labels = world.public_labels
    prior = np.full(len(labels), world.positives / len(labels))
    belief = np.clip(loot.belief, DOUBT, 1 - DOUBT)
    belief = np.where(loot.belief == prior, prior, belief)
    told = np.log2(np.where(labels == 1, belief, 1 - belief))
    known = np.log2(np.where(labels == 1, prior, 1 - prior))
    changed = belief != prior
    sure = changed & (np.maximum(belief, 1 - belief) >= SURE)
    right = (belief > 0.5) == (labels == 1)
    found = sure & (belief > 0.5)
    inflation = None
    if loot.climbed:
        before, after = board.true_scores(world.fair), board.true_scores(board.standing)
        gains = np.subtract(after, before) * (1 if board.config.higher_is_better else -1)
        inflation = float(gains[0] - gains[1])
    return Leak(
        int(np.count_nonzero(sure & right) - np.count_nonzero(sure & ~right)),
        int(np.count_nonzero(found & right) - np.count_nonzero(found & ~right)),
        float((told - known)[changed].sum()),
        inflation,
    )


def untouched(world: World) -> Floats:
    """The belief of who knows nothing but the share of positives."""
    return np.full(world.public, world.positives / world.public)


# --- Attacks: each takes a board and random numbers ---------------------------------------------------------


def read_thresholds(board: Board, rng: np.random.Generator) -> Loot:
    world = board.world
    belief = untouched(world)
    while not board.is_spent:
        # Roughly in the fair order, every image with a score of its own.
        order = np.argsort(np.argsort(world.fair + rng.normal(0, 0.5, len(world.fair)))).astype(np.float64)
        seen = board.submit(order)
        curve = seen.get("curve") or {}
        thresholds = [seen.get("threshold"), *curve.get("threshold", [])]
        named = np.isin(order[: world.public], [each for each in thresholds if each is not None])
        belief[named] = 1.0
    return Loot(belief)


def count_blocks(board: Board, rng: np.random.Generator, block: int = 32) -> Loot:
    """Of images just under the fair entry's threshold, where positives are many."""
    world = board.world
    belief = untouched(world)
    ranks = np.argsort(-world.fair[: world.public])
    below = world.fair[ranks[2 * world.positives]]
    base = (world.fair > below).astype(np.float64)
    step = 0.0 if board.protection.digits is None else 10.0**-board.protection.digits

    def positives_found(seen: dict[str, Any]) -> tuple[float, float] | None:
        """The least and the largest number that rounds to the recall shown."""
        if seen["recall"] is None:
            return None
        least, most = ((seen["recall"] + side * step / 2) * world.positives for side in (-1, 1))
        return np.ceil(least - 1e-6), np.floor(most + 1e-6)

    found = positives_found(board.submit(base))
    waiting = [ranks[start : start + block] for start in range(2 * world.positives + 1, world.public, block)]
    waiting = waiting[::-1]
    while waiting and found is not None and not board.is_spent:
        images = waiting.pop()
        called = base.copy()
        called[images] = 1.0
        now = positives_found(board.submit(called))
        if now is None:
            continue
        least = int(np.clip(now[0] - found[1], 0, len(images)))
        most = int(np.clip(now[1] - found[0], 0, len(images)))
        if least == 0 and most == len(images):
            continue  # nothing learned
        belief[images] = (least + most) / 2 / len(images)
        if most > 0 and least < len(images) and len(images) > 1:
            half = len(images) // 2
            waiting += [images[half:], images[:half]]
    return Loot(belief)


def ask_log_loss(board: Board, rng: np.random.Generator) -> Loot:
    world = board.world
    belief, known = untouched(world), np.full(len(world.labels), 0.5)
    digits = board.protection.digits
    step = 1e-12 if digits is None else 10.0**-digits
    unit = max(1.01 * step * world.public, 1e-7)  # the least difference of summed losses that shows
    largest = 30.0
    size = min(int(np.floor(np.log2(largest / unit))) + 1 if unit < largest else 0, 24)
    if size < 1:
        return Loot(belief)
    log_odds = unit * 2.0 ** np.arange(size)
    order = rng.permutation(world.public)
    for start in range(0, world.public - size, size):
        if board.is_spent:
            break
        batch = order[start : start + size]
        entry = known.copy()
        entry[batch] = 1 / (1 + np.exp(log_odds))  # "no typhoon", the surer the further in the batch
        seen = board.submit(entry)["score"]
        if seen is None:
            continue
        # What the known images and, were they all negative, the batch would cost; the rest is log-odds.
        rest = np.full(world.public, np.log(2.0))
        sure = known[: world.public] != 0.5
        rest[sure] = -np.log(np.maximum(known[: world.public], 1 - known[: world.public])[sure])
        rest[batch] = -np.log(1 - entry[batch])
        code = round((seen * world.public - rest.sum()) / unit)
        labels = (code >> np.arange(size)) & 1
        belief[batch] = labels
        known[batch] = np.where(labels == 1, 1 - 1e-9, 1e-9)
    return Loot(belief)


def ask_auc(board: Board, rng: np.random.Generator, size: int = 8) -> Loot:
    world = board.world
    belief = untouched(world)
    positives, negatives = world.positives, world.public - world.positives
    share = positives / world.public
    guesses = np.array(list(product((0, 1), repeat=size)))
    above = np.cumsum(1 - guesses, axis=1) - (1 - guesses)  # negatives of the batch over each of its images
    count = guesses.sum(axis=1)
    wins = (guesses * (negatives - above)).sum(axis=1)
    auc = (wins + 0.5 * (positives - count) * (negatives - (size - count))) / (positives * negatives)
    prior = share**count * (1 - share) ** (size - count)
    digits = board.protection.digits
    order = rng.permutation(world.public)
    for start in range(0, world.public - size, size):
        if board.is_spent:
            break
        batch = order[start : start + size]
        entry = np.zeros(len(world.labels))
        entry[batch] = np.arange(size, 0, -1)
        seen = board.submit(entry)["score"]
        if seen is None:
            continue
        fits = np.abs((auc if digits is None else np.round(auc, digits)) - seen) < 1e-12
        if fits.any() and not fits.all():
            belief[batch] = (prior * fits) @ guesses / (prior @ fits)
    return Loot(belief)


def boost(board: Board, rng: np.random.Generator) -> Loot:
    world = board.world
    board.submit(world.fair)
    changes, scores = [], []
    while board.sent < SUBMISSIONS - 1:
        change = rng.normal(0, STRIDE, len(world.fair))
        seen = board.submit(world.fair + change)["score"]
        if seen is not None:
            changes.append(change)
            scores.append(seen)
    if changes:
        # With the Ladder whatever is shown is better; without it half of them are.
        typical = -np.inf if board.protection.ladder else np.median(scores)
        kept = sum(change * np.sign(score - typical) for change, score in zip(changes, scores, strict=True))
        length = np.sqrt(np.mean(kept**2))
        board.submit(world.fair + (STRIDE * kept / length if length else 0.0))
    return Loot(untouched(world), climbed=True)


def climb_by_blocks(board: Board, rng: np.random.Generator, block: int = 24) -> Loot:
    world = board.world
    entry = world.fair.copy()
    best = board.submit(entry)["score"]
    # Images around the threshold decide; each block is raised over it and stays there if that was better.
    ranks = np.argsort(-world.fair[: world.public])
    near = rng.permutation(ranks[world.positives : world.positives + 100 * block])
    top = float(world.fair.max())
    for start in range(0, len(near), block):
        if board.is_spent:
            break
        tried = entry.copy()
        tried[near[start : start + block]] += top
        seen = board.submit(tried)["score"]
        if seen is not None and (seen > best):
            entry, best = tried, seen
    return Loot(untouched(world), climbed=True)


@dataclass(frozen=True)
class Attack:
    title: str
    metric: dict[str, Any]
    run: Callable[[Board, np.random.Generator], Loot]


ATTACKS = (
    Attack("reading thresholds", {"metric": "recall_constrained_precision"}, read_thresholds),
    Attack(
        "counting blocks",
        {"metric": "recall_constrained_precision", "prediction": "label", "recall_floor": 0.5},
        count_blocks,
    ),
    Attack("log-loss oracle", {"metric": "log_loss"}, ask_log_loss),
    Attack("AUC oracle", {"metric": "roc_auc"}, ask_auc),
    Attack("boosting", {"metric": "recall_constrained_precision"}, boost),
    Attack("climbing by blocks", {"metric": "recall_constrained_precision"}, climb_by_blocks),
)


def protections(advised: int) -> tuple[Protection, ...]:
    return (
        Protection("everything shown", None),
        Protection("5 digits", 5),
        Protection("advised digits", advised),
        Protection("advised digits, Ladder", advised, ladder=True),
    )


def advised_digits(world: World, config: MetricConfig) -> int:
    """What the platform advises for this public part, from a fair entry's standard error."""
    board = Board(world, config, Protection("exact", None))
    entry = world.fair
    if config.prediction == "label":
        entry = (entry > np.quantile(entry, 1 - 2 * PREVALENCE)).astype(np.float64)
    elif config.prediction == "probability":
        entry = 1 / (1 + np.exp(-(SKILL * entry - SKILL**2 / 2 + np.log(PREVALENCE))))
    return board.advised_digits(entry)


@dataclass(frozen=True)
class Row:
    """The mean of some attacks on different worlds. digits: that were shown, the most frequent number."""

    attack: str
    protection: str
    digits: int | None
    leak: Leak

    def to_dict(self) -> dict[str, Any]:
        row = {"attack": self.attack, "protection": self.protection, "digits": self.digits}
        return row | asdict(self.leak)


def simulate(attack: Attack, *, seed: int = 1, images: int = IMAGES) -> list[Row]:
    """One attack on one invented public part, under each protection."""
    config = MetricConfig.model_validate(attack.metric)
    world = World.invent(np.random.default_rng(seed), images)
    rows = []
    for protection in protections(advised_digits(world, config)):
        board = Board(world, config, protection)
        leak = measure(board, attack.run(board, np.random.default_rng(seed + 1)))
        rows.append(Row(attack.title, protection.name, protection.digits, leak))
    return rows


def table(*, worlds: int = 10, images: int = IMAGES) -> list[Row]:
    """Every attack under every protection, the means over invented worlds."""
    rows = []
    for attack in ATTACKS:
        columns = zip(*(simulate(attack, seed=seed, images=images) for seed in range(worlds)), strict=True)
        for column in columns:
            digits = [row.digits for row in column]
            leaks = [row.leak for row in column]
            inflations = [leak.inflation for leak in leaks if leak.inflation is not None]
            mean = Leak(
                round(np.mean([leak.named for leak in leaks])),
                round(np.mean([leak.positives for leak in leaks])),
                float(np.mean([leak.bits for leak in leaks])),
                float(np.mean(inflations)) if inflations else None,
            )
            rows.append(Row(attack.title, column[0].protection, max(digits, key=digits.count), mean))
    return rows
