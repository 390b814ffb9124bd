from django.apps import AppConfig


class ApiConfig(AppConfig):
    name = "kogge.backoffice.api"
    label = "shop_api"

    def ready(self) -> None:
        from kogge.backoffice.api.telling import WebhookListener
        from kogge.backoffice.listening import LISTENERS

        LISTENERS["webhooks"] = WebhookListener()
