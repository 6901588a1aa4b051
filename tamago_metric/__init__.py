"""What the file of an organizer's own metric may import, and the process in which the platform runs it.

    from tamago_metric import ParticipantVisibleError

    def score(solution, submission):
        if submission["score"].nunique() < 2:
            raise ParticipantVisibleError("All scores are equal: nothing can be ranked.")
        ...

Standard library only, and nothing of the platform: `child` begins in a process that may read nothing else.
"""

__all__ = ["ParticipantVisibleError"]


class ParticipantVisibleError(Exception):
    """The submission cannot be scored, and its message tells the participant why.

    The message is shown to the team as it is (its first 500 characters), the submission becomes invalid and
    does not count towards the daily limit. Any other exception is a failure of the metric: only the
    organizers see it.
    """
