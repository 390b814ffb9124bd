from django.apps import AppConfig


class BackofficeConfig(AppConfig):
    name = "kogge.backoffice"
    label = "backoffice"
