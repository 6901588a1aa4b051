"""A competition with everything in it, for tests that look at every page as everybody.

The roles: `anonymous`; `carol`, who has an account and takes no part; `alice` and her team mate `bob`, whose
submissions are looked at; `dave` of another team; the `organizer`; `other`, who organizes another
competition; the `staff`.
"""

from dataclasses import dataclass, field
from typing import Any

from django.conf import settings
from django.core.files.base import ContentFile
from django.test import Client

from competition.accounts.models import ApiToken, User
from competition.accounts.tokens import create_token
from competition.contests.models import Competition, OwnMetric, RulesVersion, Team
from competition.datasets.registration import register_release
from competition.submissions.models import PrivateScore, ProbingSign, Rescoring, Score, State, Submission
from scoring.metrics import MetricFile
from scoring.metrics import OwnMetric as OwnMetricConfig
from tests.competition.conftest import person, take_part

ROLES = ("anonymous", "carol", "alice", "bob", "dave", "organizer", "other", "staff")

# Numbers that no page shows by chance: as they stand in the private results, and what of them must not leave.
PRIVATE_VALUE = 0.718293746152
PRIVATE_RECALL = 0.836152947381
PRIVATE_THRESHOLD = 0.364918275593
PRIVATE_COUNTS = {"tp": 918273, "fp": 645391, "fn": 736452, "tn": 192837465}
PUBLIC_VALUE = 0.527384615293
# Of the public results, what participants must not see before the close.
PUBLIC_THRESHOLD = 0.571284639512
PUBLIC_COUNTS = {"tp": 4817263, "fp": 4316972, "fn": 1204316, "tn": 77341529}
RESCORED_VALUE = 0.948372651847


@dataclass
class World:
    competition: Competition  # open; organized by `organizer`
    draft: Competition  # not published; organized by `organizer`
    team: Team  # of alice and bob
    scored: Submission  # of alice
    failed: Submission  # of alice
    queued: Submission  # of alice
    rescoring: Rescoring  # of the open competition, ready and not published: nobody else knows its score
    own_metric: OwnMetric  # of the open competition, usable and not in force
    sign: ProbingSign  # of alice's team, as if its submission were probing
    token: ApiToken  # of alice
    people: dict[str, User | None]  # by role
    sessions: dict[str, str] = field(default_factory=dict)  # by role: logging in once is enough

    def client(self, role: str, **options: Any) -> Client:
        """A browser of that role, new but for being logged in."""
        client = Client(**options)
        user = self.people[role]
        if user is not None:
            if role not in self.sessions:
                client.force_login(user)
                self.sessions[role] = client.cookies[settings.SESSION_COOKIE_NAME].value
            client.cookies[settings.SESSION_COOKIE_NAME] = self.sessions[role]
        return client


def build_world(competition: Competition, *, folder: str) -> World:
    """Fill `competition` (the fixture `typhoons`) with people, the release in `folder`, and submissions."""
    people: dict[str, User | None] = {
        "anonymous": None,
        "organizer": competition.organizers.get(),
        "staff": person("staff", is_staff=True, is_superuser=True),
        **{name: person(name) for name in ("carol", "alice", "bob", "dave")},
        "other": person("other", is_organizer=True),
    }
    alice, bob, dave, other = (people[name] for name in ("alice", "bob", "dave", "other"))
    elsewhere = copy_of(competition, slug="elsewhere")
    elsewhere.organizers.set([other])
    draft = copy_of(competition, slug="draft", published_at=None)
    draft.organizers.set([people["organizer"]])
    for one in (competition, draft):
        register_release(competition=one, folder=folder, verify=False)
    team = take_part(competition, alice, bob, name="Team Alice")
    submissions = [
        submit(competition, team, alice, state=state) for state in (State.SCORED, State.FAILED, State.QUEUED)
    ]
    add_scores(submissions[0])
    other_team = take_part(competition, dave, name="Team Dave")
    add_scores(submit(competition, other_team, dave, state=State.SCORED))
    token, _ = create_token(user=alice, name="laptop")
    rescoring = rescore(competition, submissions[0], started_by=people["organizer"])
    metric_file = own_metric(competition, uploaded_by=people["organizer"])
    sign = ProbingSign.objects.create(
        competition=competition,
        team=team,
        kind=ProbingSign.Kind.UNRELATED_GUESSES,
        strength=5,
        evidence={"count": 5},
    )
    sign.submissions.add(submissions[0])
    world = World(competition, draft, team, *submissions, rescoring, metric_file, sign, token, people)
    for role in ROLES:
        world.client(role)
    return world


