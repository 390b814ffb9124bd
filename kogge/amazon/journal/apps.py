from django.apps import AppConfig


class AmazonJournalConfig(AppConfig):
    name = "kogge.amazon.journal"
    label = "amazon_journal"

    def ready(self) -> None:
        from kogge.amazon.journal.listening import start_listening

        start_listening()
