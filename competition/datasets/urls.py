from django.urls import path

from competition.datasets import views

app_name = "datasets"
urlpatterns = [
    path("competitions/<slug:slug>/data/", views.data, name="data"),
    path("competitions/<slug:slug>/data/files/<path:path>", views.download, name="download"),
    path("competitions/<slug:slug>/data/images/<int:n>.png", views.image, name="image"),
]
