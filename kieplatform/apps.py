from django.apps import AppConfig


class KieplatformConfig(AppConfig):
    name = "kieplatform"

    def ready(self) -> None:
        from kieplatform import checks  # noqa: F401
