from django.apps import AppConfig


class AmazonOffersConfig(AppConfig):
    name = "kogge.amazon.offers"
    label = "amazon_offers"

    def ready(self) -> None:
        from kogge.amazon.connections import news
        from kogge.amazon.feeds.kinds import KINDS
        from kogge.amazon.offers.bulk import ListingsFeed
        from kogge.amazon.offers.changes import marketplaces_added

        news.marketplaces_added.connect(marketplaces_added, dispatch_uid="offers.marketplaces_added")
        KINDS[ListingsFeed.feed_type] = ListingsFeed()
