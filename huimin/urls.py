from django.conf import settings
from django.urls import include, path

from huimin.core.views import display

urlpatterns = [
    path("", include("publicity.urls")),
    path("display/", display.choose, name="display"),
    path("api/v1/", include("huimin.api_urls")),
    path("desk/", include("huimin.core.urls")),
    path("desk/subsidies/", include("subsidies.urls")),
    path("desk/recipients/", include("recipients.urls")),
    path("desk/disbursement/", include("disbursement.urls")),
]
if settings.BACK_OFFICE:
    urlpatterns.append(path("back-office/", include("huimin.core.admin_urls")))

handler400 = "huimin.core.desk.errors.bad_request"
handler403 = "huimin.core.desk.errors.forbidden"
handler404 = "huimin.core.desk.errors.not_found"
handler500 = "huimin.core.desk.errors.broken"