def own_metric(competition: Competition, *, uploaded_by: User) -> OwnMetric:
    file = MetricFile("def score(solution, submission):\n    return 1.0\n")
    return OwnMetric.objects.create(
        competition=competition,
        source=file.source,
        sha256=file.sha256,
        filename=file.name,
        metric=OwnMetricConfig(sha256=file.sha256, name="Ones").model_dump(mode="json"),
        uploaded_by=uploaded_by,
        state=OwnMetric.State.USABLE,
    )


def copy_of(competition: Competition, **fields: Any) -> Competition:
    copied = Competition.objects.get(pk=competition.pk)
    copied.pk = None
    for name, value in fields.items():
        setattr(copied, name, value)
    copied.save()
    RulesVersion.objects.create(competition=copied, number=1, body="Be fair.")
    return copied


def submit(competition: Competition, team: Team, user: User, *, state: State) -> Submission:
    submission = Submission(
        competition=competition,
        team=team,
        user=user,
        release=competition.releases.get(is_current=True),
        filename="predictions.csv",
        size=7,
        sha256="0" * 64,
        state=state,
    )
    submission.file.save("predictions.csv", ContentFile(b"a,b\n1,2"), save=False)
    submission.save()
    return submission


def add_scores(submission: Submission) -> None:
    """A public result, and a private one made of the numbers above."""
    public = result(PUBLIC_VALUE, recall=0.8, threshold=PUBLIC_THRESHOLD, **PUBLIC_COUNTS)
    private = result(PRIVATE_VALUE, recall=PRIVATE_RECALL, threshold=PRIVATE_THRESHOLD, **PRIVATE_COUNTS)
    columns = {"passed_gate": True, "metric": submission.competition.metric, "metric_version": 1}
    score = Score.objects.create(
        submission=submission,
        result=public,
        value=PUBLIC_VALUE,
        recall=0.8,
        precision=PUBLIC_VALUE,
        engine="1",
        device="cpu",
        **columns,
    )
    PrivateScore.objects.create(
        score=score,
        result=private,
        value=PRIVATE_VALUE,
        passed_gate=True,
        recall=PRIVATE_RECALL,
        precision=PRIVATE_VALUE,
    )


def rescore(competition: Competition, submission: Submission, *, started_by: User | None) -> Rescoring:
    """A rescoring that is ready to be looked at, with one score."""
    rescoring = Rescoring.objects.create(
        competition=competition,
        reason="A storm was labelled wrongly.",
        metric=competition.metric,
        metric_version=2,
        state=Rescoring.State.READY,
        started_by=started_by,
    )
    Score.objects.create(
        submission=submission,
        rescoring=rescoring,
        result=result(RESCORED_VALUE, recall=0.9, threshold=0.5, tp=9, fp=1, fn=1, tn=89),
        value=RESCORED_VALUE,
        recall=0.9,
        precision=RESCORED_VALUE,
        passed_gate=True,
        metric=competition.metric,
        metric_version=2,
        engine="1",
        device="cpu",
    )
    return rescoring


def result(value: float, *, recall: float, threshold: float, **counts: int) -> dict[str, Any]:
    """As `scoring.Result.to_dict` writes it."""
    curve = {"precision": [value], "recall": [recall], "threshold": [threshold]}
    return {
        "score": value,
        "passed_gate": True,
        "precision": value,
        "recall": recall,
        "threshold": threshold,
        **counts,
        "curve": curve,
        "interval": None,
        "probability_below_gate": None,
        "slices": None,
    }
