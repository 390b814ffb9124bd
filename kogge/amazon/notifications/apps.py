from django.apps import AppConfig


class AmazonNotificationsConfig(AppConfig):
    name = "kogge.amazon.notifications"
    label = "amazon_notifications"

    def ready(self) -> None:
        from kogge.amazon.notifications.listening import start_listening

        start_listening()
