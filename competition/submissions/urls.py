from django.urls import path

from competition.submissions import views

app_name = "submissions"
urlpatterns = [
    path("competitions/<slug:slug>/submit/", views.submit, name="submit"),
    path("competitions/<slug:slug>/submissions/", views.mine, name="list"),
    path("submissions/<uuid:pk>/", views.detail, name="detail"),
    path("submissions/<uuid:pk>/state/", views.state, name="state"),
    path("submissions/<uuid:pk>/cancel/", views.cancel, name="cancel"),
    path("submissions/<uuid:pk>/final/", views.final, name="final"),
]
