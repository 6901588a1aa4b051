"""/healthz is 200 where a submission would be scored, and names what is missing where it would not."""

from datetime import timedelta

import pytest
from django.db import OperationalError
from django.test import Client
from django.utils import timezone

from competition.celery import app
from competition.submissions.models import Worker


@pytest.fixture
def worker(db) -> Worker:
    now = timezone.now()
    return Worker.objects.create(name="w1", device="cpu", engine="1", started_at=now, seen_at=now)


def ask():
    return Client().get("/healthz")


def test_all_is_well(worker):
    response = ask()
    assert response.status_code == 200
    assert response.json() == {"status": "ok", "database": "ok", "broker": "ok", "worker": "ok"}
    assert "no-store" in response["Cache-Control"]


def test_a_silent_worker_is_missed(worker):
    Worker.objects.update(seen_at=timezone.now() - timedelta(minutes=5))
    response = ask()
    assert response.status_code == 503
    assert response.json()["worker"] == "none has been seen lately"
    assert response.json()["broker"] == "ok"


def test_a_broker_that_is_away_is_named_and_nothing_else_is_told(worker, monkeypatch):
    def refuse(**kwargs):
        return type(app.connection_for_write())("redis://:secret@127.0.0.1:9/0", **kwargs)

    monkeypatch.setattr(app, "connection_for_write", refuse)
    response = ask()
    assert response.status_code == 503
    assert response.json()["broker"] == "does not answer"
    assert b"secret" not in response.content
    assert b"127.0.0.1" not in response.content


def test_a_database_that_is_away_is_named(monkeypatch):
    class Away:
        def cursor(self):
            raise OperationalError("could not connect to server at 10.0.0.5")

    monkeypatch.setattr("competition.api.health.connection", Away())
    response = ask()
    assert response.status_code == 503
    assert response.json()["database"] == "does not answer"
    assert response.json()["worker"].startswith("unknown")
    assert b"10.0.0.5" not in response.content
