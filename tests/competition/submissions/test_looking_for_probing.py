"""Series that were made to read labels are signed; what people honestly do all day is not."""

import uuid

import numpy as np
import polars as pl
import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from competition.submissions import probing
from competition.submissions.evaluate import evaluate
from competition.submissions.models import Fingerprint, ProbingSign, Submission
from competition.submissions.probing import Entry, Kind, look_at, series_across, series_within
from competition.submissions.receive import receive_submission
from scoring.sketch import Sketch

IMAGES = 20_000
RNG = np.random.default_rng(0)
LABELS = RNG.random(IMAGES) < 0.03
MODEL = 2 * LABELS + RNG.normal(0, 1, IMAGES)
SHUFFLED = RNG.permutation(IMAGES)
WOBBLE = 0.3  # of another seed, against the same model


def entries(*predictions, team: int = 1) -> list[Entry]:
    return [
        Entry(uuid.uuid4(), team, Sketch.of(np.asarray(each, np.float64), LABELS, ~LABELS))
        for each in predictions
    ]


def seed(number: int, wobble: float = WOBBLE) -> np.ndarray:
    return MODEL + np.random.default_rng(number).normal(0, wobble, IMAGES)


def with_block(base: np.ndarray, first: int, count: int, value: float) -> np.ndarray:
    changed = np.array(base, np.float64)
    changed[SHUFFLED[first : first + count]] = value
    return changed


LABELLED = (MODEL > 1.5).astype(float)
FLIPPED = [with_block(LABELLED, place, 1, 1 - LABELLED[SHUFFLED[place]]) for place in range(8)]

ONE_BLOCK_EACH = [with_block(np.zeros(IMAGES), 500 * n, 500, 1) for n in range(6)]

PROBING = {
    "blocks put on top": (
        "score",
        [MODEL, *(with_block(MODEL, 20 * n, 20, 99) for n in range(6))],
        Kind.SMALL_CHANGES,
    ),
    "blocks, hidden by noise": (
        "score",
        [with_block(seed(n, 1e-4), 20 * n, 20, 99) for n in range(7)],
        Kind.SMALL_CHANGES,
    ),
    "single flips": ("label", [LABELLED, *FLIPPED], Kind.SMALL_CHANGES),
    "bits of the ids": ("score", [np.arange(IMAGES) >> bit & 1 for bit in range(8)], Kind.FEW_VALUES),
    "one block each": ("score", ONE_BLOCK_EACH, Kind.FEW_VALUES),
    "one block each, labels": ("label", ONE_BLOCK_EACH, Kind.UNRELATED_GUESSES),
    "random vectors": (
        "label",
        [np.random.default_rng(n).integers(0, 2, IMAGES) for n in range(6)],
        Kind.UNRELATED_GUESSES,
    ),
    "random scores": (
        "score",
        [np.random.default_rng(n).normal(size=IMAGES) for n in range(6)],
        Kind.UNRELATED_GUESSES,
    ),
}


def labelled(*thresholds: float) -> list[np.ndarray]:
    return [threshold < MODEL for threshold in thresholds]


HONEST = {
    "other seeds": ("score", [seed(n) for n in range(12)]),
    "ensembles": ("score", [np.mean([seed(n) for n in range(most)], axis=0) for most in range(1, 12)]),
    "fine-tuning": ("score", np.cumsum([MODEL, *(0.02 * seed(n) for n in range(10))], axis=0)),
    "augmented at test time": ("score", [MODEL, *(0.9 * MODEL + 0.1 * seed(n) for n in range(10))]),
    "calibration": ("score", [MODEL, 1 / (1 + np.exp(-MODEL)), MODEL - 1.5, np.tanh(MODEL / 9), MODEL]),
    "rounding": ("score", [np.round(MODEL, digits) for digits in range(1, 8)]),
    "another threshold": ("label", labelled(*np.linspace(1.0, 2.0, 12))),
    "a threshold moved a little": ("label", labelled(*np.linspace(1.49, 1.51, 12))),
    "thresholds back and forth": ("label", labelled(1.5, 1.51, 1.495, 1.503, 1.498, 1.507, 1.5, 1.49)),
    "the same file again": ("score", [MODEL] * 10),
    "constants, then a model": ("score", [np.zeros(IMAGES), np.ones(IMAGES), np.zeros(IMAGES), MODEL]),
    "labels in a competition of scores": ("score", labelled(*np.linspace(0.5, 2, 8))),
    "some broken first tries": ("score", [np.random.default_rng(n).permutation(MODEL) for n in range(3)]),
    "a few corrected images": ("score", [MODEL, with_block(MODEL, 0, 5, 0), with_block(MODEL, 0, 9, 0)]),
}


