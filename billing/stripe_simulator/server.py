"""One process, one listener: API, hosted pages, control API and the sender of webhooks."""

import asyncio
import contextlib
import json
import signal
import socket
import sys
from collections.abc import Callable, Generator

import uvicorn
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from billing.stripe_simulator import api, checkout, control, disputes, refunds, sessions, website
from billing.stripe_simulator.agenda import Item
from billing.stripe_simulator.config import Config
from billing.stripe_simulator.courier import Courier
from billing.stripe_simulator.errors import ApiError
from billing.stripe_simulator.hangup import ReachableProtocol
from billing.stripe_simulator.world import World

BACKLOG = 2048


def run(config: Config) -> None:
    """Serve until SIGTERM or SIGINT; prints one line of JSON with the address when ready."""
    asyncio.run(_serve(config))


async def _serve(config: Config) -> None:
    world = World(config)
    courier = Courier(world)
    with _listen(config.host, config.port) as listener:
        here = _url(listener)
        world.url = world.url or here
        server = _Server(
            uvicorn.Config(
                _app(world, courier),
                http=ReachableProtocol,
                ws="none",
                lifespan="off",
                log_level="error",
                access_log=False,
                timeout_graceful_shutdown=1,
            )
        )
        _stop_on_signals(server)
        world.agenda.resume()
        agenda = asyncio.create_task(world.agenda.run(_actor(world, courier)))
        serving = asyncio.create_task(server.serve([listener]))
        # The socket already listens, so a client that reads this line may connect at once.
        sys.stdout.write(json.dumps({"api": here}) + "\n")
        sys.stdout.flush()
        await serving
        agenda.cancel()
        await courier.close()
        world.store.close()


def _app(world: World, courier: Courier) -> Starlette:
    def reset() -> None:
        courier.forget()
        world.reset()

    routes = [*api.routes(world), *website.routes(world), control.mount(world, reset)]
    return Starlette(routes=routes, exception_handlers={HTTPException: _http_error})


def _actor(world: World, courier: Courier) -> Callable[[Item], None]:
    """What the agenda's actions do."""

    def dispute(charge: str) -> None:
        disputes.open_about(world, world.get("charge", charge))

    actions: dict[str, Callable[..., None]] = {
        "settle": lambda **about: checkout.settle(world, **about),
        "expire": lambda **about: sessions.expire_when_due(world, **about),
        "refund": lambda **about: refunds.settle(world, **about),
        "dispute-ends": lambda **about: disputes.close_later(world, **about),
        "dispute": dispute,
    }

    def act(item: Item) -> None:
        if item.action == "deliver":
            courier.deliver(item)
            return
        # Something else may have happened to the object since this was planned.
        with contextlib.suppress(ApiError):
            actions[item.action](**item.about)
        world.agenda.done(item)
        world.store.flush()

    return act


class _Server(uvicorn.Server):
    """A server that leaves signals to us: requests that are never answered must not hold up the end."""

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        yield


def _listen(host: str, port: int) -> socket.socket:
    """Name the protocol: asyncio turns Nagle's algorithm off only for sockets that say they are TCP."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((host, port))
    listener.listen(BACKLOG)
    listener.setblocking(False)
    return listener


def _url(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _stop_on_signals(server: _Server) -> None:
    def stop() -> None:
        server.should_exit = True
        server.force_exit = True

    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop)


async def _http_error(request: Request, error: Exception) -> Response:
    """Unknown paths and methods, in Stripe's words."""
    status = error.status_code if isinstance(error, HTTPException) else 500
    message = f"Unrecognized request URL ({request.method}: {request.url.path})."
    return JSONResponse({"error": {"type": "invalid_request_error", "message": message}}, status)
