from django.apps import AppConfig


class AmazonOrdersConfig(AppConfig):
    name = "kogge.amazon.orders"
    label = "amazon_orders"
