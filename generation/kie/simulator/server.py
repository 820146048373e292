"""One process, two listeners: the API host and the files host."""

import asyncio
import contextlib
import json
import shutil
import signal
import socket
import sys
from collections.abc import Generator
from typing import Any

import uvicorn
from starlette.applications import Starlette

from generation.kie.simulator import (
    aleph,
    api,
    files,
    flux_kontext,
    gpt4o_image,
    luma,
    market,
    midjourney,
    runway,
    suno,
    suno_tools,
    suno_voice,
    veo,
    veo_upgrades,
)
from generation.kie.simulator.config import Config
from generation.kie.simulator.hangup import ReachableProtocol
from generation.kie.simulator.tasks import Task
from generation.kie.simulator.world import World

BACKLOG = 2048
CALLBACKS = {
    "market": market.callback,
    "veo": veo.callback,
    "veo-4k": veo_upgrades.callback_4k,
    "gpt4o-image": gpt4o_image.callback,
    "flux-kontext": flux_kontext.callback,
    "runway": runway.callback,
    "runway-aleph": aleph.callback,
    "luma": luma.callback,
    "midjourney": midjourney.callback,
    **suno.CALLBACKS,
    **suno_tools.CALLBACKS,
    **suno_voice.CALLBACKS,
}


def run(config: Config) -> None:
    """Serve until SIGTERM or SIGINT; prints one line of JSON with both addresses when ready."""
    asyncio.run(_serve(config))


def compose(world: World, task: Task, form: str) -> dict[str, Any]:
    """Return the body of a callback: of a stage on the way, or of the end."""
    if form in suno.STAGES:
        return suno.stage_callback(world, task, form)
    return CALLBACKS[task.family](world, task)


async def _serve(config: Config) -> None:
    world = World(config, compose)
    with _listen(config.host, config.api_port) as api_socket, _listen(config.host, config.files_port) as other:
        world.api_url = _url(api_socket)
        world.files_url = world.files_url.rstrip("/") or _url(other)
        servers = [(_server(api.app(world)), api_socket), (_server(files.app(world)), other)]
        _stop_on_signals([server for server, _ in servers])
        courier = asyncio.create_task(world.courier.run())
        serving = [asyncio.create_task(server.serve([listener])) for server, listener in servers]
        _announce(world)
        await asyncio.gather(*serving)
        courier.cancel()
        await _close(world)


class _Server(uvicorn.Server):
    """A server that leaves signals to us, because there are two of it."""

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        yield


def _server(app: Starlette) -> _Server:
    return _Server(
        uvicorn.Config(
            app,
            http=ReachableProtocol,
            ws="none",
            lifespan="off",
            log_level="error",
            access_log=False,
            timeout_graceful_shutdown=1,
        )
    )


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


def _stop_on_signals(servers: list[_Server]) -> None:
    def stop() -> None:
        for server in servers:
            server.should_exit = True
            # Requests that are never answered on purpose must not hold up the end.
            server.force_exit = True

    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop)


def _announce(world: World) -> None:
    """The sockets already listen, so a client that reads this line may connect at once."""
    sys.stdout.write(json.dumps({"api": world.api_url, "files": world.files_url}) + "\n")
    sys.stdout.flush()


async def _close(world: World) -> None:
    await world.courier.close()
    world.studio.close()
    world.journal.close()
    if not world.config.state_path:
        shutil.rmtree(world.directory, ignore_errors=True)
