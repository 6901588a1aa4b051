"""Twenty requests, three submissions left. `test_on_postgresql` runs this on PostgreSQL too."""

import threading

import pytest
from django.core.files.storage import default_storage
from django.db import connection

from competition.refusal import Refusal
from competition.submissions.models import Submission
from competition.submissions.receive import remaining_today
from tests.competition.submissions.conftest import submit


@pytest.mark.django_db(transaction=True)
def test_of_twenty_at_once_exactly_the_three_that_are_left_get_in(alice, bob, team, release):
    before = [submit(alice, team.competition) for _ in range(2)]
    barrier, accepted, refused = threading.Barrier(20), [], []

    def race(number: int) -> None:
        barrier.wait()
        try:
            accepted.append(submit([alice, bob][number % 2], team.competition, seed=number))
        except Refusal as refusal:
            refused.append(refusal.code)
        finally:
            connection.close()

    threads = [threading.Thread(target=race, args=[number]) for number in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(accepted) == 3
    assert refused == ["daily_limit"] * 17
    assert Submission.objects.count() == 5
    assert remaining_today(team) == 0
    _, stored = default_storage.listdir(f"submissions/{team.competition_id}")
    assert set(stored) == {str(submission.pk) for submission in [*before, *accepted]}, (
        "refused files are gone"
    )
