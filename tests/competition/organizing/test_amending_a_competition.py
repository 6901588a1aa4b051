"""What an organizer may change, and when it would be unfair."""

from datetime import timedelta

import pytest
from django.utils import timezone

from competition.contests.models import Competition
from competition.organizing.amend import (
    amend_limits,
    amend_texts,
    change_metric,
    change_release,
    change_rules,
    move_timeline,
)
from competition.organizing.close import close_competition
from competition.organizing.people import add_organizer, remove_organizer
from competition.refusal import Refusal
from competition.submissions.models import State, Submission
from tests.competition.conftest import person, signed_in

pytestmark = pytest.mark.django_db


@pytest.fixture
def closed(typhoons) -> Competition:
    typhoons.closes_at = timezone.now() - timedelta(minutes=1)
    typhoons.save()
    return typhoons


@pytest.fixture
def submission(typhoons, team, alice) -> Submission:
    return submit(typhoons, team, alice)


def submit(competition, team, user, **fields) -> Submission:
    release = competition.releases.first() or competition.releases.create(
        folder="none", name="none", version="1", manifest={}
    )
    return Submission.objects.create(
        competition=competition,
        team=team,
        user=user,
        release=release,
        filename="s.csv",
        file="none",
        size=1,
        sha256="0" * 64,
        **fields,
    )


def changed(competition: Competition) -> Competition:
    return Competition.objects.get(pk=competition.pk)


def test_texts_are_changed_one_by_one_and_also_after_the_close(closed):
    amend_texts(competition=closed, texts={"overview": "Alice has won."})
    assert (changed(closed).overview, changed(closed).title) == ("Alice has won.", "Find the typhoons")


def test_two_organizers_at_once_do_not_undo_each_other(typhoons):
    stale = Competition.objects.get(pk=typhoons.pk)
    amend_limits(competition=typhoons, limits={"daily_limit": 9})
    amend_texts(competition=stale, texts={"overview": "new"})
    assert (changed(typhoons).overview, changed(typhoons).daily_limit) == ("new", 9)


def test_the_deadline_moves_while_the_competition_runs(typhoons):
    later = timezone.now() + timedelta(days=90)
    move_timeline(competition=typhoons, opens_at=typhoons.opens_at, closes_at=later)
    assert changed(typhoons).closes_at == later


def test_a_closed_competition_never_opens_again(closed, organizer):
    before = closed.closes_at
    with pytest.raises(Refusal, match="private scores are out"):
        move_timeline(
            competition=closed, opens_at=closed.opens_at, closes_at=timezone.now() + timedelta(days=1)
        )
    response = signed_in(organizer).post(
        "/organize/typhoons/timeline/",
        {"opens_at": f"{closed.opens_at:%Y-%m-%dT%H:%M}", "closes_at": "2099-01-01T00:00"},
    )
    assert response.status_code == 409
    assert "private scores are out" in response.content.decode()
    assert changed(closed).closes_at == before


def test_a_deadline_in_the_past_and_a_moved_opening_are_refused(typhoons):
    now = timezone.now()
    with pytest.raises(Refusal, match="close it"):
        move_timeline(competition=typhoons, opens_at=typhoons.opens_at, closes_at=now - timedelta(hours=1))
    with pytest.raises(Refusal, match="opening"):
        move_timeline(
            competition=typhoons, opens_at=now + timedelta(days=1), closes_at=now + timedelta(days=2)
        )
    with pytest.raises(Refusal, match="after it opens"):
        move_timeline(competition=typhoons, opens_at=now, closes_at=now)


def test_saving_an_untouched_timeline_changes_nothing(typhoons, organizer):
    response = signed_in(organizer).post(
        "/organize/typhoons/timeline/",
        {
            "opens_at": f"{typhoons.opens_at:%Y-%m-%dT%H:%M}",
            "closes_at": f"{typhoons.closes_at:%Y-%m-%dT%H:%M}",
        },
    )
    assert response.status_code == 302
    now = changed(typhoons)
    assert (now.opens_at, now.closes_at) == (typhoons.opens_at, typhoons.closes_at)


def test_limits_respect_the_site_and_what_teams_have_chosen(typhoons, submission, team, alice, settings):
    with pytest.raises(Refusal, match="at most"):
        amend_limits(competition=typhoons, limits={"max_upload_bytes": settings.MAX_UPLOAD_BYTES + 1})
    for each in (submission, submit(typhoons, team, alice)):
        each.state, each.is_final = State.SCORED, True
        each.save()
    with pytest.raises(Refusal, match="Team Alice"):
        amend_limits(competition=typhoons, limits={"max_finals": 1})
    assert changed(typhoons).max_finals == 2


