from django.apps import AppConfig


class AmazonConnectionsConfig(AppConfig):
    name = "kogge.amazon.connections"
    label = "amazon_connections"
