"""Steps that several journeys share: who does them, and through which door."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx

from tests.site_process import PASSWORD, Site, Visitor

RECALL_FLOOR = 0.79


def build_a_release(site: Site, folder: Path, *, test: int = 2048) -> None:
    """test: images in the test set; with 2,048 the public part has a single storm."""
    tool = ("python", "-m", "cloud_images")
    size = ("--train", "4096", "--test", str(test), "--seed", "7")
    site.run(*tool, "synthesize", *size, "--out", folder)
    site.run(*tool, "verify", folder)
    site.run(*tool, "preview", folder, "--out", folder.parent / "sheet.png")


def organizer(site: Site) -> Visitor:
    """Olga signs up; the operator lets her create competitions in the admin."""
    olga = Visitor(site).sign_up("olga")
    olga.open("/organize/new/", status=403)
    site.run(
        *("python", "manage.py", "createsuperuser", "--noinput", "--username", "operator"),
        *("--email", "operator@example.org"),
        DJANGO_SUPERUSER_PASSWORD=PASSWORD,
    )
    operator = Visitor(site)
    operator.fill_in("/accounts/login/", login="operator", password=PASSWORD)
    operator.confirm("operator")
    people = operator.open("/admin/accounts/user/?q=olga")
    change = people.select_one("th.field-username a")
    assert change is not None
    operator.fill_in(str(change["href"]), is_organizer="on")
    return olga


def open_a_competition(olga: Visitor) -> None:
    now = datetime.now(UTC)
    olga.fill_in(
        "/organize/new/",
        title="Find the typhoons",
        slug="typhoons",
        folder="typhoons",
        recall_floor=str(RECALL_FLOOR),
        opens_at=f"{now - timedelta(hours=1):%Y-%m-%dT%H:%M}",
        closes_at=f"{now + timedelta(days=7):%Y-%m-%dT%H:%M}",
    )
    Visitor(olga.site).open("/competitions/typhoons/", status=404)  # a draft is nobody else's
    olga.fill_in("/organize/typhoons/", to="/publish/")
    Visitor(olga.site).open("/competitions/typhoons/")


def api_token(person: Visitor) -> str:
    page = person.fill_in("/settings/tokens/", name="my laptop")
    return str(page.select("input#secret")[0]["value"])


def api(site: Site, token: str) -> httpx.Client:
    """A program with a token."""
    return httpx.Client(
        base_url=f"{site.url}/api/v1", headers={"Authorization": f"Bearer {token}"}, timeout=120
    )
