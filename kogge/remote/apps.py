from django.apps import AppConfig


class RemoteConfig(AppConfig):
    name = "kogge.remote"
    label = "remote"

    def ready(self) -> None:
        from kogge.backoffice.elsewhere import SHOPS
        from kogge.remote.elsewhere import RemoteElsewhere

        SHOPS["versacommerce"] = RemoteElsewhere("versacommerce")
