from django.urls import URLPattern

app_name = "recipients"
urlpatterns: list[URLPattern] = []
