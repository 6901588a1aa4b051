"""Many who decide at the same moment: one decision counts."""

import threading
from collections.abc import Callable

import pytest
from django.db import connection

from competition.organizing.rescoring.publish import discard_rescoring, publish_rescoring
from competition.organizing.rescoring.rescore import rescore
from competition.refusal import Refusal
from competition.submissions.evaluate import evaluate
from competition.submissions.models import Rescoring, Score, Submission
from tests.competition.organizing.rescoring.conftest import STRICTER, new_scores, start, work
from tests.competition.submissions.conftest import submit

pytestmark = pytest.mark.django_db(transaction=True)


def at_once(*actions: Callable[[], object]) -> list[object]:
    """What each returned, or the code of its refusal."""
    barrier = threading.Barrier(len(actions))
    results: list[object] = [None] * len(actions)

    def act(number: int) -> None:
        barrier.wait()
        try:
            results[number] = actions[number]()
        except Refusal as refusal:
            results[number] = refusal.code
        finally:
            connection.close()

    threads = [threading.Thread(target=act, args=[number]) for number in range(len(actions))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


def test_two_organizers_who_publish_at_once_publish_once(typhoons, entries, organizer):
    rescoring = work(start(typhoons, metric=STRICTER))

    def publish() -> str:
        return publish_rescoring(user=organizer, rescoring=Rescoring.objects.get(pk=rescoring.pk)).state

    results = at_once(publish, publish, publish)
    assert sorted(results) == ["published", "rescoring_published", "rescoring_published"]
    typhoons.refresh_from_db()
    assert typhoons.metric_version == 2


def test_of_one_who_publishes_and_one_who_discards_one_succeeds(typhoons, entries, organizer):
    rescoring = work(start(typhoons, metric=STRICTER))
    results = at_once(
        lambda: publish_rescoring(user=organizer, rescoring=rescoring).state,
        lambda: discard_rescoring(user=organizer, rescoring=rescoring) or "discarded",
    )
    rescoring.refresh_from_db()
    typhoons.refresh_from_db()
    assert results in (["published", "rescoring_finished"], ["rescoring_not_ready", "discarded"])
    assert rescoring.state in results
    assert typhoons.metric_version == (2 if rescoring.state == "published" else 1)


def test_of_many_who_begin_at_once_one_does(typhoons, entries):
    results = at_once(*[lambda: start(typhoons, metric=STRICTER).state for _ in range(4)])
    assert sorted(map(str, results)) == ["preparing", *["rescoring_under_way"] * 3]
    assert Rescoring.objects.count() == 1


def test_workers_that_race_score_each_entry_once(typhoons, entries):
    rescoring = start(typhoons, metric=STRICTER)
    at_once(*[lambda: rescore(rescoring.pk, worker="test") for _ in range(4)])
    work(rescoring)
    assert rescoring.state == Rescoring.State.READY
    assert len(new_scores(rescoring)) == Score.with_unpublished.filter(rescoring=rescoring).count() == 3


def test_nobody_is_left_with_an_old_score_whoever_comes_first(typhoons, entries, alice, dave):
    """Entries are scored while the rescoring is published."""
    rescoring = work(start(typhoons, metric=STRICTER))
    late = [submit(user, typhoons, seed=seed) for seed, user in enumerate((alice, dave, dave), 20)]
    at_once(
        lambda: publish_rescoring(user=None, rescoring=rescoring),
        *[lambda pk=entry.pk: evaluate(pk, worker="test") for entry in late],
    )
    work(rescoring)
    assert rescoring.state == Rescoring.State.PUBLISHED
    for entry in Submission.objects.all():
        assert entry.scores.first().metric_version == 2, entry
