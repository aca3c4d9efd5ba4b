from django.apps import AppConfig


class DemoConfig(AppConfig):
    """The roof: the seeded county and its accounts. It calls the services of every app, and nothing calls it."""

    name = "huimin.demo"
    label = "demo"
    verbose_name = "演示县"
