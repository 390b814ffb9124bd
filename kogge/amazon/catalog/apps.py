from django.apps import AppConfig


class AmazonCatalogConfig(AppConfig):
    name = "kogge.amazon.catalog"
    label = "amazon_catalog"
