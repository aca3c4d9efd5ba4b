from django.urls import path

from subsidies.views import changes, indicators, policies, rounds, versions

app_name = "subsidies"
urlpatterns = [
    path("policies/", policies.policy_list, name="policy-list"),
    path("policies/export/", policies.policy_export, name="policy-export"),
    path("policies/new/", policies.policy_create, name="policy-create"),
    path("policies/<int:pk>/", policies.policy_detail, name="policy-detail"),
    path("policies/<int:pk>/edit/", policies.policy_edit, name="policy-edit"),
    path("policies/<int:pk>/step/<slug:step>/", policies.policy_step, name="policy-step"),
    path("policies/<int:pk>/change/", changes.change_ask, name="change-ask"),
    path("policies/changes/<int:pk>/step/<slug:step>/", changes.change_step, name="change-step"),
    path("policies/<int:pk>/rounds/new/", rounds.round_open, name="round-open"),
    path("policies/rounds/<int:pk>/discard/", rounds.round_discard, name="round-discard"),
    path("policies/<int:pk>/versions/new/", versions.version_add, name="version-add"),
    path("policies/versions/<int:pk>/edit/", versions.version_edit, name="version-edit"),
    path("policies/versions/<int:pk>/step/<slug:step>/", versions.version_step, name="version-step"),
    path("indicators/", indicators.indicator_list, name="indicator-list"),
    path("indicators/export/", indicators.indicator_export, name="indicator-export"),
    path("indicators/new/", indicators.indicator_register, name="indicator-register"),
    path("indicators/<int:pk>/", indicators.indicator_detail, name="indicator-detail"),
    path("indicators/<int:pk>/attach/", indicators.indicator_attach, name="indicator-attach"),
    path("indicators/<int:pk>/step/<slug:step>/", indicators.indicator_step, name="indicator-step"),
]