def test_limits_metric_rules_and_data_stay_after_the_close(closed):
    for change in (
        lambda: amend_limits(competition=closed, limits={"max_finals": 9}),
        lambda: change_metric(competition=closed, metric={**closed.metric, "recall_floor": 0.5}),
        lambda: change_rules(competition=closed, body="Other rules."),
        lambda: change_release(competition=closed, folder="small"),
    ):
        with pytest.raises(Refusal, match="private scores are out"):
            change()


def test_a_changed_metric_is_a_new_version(typhoons, organizer):
    assert change_metric(competition=typhoons, metric={**typhoons.metric, "recall_floor": 0.5})
    assert changed(typhoons).metric_version == 2
    assert not change_metric(competition=typhoons, metric={**typhoons.metric, "recall_floor": 0.5})
    assert changed(typhoons).metric_version == 2
    page = "/organize/typhoons/metric/"
    assert "change it freely" in signed_in(organizer).get(page).content.decode()


def test_a_metric_changes_freely_until_an_entry_is_scored_but_not_what_files_hold(
    typhoons, submission, organizer
):
    client = signed_in(organizer)
    page = "/organize/typhoons/metric/"
    typed = {
        "metric": "recall_constrained_precision",
        "prediction": "score",
        "recall_floor": "0.9",
        "threshold": "per_split",
        "digits": "5",
        "more": "{}",
    }
    client.post(page, typed)
    assert changed(typhoons).metric_version == 2
    response = client.post(page, typed | {"prediction": "label"})
    assert response.status_code == 409  # the files hold scores
    assert changed(typhoons).metric["prediction"] == "score"
    submission.state = State.SCORED
    submission.save()
    assert "Rescore" in client.get(page).content.decode()
    response = client.post(page, typed | {"recall_floor": "0.8"})
    assert response.status_code == 409
    assert "Rescore them all to change it" in response.content.decode()
    assert changed(typhoons).metric_version == 2


def test_an_impossible_metric_is_refused(typhoons):
    with pytest.raises(Refusal, match="recall_floor"):
        change_metric(competition=typhoons, metric={**typhoons.metric, "recall_floor": 7})


def test_new_rules_are_a_new_version_that_participants_have_to_accept(typhoons, team, organizer):
    client = signed_in(organizer)
    assert "2 participants have to accept" in client.get("/organize/typhoons/rules/").content.decode()
    client.post("/organize/typhoons/rules/", {"body": "Be fair,\r\nand kind.", "body_ja": ""})
    assert changed(typhoons).current_rules.number == 2
    client.post("/organize/typhoons/rules/", {"body": "Be fair,\r\nand kind.", "body_ja": ""})
    assert changed(typhoons).current_rules.number == 2  # unchanged: nobody is asked again
    assert "2 participants have not accepted" in client.get("/organize/typhoons/").content.decode()
    with pytest.raises(Refusal, match="empty"):
        change_rules(competition=typhoons, body=" ")


def test_data_is_registered_again_and_a_wrong_folder_refused(typhoons, organizer, release_folder):
    response = signed_in(organizer).post("/organize/typhoons/data/", {"folder": "small"})
    assert response.status_code == 302
    assert typhoons.releases.get().folder == "small"
    assert signed_in(organizer).post("/organize/typhoons/data/", {"folder": "nowhere"}).status_code == 422


def test_closing_needs_the_address_typed_and_is_final(typhoons, organizer):
    client = signed_in(organizer)
    assert client.post("/organize/typhoons/close/", {"confirmation": "yes"}).status_code == 400
    assert changed(typhoons).is_open
    assert client.post("/organize/typhoons/close/", {"confirmation": "typhoons"}).status_code == 302
    assert changed(typhoons).is_closed
    with pytest.raises(Refusal, match="Only an open"):
        close_competition(competition=typhoons, confirmation="typhoons")


def test_the_last_organizer_stays_and_participants_cannot_organize(typhoons, organizer, carol, alice, team):
    with pytest.raises(Refusal, match="last organizer"):
        remove_organizer(competition=typhoons, user=organizer)
    with pytest.raises(Refusal, match="takes part"):
        add_organizer(competition=typhoons, username="alice")
    with pytest.raises(Refusal, match="Nobody"):
        add_organizer(competition=typhoons, username="nobody")
    with pytest.raises(Refusal, match="does not organize"):
        remove_organizer(competition=typhoons, user=carol)
    add_organizer(competition=typhoons, username="CAROL")
    response = signed_in(organizer).post("/organize/typhoons/organizers/organizer/remove/")
    assert response.url == "/organize/"  # one's own console is gone
    assert list(typhoons.organizers.all()) == [carol]


def test_somebody_elses_competition_does_not_exist(typhoons):
    other = person("other", is_organizer=True)
    assert signed_in(other).get("/organize/typhoons/").status_code == 404
    assert signed_in(other).post("/organize/typhoons/close/", {"confirmation": "typhoons"}).status_code == 404
    assert changed(typhoons).is_open
