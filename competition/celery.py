"""The Celery application; its settings are the `CELERY_…` names of Django's settings."""

import os

from celery import Celery
from celery.signals import setup_logging
from kombu.transport import TRANSPORT_ALIASES

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "competition.settings")
TRANSPORT_ALIASES["filesystem"] = "competition.filesystem_broker:Transport"
app = Celery("competition")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()


@setup_logging.connect
def keep_the_sites_logging(**kwargs: object) -> None:
    """With a receiver of this signal Celery configures no logging: Django's `LOGGING` holds in workers."""
