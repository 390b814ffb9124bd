from django.apps import AppConfig


class EngineConfig(AppConfig):
    name = "kogge.engine"
    label = "engine"
