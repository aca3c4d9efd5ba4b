from django.urls import path

from recipients.views import declarations, entitlements, imports, notices, people

app_name = "recipients"
urlpatterns = [
    path("people/", people.person_list, name="person-list"),
    path("people/export/", people.person_export, name="person-export"),
    path("people/<int:pk>/", people.person_detail, name="person-detail"),
    path("people/<int:pk>/reveal/", people.person_reveal, name="person-reveal"),
    path("people/<int:pk>/edit/", people.person_edit, name="person-edit"),
    path("people/<int:pk>/death/", people.person_death, name="person-death"),
    path("people/<int:pk>/deaths/<int:death>/correct/", people.death_correct, name="death-correct"),
    path("people/<int:pk>/account/", people.account_ask, name="account-ask"),
    path("accounts/", people.change_list, name="change-list"),
    path("accounts/<int:pk>/check/", people.change_check, name="change-check"),
    path("imports/", imports.import_list, name="import-list"),
    path("imports/template/", imports.import_template, name="import-template"),
    path("imports/<int:pk>/", imports.import_detail, name="import-detail"),
    path("imports/<int:pk>/errors/", imports.import_errors, name="import-errors"),
    path("declarations/", declarations.declaration_list, name="declaration-list"),
    path("declarations/export/", declarations.declaration_export, name="declaration-export"),
    path("declarations/new/", declarations.declaration_new, name="declaration-new"),
    path("declarations/<int:pk>/", declarations.declaration_detail, name="declaration-detail"),
    path("declarations/<int:pk>/step/<slug:name>/", declarations.declaration_step, name="declaration-step"),
    path("declarations/<int:pk>/lines/add/", declarations.line_add, name="line-add"),
    path("declarations/<int:pk>/lines/import/", declarations.lines_import, name="declaration-lines-import"),
    path("declarations/<int:pk>/lines/export/", declarations.lines_export, name="declaration-lines-export"),
    path(
        "declarations/<int:pk>/lines/prefill/", declarations.lines_prefill, name="declaration-lines-prefill"
    ),
    path(
        "declarations/<int:pk>/lines/template/",
        declarations.lines_template,
        name="declaration-lines-template",
    ),
    path("declarations/<int:pk>/lines/<int:line>/", declarations.line_change, name="line-change"),
    path("declarations/<int:pk>/lines/<int:line>/remove/", declarations.line_remove, name="line-remove"),
    path("declarations/<int:pk>/lines/<int:line>/exclude/", declarations.line_exclude, name="line-exclude"),
    path("declarations/<int:pk>/notice/", declarations.notice_post, name="notice-post"),
    path("notices/", notices.notice_list, name="notice-list"),
    path("notices/export/", notices.notice_export, name="notice-export"),
    path("notices/<int:pk>/", notices.notice_detail, name="notice-detail"),
    path("notices/<int:pk>/poster/", notices.notice_poster, name="notice-poster"),
    path("notices/<int:pk>/photos/", notices.photo_add, name="photo-add"),
    path("notices/<int:pk>/photos/<int:photo>/", notices.photo, name="photo"),
    path("notices/<int:pk>/objections/", notices.objection_file, name="objection-file"),
    path("objections/", notices.objection_list, name="objection-list"),
    path("objections/export/", notices.objection_export, name="objection-export"),
    path("objections/<int:pk>/", notices.objection_detail, name="objection-detail"),
    path("entitlements/", entitlements.entitlement_list, name="entitlement-list"),
    path("entitlements/export/", entitlements.entitlement_export, name="entitlement-export"),
    path("entitlements/<int:pk>/<slug:name>/", entitlements.entitlement_step, name="entitlement-step"),
]
