"""Everything at once for a long time: customers pay, generate, dispute; KIE, cards and machines fail; the books add up.

    .venv/bin/python scripts/with_postgres.py .venv/bin/python benchmarks/soak.py [--generations 20000] [--users 200]

Web (gunicorn, two processes), streams (uvicorn) and two workers are processes of their own, KIE and Stripe are the
simulators. On the way workers and streams are killed (SIGKILL), PostgreSQL is restarted, the daily cap is reached and
lifted, KIE is busy or refuses the account, and every generation asks for one of the simulator's faults or for none. At
the end nothing may be open and everything must add up: exit code 1 and a line for everything that does not.
"""

import argparse
import itertools
import os
import random
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import common
import httpx
import soak_books
from django.conf import settings
from django.db import InterfaceError, OperationalError, connections
from django.db.models import Count

from accounts.errors import Refused
from accounts.models import ApiKey, User
from billing import ledger
from billing.models import Budget, Payment
from billing.payments import checkout, refunds, stripe_client
from billing.upstream import breaker
from generation.models import Generation
from scripts import with_postgres
from tests.processes import Process
from tests.simulator import Simulator
from tests.stripe_simulator_process import StripeSimulator

State = Generation.State
MODEL = "google/nano-banana"
# What a prompt may ask of the simulator, and how often: most generations simply succeed.
FAULTS = {
    "": 60,
    **dict.fromkeys(
        ["policy", "fail", "flag2", "flag3", "fail-501", "fail-fetch", "fail-later", "fail-408", "fail-531"], 1
    ),
    **dict.fromkeys(["422", "451", "500", "500-page", "505", "524", "524-retry", "550", "http-500", "error-400"], 1),
    **dict.fromkeys(["html", "bad-json", "drop", "create-timeout", "create-drop", "http-403", "claude-500"], 1),
    **dict.fromkeys(["callback-lost", "callback-double", "callback-early", "callback-late", "callback-null"], 2),
    **dict.fromkeys(["callback-forged", "callback-forged-fail", "callback-garbage"], 2),
    **dict.fromkeys(
        [
            "unknown-state",
            "unknown-state-forever",
            "empty-result",
            "no-cost",
            "costs=7",
            "failed-but-charged",
            "null-record",
        ],
        1,
    ),
    **dict.fromkeys(["bad-record-json", "poll-500", "poll-429", "late-success=40", "never", "slow=5"], 1),
    **dict.fromkeys(["dead-link", "gone", "truncated", "wrong-type", "redirect-private", "private-url"], 1),
    **dict.fromkeys(["huge", "slow-file"], 1),
}
# One request in so many is a chat; these say what else happens to it, LEAVES that its reader goes away.
CHAT_EVERY = 10
LEAVES = "leaves"
CHAT_FAULTS = {
    "": 10,
    **dict.fromkeys(["no-cost", "no-usage", "no-content", "usage-only", "bad-chunk", "own-prompt", "500", "html"], 1),
    **dict.fromkeys(["cut", "cut-after-usage", "error-midway", "hang", "drop", LEAVES], 1),
}
KIE_HMAC_KEY = "only-for-the-soak"
# These make the platform wait for KIE, so they come now and then and not with every tenth request.
BUSY = ["429", "433", "455", "error-429"]
ACCOUNT = ["401", "402", "error-401"]
DEADLINE_SECONDS = 240
OPEN_PER_CUSTOMER = 3
# After the last request: deadlines, retries and the sweep have this long.
QUIET_SECONDS = 480
CHAOS_EVERY_SECONDS = 20
CAPPED_SECONDS = 5
# An operator needs so long to see that KIE refuses the account, and resumes.
REFUSED_SECONDS = 5


