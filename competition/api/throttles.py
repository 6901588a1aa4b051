"""How often one may ask."""

import time

from django.core.cache import cache
from django.http import HttpRequest
from ninja.throttling import BaseThrottle


class PerMinute(BaseThrottle):
    """So many requests per person, or per address of whoever is not logged in, in each minute of the clock.

    Keeps no state of its own: one object serves all threads, which ninja's throttles do not survive.
    """

    def __init__(self, scope: str, *, requests: int) -> None:
        self.scope = scope
        self.requests = requests

    def allow_request(self, request: HttpRequest) -> bool:
        who = request.user.pk if request.user.is_authenticated else self.get_ident(request)
        key = f"throttle:{self.scope}:{who}:{int(time.time() // 60)}"
        cache.add(key, 0, timeout=120)
        try:
            return cache.incr(key) <= self.requests
        except ValueError:  # evicted between the two lines
            return True

    def wait(self) -> float:
        return 60 - time.time() % 60


GENEROUS = PerMinute("api", requests=600)
UPLOADS = PerMinute("uploads", requests=30)
