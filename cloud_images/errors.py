"""The one exception of this package."""


class ReleaseError(Exception):
    """Something is wrong with a release or a request for one. The message is written for its reader."""
