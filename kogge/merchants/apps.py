from django.apps import AppConfig


class MerchantsConfig(AppConfig):
    name = "kogge.merchants"
    label = "merchants"
