"""The one exception for what the site declines to do."""

from django.utils.functional import Promise


class Refusal(Exception):  # noqa: N818 - it is no error of ours
    """A request declined for a reason that its sender can understand.

    `message` is written for the person who reads it: the page shows it, the API returns it as `detail`, the
    command line prints it. `status` is the HTTP status, `code` a stable word for programs.
    """

    def __init__(
        self, message: str | Promise, *, code: str, status: int = 409, retry_after: int | None = None
    ):
        super().__init__(str(message))
        self.message = str(message)
        self.code = code
        self.status = status
        self.retry_after = retry_after  # seconds
