"""What the starter kit says when it cannot go on."""


class StarterKitError(Exception):
    """Something the reader can put right; the message says what was wrong and what to do."""


def first_line(error: Exception) -> str:
    """What a library says in one line: the rest of a long message is for its developers."""
    return next(iter(str(error).splitlines()), type(error).__name__)
