from django.contrib import admin
from django.urls import include, path

urlpatterns = [
    path("", include("competition.contests.urls")),
    path("", include("competition.datasets.urls")),
    path("", include("competition.submissions.urls")),
    path("", include("competition.leaderboards.urls")),
    path("", include("competition.organizing.urls")),
    path("", include("competition.accounts.urls")),
    path("accounts/", include("allauth.urls")),
    path("i18n/", include("django.conf.urls.i18n")),
    path("admin/", admin.site.urls),
    path("", include("competition.api.urls")),
]
