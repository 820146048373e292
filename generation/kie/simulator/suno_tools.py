"""Suno's tools on their own endpoints: each has its own words and places (protocol 4.9, traps 16 to 18)."""

import time
from collections.abc import Callable
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from generation.kie.simulator import legacy, links, objects, records, songs, suno
from generation.kie.simulator.envelope import Refusal
from generation.kie.simulator.tasks import FAIL, QUEUING, SUCCESS, UNKNOWN, WAITING, Task, state
from generation.kie.simulator.world import Order, World

LYRICS, WAV, STEMS, MIDI, VIDEO, COVER = (
    f"suno-{name}" for name in ("lyrics", "wav", "vocal-removal", "midi", "mp4", "cover")
)
BUSY = "Your call frequency is too high. Please try again later."
Data = dict[str, Any]


async def lyrics(world: World, request: Request) -> Response:
    """POST /api/v1/lyrics, which has a code table of its own: 430 too frequent, 429 no credits (trap 41)."""
    try:
        return await _create(LYRICS)(world, request)
    except Refusal as refusal:
        codes = {429: (430, BUSY), 402: (429, refusal.message)}
        raise Refusal(*codes.get(refusal.code, (refusal.code, refusal.message))) from refusal


def _create(family: str) -> Callable[[World, Request], Any]:
    async def handler(world: World, request: Request) -> Response:
        return await legacy.accept(world, request, lambda world, body: read(world, family, body))

    return handler


def read(world: World, family: str, body: Data) -> Order:
    """Check a create body, and that what it builds upon exists."""
    found = suno.order(family, world.catalogue.at(family)[0], body)
    if body.get("taskId"):
        base = (STEMS,) if family == MIDI else (suno.FAMILY,)
        found.parent = suno.source(world, base, body["taskId"], body.get("audioId")).id
        _refuse_twice(world, family, body)
    return found


def _refuse_twice(world: World, family: str, body: Data) -> None:
    """There is one WAV per track and one set of covers per song; separation is made, and charged, every time."""
    made = [task for task in world.tasks.values() if task.family == family and task.parent == body["taskId"]]
    if family == COVER and made:
        raise Refusal(400, "The cover image has already been generated", {"taskId": made[0].id})
    if family == WAV and body["audioId"] in [task.body["audioId"] for task in made]:
        raise Refusal(409, "The WAV record already exists")


def _record_info(family: str, record_data: Callable[[World, Task, float], Data]) -> Callable[[World, Request], Any]:
    async def handler(world: World, request: Request) -> Response:
        now = time.time()
        task = records.poll(world, request, (family,), records.NULL, now)
        return records.record(task, _about(task, now) | record_data(world, task, now))

    return handler


def _about(task: Task, now: float) -> Data:
    """Return what all these records have."""
    failure = legacy.failure(task, now)
    ended = legacy.ended(task, now)
    return {
        "taskId": task.id,
        "callbackUrl": task.callback_url,
        "createTime": songs.clock(task.created),
        "completeTime": songs.clock(ended) if ended else None,
        "errorCode": failure.code if failure else None,
        "errorMessage": failure.message if failure else None,
    }


def _track(task: Task) -> Data:
    audio_id = str(task.body.get("audioId") or "")
    return {"musicId": audio_id, "musicIndex": min(1, int(audio_id[songs.ID_LENGTH :] or 0))}


def _done(task: Task, now: float) -> bool:
    return state(task, now) == SUCCESS and "callback-exception-empty" not in task.faults


def _first(world: World, task: Task) -> str | None:
    return next(iter(links.urls(world, task)), None)


# What the records say


def lyrics_data(world: World, task: Task, now: float) -> Data:
    """Each text has a status of its own (trap 22)."""
    found = {"taskId": task.id, "data": objects.lyrics(task)} if _done(task, now) else None
    return {"param": task.body["prompt"], "response": found, "status": suno.word(task, now, "GENERATE_LYRICS_FAILED")}


def wav_data(world: World, task: Task, now: float) -> Data:
    found = {"audioWavUrl": _first(world, task)} if _done(task, now) else None
    return {**_track(task), "response": found, "successFlag": suno.word(task, now, "GENERATE_WAV_FAILED")}


def video_data(world: World, task: Task, now: float) -> Data:
    found = {"videoUrl": _first(world, task)} if _done(task, now) else None
    return {**_track(task), "response": found, "successFlag": suno.word(task, now, "GENERATE_MP4_FAILED")}


def stems_data(world: World, task: Task, now: float) -> Data:
    """Addresses by name, and the list with the ids that MIDI takes; here times are in milliseconds."""
    found: Data | None = None
    if _done(task, now):
        parts = _stems(world, task)
        names = {objects.camel(name): url for name, url, _ in parts if name in objects.STEMS}
        listed = [_stem(task, number, part) for number, part in enumerate(parts)]
        found = {"id": None, "originUrl": "", **names, "originData": listed}
    times = {"createTime": int(task.created * 1000), "completeTime": int(now * 1000) if found else None}
    return {**_track(task), **times, "response": found, "successFlag": suno.word(task, now, "GENERATE_AUDIO_FAILED")}


