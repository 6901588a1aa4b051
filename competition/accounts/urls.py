from django.urls import path

from competition.accounts import views

app_name = "accounts"
urlpatterns = [
    path("people/<str:username>/", views.person, name="person"),
    path("settings/", views.profile, name="profile"),
    path("settings/tokens/", views.tokens, name="tokens"),
    path("settings/tokens/<int:pk>/revoke/", views.revoke, name="revoke"),
]
