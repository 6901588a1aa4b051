"""The console: lists, filters, a retry, the export, the workers; and the administration of the staff."""

import csv
from datetime import timedelta

import pytest
from django.utils import timezone

from competition.accounts.models import User
from competition.organizing.retry import retry_submission
from competition.refusal import Refusal
from competition.submissions.models import State, Worker
from tests.competition.cast import World, add_scores, build_world, submit
from tests.competition.conftest import person, signed_in

pytestmark = pytest.mark.django_db


@pytest.fixture
def world(typhoons, release_folder) -> World:
    return build_world(typhoons, folder=release_folder.name)


def read(world: World, path: str, role: str = "organizer") -> str:
    response = world.client(role).get(path)
    assert response.status_code == 200
    return response.content.decode()


def test_the_list_counts_what_needs_attention(world):
    page = read(world, "/organize/")
    assert "1 pending" in page
    assert "1 failed" in page
    assert "elsewhere" not in page


def test_who_organizes_nothing_reads_what_to_do(world):
    assert "ask the site" in read(world, "/organize/", "carol")
    assert "Create the first one" in signed_in(person("fresh", is_organizer=True)).get("/organize/").text


def test_submissions_are_filtered_by_state_and_failures_say_why(world):
    world.failed.error = "CUDA out of memory <script>"
    world.failed.save()
    page = read(world, "/organize/typhoons/submissions/?state=failed")
    assert "CUDA out of memory &lt;script&gt;" in page
    assert str(world.scored.pk) not in page
    assert str(world.scored.pk) in read(world, "/organize/typhoons/submissions/?state=scored")
    assert str(world.queued.pk) in read(world, "/organize/typhoons/submissions/?state=pending")
    everything = read(world, "/organize/typhoons/submissions/?state=nonsense&page=999")
    assert all(str(each.pk) in everything for each in (world.scored, world.failed, world.queued))


def test_a_failed_submission_is_queued_again_with_all_its_attempts(world, django_capture_on_commit_callbacks):
    world.failed.attempts = 3
    world.failed.save()
    with django_capture_on_commit_callbacks() as rings:
        response = world.client("organizer").post(f"/organize/typhoons/submissions/{world.failed.pk}/retry/")
    assert response.status_code == 302
    world.failed.refresh_from_db()
    assert (world.failed.state, world.failed.attempts, world.failed.error) == (State.QUEUED, 0, "")
    assert len(rings) == 1
    with pytest.raises(Refusal, match="Only a failed"):
        retry_submission(submission=world.failed)


def test_a_submission_of_another_competition_cannot_be_retried_from_here(world):
    response = world.client("staff").post(f"/organize/elsewhere/submissions/{world.failed.pk}/retry/")
    assert response.status_code == 404
    world.failed.refresh_from_db()
    assert world.failed.state == State.FAILED


def test_workers_are_told_alive_from_silent(world):
    assert "No worker has ever reported" in read(world, "/organize/typhoons/")
    now = timezone.now()
    facts = {"device": "cpu", "engine": "1", "started_at": now}
    Worker.objects.create(name="awake@host", seen_at=now, **facts)
    Worker.objects.create(name="gone@host", seen_at=now - timedelta(hours=1), **facts)
    page = read(world, "/organize/typhoons/")
    assert page.index("awake@host") < page.index("alive") < page.index("gone@host") < page.index("silent")
    assert "1 submission" in page  # waits for a worker


def test_the_export_has_the_people_and_no_formula(world):
    world.team.name = "=HYPERLINK(1)"
    world.team.save()
    rows = list(csv.DictReader(read(world, "/organize/typhoons/standings.csv").splitlines()))
    assert {row["people"] for row in rows} == {"alice bob", "dave"}
    assert "'=HYPERLINK(1)" in {row["team"] for row in rows}
    assert {float(row["value"]) for row in rows} == {0.527384615293}


def test_teams_show_who_has_not_accepted_the_current_rules(world):
    world.competition.rules_versions.create(number=2, body="New.")
    page = read(world, "/organize/typhoons/teams/")
    assert page.count("accepted rules version 1 only") == 3
    assert "@example.org" not in page  # addresses are nobody else's


def test_the_submissions_page_needs_no_query_per_row(world, django_assert_max_num_queries):
    for _ in range(20):
        add_scores(submit(world.competition, world.team, world.people["alice"], state=State.SCORED))
    client = world.client("organizer")
    with django_assert_max_num_queries(20):
        client.get("/organize/typhoons/submissions/")


def test_staff_make_an_organizer_and_revoke_a_token_in_the_administration(world):
    staff, carol = world.client("staff"), world.people["carol"]
    path = f"/admin/accounts/user/{carol.pk}/change/"
    form = staff.get(path).context["adminform"].form
    typed = {name: value for name, value in form.initial.items() if isinstance(value, str | bool) and value}
    joined = timezone.now()
    typed |= {
        "is_organizer": "on",
        "date_joined_0": f"{joined:%Y-%m-%d}",
        "date_joined_1": f"{joined:%H:%M:%S}",
    }
    response = staff.post(path, {name: value for name, value in typed.items() if value is not False})
    assert response.status_code == 302, response.context["errors"]
    assert User.objects.get(username="carol").may_create_competitions
    assert world.token.digest not in staff.get(f"/admin/accounts/apitoken/{world.token.pk}/change/").text
    staff.post(f"/admin/accounts/apitoken/{world.token.pk}/delete/", {"post": "yes"})
    assert not world.people["alice"].api_tokens.exists()


def test_the_administration_neither_makes_scores_nor_changes_deadlines(world):
    staff = world.client("staff")
    assert staff.get("/admin/submissions/score/add/").status_code == 403
    assert staff.get("/admin/submissions/submission/add/").status_code == 403
    path = f"/admin/contests/competition/{world.competition.pk}/change/"
    assert 'name="closes_at' not in staff.get(path).text
    published = f"/admin/contests/competition/{world.competition.pk}/delete/"
    assert staff.post(published, {"post": "yes"}).status_code == 403
    draft = f"/admin/contests/competition/{world.draft.pk}/delete/"
    assert staff.post(draft, {"post": "yes"}).status_code == 302


def test_the_administration_keeps_the_sites_content_security_policy(world):
    response = world.client("staff").get("/admin/")
    assert "script-src 'self'" in response["Content-Security-Policy"]
    assert "<script>" not in response.text
