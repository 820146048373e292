"""Balance and download links (protocol 6.1, 6.2)."""

from starlette.requests import Request
from starlette.responses import Response

from generation.kie.simulator import links
from generation.kie.simulator.create import read_object
from generation.kie.simulator.envelope import Refusal, ok
from generation.kie.simulator.world import World


async def credit(world: World, _request: Request) -> Response:
    """GET /api/v1/chat/credit: a float, whatever the schema says."""
    world.settle()
    return ok(float(world.account.balance))


async def download_url(world: World, request: Request) -> Response:
    """POST /api/v1/common/download-url."""
    body = await read_object(request)
    link = links.fresh(world, str(body.get("url") or ""))
    if link is None:
        raise Refusal(422, "url is wrong")
    return ok(link)