class Platform:
    """Web and workers as processes, and what they are told."""

    def __init__(self, kie: Simulator, stripe: StripeSimulator, directory: Path) -> None:
        port, streams_port = free_port(), free_port()
        self.url, self.streams_url = f"http://127.0.0.1:{port}", f"http://127.0.0.1:{streams_port}"
        files = kie.files.removeprefix("http://")
        self.environment = {
            **os.environ,
            "DEBUG": "on",
            "PYTHONPATH": str(common.ROOT),
            "DJANGO_SETTINGS_MODULE": "kieplatform.settings",
            "DATA_DIR": str(directory),
            "MEDIA_ROOT": str(directory / "media"),
            "PUBLIC_URL": self.url,
            "KIE_BASE_URL": kie.api,
            "KIE_UPLOAD_URL": kie.files,
            "KIE_API_KEY": kie.key,
            "KIE_WEBHOOK_HMAC_KEY": KIE_HMAC_KEY,
            "KIE_CREATE_LIMIT": "0",
            "KIE_TIMEOUT_SECONDS": "3",
            "CHAT_IDLE_SECONDS": "3",
            "STRIPE_SECRET_KEY": stripe.key,
            "STRIPE_API_BASE": stripe.api,
            "STRIPE_WEBHOOK_SECRET": stripe.webhook_secret,
            "DOWNLOAD_ALLOW_HOSTS": files,
            "DEADLINE_SECONDS": f"image={DEADLINE_SECONDS},chat={DEADLINE_SECONDS}",
            "DOWNLOAD_MAX_SECONDS": "5",
            "POLL_FIRST_SECONDS": "1",
            "POLL_MAX_SECONDS": "5",
            "LEASE_SECONDS": "5",
            "DUPLICATE_WINDOW_SECONDS": "0",
            "MAX_RUNNING_PER_USER": str(OPEN_PER_CUSTOMER),
            "WORKERS": "4",
            # Some tasks cost something else than they should: the model would be taken off sale.
            "SENTINEL_DEVIATIONS": "1000000",
            "MARGIN_FLOOR_PERCENT": "-100000",
            "API_RATE_PER_MINUTE": "100000",
            "LOG_LEVEL": "ERROR",
        }
        bind = f"127.0.0.1:{port}"
        web = ["-m", "gunicorn", "kieplatform.wsgi", "-k", "gthread", "-w", "2", "--threads", "4", "-b", bind]
        self.web = Process(self.environment, *web, "--log-level", "error")
        streams = ["-m", "uvicorn", "kieplatform.asgi:application", "--port", str(streams_port)]
        self.streams = Process(self.environment, *streams, "--log-level", "error")
        self.workers = [Process(self.environment, "manage.py", "worker") for _ in range(2)]

    def stop(self) -> None:
        for process in [self.web, self.streams, *self.workers]:
            process.kill()


TROUBLE: Counter[str] = Counter()


@contextmanager
def patient() -> Iterator[None]:
    """What fails because something is away for a moment is counted, and tried again by the next round."""
    try:
        yield
    except (
        httpx.TransportError,
        OperationalError,
        InterfaceError,
        Refused,
        stripe_client.Declined,
        AssertionError,
    ) as error:
        TROUBLE[str(error)[:100] or type(error).__name__] += 1
        time.sleep(0.5)
    finally:
        connections.close_all()


