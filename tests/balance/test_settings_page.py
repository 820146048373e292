"""What users choose about their money."""

import pytest

from billing import preferences
from tests.pages.conftest import browser_of

pytestmark = pytest.mark.django_db
PAGE = "/balance/settings/"


def test_choices_are_kept_and_shown_again(alice, text_of):
    browser = browser_of(alice)
    posted = {"time_zone": "Asia/Shanghai", "low_credit_mail": "on", "low_credit_millicredits": "12.5"}
    page = text_of(browser.post(PAGE, posted, follow=True))
    assert 'value="12.5"' in page
    assert "<option selected>Asia/Shanghai</option>" in page
    own = preferences.of(alice.pk)
    assert (own.time_zone, own.low_credit_mail, own.low_credit_millicredits) == ("Asia/Shanghai", True, 12_500)


@pytest.mark.parametrize("amount", ["-1", "1e3", "NaN", "0.0005", "1" + "0" * 18, "x", "１２"])
def test_an_amount_that_is_none_is_refused(alice, amount):
    response = browser_of(alice).post(PAGE, {"low_credit_millicredits": amount})
    assert response.status_code == 422
    assert b"is-invalid" in response.content
    assert preferences.of(alice.pk).low_credit_millicredits is None


@pytest.mark.parametrize("zone", ["Mars/Base", "../../etc/passwd", "europe/berlin", "posix/Europe/Berlin", "localtime"])
def test_a_time_zone_that_does_not_exist_is_refused(alice, zone):
    """R-TZ1"""
    assert browser_of(alice).post(PAGE, {"time_zone": zone}).status_code == 422
    browser_of(alice).post("/balance/time-zone/", {"time_zone": zone})
    assert preferences.of(alice.pk).time_zone == ""


def test_the_zone_of_the_browser_is_taken_over_with_one_press(alice):
    response = browser_of(alice).post("/balance/time-zone/", {"time_zone": "Europe/Berlin", "next": "/balance/lots/"})
    assert response["Location"] == "/balance/lots/"
    assert str(preferences.zone_of(alice.pk)) == "Europe/Berlin"


@pytest.mark.parametrize("address", ["https://evil.example/", "//evil.example", "javascript:alert(1)", ""])
def test_nobody_is_led_elsewhere(alice, address):
    response = browser_of(alice).post("/balance/time-zone/", {"time_zone": "UTC", "next": address})
    assert response["Location"] == "/balance/"


def test_without_a_choice_the_site_decides(alice, settings):
    settings.TIME_ZONE = "Asia/Tokyo"
    assert str(preferences.zone_of(alice.pk)) == "Asia/Tokyo"
    assert preferences.threshold_of(preferences.of(alice.pk)) == preferences.default_threshold()
