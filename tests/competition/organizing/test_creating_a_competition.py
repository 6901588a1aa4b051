"""An organizer creates a competition from a release folder and a metric configuration."""

import json
from datetime import timedelta

import pytest
from django.conf import settings
from django.utils import timezone

from competition.contests.models import Competition
from competition.organizing.create import create_competition, suggest_slug
from competition.organizing.publish import publish_competition
from competition.refusal import Refusal
from tests.competition.conftest import signed_in

pytestmark = pytest.mark.django_db


@pytest.fixture
def typed(release_folder) -> dict[str, str]:
    """What an organizer types into the form."""
    opens = timezone.now() + timedelta(days=1)
    return {
        "title": "Find the typhoons",
        "title_ja": "台風を見つけよう",
        "overview": "Which clouds become a typhoon?",
        "folder": "small",
        "metric": "recall_constrained_precision",
        "prediction": "score",
        "recall_floor": "0.8",
        "threshold": "from_public",
        "digits": "4",
        "more": '{"replicates": 200}',
        "opens_at": f"{opens:%Y-%m-%dT%H:%M}",
        "closes_at": f"{opens + timedelta(days=30):%Y-%m-%dT%H:%M}",
        "daily_limit": "5",
        "max_team_size": "4",
        "max_finals": "2",
        "max_upload_mib": "100",
        "body": "Be fair.",
        "body_ja": "公正に。",
    }


def test_the_form_makes_a_draft_with_data_metric_and_rules(organizer, typed):
    response = signed_in(organizer).post("/organize/new/", typed)
    assert response.status_code == 302, errors_in(response)
    made = Competition.objects.get()
    assert response.url == f"/organize/{made.slug}/" == "/organize/find-the-typhoons/"
    assert made.state == Competition.State.DRAFT
    assert list(made.organizers.all()) == [organizer]
    assert made.releases.get(is_current=True).folder == "small"
    assert (made.metric["recall_floor"], made.metric["replicates"]) == (0.8, 200)
    assert (made.daily_limit, made.max_upload_bytes) == (5, 100 * 1024**2)
    assert made.current_rules.body == "Be fair."


def test_the_empty_form_shows_the_releases_and_starting_texts(organizer, release_folder):
    page = signed_in(organizer).get("/organize/new/").content.decode()
    assert 'value="small"' in page
    assert "640" in page
    assert "One account per person" in page
    assert "アカウントは一人一つ" in page


@pytest.mark.parametrize(
    ("metric", "english", "japanese"),
    [
        (
            "recall_constrained_precision",
            "only where their **recall** reaches the floor",
            "**再現率** が下限",
        ),
        ("precision_constrained_recall", "their **precision** reaches the floor", "**適合率** が下限"),
        ("roc_auc", "their **Area under the ROC curve (ROC AUC)**: higher is better", "大きいほど上位"),
        ("brier", "their **Brier score**: lower is better", "**ブライアスコア** の順"),
    ],
)
def test_an_empty_evaluation_is_that_of_the_metric(organizer, typed, metric, english, japanese):
    typed |= {"metric": metric, "precision_floor": "0.5", "curve": "roc", "recall_above": "0.5", "bins": "10"}
    response = signed_in(organizer).post("/organize/new/", typed | {"more": "{}"})
    assert response.status_code == 302, errors_in(response)
    made = Competition.objects.get()
    assert english in " ".join(made.evaluation.split())
    assert japanese in made.evaluation_ja
    assert "private part" in made.evaluation


def test_an_evaluation_in_own_words_stays(organizer, typed):
    signed_in(organizer).post("/organize/new/", typed | {"evaluation": "By beauty."})
    made = Competition.objects.get()
    assert (made.evaluation, made.evaluation_ja) == ("By beauty.", "")


def test_a_draft_is_seen_by_its_organizer_alone_until_it_is_published(organizer, alice, typed):
    signed_in(organizer).post("/organize/new/", typed)
    page = "/competitions/find-the-typhoons/"
    assert signed_in(alice).get(page).status_code == 404
    assert signed_in(organizer).get(page).status_code == 200
    assert signed_in(organizer).post("/organize/find-the-typhoons/publish/").status_code == 302
    assert signed_in(alice).get(page).status_code == 200


