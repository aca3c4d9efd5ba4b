from django.urls import path

from huimin.core.views import desk, jobs, sign_in, staff, trail

app_name = "core"
urlpatterns = [
    path("", desk.workbench, name="workbench"),
    path("login/", sign_in.sign_in, name="login"),
    path("login/code/", sign_in.login_code, name="login-code"),
    path("logout/", sign_in.sign_out, name="logout"),
    path("go-on/", sign_in.go_on, name="go-on"),
    path("step-up/", sign_in.step_up, name="step-up"),
    path("enrol/", sign_in.enrol, name="enrol"),
    path("password/", sign_in.password, name="password"),
    path("inbox/", desk.inbox, name="inbox"),
    path("inbox/read/", desk.read_all, name="inbox-read"),
    path("inbox/<int:pk>/", desk.open_message, name="message"),
    path("search/", desk.search, name="search"),
    path("jobs/", jobs.job_list, name="jobs"),
    path("jobs/export/", jobs.job_export, name="job-export"),
    path("jobs/<int:pk>/", jobs.job_detail, name="job"),
    path("jobs/<int:pk>/stop/", jobs.job_stop, name="job-stop"),
    path("jobs/<int:pk>/file/", jobs.job_file, name="job-file"),
    path("audit/", trail.trail, name="audit"),
    path("audit/export/", trail.trail_export, name="audit-export"),
    path("proof/", trail.proof, name="proof"),
    path("proof/run/", trail.proof_run, name="proof-run"),
    path("staff/", staff.staff_list, name="staff"),
    path("staff/export/", staff.staff_export, name="staff-export"),
    path("staff/new/", staff.staff_create, name="staff-create"),
    path("staff/<int:pk>/", staff.staff_detail, name="staff-detail"),
    path("staff/<int:pk>/grant/", staff.grant_give, name="grant-give"),
    path("staff/<int:pk>/password/", staff.password_reset, name="staff-password"),
    path("staff/<int:pk>/devices/", staff.devices_remove, name="staff-devices"),
    path("staff/<int:pk>/binding/", staff.binding_allow, name="staff-binding"),
    path("staff/<int:pk>/active/", staff.active_set, name="staff-active"),
    path("staff/grants/<int:pk>/revoke/", staff.grant_revoke, name="grant-revoke"),
]
