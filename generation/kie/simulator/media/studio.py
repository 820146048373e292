"""Makes files when they are first asked for, beside the event loop, and keeps them."""

import asyncio
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from generation.kie.simulator.media.medium import Medium
from generation.kie.simulator.media.pictures import picture
from generation.kie.simulator.media.recordings import clip, sound


class Studio:
    """Caches on disk by what a medium is; with `plain`, all media of a format share one small file."""

    def __init__(self, directory: Path, plain: bool) -> None:
        self._directory = directory
        self._plain = plain
        self._pool = ThreadPoolExecutor(max_workers=2, thread_name_prefix="studio")
        self._making: dict[Path, asyncio.Future[None]] = {}

    async def file(self, medium: Medium) -> Path:
        """Return the path of the finished file."""
        medium = medium.plain() if self._plain else medium
        path = self._directory / f"{medium.digest.hex()}.{medium.extension}"
        if path.exists():
            return path
        if path not in self._making:
            loop = asyncio.get_running_loop()
            self._making[path] = loop.run_in_executor(self._pool, _make, medium, path)
            self._making[path].add_done_callback(lambda _: self._making.pop(path))
        await asyncio.shield(self._making[path])
        return path

    def close(self) -> None:
        """Drop what has not been started."""
        self._pool.shutdown(wait=False, cancel_futures=True)


def _make(medium: Medium, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f"draft-{path.name}")
    if medium.kind == "image":
        draft.write_bytes(picture(medium))
    elif medium.kind == "video":
        clip(medium, draft)
    else:
        sound(medium, draft)
    os.replace(draft, path)
