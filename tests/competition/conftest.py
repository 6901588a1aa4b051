"""The cast. The organizer runs `typhoons`; alice and bob are one team, dave is another; carol has an account
and takes no part; the staff see everything; anonymous is nobody."""

from datetime import timedelta
from pathlib import Path

import pytest
from django.conf import settings
from django.test import Client
from django.utils import timezone

from competition.accounts.models import User
from competition.contests.models import Competition, Participation, RulesVersion, Team


def person(username: str, **fields) -> User:
    from allauth.account.models import EmailAddress

    user = User.objects.create_user(username, f"{username}@example.org", "correct-horse-battery", **fields)
    EmailAddress.objects.create(user=user, email=user.email, verified=True, primary=True)
    return user


@pytest.fixture
def organizer(db) -> User:
    return person("organizer", is_organizer=True, display_name="Olga Organizer")


@pytest.fixture
def alice(db) -> User:
    return person("alice", display_name="Alice")


@pytest.fixture
def bob(db) -> User:
    return person("bob", display_name="Bob")


@pytest.fixture
def carol(db) -> User:
    return person("carol", display_name="Carol")


@pytest.fixture
def dave(db) -> User:
    return person("dave", display_name="Dave")


@pytest.fixture
def staff(db) -> User:
    return person("staff", is_staff=True, is_superuser=True)


@pytest.fixture
def typhoons(organizer) -> Competition:
    """An open competition without a release; see `release` for its data."""
    now = timezone.now()
    competition = Competition.objects.create(
        slug="typhoons",
        title="Find the typhoons",
        title_ja="台風を見つけよう",
        overview="Which clouds become a **typhoon**?",
        published_at=now - timedelta(days=8),
        opens_at=now - timedelta(days=7),
        closes_at=now + timedelta(days=7),
    )
    competition.organizers.add(organizer)
    RulesVersion.objects.create(competition=competition, number=1, body="Be fair.")
    return competition


def take_part(competition: Competition, *users: User, name: str) -> Team:
    team = Team.objects.create(competition=competition, name=name)
    for user in users:
        Participation.objects.create(
            competition=competition, user=user, team=team, rules=competition.current_rules
        )
    return team


@pytest.fixture
def team(typhoons, alice, bob) -> Team:
    return take_part(typhoons, alice, bob, name="Team Alice")


@pytest.fixture
def other_team(typhoons, dave) -> Team:
    return take_part(typhoons, dave, name="Team Dave")


@pytest.fixture(scope="session")
def release_folder() -> Path:
    """A small synthetic release below RELEASES_DIR, written once: 640 train and 640 test images."""
    from cloud_images.synthetic import synthesize

    folder = settings.RELEASES_DIR / "small"
    synthesize(folder, train=640, test=640, seed=1)
    return folder


def signed_in(user: User | None) -> Client:
    client = Client()
    if user is not None:
        client.force_login(user)
    return client
