"""REST API, version 1: `/api/v1/`, with its documentation at `/api/v1/docs`."""

from http import HTTPStatus
from typing import Any

from ninja import NinjaAPI, Swagger
from ninja.openapi.schema import OpenAPISchema
from ninja.operation import Operation

from competition.api import competitions, submissions
from competition.api.problems import CONTENT_TYPE, add_problem_handlers
from competition.api.throttles import GENEROUS

DESCRIPTION = """\
What the site does for people, for programs.

**Who you are.** Make a token in your settings and send it as `Authorization: Bearer TOKEN`. The pages of this
site may use their session instead, with `X-CSRFToken` on what changes something.

**Errors** are `application/problem+json` (RFC 9457): `detail` is for people, in the language of
`Accept-Language`; `code` is for programs; `problems` lists everything that has to be repaired.

**Lists** take `limit` and `offset`, and answer with `items` and the `count` of them all.

**Times** are in UTC; days begin at 00:00 UTC.
"""


class TamagoAPI(NinjaAPI):
    def get_openapi_schema(self, **kwargs: Any) -> OpenAPISchema:
        """ninja's document, made true: problems have a media type of their own."""
        schema = super().get_openapi_schema(**kwargs)
        for operations in schema["paths"].values():
            for operation in operations.values():
                for parameter in operation["parameters"]:
                    # A list is right in the parameter's schema, and wrong beside it.
                    parameter.pop("examples", None)
                for status, response in operation["responses"].items():
                    if status >= 400:
                        body = response["content"]["application/json"] | {"example": _example(status)}
                        response["content"] = {CONTENT_TYPE: body}
        return schema

    def get_openapi_operation_id(self, operation: Operation) -> str:
        return operation.view_func.__name__


def _example(status: int) -> dict[str, Any]:
    phrase = HTTPStatus(status).phrase
    code = phrase.lower().replace(" ", "_")
    said = "What is the matter, and what to do about it"
    return {"type": f"urn:tamago:{code}", "title": phrase, "status": status, "detail": said, "code": code}


api = TamagoAPI(
    title="Tamago",
    version="1",
    description=DESCRIPTION,
    urls_namespace="api-v1",
    throttle=GENEROUS,
    docs=Swagger(settings={"persistAuthorization": True}),
    openapi_extra={
        "tags": [
            {"name": "Competitions", "description": "What is on, and taking part"},
            {"name": "Data", "description": "The images and tables, file by file"},
            {"name": "Submissions", "description": "Sending predictions, and what became of them"},
            {"name": "Leaderboard", "description": "Who stands where"},
        ]
    },
)
add_problem_handlers(api)
api.add_router("", competitions.router)
api.add_router("", submissions.router)
