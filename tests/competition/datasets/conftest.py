import pytest

from competition.contests.models import Competition
from competition.datasets.models import Release
from competition.datasets.registration import register_release


@pytest.fixture
def data(typhoons, release_folder) -> Release:
    """The competition's data, registered."""
    return register_release(competition=typhoons, folder=release_folder.name, verify=False)


@pytest.fixture
def upcoming(typhoons) -> Competition:
    """The same competition, a week before it opens."""
    typhoons.opens_at += (typhoons.closes_at - typhoons.opens_at) * 0.75
    typhoons.save()
    return typhoons
