from django.apps import AppConfig


class AmazonFeedsConfig(AppConfig):
    name = "kogge.amazon.feeds"
    label = "amazon_feeds"
