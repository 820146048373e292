"""One process, two listeners: the API host and the files host."""

import asyncio
import shutil
from typing import Any

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
from generation.kie.simulator.tasks import Task
from generation.kie.simulator.world import World
from simulating import serving

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
    with (
        serving.listen(config.host, config.api_port) as api_socket,
        serving.listen(config.host, config.files_port) as other,
    ):
        world.api_url = serving.url(api_socket)
        world.files_url = world.files_url.rstrip("/") or serving.url(other)
        servers = [(serving.Server(api.app(world)), api_socket), (serving.Server(files.app(world)), other)]
        serving.stop_on_signals([server for server, _ in servers])
        courier = asyncio.create_task(world.courier.run())
        running = [asyncio.create_task(server.serve([listener])) for server, listener in servers]
        serving.announce(api=world.api_url, files=world.files_url)
        await asyncio.gather(*running)
        courier.cancel()
        await _close(world)


async def _close(world: World) -> None:
    await world.courier.close()
    world.studio.close()
    world.journal.close()
    if not world.config.state_path:
        shutil.rmtree(world.directory, ignore_errors=True)
