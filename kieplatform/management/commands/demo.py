"""People, credits and generations for a newcomer to find. Running it again changes nothing."""

from typing import Any

from allauth.account.models import EmailAddress
from django.core.management.base import BaseCommand, CommandParser
from django_q.tasks import async_task

from accounts.errors import Refused
from accounts.models import ApiKey, User
from billing import ledger
from billing.welcome import welcome
from generation import lifecycle
from kieplatform import demo_payment
from kieplatform.env import DATA_DIR

PASSWORD = "demo-password"  # noqa: S105
PROMPT = "A red fox running through fresh snow at sunrise, cinematic light"
GENERATIONS: list[tuple[str, dict[str, Any]]] = [
    ("google/nano-banana", {"prompt": PROMPT}),
    ("gpt4o-image/generate", {"prompt": "A lighthouse in a storm, oil painting", "size": "3:2"}),
    ("veo-3-1", {"prompt": PROMPT, "model": "veo3_lite", "duration": 8}),
    (
        "suno/generate",
        {"prompt": "A mellow tune about harbour lights", "customMode": False, "instrumental": False, "model": "V5"},
    ),
    ("elevenlabs/text-to-speech-turbo-2-5", {"text": "The fox crossed the frozen river before sunrise."}),
    # Words that the simulator knows: this one is refused by the content policy, and its credits come back.
    ("google/nano-banana", {"prompt": "A portrait that the content policy refuses (sim:policy)"}),
]


class Command(BaseCommand):
    help = "Make the demo's user, operator and reseller, with credits and a few generations."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--public-url", default="http://127.0.0.1:8000")
        parser.add_argument("--no-generations", action="store_false", dest="generations")

        parser.add_argument("--payment", action="store_true", help="buy a pack at the Stripe simulator")

    def handle(self, *args: Any, **options: Any) -> None:
        user, new = person("demo@example.com")
        operator, _ = person("operator@example.com", is_staff=True, is_superuser=True)
        reseller, _ = person("reseller@example.com")
        ledger.top_up(user, 500_000, payment="demo:payment", note="A payment, for show")
        ledger.top_up(reseller, 2_000_000, payment="demo:reseller", note="A payment, for show")
        demo_payment.offer()
        if new and options["generations"]:
            generate(user)
        if new and options["payment"]:
            async_task("kieplatform.demo_payment.buy", user.pk)
        url = options["public_url"]
        self.stdout.write(f"""
  kieplatform is starting at {url}

    a user       {user.email}  {PASSWORD}
    an operator  {operator.email}  {PASSWORD}  (administration: {url}/admin/)
    a reseller   {reseller.email}  {PASSWORD}  (API: {url}/api/docs/)
                 API key {demo_key(reseller)}

  The user has paid for 500 credits. Below, generations finish: what is charged, and what comes back when one fails;
  and a pack of credits is bought. Under Balance you buy more: a simulator plays Stripe, its cards are on its page.
  A new account's confirmation code appears there too, in the e-mail that would be sent. Ctrl-C stops everything.
""")


def person(email: str, **fields: Any) -> tuple[User, bool]:
    """A user with a verified address and a welcome; returns whether they are new."""
    user = User.objects.filter(email=email).first()
    if user:
        return user, False
    user = User.objects.create_user(email, PASSWORD, **fields)
    EmailAddress.objects.create(user=user, email=email, verified=True, primary=True)
    welcome(user)
    return user, True


def demo_key(reseller: User) -> str:
    """The reseller's key, kept in the data directory so that a later start can show it again."""
    kept = DATA_DIR / "demo_api_key"
    if not kept.exists():
        kept.touch(mode=0o600)
        kept.write_text(ApiKey.issue(reseller, "demo")[1])
    return kept.read_text()


def generate(user: User) -> None:
    """A few real generations: rows for the workers, like everyone's."""
    for model, values in GENERATIONS:
        try:
            lifecycle.request(user, model, values)
        except Refused as refusal:
            raise SystemExit(f"The demo's {model} was refused: {refusal} {refusal.data}") from refusal
