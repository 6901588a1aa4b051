"""Workers as processes, and what may happen to them. Faults are real: a file that never ends is a named pipe,
a death is SIGKILL, a lost message is an emptied broker."""

import os
import shutil
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import redis as redis_client
from django.conf import settings as site_settings
from django.utils import timezone

from competition.submissions.models import Score, State, Submission, Worker
from competition.submissions.receive import remaining_today
from competition.submissions.workers import workers_alive
from tests.competition.submissions.conftest import submission_file, submit
from tests.services import redis_server, wait_until
from tests.site_process import Site

pytestmark = pytest.mark.django_db(transaction=True)

LEASE_SECONDS = 2


@pytest.fixture
def site(tmp_path, media, transactional_db) -> Iterator[Site]:
    """The test's own database, uploads and releases, for other processes. The broker is a folder."""
    database = site_settings.DATABASES["default"]
    data = tmp_path / "data"
    environment = {
        "SECRET_KEY": site_settings.SECRET_KEY,
        "ALLOWED_HOSTS": "localhost",
        "SITE_URL": "http://localhost",
        "DATABASE_URL": f"sqlite:///{database['NAME']}",
        "DATA_DIR": str(data),
        "RELEASES_DIR": str(site_settings.RELEASES_DIR),
        "EMAIL_TO_CONSOLE": "true",
        "SCORING_DEVICE": "cpu",
        "LEASE_SECONDS": str(LEASE_SECONDS),
        "RECLAIM_SECONDS": "1",
    }
    data.mkdir()
    media.mkdir(exist_ok=True)
    (data / "media").symlink_to(media)
    with Site(tmp_path / "logs", "http://localhost", environment) as site:
        yield site
        for name in list(site.running):  # nothing is left to be finished: no need to wait for goodbyes
            site.kill(name)


@pytest.fixture
def redis() -> Iterator[str]:
    with redis_server() as url:
        yield url


def start_worker(site: Site, name: str, *options: str, pool: str = "threads", **environment: str) -> None:
    """A worker named `name`; returns when it is ready."""
    command = [
        "celery",
        "--app",
        "competition",
        "worker",
        "--hostname",
        f"{name}@test",
        "--loglevel",
        "WARNING",
    ]
    site.start(name, [*command, "--pool", pool, "--concurrency", "1", *options], **environment)
    wait_until(
        lambda: workers_alive().filter(name=f"{name}@test").exists(),
        what=f"{name} to be ready",
        seconds=60,
    )


def start_beat(site: Site, **environment: str) -> None:
    schedule = str(site.folder / "schedule")
    command = ["celery", "--app", "competition", "beat", "--schedule", schedule, "--loglevel", "WARNING"]
    site.start("beat", command, **environment)


def wait_for(submission: Submission, state: State, seconds: float = 60) -> None:
    def arrived() -> bool:
        submission.refresh_from_db()
        return submission.state == state

    wait_until(arrived, what=f"the submission to be {state}", seconds=seconds)


def submit_elsewhere(site: Site, user, competition, **environment: str) -> Submission:
    """As a web process of the site does it: with the site's broker."""
    release = competition.releases.get(is_current=True)
    file = site.folder / "upload.csv"
    file.write_bytes(submission_file(release).read())
    program = (
        "import sys, django; django.setup()\n"
        "from django.core.files.uploadedfile import SimpleUploadedFile\n"
        "from competition.accounts.models import User\n"
        "from competition.contests.models import Competition\n"
        "from competition.submissions.receive import receive_submission\n"
        "user, slug, path = sys.argv[1:]\n"
        "file = SimpleUploadedFile('upload.csv', open(path, 'rb').read())\n"
        "competition = Competition.objects.get(slug=slug)\n"
        "receive_submission(user=User.objects.get(username=user), competition=competition, file=file)\n"
    )
    arguments = (user.username, competition.slug, file)
    environment["DJANGO_SETTINGS_MODULE"] = "competition.settings"
    site.run(sys.executable, "-c", program, *arguments, **environment)
    return Submission.objects.latest("received_at")


@contextmanager
def endless(submission: Submission) -> Iterator[Path]:
    """While this lasts, the submission's file is a pipe that nobody writes to: whoever reads it waits.

    Yields the path of the true content.
    """
    path = Path(submission.file.path)
    content = path.with_suffix(".true")
    path.rename(content)
    os.mkfifo(path)
    try:
        yield content
    finally:
        content.replace(path)


def wait_for_reader(pipe: Path) -> int:
    """The writing end of `pipe`, as soon as somebody has begun to read it."""
    opened: list[int] = []

    def somebody_reads() -> bool:
        try:
            opened.append(os.open(pipe, os.O_WRONLY | os.O_NONBLOCK))
        except OSError:
            return False
        return True

    wait_until(somebody_reads, what="a worker to read the file")
    os.set_blocking(opened[0], True)
    return opened[0]


def feed(end: int, content: Path) -> None:
    with content.open("rb") as source, os.fdopen(end, "wb") as pipe:
        shutil.copyfileobj(source, pipe)


def assert_scored_once(submission: Submission, attempts: int) -> None:
    submission.refresh_from_db()
    assert (submission.state, submission.attempts, submission.error) == (State.SCORED, attempts, "")
    assert Score.objects.filter(submission=submission).count() == 1


def test_a_worker_scores_says_that_it_lives_and_says_goodbye(site, alice, team, release):
    start_worker(site, "one")
    worker = Worker.objects.get()
    assert (worker.name, worker.device) == ("one@test", "cpu")
    submission = submit_elsewhere(site, alice, team.competition)
    wait_for(submission, State.SCORED)
    assert_scored_once(submission, attempts=1)
    assert "solution.resident" in site.log("one"), "it was in memory before the first submission came"
    assert "submission.scored" in site.log("one")
    site.running["one"].terminate()
    assert site.running["one"].wait(20) == 0
    assert not Worker.objects.exists()


