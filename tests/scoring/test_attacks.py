"""What the attacks of the literature get from the board, with and without what protects it.

`docs/organizers/fair-leaderboard.md` has the table of 20 worlds of 12,000 images; here are bounds on small
ones, and that each attack does work where nothing stands in its way.
"""

import json

import numpy as np
import pytest
from typer.testing import CliRunner

from scoring.__main__ import app
from scoring.attacks import ATTACKS, SUBMISSIONS, Leak, simulate

IMAGES = 6000
WORLDS = 3
EXACT, FIVE, ADVISED, LADDER = "everything shown", "5 digits", "advised digits", "advised digits, Ladder"


@pytest.fixture(scope="module")
def leaks() -> dict[str, dict[str, list[Leak]]]:
    found: dict[str, dict[str, list[Leak]]] = {}
    for attack in ATTACKS:
        for seed in range(WORLDS):
            for row in simulate(attack, seed=seed, images=IMAGES):
                found.setdefault(row.attack, {}).setdefault(row.protection, []).append(row.leak)
    return found


def mean(leaks: list[Leak], name: str) -> float:
    return float(np.mean([getattr(leak, name) for leak in leaks]))


def test_exact_thresholds_name_every_typhoon_and_digits_none(leaks):
    found = leaks["reading thresholds"]
    assert mean(found[EXACT], "positives") > 0.95 * 0.031 * IMAGES
    for protection in (FIVE, ADVISED, LADDER):
        assert mean(found[protection], "named") == 0


@pytest.mark.parametrize(
    ("attack", "least"), [("counting blocks", 100), ("log-loss oracle", 2000), ("AUC oracle", 600)]
)
def test_attacks_on_labels_work_and_each_protection_takes_more_of_it(leaks, attack, least):
    found = leaks[attack]
    assert mean(found[EXACT], "named") >= least
    assert mean(found[EXACT], "bits") > 50
    bits = [mean(found[protection], "bits") for protection in (EXACT, FIVE, ADVISED, LADDER)]
    assert bits[0] >= bits[1] > bits[2] or bits[2] < 20
    assert bits[2] < 0.2 * bits[0]
    assert abs(bits[3]) < 0.03 * bits[0]
    assert mean(found[LADDER], "named") < 0.1 * SUBMISSIONS


def test_rounding_does_not_stop_boosting_and_the_ladder_does(leaks):
    found = leaks["boosting"]
    assert mean(found[EXACT], "inflation") > 0.03
    assert mean(found[FIVE], "inflation") > 0.03
    assert abs(mean(found[LADDER], "inflation")) < 0.5 * mean(found[EXACT], "inflation")


def test_blocks_that_are_kept_where_they_help_inflate_less_with_each_protection(leaks):
    found = leaks["climbing by blocks"]
    assert mean(found[EXACT], "inflation") > 0.005
    assert mean(found[LADDER], "inflation") < mean(found[EXACT], "inflation")


def test_the_command_prints_every_attack_under_every_protection():
    result = CliRunner().invoke(app, ["simulate-attacks", "--worlds", "1", "--images", "2000", "--json"])
    assert result.exit_code == 0, result.output
    rows = json.loads(result.output)
    assert {(row["attack"], row["protection"]) for row in rows} == {
        (attack.title, protection) for attack in ATTACKS for protection in (EXACT, FIVE, ADVISED, LADDER)
    }
    assert set(rows[0]) == {"attack", "protection", "digits", "named", "positives", "bits", "inflation"}
