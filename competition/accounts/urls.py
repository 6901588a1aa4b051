from django.urls import path, re_path

from competition.accounts import views

app_name = "accounts"
urlpatterns = [
    re_path(r"^people/(?P<username>[^/\0]+)/$", views.person, name="person"),  # PostgreSQL takes no \0
    path("settings/", views.profile, name="profile"),
    path("settings/tokens/", views.tokens, name="tokens"),
    path("settings/tokens/<int:pk>/revoke/", views.revoke, name="revoke"),
]
