"""REST API, version 1: `/api/v1/`."""

from ninja import NinjaAPI

api = NinjaAPI(title="Tamago", version="1.0")