def test_killed_in_the_middle_of_scoring_another_worker_finishes(site, alice, team, release):
    start_worker(site, "one")
    submission = submit(alice, team.competition)
    start_beat(site)
    with endless(submission):
        end = wait_for_reader(Path(submission.file.path))
        submission.refresh_from_db()
        assert submission.state == State.SCORING
        site.kill("one")
        os.close(end)
    start_worker(site, "two")
    wait_for(submission, State.SCORED)
    assert_scored_once(submission, attempts=2)


def test_a_long_scoring_keeps_its_lease_while_others_look_for_work(site, alice, team, release):
    start_worker(site, "one")
    start_worker(site, "two")
    start_beat(site)
    submission = submit(alice, team.competition)
    with endless(submission) as content:
        end = wait_for_reader(Path(submission.file.path))
        time.sleep(2.5 * LEASE_SECONDS)
        submission.refresh_from_db()
        assert (submission.state, submission.attempts) == (State.SCORING, 1)
        feed(end, content)
        wait_for(submission, State.SCORED)
    assert_scored_once(submission, attempts=1)


def test_a_worker_that_was_frozen_wakes_up_too_late_and_writes_nothing(site, alice, team, release):
    start_worker(site, "one")
    submission = submit(alice, team.competition)
    start_beat(site)
    with endless(submission) as content:
        end = wait_for_reader(Path(submission.file.path))
        site.pause("one")
        true_content = content.read_bytes()
    start_worker(site, "two")
    wait_for(submission, State.SCORED)
    os.killpg(site.running["one"].pid, signal.SIGCONT)
    with os.fdopen(end, "wb") as pipe:
        pipe.write(true_content)
    wait_until(lambda: "submission.lease_lost" in site.log("one"), what="the first worker to notice")
    assert_scored_once(submission, attempts=2)


def test_a_file_that_kills_its_worker_three_times_fails_and_is_refunded(site, alice, team, release):
    # As the kernel does it to a child that takes too much memory; the worker's main process lives on.
    start_worker(site, "one", pool="prefork")
    start_beat(site)
    submission = submit(alice, team.competition)
    main = site.running["one"].pid
    with endless(submission):
        for attempt in (1, 2, 3):
            end = wait_for_reader(Path(submission.file.path))
            submission.refresh_from_db()
            assert submission.attempts == attempt
            (child,) = children_of(main)
            os.kill(child, signal.SIGKILL)
            wait_until(lambda pid=child: pid not in children_of(main), what="the child to be gone")
            os.close(end)
        wait_for(submission, State.FAILED)
    assert "killed" in submission.error
    assert remaining_today(team) == 5
    # The worker still works.
    wait_for(submit(alice, team.competition), State.SCORED)


def children_of(process: int) -> list[int]:
    lists = Path(f"/proc/{process}/task").glob("*/children")
    return [int(child) for children in lists for child in children.read_text().split()]


def test_what_is_stuck_ends_with_its_process_and_is_tried_elsewhere(site, alice, team, release):
    start_worker(site, "one", SCORING_SECONDS="1.5")
    submission = submit(alice, team.competition)
    start_beat(site)
    with endless(submission):
        end = wait_for_reader(Path(submission.file.path))
        assert site.running["one"].wait(20) == os.EX_SOFTWARE
        os.close(end)
    assert "submission.overtime" in site.log("one")
    start_worker(site, "two")
    wait_for(submission, State.SCORED)
    assert_scored_once(submission, attempts=2)


def test_submissions_whose_web_process_died_are_scored_all_the_same(site, alice, team, release):
    received, validating = (submit(alice, team.competition, seed=seed) for seed in (1, 2))
    Submission.objects.filter(pk=received.pk).update(state=State.RECEIVED)
    Submission.objects.filter(pk=validating.pk).update(
        state=State.VALIDATING, lease_owner="web", lease_expires_at=timezone.now()
    )
    start_worker(site, "one")
    start_beat(site)
    wait_for(received, State.SCORED)
    wait_for(validating, State.SCORED)


def test_an_emptied_folder_broker_loses_nothing(site, alice, team, release):
    submission = submit_elsewhere(site, alice, team.competition)
    messages = list(Path(site.environment["DATA_DIR"], "broker", "queue").iterdir())
    assert messages
    for message in messages:
        message.unlink()
    start_worker(site, "one")
    start_beat(site)
    wait_for(submission, State.SCORED)


@pytest.mark.redis
def test_an_emptied_redis_loses_nothing(site, alice, team, release, redis):
    submission = submit_elsewhere(site, alice, team.competition, REDIS_URL=redis)
    client = redis_client.from_url(redis)
    assert client.llen("scoring") == 1
    client.flushall()
    start_worker(site, "one", REDIS_URL=redis)
    start_beat(site, REDIS_URL=redis)
    wait_for(submission, State.SCORED)
    assert_scored_once(submission, attempts=1)


def test_a_broker_that_is_down_refuses_no_submission(site, alice, team, release):
    began = time.monotonic()
    submission = submit_elsewhere(site, alice, team.competition, REDIS_URL="redis://127.0.0.1:1/0")
    assert submission.state == State.QUEUED
    assert time.monotonic() - began < 15, "and does not keep anybody waiting"


def test_a_worker_without_its_gpu_does_not_start(site):
    import torch

    if torch.cuda.is_available():
        pytest.skip("there is a GPU")
    command = ["celery", "--app", "competition", "worker", "--pool", "solo"]
    printed = site.run(*command, status=1, SCORING_DEVICE="cuda")
    assert "no CUDA device was found" in printed
