"""The site: people, competitions, releases, submissions, leaderboards."""

# Celery's `shared_task` finds the application only if it is imported together with Django.
from competition.celery import app as celery_app

__all__ = ["celery_app"]
