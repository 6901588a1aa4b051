from django.urls import path

from competition.contests import views

app_name = "contests"
urlpatterns = [
    path("", views.home, name="home"),
    path("metrics/", views.metrics, name="metrics"),
    path("theme/", views.theme, name="theme"),
    path("competitions/<slug:slug>/", views.overview, name="overview"),
    path("competitions/<slug:slug>/evaluation/", views.evaluation, name="evaluation"),
    path("competitions/<slug:slug>/timeline/", views.timeline, name="timeline"),
    path("competitions/<slug:slug>/prizes/", views.prizes, name="prizes"),
    path("competitions/<slug:slug>/rules/", views.rules, name="rules"),
    path("competitions/<slug:slug>/join/", views.join, name="join"),
    path("competitions/<slug:slug>/team/", views.team, name="team"),
    path("competitions/<slug:slug>/team/invitation/", views.new_invitation, name="new_invitation"),
    path("competitions/<slug:slug>/team/leave/", views.leave, name="leave"),
    path("invitations/<slug:code>/", views.invitation, name="invitation"),
]
