"""The paths of the pages that people see."""

from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import Route

from billing.stripe_simulator import hosted, papers
from billing.stripe_simulator.errors import ApiError
from billing.stripe_simulator.rendering import PAGES, page, part
from billing.stripe_simulator.world import World

Handler = Callable[[World, Request], Awaitable[Response]]

PATHS: list[tuple[str, str, Handler]] = [
    ("GET", "/c/pay/{id}", hosted.show),
    ("POST", "/c/pay/{id}", hosted.submit),
    ("POST", "/c/pay/{id}/code", hosted.enter_code),
    ("GET", "/c/challenge/{id}", hosted.show_challenge),
    ("POST", "/c/challenge/{id}", hosted.answer_challenge),
    ("GET", "/receipts/{id}", papers.receipt),
    ("GET", "/i/{id}", papers.invoice),
    ("POST", "/i/{id}", papers.pay_invoice),
    ("GET", "/i/{id}/pdf", papers.invoice_pdf),
    ("GET", "/p/session/{id}", papers.portal),
    ("POST", "/p/session/{id}", papers.act_in_portal),
]


def routes(world: World) -> list[Route]:
    """The routes of all pages and of their style."""
    pages = [Route(path, _edge(world, handler), methods=[method]) for method, path, handler in PATHS]
    return [*pages, Route("/_assets/style.css", _style)]


def _edge(world: World, handler: Handler) -> Callable[[Request], Awaitable[Response]]:
    async def serve(request: Request) -> Response:
        try:
            return await handler(world, request)
        except ApiError as refusal:
            words = part("notice.html", heading="This does not work", words=refusal.body["message"])
            return page("This does not work", words, status=refusal.status)
        finally:
            world.store.flush()

    return serve


async def _style(_request: Request) -> Response:
    return FileResponse(PAGES / "style.css", media_type="text/css")
