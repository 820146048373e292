"""One process, one listener: API, hosted pages, control API and the sender of webhooks."""

import asyncio
import contextlib
from collections.abc import Callable

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from billing.stripe_simulator import api, checkout, control, disputes, refunds, sessions, website
from billing.stripe_simulator.agenda import Item
from billing.stripe_simulator.config import Config
from billing.stripe_simulator.courier import Courier
from billing.stripe_simulator.errors import ApiError
from billing.stripe_simulator.world import World
from simulating import serving


def run(config: Config) -> None:
    """Serve until SIGTERM or SIGINT; prints one line of JSON with the address when ready."""
    asyncio.run(_serve(config))


async def _serve(config: Config) -> None:
    world = World(config)
    courier = Courier(world)
    with serving.listen(config.host, config.port) as listener:
        here = serving.url(listener)
        world.url = world.url or here
        server = serving.Server(_app(world, courier))
        serving.stop_on_signals([server])
        world.agenda.resume()
        agenda = asyncio.create_task(world.agenda.run(_actor(world, courier)))
        running = asyncio.create_task(server.serve([listener]))
        serving.announce(api=here)
        await running
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


async def _http_error(request: Request, error: Exception) -> Response:
    """Unknown paths and methods, in Stripe's words."""
    status = error.status_code if isinstance(error, HTTPException) else 500
    message = f"Unrecognized request URL ({request.method}: {request.url.path})."
    return JSONResponse({"error": {"type": "invalid_request_error", "message": message}}, status)
