"""Addresses of result files, and fresh links to them (protocol 6.2, 6.5)."""

import hashlib
import hmac
import time
from urllib.parse import parse_qsl, urlsplit

from generation.kie.simulator.media.medium import Medium
from generation.kie.simulator.results import media_of, with_defaults
from generation.kie.simulator.tasks import SUCCESS, Task, has_first_take, state
from generation.kie.simulator.world import World

FRESH_LINK_SECONDS = 1200
UPLOAD_SECONDS = 24 * 3600.0
# A take and its cover.
FIRST_TAKE_FILES = 2
PRIVATE_URL = "http://169.254.169.254/"


def media(world: World, task: Task) -> list[Medium]:
    """Return the files of a task; none with the fault empty-result."""
    if "empty-result" in task.faults:
        return []
    entry = world.entry_of(task)
    return media_of(entry, with_defaults(entry, task.body.get("input", task.body)))


def urls(world: World, task: Task) -> list[str]:
    """Return the result URLs of a finished task, in the order of `media`."""
    found = media(world, task)
    if "private-url" in task.faults:
        return [f"{PRIVATE_URL}{index}.{medium.extension}" for index, medium in enumerate(found)]
    return [f"{world.files_url}/s/{task.token}_{index}.{medium.extension}" for index, medium in enumerate(found)]


def find(world: World, name: str) -> tuple[Task, Medium] | None:
    """Find the file called `<token>_<index>.<extension>`; None before it exists and after it expired."""
    token, _, rest = name.partition("_")
    task = world.tasks_by_token.get(token)
    now = time.time()
    if task is None or task.ends is None:
        return None
    done = state(task, now) == SUCCESS
    if not done and not has_first_take(task, now):
        return None
    if now - task.ends > world.config.link_seconds:
        return None
    for index, medium in enumerate(media(world, task)):
        if rest == f"{index}.{medium.extension}" and (done or index < FIRST_TAKE_FILES):
            return task, medium
    return None


def find_upload(world: World, path: str) -> dict[str, object] | None:
    """Find an uploaded file by its path; uploads live for a day."""
    upload = world.uploads.get(path)
    if upload is None or time.time() - upload["at"] > UPLOAD_SECONDS:
        return None
    return upload


def fresh(world: World, url: str) -> str | None:
    """Return a link that works for 20 minutes; None for a URL that is not ours. It extends no life."""
    if not url.startswith(world.files_url + "/"):
        return None
    path = urlsplit(url).path
    known = find(world, path.removeprefix("/s/")) if path.startswith("/s/") else find_upload(world, path[1:])
    if known is None:
        return None
    at = int(time.time())
    query = f"X-Amz-Date={at}&X-Amz-Expires={FRESH_LINK_SECONDS}"
    return f"{world.files_url}{path}?{query}&X-Amz-Signature={_sign(world, path, at)}"


def is_fresh(world: World, path: str, query: str) -> bool | None:
    """Check a fresh link: None for a plain URL, False for a wrong or expired signature."""
    fields = dict(parse_qsl(query))
    if "X-Amz-Signature" not in fields:
        return None
    text = fields.get("X-Amz-Date", "")
    at = int(text) if text.isdigit() else 0
    right = hmac.compare_digest(_sign(world, path, at), fields["X-Amz-Signature"])
    return right and time.time() - at < FRESH_LINK_SECONDS


def _sign(world: World, path: str, at: int) -> str:
    return hmac.new(world.config.key.encode(), f"{path}{at}".encode(), hashlib.sha256).hexdigest()
