"""What the demo sells, and a customer who buys some of it at the Stripe simulator."""

import time
import urllib.parse
import urllib.request

from django.conf import settings

from accounts.errors import Refused
from accounts.models import User
from billing.models import CreditPack, CreditPlan
from billing.payments import checkout

# The simulator starts together with the worker that runs this.
WAIT_SECONDS = 60
# A pack's name, credits, bonus and price in cents.
PACKS = [("Starter", 1_000, 0, 500), ("Studio", 5_000, 250, 2_500), ("Agency", 20_000, 2_000, 10_000)]


def offer() -> None:
    """Packs and a plan for a newcomer to find. Running it again changes nothing."""
    for position, (name, credits, bonus, price) in enumerate(PACKS):
        amounts = {"credits_millicredits": credits * 1000, "bonus_millicredits": bonus * 1000, "price_minor": price}
        about = {**amounts, "currency": settings.CURRENCY, "position": position}
        CreditPack.objects.get_or_create(name=name, defaults=about)
    amounts = {"credits_millicredits": 4_000_000, "price_minor": 1_500}
    CreditPlan.objects.get_or_create(name="Creator", defaults={**amounts, "currency": settings.CURRENCY})


def buy(user_id: int) -> None:
    """Buy a pack as a visitor would: open the page, press the button. The webhook brings the credits."""
    user = User.objects.get(pk=user_id)
    payment = checkout.begin_pack(user, CreditPack.objects.get(name=PACKS[1][0]))
    deadline = time.monotonic() + WAIT_SECONDS
    while True:
        try:
            url = checkout.open_page(payment)
            break
        except Refused:
            if time.monotonic() > deadline:
                raise
            time.sleep(1)
    form = urllib.parse.urlencode({"how": "pay"}).encode()
    # The button answers with the way back to our page, which nobody is there to look at.
    opener = urllib.request.build_opener(_Stay)
    opener.open(url, form, timeout=10).close()


class _Stay(urllib.request.HTTPRedirectHandler):
    def http_error_303(self, req, fp, code, msg, headers):
        return fp
