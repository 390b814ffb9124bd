from django.apps import AppConfig


class AmazonOffersConfig(AppConfig):
    name = "kogge.amazon.offers"
    label = "amazon_offers"

    def ready(self) -> None:
        from kogge.amazon.feeds.kinds import KINDS
        from kogge.amazon.offers.bulk import ListingsFeed

        KINDS[ListingsFeed.feed_type] = ListingsFeed()