class Soak:
    """Customers who pay, generate and complain, as often as it takes."""

    def __init__(self, platform: Platform, kie: Simulator, stripe: StripeSimulator, users: int, wanted: int) -> None:
        self.platform, self.kie, self.stripe, self.wanted = platform, kie, stripe, wanted
        self.random = random.Random(2)
        self.customers = [self._customer(number) for number in range(users)]
        self.accepted = 0
        self.answers: Counter[int] = Counter()
        self.payments: Counter[str] = Counter()
        self.chats: Counter[str] = Counter()
        self.over = threading.Event()
        self._lock = threading.Lock()

    def _customer(self, number: int) -> tuple[User, str]:
        user = User.objects.create_user(f"customer{number}@example.com")
        ledger.open_wallet(user)
        return user, ApiKey.issue(user, "soak")[1]

    def generate(self) -> None:
        """One of several threads: requests of customers by turns until enough were accepted."""
        with httpx.Client(timeout=30, trust_env=False) as http:
            while self.accepted < self.wanted:
                user, key = self.random.choice(self.customers)
                http.headers["Authorization"] = f"Bearer {key}"
                with patient():
                    status = self._chat(http) if self.random.randrange(CHAT_EVERY) == 0 else self._post(http)
                    if status == 402:
                        self._buy(user)
                    elif status != 202:
                        time.sleep(1)

    def _post(self, http: httpx.Client) -> int:
        (fault,) = self.random.choices(list(FAULTS), list(FAULTS.values()))
        body = {"model": MODEL, "input": {"prompt": self._prompt(fault)}}
        status = http.post(f"{self.platform.url}/api/v1/generations", json=body).status_code
        self._answered(status, accepted=status == 202)
        return status

    def _chat(self, http: httpx.Client) -> int:
        """One reply, streamed; 402 when the customer must buy credits first, else whatever came."""
        (fault,) = self.random.choices(list(CHAT_FAULTS), list(CHAT_FAULTS.values()))
        content = self._prompt("tokens=200" if fault == LEAVES else fault)
        body = {"model": soak_books.CHAT_MODEL, "messages": [{"role": "user", "content": content}], "stream": True}
        with http.stream("POST", f"{self.platform.streams_url}/v1/chat/completions", json=body) as response:
            self._answered(response.status_code, accepted=response.is_success)
            for _ in response.iter_lines():
                if fault == LEAVES:
                    break
        self.chats[fault] += response.is_success
        return 202 if response.is_success else response.status_code

    def _prompt(self, fault: str) -> str:
        return f"A red fox {self.random.random()} {f'sim:{fault}' if fault else ''}"

    def _answered(self, status: int, *, accepted: bool) -> None:
        with self._lock:
            self.answers[status] += 1
            self.accepted += accepted

    def _buy(self, user: User) -> None:
        """Credits for two hundred pictures; cards are declined, and some payments are regretted or disputed."""
        payment = checkout.begin_custom(user, 1_000_000)
        checkout.open_page(payment)
        payment.refresh_from_db()
        how = self.random.choices(["pay", "decline", "3ds", "3ds-fail", "later", "later-fails"], [70, 8, 8, 4, 6, 4])[0]
        self.stripe.pay(payment.session_id, how=how)
        self.payments[how] += 1

    def complain(self) -> None:
        """Now and then a payment is disputed, and the dispute won or lost, or an operator returns some of it."""
        disputes: list[str] = []
        operator = User.objects.create_superuser("operator@example.com")
        while not self.over.wait(1):
            with patient():
                paid = list(Payment.objects.filter(state=Payment.State.PAID, refunded_minor=0).order_by("?")[:2])
                if len(paid) == 2 and self.payments["dispute"] * 10 < len(self.customers):
                    disputes.append(self.stripe.dispute(paid[0].payment_intent)["id"])
                    self.payments["dispute"] += 1
                if len(paid) == 2 and (amount := refunds.refundable(paid[1])):
                    refunds.ask(paid[1], self.random.randint(1, amount), reason="Soak", author=operator)
                    self.payments["refund"] += 1
            while len(disputes) > 5:
                with patient():
                    self.stripe.close_dispute(disputes.pop(0), self.random.choice(["won", "lost"]))
        for dispute in disputes:
            self.stripe.close_dispute(dispute, "won")

    def break_things(self) -> None:
        """Kill a worker or the streams, reach the cap, let KIE be busy or refuse us, restart PostgreSQL: by turns."""
        kie = [self._be_busy, self._refuse_the_account]
        turns = itertools.cycle([self._kill_worker, self._reach_the_cap, *kie, self._kill_streams, restart_postgres])
        while not self.over.wait(CHAOS_EVERY_SECONDS):
            with patient():
                next(turns)()

    def _kill_worker(self) -> None:
        worker = self.random.choice(self.platform.workers)
        worker.kill()
        worker.start()

    def _kill_streams(self) -> None:
        self.platform.streams.kill()
        self.platform.streams.start()

    def _be_busy(self) -> None:
        self.kie.fault(self.random.choice(BUSY), count=2)

    def _refuse_the_account(self) -> None:
        self.kie.fault(self.random.choice(ACCOUNT), count=2)
        time.sleep(REFUSED_SECONDS)
        self.kie.clear_faults()
        breaker.resume()

    def _reach_the_cap(self) -> None:
        before = Budget.objects.get(scope=Budget.PLATFORM).daily_cap_millicredits
        Budget.objects.filter(scope=Budget.PLATFORM).update(daily_cap_millicredits=0)
        time.sleep(CAPPED_SECONDS)
        Budget.objects.filter(scope=Budget.PLATFORM).update(daily_cap_millicredits=before)


