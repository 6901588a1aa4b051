from django.urls import path

from competition.organizing import views
from competition.organizing.fairness import views as fairness
from competition.organizing.own_metric import views as own_metric
from competition.organizing.rescoring import views as rescoring

app_name = "organizing"
urlpatterns = [
    path("organize/", views.home, name="home"),
    path("organize/new/", views.new, name="new"),
    path("organize/<slug:slug>/", views.console, name="console"),
    path("organize/<slug:slug>/texts/", views.texts, name="texts"),
    path("organize/<slug:slug>/rules/", views.rules, name="rules"),
    path("organize/<slug:slug>/timeline/", views.timeline, name="timeline"),
    path("organize/<slug:slug>/limits/", views.limits, name="limits"),
    path("organize/<slug:slug>/metric/", views.metric, name="metric"),
    path("organize/<slug:slug>/metric/own/", own_metric.own_metrics, name="own_metrics"),
    path("organize/<slug:slug>/metric/own/<int:pk>/", own_metric.own_metric, name="own_metric"),
    path("organize/<slug:slug>/metric/own/<int:pk>/file/", own_metric.file, name="own_metric_file"),
    path("organize/<slug:slug>/metric/own/<int:pk>/adopt/", own_metric.adopt, name="adopt_own_metric"),
    path("organize/<slug:slug>/fairness/", fairness.fairness, name="fairness"),
    path("organize/<slug:slug>/fairness/signs/<int:pk>/dismiss/", fairness.dismiss_sign, name="dismiss_sign"),
    path("organize/<slug:slug>/data/", views.data, name="data"),
    path("organize/<slug:slug>/publish/", views.publish, name="publish"),
    path("organize/<slug:slug>/close/", views.close, name="close"),
    path("organize/<slug:slug>/rescoring/", rescoring.rescorings, name="rescorings"),
    path("organize/<slug:slug>/rescoring/new/", rescoring.new, name="rescore"),
    path("organize/<slug:slug>/rescoring/<int:pk>/", rescoring.rescoring, name="rescoring"),
    path("organize/<slug:slug>/rescoring/<int:pk>/live/", rescoring.live, name="rescoring_live"),
    path("organize/<slug:slug>/rescoring/<int:pk>/entries/", rescoring.entries, name="rescoring_entries"),
    path(
        "organize/<slug:slug>/rescoring/<int:pk>/teams.csv",
        rescoring.changes_csv,
        {"of": "teams"},
        name="rescoring_teams_csv",
    ),
    path(
        "organize/<slug:slug>/rescoring/<int:pk>/entries.csv",
        rescoring.changes_csv,
        {"of": "entries"},
        name="rescoring_entries_csv",
    ),
    path("organize/<slug:slug>/rescoring/<int:pk>/publish/", rescoring.publish, name="rescoring_publish"),
    path("organize/<slug:slug>/rescoring/<int:pk>/discard/", rescoring.discard, name="rescoring_discard"),
    path("organize/<slug:slug>/rescoring/<int:pk>/complete/", rescoring.complete, name="rescoring_complete"),
    path("organize/<slug:slug>/submissions/", views.submissions, name="submissions"),
    path("organize/<slug:slug>/submissions/<uuid:pk>/retry/", views.retry, name="retry"),
    path("organize/<slug:slug>/teams/", views.teams, name="teams"),
    path("organize/<slug:slug>/organizers/", views.organizers, name="organizers"),
    path("organize/<slug:slug>/organizers/<str:username>/remove/", views.remove, name="remove_organizer"),
    path("organize/<slug:slug>/standings.csv", views.standings_csv, name="standings_csv"),
]
