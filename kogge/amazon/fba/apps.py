from django.apps import AppConfig


class AmazonFbaConfig(AppConfig):
    name = "kogge.amazon.fba"
    label = "amazon_fba"

    def ready(self) -> None:
        from kogge.amazon.fba.listening import start_listening

        start_listening()