def restart_postgres() -> None:
    """As an operator would: connections break, committed work stays."""
    control = [with_postgres.binary("pg_ctl"), "-D", os.environ["PGDATA"], "-w", "-m", "fast", "restart"]
    options = f"-c listen_addresses='' -k {os.environ['PGHOST']} -c max_connections=200"
    owner = {"user": "postgres", "group": "postgres", "extra_groups": []} if os.getuid() == 0 else {}
    log = f"{os.environ['PGHOST']}/log"
    subprocess.run([*control, "-l", log, "-o", options], stdout=subprocess.DEVNULL, cwd="/", check=True, **owner)


def settle_down(kie: Simulator, stripe: StripeSimulator) -> None:
    """Wait until nothing is on its way any more."""
    deadline = time.monotonic() + QUIET_SECONDS
    while time.monotonic() < deadline:
        with patient():
            running = sum(count for state, count in kie.state()["tasks"].items() if state in ("waiting", "running"))
            if (
                not soak_books.open_work()
                and stripe.idle()
                and not Payment.objects.filter(state=Payment.State.PENDING).exists()
            ):
                print(f"quiet; {running} tasks run at KIE for nobody")
                return
        time.sleep(2)
    print("something is still open after the time to settle down")


def run(wanted: int, users: int) -> int:
    common.prepare()
    directory = Path(tempfile.mkdtemp(prefix="soak-"))
    with ExitStack() as stack:
        kie = Simulator.start(
            speed=10,
            plain_media=True,
            balance=10_000_000,
            create_limit=0,
            hmac_key=KIE_HMAC_KEY,
            state_path=str(directory / "kie.sqlite3"),
        )
        stack.callback(kie.stop)
        stripe = StripeSimulator.start(speed=50)
        stack.callback(stripe.stop)
        platform = Platform(kie, stripe, directory)
        stack.callback(platform.stop)
        stripe.send_webhooks_to(f"{platform.url}/stripe/webhook")
        settings.STRIPE_SECRET_KEY, settings.STRIPE_API_BASE = stripe.key, stripe.api
        settings.PUBLIC_URL = platform.url
        soak = Soak(platform, kie, stripe, users, wanted)
        started = time.monotonic()
        load = [threading.Thread(target=soak.generate) for _ in range(8)]
        trouble = [threading.Thread(target=soak.complain), threading.Thread(target=soak.break_things)]
        for thread in [*load, *trouble]:
            thread.start()
        while any(thread.is_alive() for thread in load):
            time.sleep(10)
            with patient():
                states = dict(Generation.objects.values_list("state").annotate(count=Count("pk")))
                print(
                    f"{time.monotonic() - started:.0f} s: {soak.accepted} accepted, {states} {dict(TROUBLE)}",
                    flush=True,
                )
        soak.over.set()
        for thread in trouble:
            thread.join()
        print(f"{soak.accepted} generations in {time.monotonic() - started:.0f} s; answers {dict(soak.answers)}")
        print(f"chats: {dict(soak.chats)}; payments: {dict(soak.payments)}")
        print(f"trouble on the way: {dict(TROUBLE.most_common(8))}")
        settle_down(kie, stripe)
        found = soak_books.faults(kie, stripe)
        for line in found:
            print(line)
        return 1 if found else 0


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--generations", type=int, default=20_000)
    parser.add_argument("--users", type=int, default=200)
    options = parser.parse_args()
    sys.exit(run(options.generations, options.users))
