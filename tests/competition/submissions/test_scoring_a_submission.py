import json
import os
import shutil
import threading
import time
from datetime import timedelta
from typing import ClassVar

import numpy as np
import pytest
from django.conf import settings as site
from django.core.files.base import ContentFile
from django.core.files.storage import Storage
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.utils import timezone

from competition.submissions.cancel import cancel_submission
from competition.submissions.evaluate import evaluate
from competition.submissions.leases import claim
from competition.submissions.models import PrivateScore, Score, State, Submission
from competition.submissions.receive import receive_submission, remaining_today
from competition.submissions.resident import solution_at
from scoring import MetricConfig, Solution, grade
from tests.competition.submissions.conftest import submit


def scored(submission: Submission) -> Submission:
    evaluate(submission.pk, worker="test")
    submission.refresh_from_db()
    return submission


def due_again(submission: Submission) -> None:
    """As if the pause before the next attempt, and the lease, were over."""
    past = timezone.now() - timedelta(seconds=1)
    Submission.objects.filter(pk=submission.pk).update(not_before=past)
    Submission.objects.filter(pk=submission.pk, lease_expires_at__isnull=False).update(lease_expires_at=past)


def test_a_submission_is_scored_as_the_library_scores_its_file(alice, team, release):
    submission = scored(submit(alice, team.competition))
    expected = grade(submission.file.path, Solution.load(release.solution_path), device="cpu")
    assert submission.state == State.SCORED
    assert submission.finished_at
    score = Score.objects.get()
    assert score.result == json.loads(json.dumps(expected.public.to_dict()))
    assert (score.value, score.recall, score.precision) == (
        expected.public.score,
        expected.public.recall,
        expected.public.precision,
    )
    assert score.private.result == json.loads(json.dumps(expected.private.to_dict()))
    assert score.private.value == expected.private.score
    assert score.passed_gate
    assert score.metric["recall_floor"] == 0.79
    assert (score.metric_version, score.engine, score.device) == (1, expected.engine, "cpu")
    assert score.seconds["total"] > 0


def test_the_draws_are_kept_beside_each_score(alice, team, typhoons, release):
    typhoons.metric = typhoons.metric | {"cluster_by": None}  # the small release has one storm in each part
    typhoons.save()
    submission = scored(submit(alice, typhoons))
    config = MetricConfig.model_validate(typhoons.metric)
    expected = grade(submission.file.path, Solution.load(release.solution_path), config, device="cpu")
    score = submission.scores.get()
    for row, part in ((score, "public"), (score.private, "private")):
        kept = np.frombuffer(row.replicates, "<f8")
        assert len(kept) == config.replicates
        assert kept.tolist() == expected.replicates[part].tolist()


def test_nothing_of_the_private_result_is_in_the_public_one(alice, team, release):
    scored(submit(alice, team.competition))
    score = Score.objects.get()
    assert score.value != score.private.value
    assert repr(score.private.value) not in json.dumps(score.result)


