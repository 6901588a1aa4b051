"""The OpenAPI document is true: every answer is as it says, whatever a client sends."""

import json

import pytest
import schemathesis
from django.core.signals import request_finished, request_started
from django.core.wsgi import get_wsgi_application
from django.db import close_old_connections
from hypothesis import HealthCheck, given, settings
from hypothesis.strategies import one_of, sampled_from
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from competition.submissions.models import Submission
from tests.competition.api.conftest import ROOT, Program, predictions

CALLS = {
    "list_competitions", "get_competition", "join", "list_files", "download_file", "leaderboard",
    "submit", "list_submissions", "get_submission", "set_final", "cancel",
}  # fmt: skip
PUBLIC = {"list_competitions", "get_competition", "list_files", "leaderboard"}
POSSIBLE = {200, 201, 206, 409, 422}  # what Alice's calls may lead to beside 404: the generator got past it
CHECKED = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]


@pytest.fixture
def document(anybody) -> dict:
    return anybody.get(f"{ROOT}/openapi.json").json()


def operations(document: dict) -> dict[str, dict]:
    return {each["operationId"]: each for path in document["paths"].values() for each in path.values()}


def test_every_call_of_the_contract_is_there(document):
    assert set(operations(document)) == CALLS


def test_every_call_is_told_in_words_with_its_errors(document):
    for name, operation in operations(document).items():
        assert operation["summary"], name
        assert operation["description"], name
        for status, response in operation["responses"].items():
            if int(status) >= 400:
                assert list(response["content"]) == ["application/problem+json"], name


def test_what_is_public_needs_no_token(document):
    public = {name for name, each in operations(document).items() if {} in each["security"]}
    assert public == PUBLIC


def test_the_documentation_is_served_by_the_site_itself(anybody):
    page = anybody.get(f"{ROOT}/docs")
    assert page.status_code == 200
    text = page.content.decode()
    assert "://" not in text.replace(json.dumps("http://testserver"), "")
    assert "<script>" not in text  # the policy of content would not run it
    assert "/static/ninja/swagger-ui-bundle.js" in text


@pytest.fixture
def situation(typhoons, team, other_team, data, alices) -> Program:
    """Alice has sent something; whatever is generated next meets real rows."""
    assert alices.submit(predictions(data)).status_code == 201
    return alices


@pytest.fixture
def application(situation):
    """The site as a server runs it, but on the test's own database connection, which stays open
    (django.test.Client, which `situation` uses, would let it be closed from its own end on)."""
    for signal in (request_started, request_finished):
        signal.disconnect(close_old_connections)
    yield get_wsgi_application()
    for signal in (request_started, request_finished):
        signal.connect(close_old_connections)


@pytest.mark.parametrize("name", sorted(CALLS))
@pytest.mark.parametrize("who", ["alice", "nobody"])
def test_the_api_does_as_the_document_says(application, situation, name, who, monkeypatch):
    monkeypatch.setattr("competition.api.throttles.GENEROUS.requests", 10**6)
    monkeypatch.setattr("competition.api.throttles.UPLOADS.requests", 10**6)
    schema = schemathesis.openapi.from_wsgi(f"{ROOT}/openapi.json", application)
    headers = situation.headers if who == "alice" else {}
    mine = str(Submission.objects.get().pk)
    statuses = set()

    operation = schema.find_operation_by_id(name)
    right = operation.as_strategy(generation_mode=GenerationMode.POSITIVE)
    wrong = operation.as_strategy(generation_mode=GenerationMode.NEGATIVE)

    @given(case=one_of(right, wrong), existing=sampled_from([True, True, True, False]))
    @settings(max_examples=20, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
    def ask(case, existing: bool) -> None:
        if existing:
            known = {"slug": "typhoons", "id": mine, "path": "test.csv"}
            case.path_parameters = {each: known[each] for each in case.path_parameters}
        response = case.call(headers=headers)
        case.validate_response(response, checks=CHECKED)
        statuses.add(response.status_code)

    ask()
    assert statuses & (POSSIBLE if who == "alice" or name in PUBLIC else {401})
