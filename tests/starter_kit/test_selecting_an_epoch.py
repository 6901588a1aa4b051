"""Noise does not pick the model: epochs are compared by precision and its standard error."""

import pytest

from starter_kit.configuration.reading import load_config
from starter_kit.run_folder import EpochMetrics
from starter_kit.training.selection import is_kept, is_over
from starter_kit.training.train import train
from tests.starter_kit.conftest import QUICK


def epochs(*precisions: float, error: float = 0.02) -> list[EpochMetrics]:
    return [
        EpochMetrics(
            epoch=number, loss=0, validation_loss=0, precision=precision, recall=0.79, threshold=0.5,
            standard_error=error, seconds=1, images_per_second=1,
        )
        for number, precision in enumerate(precisions, 1)
    ]  # fmt: skip


def kept(selection, *precisions):
    history, chosen = epochs(*precisions), None
    for number in range(1, len(history) + 1):
        if is_kept(history[:number], selection):
            chosen = number
    return chosen


@pytest.mark.parametrize(
    ("precisions", "best", "within_error"),
    [
        ([0.3, 0.5, 0.4], 2, 2),
        ([0.3, 0.5, 0.49], 2, 3),  # as good as the best: the later one
        ([0.3, 0.5, 0.49, 0.4, 0.485], 2, 5),
        ([0.3, 0.5, 0.5], 2, 3),
        ([0.5, 0.49, 0.52, 0.45], 3, 3),
    ],
)
def test_the_epoch_that_is_kept(precisions, best, within_error):
    assert kept("best", *precisions) == best
    assert kept("within_error", *precisions) == within_error


@pytest.mark.parametrize(
    ("precisions", "over"),
    [
        ([0.5, 0.4, 0.4], True),
        ([0.5, 0.4, 0.49], False),  # within the noise
        ([0.5, 0.4], False),
        ([0.3, 0.4, 0.5], False),
        ([0.5, 0.49, 0.4, 0.4], True),
    ],
)
def test_it_is_over_after_two_epochs_worse_by_more_than_noise(precisions, over):
    assert is_over(epochs(*precisions), patience=2) == over


def test_without_patience_it_is_never_over():
    assert not is_over(epochs(0.9, *[0.1] * 50), patience=None)


def test_a_training_stops_early_and_says_so(release, tmp_path, monkeypatch, capsys):
    """A learning rate that only spoils: the first epochs stay the best."""
    monkeypatch.setattr(
        "starter_kit.training.train.is_over", lambda history, patience: len(history) == patience
    )
    config = load_config("baseline", [*QUICK, "train.epochs=9", "train.patience=2"])
    metrics = train(release, config, tmp_path / "run")
    assert len(metrics.history) == 2
    assert metrics.finished
    assert "Stopped early: 2 epochs worse" in capsys.readouterr().out


def test_the_error_is_that_of_storms_drawn_anew(release, run_folder):
    """Two validation storms say little: the error of an image-level bootstrap would be far smaller."""
    from starter_kit.run_folder import load_run

    best = load_run(run_folder, "cpu").metrics.best
    assert 0.005 < best.standard_error < 0.5