def test_evaluating_twice_scores_once(alice, team, release):
    submission = submit(alice, team.competition)
    scored(submission)
    assert scored(submission).attempts == 1
    assert Score.objects.count() == PrivateScore.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_two_workers_that_race_score_once(alice, team, release):
    submission = submit(alice, team.competition)
    barrier = threading.Barrier(6)

    def work(name: str) -> None:
        barrier.wait()
        evaluate(submission.pk, worker=name)
        connection.close()

    threads = [threading.Thread(target=work, args=[f"worker {number}"]) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    submission.refresh_from_db()
    assert (submission.state, submission.attempts) == (State.SCORED, 1)
    assert Score.objects.count() == 1


def test_a_worker_that_lost_its_lease_writes_nothing(alice, team, release):
    submission = submit(alice, team.competition)
    slow = claim(submission.pk, owner="slow")
    due_again(submission)
    scored(submission)
    assert not slow.release(State.SCORED)
    submission.refresh_from_db()
    assert (submission.state, submission.attempts) == (State.SCORED, 2)
    assert Score.objects.count() == 1


def test_a_lease_that_another_worker_holds_is_not_mine_to_end(alice, team, release):
    submission = submit(alice, team.competition)
    slow = claim(submission.pk, owner="worker")
    due_again(submission)
    other = claim(submission.pk, owner="worker")
    assert not slow.release(State.FAILED, error="too late")
    assert other.held().exists()


def test_an_invalid_file_that_no_web_process_has_looked_at_is_refused_by_the_worker(alice, team, release):
    submission = receive_submission(
        user=alice, competition=team.competition, file=SimpleUploadedFile("try.csv", b"hello")
    )
    Submission.objects.update(state=State.RECEIVED, problems=[])
    submission = scored(submission)
    assert submission.state == State.INVALID
    assert submission.problems[0]["message"]
    assert remaining_today(team) == 5


def test_our_own_failures_are_tried_again_later_and_refunded_in_the_end(alice, team, release):
    submission = submit(alice, team.competition)
    release.folder = "gone"
    release.save()
    pauses = []
    for attempt in (1, 2):
        submission = scored(submission)
        assert (submission.state, submission.attempts) == (State.QUEUED, attempt)
        assert "solution.parquet" in submission.error
        pauses.append(submission.not_before - timezone.now())
        assert scored(submission).attempts == attempt, "not before it is due"
        due_again(submission)
    assert pauses[0] > timedelta(seconds=site.RECLAIM_SECONDS)
    assert pauses[1] > 1.5 * pauses[0]
    submission = scored(submission)
    assert (submission.state, submission.attempts) == (State.FAILED, 3)
    assert submission.finished_at
    assert remaining_today(team) == 5
    assert scored(submission).attempts == 3


def test_a_failure_that_passes_leaves_a_score_and_no_error(alice, team, release):
    submission = submit(alice, team.competition)
    folder = release.folder
    release.folder = "gone"
    release.save()
    scored(submission)
    release.folder = folder
    release.save()
    due_again(submission)
    submission = scored(submission)
    assert (submission.state, submission.error) == (State.SCORED, "")


def test_a_file_that_is_gone_from_the_storage_fails_at_once(alice, team, release):
    submission = submit(alice, team.competition)
    submission.file.storage.delete(submission.file.name)
    submission = scored(submission)
    assert submission.state == State.FAILED
    assert "missing from the storage" in submission.error
    assert remaining_today(team) == 5


def test_a_file_that_kills_its_worker_each_time_fails_and_is_refunded(alice, team, release):
    submission = submit(alice, team.competition)
    for _ in range(3):
        assert claim(submission.pk, owner="killed soon")
        due_again(submission)
    submission = scored(submission)
    assert submission.state == State.FAILED
    assert "killed" in submission.error
    assert remaining_today(team) == 5


def test_a_cancelled_submission_stays_cancelled(alice, team, release):
    submission = submit(alice, team.competition)
    cancel_submission(user=alice, submission=submission)
    submission = scored(submission)
    assert (submission.state, submission.attempts) == (State.CANCELLED, 0)
    assert not Score.objects.exists()


def test_a_worker_that_is_told_to_stop_hands_its_submission_on_at_once(alice, team, release, monkeypatch):
    submission = submit(alice, team.competition)

    def interrupt(*args, **kwargs):
        raise SystemExit

    monkeypatch.setattr("competition.submissions.evaluate.grade", interrupt)
    with pytest.raises(SystemExit):
        evaluate(submission.pk, worker="leaving")
    monkeypatch.undo()
    assert scored(submission).state == State.SCORED


@pytest.mark.django_db(transaction=True)
def test_the_heartbeat_keeps_a_long_scoring_and_ends_with_its_time(alice, team, release, settings):
    settings.LEASE_SECONDS, settings.SCORING_SECONDS = 0.6, 1.5
    lease = claim(submit(alice, team.competition).pk, owner="stuck")
    overtime = threading.Event()
    with lease.kept_alive(on_overtime=overtime.set):
        time.sleep(1.2)
        assert not Submission.objects.unattended().exists(), "twice the lease's time, and still held"
        assert overtime.wait(2)
        time.sleep(0.8)
        assert Submission.objects.unattended().exists(), "what is stuck is left to others"


def test_the_solution_stays_in_memory_until_its_file_changes(release, tmp_path):
    path = tmp_path / "solution.parquet"
    shutil.copy(release.solution_path, path)
    first = solution_at(path)
    assert solution_at(path) is first
    os.utime(path, (1, 1))
    assert solution_at(path) is not first


class StorageWithoutPaths(Storage):
    """Like S3's: files are reached through `open` alone, never by a path."""

    files: ClassVar[dict[str, bytes]] = {}

    def _save(self, name, content):
        self.files[name] = content.read()
        return name

    def _open(self, name, mode="rb"):
        return ContentFile(self.files[name])

    def exists(self, name):
        return name in self.files


def test_a_storage_without_paths_is_read_through_a_copy(alice, team, release, settings):
    elsewhere = {"BACKEND": f"{__name__}.{StorageWithoutPaths.__name__}"}
    settings.STORAGES = settings.STORAGES | {"default": elsewhere}
    assert scored(submit(alice, team.competition)).state == State.SCORED
