from django.apps import AppConfig


class StorefrontConfig(AppConfig):
    name = "kogge.backoffice.storefront"
    label = "storefront"