@pytest.mark.parametrize(
    ("field", "value", "where"),
    [
        ("recall_floor", "1.5", "recall_floor"),
        ("recall_floor", "", "recall_floor"),
        ("digits", "99", "digits"),
        ("more", "{not json", "more"),
        ("more", "[1]", "more"),
        ("more", '{"nonsense": 1}', "more"),
        ("more", '{"replicates": -1}', "more"),
        ("more", '{"recall_floor": 0.5}', "more"),
        ("metric", "accuracy", "metric"),
        ("title", "", "title"),
        ("title", "台風", "slug"),
        ("slug", "nicht gut", "slug"),
        ("folder", "", "folder"),
        ("folder", "../../etc", "folder"),
        ("closes_at", "2020-01-01T00:00", "closes_at"),
        ("opens_at", "yesterday", "opens_at"),
        ("max_upload_mib", "999999", "max_upload_mib"),
        ("daily_limit", "0", "daily_limit"),
        ("body", "", "body"),
    ],
)
def test_an_error_stands_at_the_field_that_it_is_about(organizer, typed, field, value, where):
    response = signed_in(organizer).post("/organize/new/", typed | {field: value})
    assert response.status_code == 422
    assert set(errors_in(response)) == {where}
    assert not Competition.objects.exists()


def test_all_wrong_fields_are_told_at_once(organizer, typed):
    wrong = typed | {"title": "", "recall_floor": "2", "daily_limit": "x", "body": ""}
    response = signed_in(organizer).post("/organize/new/", wrong)
    assert {"title", "recall_floor", "daily_limit", "body"} <= set(errors_in(response))


def test_a_damaged_release_is_refused_with_the_file_and_nothing_remains(organizer, typed):
    import shutil

    broken = settings.RELEASES_DIR / "broken"
    shutil.copytree(settings.RELEASES_DIR / "small", broken)
    try:
        with (broken / "train.csv").open("a") as file:
            file.write("x")
        response = signed_in(organizer).post("/organize/new/", typed | {"folder": "broken"})
        assert "train.csv" in response.content.decode()
        assert response.status_code == 422
        assert not Competition.objects.exists()
        (broken / "manifest.json").write_text("{}")
        page = signed_in(organizer).get("/organize/new/").content.decode()
        assert "broken" in page  # said to be unreadable, and why
        assert 'value="broken"' not in page
    finally:
        shutil.rmtree(broken)


def test_who_may_not_create_is_told_whom_to_ask(alice, typed):
    for response in (signed_in(alice).get("/organize/new/"), signed_in(alice).post("/organize/new/", typed)):
        assert response.status_code == 403
        assert "staff" in response.content.decode()
    with pytest.raises(Refusal) as refusal:
        create_competition(user=alice, draft=Competition(slug="mine"), folder="small", rules="")
    assert refusal.value.status == 403


def test_an_address_is_made_from_the_title_and_never_taken_twice(typhoons, organizer, typed):
    assert suggest_slug("Typhoons!") == "typhoons-2"
    assert suggest_slug("New") == "new-2"  # /organize/new/ is a page
    response = signed_in(organizer).post("/organize/new/", typed | {"slug": "typhoons"})
    assert set(errors_in(response)) == {"slug"}
    response = signed_in(organizer).post("/organize/new/", typed | {"slug": "new"})
    assert response.status_code == 409
    assert "reserved" in response.content.decode()


def test_an_incomplete_draft_is_not_published_and_says_what_is_missing(typhoons, organizer):
    typhoons.published_at, typhoons.overview = None, ""
    typhoons.closes_at = timezone.now() - timedelta(hours=1)
    typhoons.metric = {"metric": "unheard of"}
    typhoons.save()
    typhoons.rules_versions.all().delete()
    with pytest.raises(Refusal) as refusal:
        publish_competition(competition=typhoons)
    for word in ("release", "overview", "rules", "past", "metric"):
        assert word in refusal.value.message
    page = signed_in(organizer).get("/organize/typhoons/").content.decode()
    assert "register a release" in page
    typhoons.refresh_from_db()
    assert typhoons.published_at is None


def test_publishing_twice_is_refused(typhoons):
    with pytest.raises(Refusal, match="already"):
        publish_competition(competition=typhoons)


def errors_in(response) -> dict[str, list[str]]:
    """The errors of all forms on the page."""
    found: dict[str, list[str]] = {}
    for form in response.context["parts"].values():
        found.update(json.loads(form.errors.as_json()))
    return found
