from django.urls import path

from competition.leaderboards import views

app_name = "leaderboards"
urlpatterns = [
    path("competitions/<slug:slug>/leaderboard/", views.board, name="board"),
    path("competitions/<slug:slug>/leaderboard.csv", views.board_csv, name="csv"),
]