def _stems(world: World, task: Task) -> list[tuple[str, str, float]]:
    """Return name, address and seconds of each part."""
    media, urls = links.media(world, task), links.urls(world, task)
    names = objects.stem_names(task.body)
    return [(name, url, medium.seconds) for name, url, medium in zip(names, urls, media, strict=False)]


def _stem(task: Task, number: int, part: tuple[str, str, float]) -> Data:
    name, url, seconds = part
    return {
        "duration": seconds,
        "audio_url": url,
        "stem_type_group_name": name,
        "id": songs.part_id(task, number),
    }


def midi_data(world: World, task: Task, now: float) -> Data:
    """Here the flag is a number: 0 pending, 1 done, 2 not created, 3 failed."""
    found = objects.midi(task) if state(task, now) == SUCCESS else None
    return {"audioId": task.body.get("audioId", ""), "midiData": found, "successFlag": legacy.flag(task, now)}


def cover_data(world: World, task: Task, now: float) -> Data:
    """Here 2 means that it is being made (trap 17), and a success has errorCode 200."""
    now_is = state(task, now)
    done = now_is == SUCCESS
    flags = {WAITING: 0, QUEUING: 0, SUCCESS: 1, FAIL: 3, UNKNOWN: legacy.UNKNOWN_FLAG}
    found: Data = {
        "parentTaskId": task.parent,
        "response": {"images": links.urls(world, task)} if done else None,
        "successFlag": flags.get(now_is, 2),
    }
    return found | ({"errorCode": 200} if done else {})


# What the callbacks say


def lyrics_callback(world: World, task: Task) -> Data:
    """A failure too is called complete (trap 23)."""
    data: Data = {"callbackType": "complete", "task_id": task.id, "data": None}
    if task.failure:
        return {"code": task.failure.code, "msg": task.failure.message, "data": data}
    texts = [
        {"error_message": text["errorMessage"]} | {name: text[name] for name in ("status", "text", "title")}
        for text in objects.lyrics(task)
    ]
    return {"code": 200, "msg": "All generated successfully.", "data": data | {"data": texts}}


def wav_callback(world: World, task: Task) -> Data:
    return _called(task, "success", {"audioWavUrl": _first(world, task)}, "task_id")


def video_callback(world: World, task: Task) -> Data:
    return _called(task, "success", {"video_url": _first(world, task)}, "task_id")


def stems_callback(world: World, task: Task) -> Data:
    info = {f"{objects.snake(name)}_url": url for name, url, _ in _stems(world, task) if name in objects.STEMS}
    data = {"vocal_separation_info": {**info, "origin_url": ""}}
    return _called(task, "vocal separation generated successfully.", data, "task_id")


def midi_callback(world: World, task: Task) -> Data:
    if task.failure:
        return {"code": task.failure.code, "msg": task.failure.message, "data": {"taskId": task.id}}
    return _called(task, "success", objects.midi(task), "taskId")


def cover_callback(world: World, task: Task) -> Data:
    return _called(task, "success", {"images": links.urls(world, task)}, "taskId")


def _called(task: Task, message: str, found: Data, id_key: str) -> Data:
    """Return a callback; a failure has the same fields, all null."""
    if task.failure:
        nothing = dict.fromkeys(found)
        return {"code": task.failure.code, "msg": task.failure.message, "data": {id_key: task.id, **nothing}}
    return {"code": 200, "msg": message, "data": {id_key: task.id, **found}}


ENDPOINTS = [
    ("POST", "/api/v1/lyrics", lyrics),
    ("GET", "/api/v1/lyrics/record-info", _record_info(LYRICS, lyrics_data)),
    ("POST", "/api/v1/wav/generate", _create(WAV)),
    ("GET", "/api/v1/wav/record-info", _record_info(WAV, wav_data)),
    ("POST", "/api/v1/vocal-removal/generate", _create(STEMS)),
    ("GET", "/api/v1/vocal-removal/record-info", _record_info(STEMS, stems_data)),
    ("POST", "/api/v1/midi/generate", _create(MIDI)),
    ("GET", "/api/v1/midi/record-info", _record_info(MIDI, midi_data)),
    ("POST", "/api/v1/mp4/generate", _create(VIDEO)),
    ("GET", "/api/v1/mp4/record-info", _record_info(VIDEO, video_data)),
    ("POST", "/api/v1/suno/cover/generate", _create(COVER)),
    ("GET", "/api/v1/suno/cover/record-info", _record_info(COVER, cover_data)),
]
CALLBACKS = {
    LYRICS: lyrics_callback,
    WAV: wav_callback,
    STEMS: stems_callback,
    MIDI: midi_callback,
    VIDEO: video_callback,
    COVER: cover_callback,
}
