"""R-REF2: a worker that is killed in the middle of an incident leaves nothing refunded twice, and nothing left out."""

import os

import pytest
from django.db import close_old_connections
from django.db.models import QuerySet
from django.utils import timezone

from accounts.models import User
from billing.models import Entry, Incident, IncidentItem, Wallet
from generation.oversight import incidents
from tests.incidents.test_incidents import begin, made
from tests.processes import Process, database_url, until

WORK = """
import django
django.setup()
from generation.oversight import incidents
incidents.work()
"""
NUMBER = 60


@pytest.mark.processes
@pytest.mark.django_db(transaction=True)
def test_killed_in_the_middle_and_resumed(alice: User, eve: User, olga: User) -> None:
    for number in range(NUMBER):
        made((alice, eve)[number % 2])
    incident = begin(olga)
    given = {**os.environ, "DJANGO_SETTINGS_MODULE": "kieplatform.settings", "DATABASE_URL": database_url()}
    given |= {"EMAIL_URL": "dummymail://", "SECRET_KEY": "only-for-tests"}
    refunded = IncidentItem.objects.filter(outcome="refunded")
    kills, last = 0, 0
    while kills < 3:
        process = Process(given, "-c", WORK)
        _wait(refunded, last, process)
        process.kill()
        kills, last = kills + 1, refunded.count()
        close_old_connections()
        assert kills > 1 or 0 < last < NUMBER, "it was not killed in the middle"
        assert refunded.count() == Entry.objects.filter(kind="refund").count()
        # The killed worker held it for another minute.
        Incident.objects.update(leased_until=timezone.now())
    incidents.work()
    incident.refresh_from_db()
    assert (incident.state, refunded.count()) == ("done", NUMBER)
    assert Entry.objects.filter(kind="refund").count() == NUMBER
    for user in (alice, eve):
        assert Wallet.objects.get(pk=user.pk).available == 1_000_000


def _wait(refunded: QuerySet[IncidentItem], last: int, process: Process) -> None:
    until(lambda: refunded.count() > last or process.process.poll() is not None, "a refund")
