"""Scoring all entries of a competition again: started and judged by its organizers, done by workers.

`start` and `publish` are what organizers do, `rescore` is what a worker does, `before_after` what both look
at. The rows are in `submissions.models`: nobody sees a score of an unpublished rescoring.
"""
