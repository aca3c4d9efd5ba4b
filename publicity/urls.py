from django.urls import path, re_path

from publicity.views import desk, home, notices, query, verify, villages

app_name = "publicity"
PLACE = r"(?P<code>\d{12})"
urlpatterns = [
    path("", home.home, name="home"),
    path("query/", query.query, name="query"),
    path("query/cleared/", query.cleared, name="query-cleared"),
    path("query/window/", query.window, name="query-window"),
    path("policies/", home.policies, name="policies"),
    path("policies/<str:code>/", home.policy, name="policy"),
    path("notices/", notices.notices, name="notices"),
    path("notices/<int:notice_id>/", notices.notice, name="notice"),
    path("notices/<int:notice_id>/objection/", notices.objection, name="objection"),
    path("objections/", notices.progress, name="objection-ask"),
    path("objections/<str:code>/", notices.objection_progress, name="objection-progress"),
    path("villages/", villages.villages, name="villages"),
    re_path(rf"^villages/{PLACE}/$", villages.place, name="place"),
    re_path(rf"^villages/{PLACE}/(?P<disclosure_id>\d{{1,12}})/$", villages.disclosure, name="disclosure"),
    re_path(rf"^villages/{PLACE}/(?P<disclosure_id>\d{{1,12}})/poster\.pdf$", villages.poster, name="poster"),
    re_path(r"^lists/(?P<disclosure_id>\d{1,12})\.(?P<kind>csv|json)$", villages.open_list, name="open-list"),
    path("verify/", verify.verify, name="verify"),
    path("verify/file/", verify.verify_file, name="verify-file"),
    path("verify/<str:code>/", verify.verify_code, name="verify-code"),
    path("desk/publicity/", desk.disclosure_list, name="desk-list"),
    path("desk/publicity/export/", desk.disclosure_export, name="desk-export"),
    path("desk/publicity/rosters/<int:roster_id>/", desk.preview, name="desk-preview"),
    path("desk/publicity/rosters/<int:roster_id>/publish/", desk.publish, name="desk-publish"),
    path("desk/publicity/<int:disclosure_id>/", desk.disclosure_detail, name="desk-detail"),
    path("desk/publicity/<int:disclosure_id>/withdraw/", desk.withdraw, name="desk-withdraw"),
]
