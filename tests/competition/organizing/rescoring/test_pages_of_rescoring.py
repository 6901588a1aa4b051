"""The console's pages of rescorings, and what participants are told."""

import csv
import io
from datetime import timedelta
from pathlib import Path

import pytest
from django.utils import timezone

from competition.organizing.rescoring.publish import publish_rescoring
from competition.submissions.models import Rescoring
from tests.competition.cast import copy_of
from tests.competition.conftest import signed_in
from tests.competition.organizing.rescoring.conftest import (
    STRICTER,
    corrected_solution,
    parquet,
    scored,
    solution_table,
    start,
    work,
)

pytestmark = pytest.mark.django_db

HISTORY = "/organize/typhoons/rescoring/"
NEW = f"{HISTORY}new/"
TYPED = {
    "reason": "A storm was labelled wrongly.",
    "reason_ja": "台風のラベルに誤りがありました。",
    "metric": "recall_constrained_precision",
    "prediction": "score",
    "recall_floor": "0.79",
    "threshold": "per_split",
    "digits": "5",
    "more": "{}",
}


@pytest.fixture
def console(organizer):
    return signed_in(organizer)


def text(response) -> str:
    return response.content.decode()


def test_an_organizer_corrects_a_solution_looks_and_publishes(typhoons, entries, release, console):
    assert "Nothing has been rescored" in text(console.get(HISTORY))
    response = console.post(NEW, TYPED | {"solution": corrected_solution(release)})
    rescoring = Rescoring.objects.get()
    assert response.url == rescoring.get_absolute_url()
    assert rescoring.metric_version == 1, "the metric was left as it was"
    page = text(console.get(response.url))
    assert "0 of 3 entries" in page
    assert "http-equiv" in page, "it follows along without scripts too"
    assert "40 labels differ" in page
    work(rescoring)
    page = text(console.get(response.url))
    assert "Before and after" in page
    assert "Team Dave" in page
    assert "<svg" in page
    told = text(console.post(f"{response.url}publish/", follow=True))
    assert "everybody sees the new scores" in told
    assert "published by" in told
    rescoring.refresh_from_db()
    assert rescoring.state == Rescoring.State.PUBLISHED
    assert rescoring.finished_by.username == "organizer"
    assert "A storm was labelled wrongly." in text(console.get(HISTORY))


def test_another_metric_is_typed_on_the_same_page(typhoons, entries, console):
    console.post(NEW, TYPED | {"recall_floor": "0.95"})
    rescoring = Rescoring.objects.get()
    assert rescoring.metric["recall_floor"] == 0.95
    page = text(console.get(rescoring.get_absolute_url()))
    assert "recall_floor" in page
    assert "replicates" not in page, "defaults that nobody wrote down are no change"


def test_what_is_wrong_stays_on_the_page_and_says_so(typhoons, entries, release, console):
    response = console.post(NEW, TYPED | {"reason": "", "recall_floor": "7"})
    assert response.status_code == 422
    assert "<details open" in text(response), "the wrong field is in sight"
    response = console.post(NEW, TYPED | {"solution": parquet(solution_table(release)[5:])})
    assert response.status_code == 422
    assert "5 images of the test are missing" in text(response)
    assert not Rescoring.objects.exists()


def test_its_progress_is_fetched_until_there_is_something_to_decide(typhoons, entries, console):
    rescoring = start(typhoons)
    live = f"{rescoring.get_absolute_url()}live/"
    response = console.get(live)
    assert "HX-Refresh" not in response
    assert "hx-get" in text(response)
    work(rescoring)
    response = console.get(live)
    assert response["HX-Refresh"] == "true"
    assert "hx-get" not in text(response)


def test_discarded_it_says_by_whom(typhoons, entries, console):
    rescoring = work(start(typhoons, metric=STRICTER))
    told = text(console.post(f"{rescoring.get_absolute_url()}discard/", follow=True))
    assert "nothing has changed for anybody" in told
    assert "discarded by organizer" in told


