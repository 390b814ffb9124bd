from django.apps import AppConfig


class AmazonFeedsConfig(AppConfig):
    name = "kogge.amazon.feeds"
    label = "amazon_feeds"

    def ready(self) -> None:
        from kogge.amazon.feeds.kinds import KINDS
        from kogge.amazon.feeds.order_messages import OrderMessages

        KINDS[OrderMessages.feed_type] = OrderMessages()
