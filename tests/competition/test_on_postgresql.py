"""What rests on locks and on SQL is held to the same tests on PostgreSQL, in a process of its own."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.services import postgresql_server

ROOT = Path(__file__).resolve().parents[2]
ON_BOTH = (
    "tests/competition/contests",
    "tests/competition/leaderboards/test_standings.py",
    "tests/competition/organizing/rescoring/test_racing_organizers.py",
    "tests/competition/organizing/rescoring/test_rescoring.py",
    "tests/competition/submissions/test_racing_for_the_last_ones.py",
    "tests/competition/submissions/test_scoring_a_submission.py",
    "tests/competition/submissions/test_choosing_finals.py",
)


@pytest.mark.postgresql
def test_locks_leases_and_standings_hold_on_postgresql():
    with postgresql_server() as url:
        done = subprocess.run(
            [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *ON_BOTH],
            cwd=ROOT,
            env=os.environ | {"TAMAGO_TEST_DATABASE_URL": url},
            capture_output=True,
            text=True,
            check=False,
        )
    assert done.returncode == 0, done.stdout[-6000:]
