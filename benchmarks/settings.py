"""The project's settings as production has them: DEBUG off, behind a proxy that speaks HTTPS, callbacks signed.

KIE's address is one where nobody answers, whatever the environment says, so that no benchmark asks the real one;
`chat.py` names its simulator in `BENCHMARK_KIE_URL`.
`DATABASE_URL` and `DATABASE_POOL` are read from the environment as ever.
"""

import os

os.environ |= {
    "DEBUG": "off",
    "SECRET_KEY": "only-for-benchmarks-0123456789-abcdefghijklmnopqrstuvwxyz-0123456789",
    "PUBLIC_URL": "https://kieplatform.example",
    "KIE_API_KEY": "only-for-benchmarks",
    "KIE_BASE_URL": os.environ.get("BENCHMARK_KIE_URL", "http://127.0.0.1:1"),
    "KIE_UPLOAD_URL": "http://127.0.0.1:1",
    "KIE_WEBHOOK_HMAC_KEY": "only-for-benchmarks",
    "LOG_LEVEL": "WARNING",
}

from kieplatform.settings import *  # noqa: F403

ROOT_URLCONF = "benchmarks.urls"
# No static files are collected for a benchmark, and none are asked for.
STATIC_ROOT = None
STORAGES["staticfiles"] = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}  # noqa: F405
# Customers of a benchmark wait for nothing, so their generations pile up.
MAX_RUNNING_PER_USER = 1_000_000
# A row that was looked at must not come due again within a measurement.
POLL_FIRST_SECONDS = POLL_MAX_SECONDS = 600.0
