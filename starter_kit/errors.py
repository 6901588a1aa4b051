"""What the starter kit says when it cannot go on."""


class StarterKitError(Exception):
    """Something the reader can put right; the message says what was wrong and what to do."""
