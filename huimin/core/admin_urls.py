from django.urls import path

from huimin.core.admin import back_office

urlpatterns = [path("", back_office.urls)]