@pytest.mark.parametrize("name", PROBING)
def test_probing_is_signed(name):
    prediction, predictions, kind = PROBING[name]
    found = series_within(entries(*predictions), takes_labels=prediction == "label")
    assert [series.kind for series in found] == [kind]
    assert len(found[0].submissions) >= 4


@pytest.mark.parametrize("name", HONEST)
def test_honest_series_are_not(name):
    prediction, predictions = HONEST[name]
    assert series_within(entries(*predictions), takes_labels=prediction == "label") == []


def test_two_accounts_with_the_same_predictions_are_signed():
    mine = entries(seed(1), seed(2), seed(3))
    others = entries(seed(1), with_block(seed(2), 0, 3, 99), seed(8), team=2)
    (found,) = series_across(mine, others)
    assert (found.kind, found.other_team_id, found.evidence) == (Kind.SAME_AS_ANOTHER, 2, {"count": 2})


@pytest.mark.parametrize(
    ("mine", "others"),
    [
        ([seed(1), seed(1)], [(2, seed(1))]),  # once, sent twice: a shared baseline
        ([seed(1), seed(2)], [(2, seed(1)), (3, seed(1)), (2, seed(2)), (3, seed(2))]),  # everybody's files
        ([np.zeros(IMAGES), np.ones(IMAGES)], [(2, np.zeros(IMAGES)), (2, np.ones(IMAGES))]),
        ([seed(1), seed(2)], [(2, seed(3)), (2, seed(4))]),  # the same recipe
    ],
)
def test_teams_that_have_a_recipe_or_a_baseline_in_common_are_not(mine, others):
    theirs = [entry for team, each in others for entry in entries(each, team=team)]
    assert series_across(entries(*mine), theirs) == []


# --- On the site ------------------------------------------------------------------------------------------


def send(user, release, predictions) -> Submission:
    names = pl.read_parquet(release.solution_path)["image_id"]
    table = pl.DataFrame({"image_id": names, "score": np.asarray(predictions, np.float64)})
    file = SimpleUploadedFile("try.csv", table.write_csv().encode())
    submission = receive_submission(user=user, competition=release.competition, file=file)
    evaluate(submission.pk, worker="test")
    return submission


@pytest.fixture
def model(release) -> np.ndarray:
    labels = pl.read_parquet(release.solution_path)["label"].to_numpy()
    return 2 * labels + np.random.default_rng(1).normal(0, 1, len(labels))


@pytest.fixture
def many(typhoons) -> None:
    typhoons.daily_limit = 50
    typhoons.save()


@pytest.fixture
def probed(alice, team, release, model, many) -> list[Submission]:
    """One image put on top at a time."""
    sent = []
    for place in range(7):
        predictions = model.copy()
        predictions[place] += 99 * bool(place)
        sent.append(send(alice, release, predictions))
        look_at(sent[-1].pk)
    return sent


def test_a_series_becomes_one_sign_that_grows(probed, team):
    sign = ProbingSign.objects.get()
    assert (sign.team, sign.kind, sign.strength) == (team, Kind.SMALL_CHANGES, 6)
    assert set(sign.submissions.all()) == set(probed)
    assert "about 1 of 640 images" in probing.in_words(sign)


def test_looking_twice_changes_nothing(probed):
    look_at(probed[-1].pk)
    assert ProbingSign.objects.get().strength == 6
    assert Fingerprint.objects.count() == 7


def test_a_dismissed_sign_comes_back_only_if_the_series_goes_on_for_long(
    probed, organizer, alice, release, model
):
    sign = ProbingSign.objects.get()
    probing.dismiss(user=organizer, sign=sign, note=" they told me why ")
    for place in range(10, 16):
        predictions = model.copy()
        predictions[place] += 99
        look_at(send(alice, release, predictions).pk)
        again = ProbingSign.objects.filter(dismissed_at__isnull=True)
        assert again.exists() == (place == 15), "twice as long as it was"
    sign.refresh_from_db()
    assert (sign.dismissed_by, sign.note, sign.strength) == (organizer, "they told me why", 6)


def test_what_has_no_score_is_left_alone(alice, team, release):
    submission = receive_submission(
        user=alice, competition=team.competition, file=SimpleUploadedFile("try.csv", b"hello")
    )
    assert look_at(submission.pk) == look_at(uuid.uuid4()) == []
    assert not Fingerprint.objects.exists()


def test_the_reclaim_finds_what_was_not_looked_at(alice, team, release, model):
    submission = send(alice, release, model)
    assert list(probing.not_looked_at()) == [submission.pk]
    look_at(submission.pk)
    assert list(probing.not_looked_at()) == []
