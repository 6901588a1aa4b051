"""Rescoring by worker processes: one may be killed, a message lost, an entry deadly; nothing is lost."""

import os
import signal
import sys
from pathlib import Path

import pytest

from competition.submissions.models import Rescoring, Score
from tests.competition.organizing.rescoring.conftest import STRICTER, new_scores, start
from tests.competition.submissions.test_workers import (
    children_of,
    endless,
    site,
    start_worker,
    wait_for_reader,
)
from tests.services import wait_until
from tests.site_process import Site

__all__ = ["site"]

pytestmark = pytest.mark.django_db(transaction=True)


BELL = """
import time, django
django.setup()
from competition.organizing.tasks import reclaim_rescorings
while True:
    reclaim_rescorings()
    time.sleep(0.5)
"""


def ring(site: Site) -> None:
    """As beat does, for rescorings alone: others who read an entry's file would wait at its pipe."""
    site.start("bell", [sys.executable, "-c", BELL], DJANGO_SETTINGS_MODULE="competition.settings")


def wait_for(rescoring: Rescoring, state: str, seconds: float = 60) -> None:
    def arrived() -> bool:
        rescoring.refresh_from_db()
        return rescoring.state == state

    wait_until(arrived, what=f"the rescoring to be {state}", seconds=seconds)


def test_a_killed_worker_loses_nothing_and_the_next_one_goes_on(site, typhoons, entries):
    """The message was lost as well: it was rung for with the tests' own broker."""
    rescoring = start(typhoons, metric=STRICTER)
    start_worker(site, "one")
    with endless(entries[-1]):
        ring(site)
        end = wait_for_reader(Path(entries[-1].file.path))
        rescoring.refresh_from_db()
        assert rescoring.state == Rescoring.State.RUNNING
        site.kill("one")
        os.close(end)
    assert not new_scores(rescoring), "a batch is written whole or not at all"
    assert Score.objects.count() == 3
    start_worker(site, "two")
    wait_for(rescoring, Rescoring.State.READY)
    assert len(new_scores(rescoring)) == 3
    assert not rescoring.failures.exists()
    assert "rescoring.ready" in site.log("two")


def test_an_entry_that_kills_its_worker_again_and_again_is_found_among_the_others(site, typhoons, entries):
    # As the kernel does it to a child that takes too much memory; the worker's main process lives on.
    deadly, *others = entries
    start_worker(site, "one", pool="prefork")
    ring(site)
    main = site.running["one"].pid
    with endless(deadly):
        rescoring = start(typhoons)
        for attempt in (1, 2, 3):
            end = wait_for_reader(Path(deadly.file.path))
            rescoring.refresh_from_db()
            assert rescoring.attempts == attempt
            (child,) = children_of(main)
            os.kill(child, signal.SIGKILL)
            wait_until(lambda pid=child: pid not in children_of(main), what="the child to be gone")
            os.close(end)
        wait_for(rescoring, Rescoring.State.READY)
    failure = rescoring.failures.get()
    assert failure.submission == deadly
    assert "killed" in failure.error
    assert set(new_scores(rescoring)) == set(others)
