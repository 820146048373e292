from django.apps import AppConfig


class GenerationConfig(AppConfig):
    name = "generation"

    def ready(self) -> None:
        """A bad data file stops every process at its start, with the file, the entry and the reason."""
        from generation import catalog
        from generation.catalog import changes

        catalog.all()
        catalog.use(changes.overlay)
