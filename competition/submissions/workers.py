"""A worker process: it says that it is alive, and fetches solutions into memory before they are needed."""

import threading
from datetime import datetime, timedelta

import structlog
from celery.concurrency.prefork import TaskPool as PreforkPool
from celery.signals import worker_init, worker_process_init, worker_ready, worker_shutdown
from django.conf import settings
from django.db import Error as DatabaseError
from django.db import connection
from django.db.models import QuerySet
from django.utils import timezone

from competition.contests.models import Competition
from competition.datasets.models import Release
from competition.submissions.models import Worker
from competition.submissions.resident import solution_at
from scoring import ENGINE_VERSION, DeviceError, SolutionError
from scoring.grading import choose_device

log = structlog.get_logger(__name__)

BEAT_SECONDS = 5
# A worker that has not been seen for this long is not there.
SILENT_SECONDS = 30


def workers_alive() -> QuerySet[Worker]:
    return Worker.objects.filter(seen_at__gte=timezone.now() - timedelta(seconds=SILENT_SECONDS))


def forget_the_long_gone() -> None:
    Worker.objects.filter(seen_at__lt=timezone.now() - timedelta(days=1)).delete()


def device_name() -> str:
    """`cpu`, or `cuda` and the GPU's name, as `SCORING_DEVICE` says. Raises DeviceError without a GPU."""
    device = choose_device(settings.SCORING_DEVICE)
    if device == "cuda":
        import torch  # noqa: PLC0415 - seconds to import, and the CPU does without

        return f"cuda ({torch.cuda.get_device_name()})"
    return device


class SignsOfLife:
    """The `Worker` row of this process, kept fresh by a thread: while a submission is scored, some pools'
    event loops stand still."""

    def __init__(self) -> None:
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self, name: str) -> None:
        self._stop.clear()
        self._thread = threading.Thread(target=self._run, args=(name, timezone.now()), daemon=True)
        self._thread.start()

    def stop(self) -> None:
        if self._thread is not None:
            self._stop.set()
            self._thread.join(timeout=10)

    def _run(self, name: str, started_at: datetime) -> None:
        device = device_name()
        while True:
            try:
                Worker.objects.update_or_create(
                    name=name,
                    defaults={
                        "device": device,
                        "engine": ENGINE_VERSION,
                        "started_at": started_at,
                        "seen_at": timezone.now(),
                    },
                )
            except DatabaseError:
                log.exception("worker.heartbeat_failed", worker=name)
            finally:
                connection.close()  # of this thread: a pool may fork at any time
            if self._stop.wait(BEAT_SECONDS):
                break
        Worker.objects.filter(name=name, started_at=started_at).delete()
        connection.close()


_signs_of_life = SignsOfLife()


@worker_init.connect
def refuse_to_start_without_the_device(**kwargs) -> None:
    # Else every submission that this worker takes would fail.
    if settings.SCORING_DEVICE == "cuda":
        try:
            device_name()
        except DeviceError as error:
            raise SystemExit(f"SCORING_DEVICE=cuda: {error}") from error


@worker_ready.connect
def begin(sender, **kwargs) -> None:
    _signs_of_life.start(sender.hostname)
    # Where the pool forks, its children score, and each fetches for itself.
    if not isinstance(sender.pool, PreforkPool):
        fetch_solutions_in_background()


@worker_process_init.connect
def fetch_solutions_in_background(**kwargs) -> None:
    threading.Thread(target=fetch_solutions, daemon=True).start()


@worker_shutdown.connect
def end(**kwargs) -> None:
    _signs_of_life.stop()


def fetch_solutions() -> None:
    """Load the solutions of the competitions that are open now."""
    try:
        now = timezone.now()
        running = Competition.objects.published().filter(opens_at__lte=now, closes_at__gt=now)
        for release in Release.objects.filter(is_current=True, competition__in=running):
            try:
                solution = solution_at(release.solution_path)
                log.info("solution.resident", release=str(release), images=len(solution))
            except (OSError, SolutionError) as error:
                log.error("solution.unreadable", release=str(release), error=str(error))
    except DatabaseError:
        log.exception("solution.fetch_failed")
    finally:
        connection.close()
