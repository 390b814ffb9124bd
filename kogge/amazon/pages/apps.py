from django.apps import AppConfig


class AmazonPagesConfig(AppConfig):
    name = "kogge.amazon.pages"
    label = "amazon_pages"

    def ready(self) -> None:
        from kogge.amazon.pages.channel import AmazonChannel
        from kogge.backoffice.channels import CHANNELS

        CHANNELS["amazon"] = AmazonChannel()