def test_failures_are_named_and_publishing_asks_for_consent(typhoons, entries, console):
    Path(entries[0].file.path).unlink()
    rescoring = work(start(typhoons, metric=STRICTER))
    page = rescoring.get_absolute_url()
    assert "Entries that could not be scored" in text(console.get(page))
    refused = text(console.post(f"{page}publish/", follow=True))
    assert "would keep its old score" in refused
    console.post(f"{page}publish/", {"accept_failures": "on"})
    rescoring.refresh_from_db()
    assert rescoring.state == Rescoring.State.PUBLISHED


def test_what_came_in_since_is_announced_and_can_be_included(typhoons, entries, dave, console):
    rescoring = work(start(typhoons, metric=STRICTER))
    scored(dave, typhoons, seed=9)
    page = rescoring.get_absolute_url()
    assert "1 entry came in since" in text(console.get(page))
    console.post(f"{page}complete/")
    work(rescoring)
    assert "came in since" not in text(console.get(page))


def test_exports_have_a_row_per_team_and_per_entry(typhoons, entries, console):
    entries[0].team.name = "=cmd|' /C calc'!A0"
    entries[0].team.save()
    Path(entries[1].file.path).unlink()
    rescoring = work(start(typhoons, metric=STRICTER))
    page = rescoring.get_absolute_url()
    teams = list(csv.DictReader(io.StringIO(text(console.get(f"{page}teams.csv")))))
    assert {row["part"] for row in teams} == {"public"}
    assert len(teams) == 2
    assert all(row["team"].startswith(("'=", "Team")) for row in teams), "harmless in a spreadsheet"
    rows = list(csv.DictReader(io.StringIO(text(console.get(f"{page}entries.csv")))))
    assert len(rows) == 3
    assert [bool(row["error"]) for row in rows] == [False, False, True]
    assert all(row["score_before"] and row["score_after"] for row in rows[:2])


def test_entries_come_page_by_page(typhoons, entries, console, monkeypatch):
    monkeypatch.setattr("competition.organizing.rescoring.views.PAGE_SIZE", 2)
    rescoring = work(start(typhoons, metric=STRICTER))
    page = f"{rescoring.get_absolute_url()}entries/"
    assert "Page 1 of 2" in text(console.get(page))
    assert "Page 2 of 2" in text(console.get(f"{page}?page=2"))


def test_the_rescoring_of_another_competition_is_not_found(typhoons, entries, console):

    rescoring = work(start(typhoons))
    elsewhere = copy_of(typhoons, slug="elsewhere")
    elsewhere.organizers.set(typhoons.organizers.all())
    assert console.get(f"/organize/elsewhere/rescoring/{rescoring.pk}/").status_code == 404
    assert console.post(f"/organize/elsewhere/rescoring/{rescoring.pk}/publish/").status_code == 404


def test_participants_are_told_why_once_it_is_published(typhoons, entries, alice):
    client = signed_in(alice)
    entry = entries[0]
    old = f"{entry.scores.get().value:.5f}"
    pages = ("/competitions/typhoons/leaderboard/", "/competitions/typhoons/", f"/submissions/{entry.pk}/")
    rescoring = work(start(typhoons, metric=STRICTER, reason_ja="台風のラベルに誤りがありました。"))
    for page in pages:
        assert "labelled wrongly" not in text(client.get(page))
    publish_rescoring(user=None, rescoring=rescoring)
    for page in pages:
        assert "A storm was labelled wrongly." in text(client.get(page))
        assert "ラベルに誤り" in text(client.get(page, headers={"Accept-Language": "ja"}))
    assert old in text(client.get(f"/submissions/{entry.pk}/")), "the score it had"


def test_an_entry_that_kept_its_score_says_so(typhoons, entries, alice):
    Path(entries[0].file.path).unlink()
    rescoring = work(start(typhoons, metric=STRICTER))
    publish_rescoring(user=None, rescoring=rescoring, accept_failures=True)
    assert "keeps the score it had" in text(signed_in(alice).get(f"/submissions/{entries[0].pk}/"))


def test_a_closed_competition_is_warned_of_what_publishing_means(typhoons, entries, console):

    typhoons.closes_at = timezone.now() - timedelta(seconds=1)
    typhoons.save()
    assert "final standings are out" in text(console.get(NEW))
    rescoring = work(start(typhoons, metric=STRICTER))
    page = text(console.get(rescoring.get_absolute_url()))
    assert "publishing changes the final standings" in page
    assert "Private standings (final)" in page
