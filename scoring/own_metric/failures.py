"""How an organizer's own metric can fail, other than by ParticipantVisibleError: only organizers see it."""


class MetricFailed(Exception):  # noqa: N818 - a fact, told in the past tense
    """The metric did not score the submission.

    reason: one sentence. details: the traceback, where there is one. printed: what the metric wrote.
    """

    def __init__(self, reason: str, *, details: str = "", printed: str = "") -> None:
        super().__init__(reason)
        self.reason, self.details, self.printed = reason, details, printed

    def report(self) -> str:
        """All of it, for the organizers' eyes."""
        parts = [self.details or self.reason]
        if self.printed:
            parts.append(f"It printed:\n{self.printed}")
        return "\n\n".join(parts)


class SandboxUnavailable(Exception):  # noqa: N818 - as above
    """This machine cannot contain a metric, so none was run; `reason` tells its operator what is missing."""

    def __init__(self, reason: str, printed: str = "") -> None:
        self.reason = f"own metrics cannot run on this machine: {reason}"
        super().__init__(f"{self.reason}\n{printed}" if printed else self.reason)
