"""The API's addresses; each app's api.py holds its views."""

from django.urls import include, path
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerView

from huimin.core.http import public

app_name = "api"
urlpatterns = [
    path("schema/", public(SpectacularAPIView.as_view()), name="schema"),
    path("docs/", public(SpectacularSwaggerView.as_view(url_name="api:schema")), name="docs"),
    path("", include("disbursement.api")),
]
