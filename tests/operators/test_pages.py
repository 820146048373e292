"""Which pages of the admin there are, and for whom."""

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.admin_buttons import admin_url
from accounts.models import ApiKey, User
from billing import alerts
from billing.models import Alert, Breaker, Budget, Entry, UpstreamBalance, Wallet
from billing.upstream import account, breaker
from generation.models import Exchange, Generation, ModelSwitch

LISTS = [
    "accounts_user",
    "accounts_apikey",
    "admin_logentry",
    "billing_wallet",
    "billing_entry",
    "billing_budget",
    "billing_alert",
    "billing_upstreambalance",
    "generation_generation",
    "generation_modelswitch",
    "django_q_ormq",
    "django_q_schedule",
    "django_q_failure",
]


@pytest.mark.parametrize("name", LISTS)
def test_every_list_opens_for_an_operator(name: str, office: Client, succeeded: Generation) -> None:
    account.record_balance(7_000)
    alerts.tell("test", "something")
    assert office.get(reverse(f"admin:{name}_changelist")).status_code == 200


def test_every_object_opens_for_an_operator(office: Client, succeeded: Generation, alice: User) -> None:
    account.record_balance(7_000)
    ApiKey.issue(alice, "shop")
    ModelSwitch.objects.create(model="google/nano-banana", enabled=True)
    for model in (User, ApiKey, Wallet, Entry, Budget, Alert, UpstreamBalance, Generation, ModelSwitch):
        for obj in model.objects.all():
            assert office.get(admin_url(obj)).status_code == 200, obj
    assert office.get(admin_url(Breaker(name="kie"))).status_code == 200


@pytest.mark.parametrize("name", LISTS)
def test_customers_and_strangers_see_none_of_it(name: str, client: Client, eve: User) -> None:
    """R-API3"""
    url = reverse(f"admin:{name}_changelist")
    assert client.get(url).status_code == 302
    client.force_login(eve)
    assert client.get(url).status_code in (302, 403)
    assert client.get(url, follow=True).status_code == 403


def test_customers_cannot_press_buttons(client: Client, eve: User, queued: Generation) -> None:
    client.force_login(eve)
    for obj, name in ((queued, "fail"), (eve, "grant")):
        url = f"{admin_url(obj).removesuffix('change/')}do/{name}/"
        assert client.post(url, {"token": "x"}).status_code in (302, 403)
    assert Generation.objects.get(pk=queued.pk).state == "queued"


def test_a_generation_shows_everything_that_is_known(office: Client, succeeded: Generation) -> None:
    Exchange.objects.create(
        generation=succeeded,
        method="POST",
        path="/api/v1/jobs/createTask",
        request={"model": "google/nano-banana"},
        status=200,
        response='{"code":200,"msg":"<b>fine</b>"}',
        milliseconds=12,
    )
    page = office.get(admin_url(succeeded)).content.decode()
    for text in (
        "a fox",
        "requested",
        "queued → succeeded",
        "/api/v1/jobs/createTask: 200, 12 ms",
        "&quot;code&quot;: 200",
        "fox.png",
        f"hold:{succeeded.about}",
        f"settle:{succeeded.about}",
        admin_url(succeeded.user.wallet),
    ):
        assert text in page, text
    assert "<b>fine</b>" not in page
    assert succeeded.callback_token not in page


def test_pages_bring_no_scripts_or_styles_of_their_own(office: Client, succeeded: Generation) -> None:
    """R-SEC6: the policy allows none inline."""
    urls = [reverse(f"admin:{name}_changelist") for name in LISTS]
    urls += [admin_url(succeeded), f"{admin_url(succeeded).removesuffix('change/')}do/refund/"]
    for url in urls:
        page = office.get(url).content.decode()
        assert " style=" not in page, url
        assert "<style" not in page, url
        assert " onclick=" not in page, url
        assert "<script>" not in page, url


def test_a_generation_is_found_by_id_mail_model_and_task(office: Client, queued: Generation) -> None:
    Generation.objects.filter(pk=queued.pk).update(kie_task_id="task-77")
    url = reverse("admin:generation_generation_changelist")
    for term in (str(queued.pk), str(queued.pk)[:8], "alice@", "nano-banana", "task-77"):
        assert str(queued.pk)[:8] in office.get(url, {"q": term}).content.decode(), term
    assert "0 generations" in office.get(url, {"q": "task-7"}).content.decode()
    assert office.get(url, {"state__exact": "queued", "overdue": "yes"}).status_code == 200
    assert office.get(url, {"user__id__exact": queued.user_id}).status_code == 200


def test_the_gauges_show_what_an_operator_must_know(office: Client, queued: Generation) -> None:
    """R-REF8: holds past their deadline must be 0."""
    url = reverse("admin:generation_generation_changelist")

    def gauges() -> dict[str, Any]:
        return {gauge.name: gauge for gauge in office.get(url).context["gauges"]}

    before = gauges()
    assert (before["Holds past their deadline"].value, before["Queued"].value) == ("0", "1")
    assert not before["Holds past their deadline"].wrong
    Generation.objects.update(deadline=timezone.now())
    breaker.pause("no credits")
    account.record_balance(7_500)
    after = gauges()
    assert (after["Holds past their deadline"].value, after["Holds past their deadline"].wrong) == ("1", True)
    assert (after["Submission"].value, after["Alerts"].value) == ("paused", "2")
    assert after["KIE balance"].value.startswith("7.5 KIE credits, 0") and not after["KIE balance"].wrong
    UpstreamBalance.objects.update(read_at=timezone.now() - account.STALE)
    assert gauges()["KIE balance"].wrong, "a balance that nobody reads any more says nothing"
