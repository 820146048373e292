import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "kieplatform.settings")
application = get_wsgi_application()

from kieplatform import requests  # noqa: E402
from kieplatform.checks import refuse_unsafe_start  # noqa: E402

application.request_class = requests.Wsgi

refuse_unsafe_start()
