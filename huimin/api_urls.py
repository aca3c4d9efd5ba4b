"""The API's addresses; each app's api.py holds its views."""

from django.urls import include, path
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerView

from huimin.core.desk.http import public
from recipients.api import DeclarationPush
from subsidies.api import PolicyViewSet

app_name = "api"
urlpatterns = [
    path("schema/", public(SpectacularAPIView.as_view()), name="schema"),
    path("declarations/", DeclarationPush.as_view(), name="declarations"),
    path("docs/", public(SpectacularSwaggerView.as_view(url_name="api:schema")), name="docs"),
    path("policies/", public(PolicyViewSet.as_view({"get": "list"})), name="policy-list"),
    path("policies/<slug:code>/", public(PolicyViewSet.as_view({"get": "retrieve"})), name="policy-detail"),
    path("", include("disbursement.api")),
]
