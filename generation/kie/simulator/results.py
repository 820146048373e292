"""Which files a finished task has: how many, of which kind, size and format."""

import re
from typing import Any

from generation.kie.simulator.catalogue import Entry
from generation.kie.simulator.media.medium import Medium

COUNT_FIELDS = ("n", "num_images", "max_images", "nVariants")
RATIO_FIELDS = ("aspect_ratio", "aspectRatio", "ratio", "image_size", "size")
TIER_FIELDS = ("resolution", "image_resolution", "size")
CAPTION_FIELDS = ("prompt", "text", "lyrics", "content", "style", "title")
EDGE_BY_TIER = {"1k": 1024, "1.5k": 1536, "2k": 2048, "3k": 3072, "4k": 4096}
SHAPES = {"portrait": 9 / 16, "landscape": 16 / 9, "square": 1.0}
VIDEO_EDGE = 640
CLIP_SECONDS = 2.4
MAX_SOUND_SECONDS = 10.0
CHARACTERS_PER_SECOND = 15
LAYERS = 4
STEMS_BY_TYPE = {"separate_vocal": 2, "split_stem": 12, "split_stem_advanced": 1}
# A mask for each person found.
MASKS = 2
# Midjourney draws four at once (trap 21).
GRID = 4
# A picture comes with the film (protocol 4.4, 4.5).
WITH_POSTER = ("runway/generate", "runway/extend", "runway-aleph/generate")
# The same file lies at two addresses, the first of which lasts (protocol 4.3, 4.6).
AT_TWO_PLACES = ("flux-kontext/flux-kontext-pro", "flux-kontext/flux-kontext-max", "luma/modify")
# Two songs per task, each with a cover (protocol 2.2, trap 21).
TAKES = 2


def media_of(entry: Entry, values: dict[str, Any]) -> list[Medium]:
    """List the files in a fixed order; empty for models that answer with an object."""
    if entry.id in AT_TWO_PLACES:
        return (_videos(entry, values) if entry.kind == "video" else _pictures(entry, values, count=1)) * 2
    if entry.kind == "video" or entry.task == "music-video":
        return _videos(entry, values)
    if entry.task == "cover-art":
        return _pictures(entry, values, count=TAKES)
    if entry.task == "subject-detection":
        return _pictures(entry, values, count=MASKS)
    if entry.task == "layer-decomposition":
        return _pictures(entry, values, count=LAYERS)
    if entry.kind == "image":
        return _pictures(entry, values, count=_count(entry, values))
    if is_song(entry):
        return _songs(entry, values)
    if entry.task == "stem-separation":
        stems = STEMS_BY_TYPE.get(str(values.get("type")), STEMS_BY_TYPE["separate_vocal"])
        return [_sound(entry, values, variant=stem) for stem in range(stems)]
    return [_sound(entry, values)]


def with_defaults(entry: Entry, given: dict[str, Any]) -> dict[str, Any]:
    """Fill in defaults; a shape given under one name is not overruled by the default of another."""
    shaped = any(name in given for name in RATIO_FIELDS)
    defaults = {name: value for name, value in entry.defaults.items() if not (shaped and name in RATIO_FIELDS)}
    return defaults | given


def is_song(entry: Entry) -> bool:
    """Return whether the model answers in the shape of Suno: takes with audio, cover and title."""
    names = ("music", "music-extend", "music-cover", "sound-effects")
    more = ("add-instrumental", "add-vocals", "mashup", "replace-section")
    return entry.id.startswith(("ai-music-api/", "suno/")) and entry.task in names + more


def caption(values: dict[str, Any]) -> str:
    """Return the text that a picture shows."""
    for name in CAPTION_FIELDS:
        if isinstance(values.get(name), str) and values[name].strip():
            return values[name].strip()
    for name in ("dialogue", "dialogue_turns", "multi_prompt"):
        lines = [turn.get("text") or turn.get("prompt") or "" for turn in values.get(name) or []]
        if any(lines):
            return " ".join(lines)
    return ""


def _pictures(entry: Entry, values: dict[str, Any], count: int) -> list[Medium]:
    width, height = _picture_size(values)
    kind = str(values.get("output_format") or values.get("outputFormat") or "png").lower()
    extension = {"jpeg": "jpg", "jpg": "jpg", "webp": "webp"}.get(kind, "png")
    return [
        Medium("image", extension, width, height, 0.0, caption(values), entry.id, variant) for variant in range(count)
    ]


def _videos(entry: Entry, values: dict[str, Any]) -> list[Medium]:
    width, height = _fit(_ratio(values, 16 / 9), VIDEO_EDGE)
    extension = "mov" if values.get("output_format") == "mov" else "mp4"
    text = caption(values)
    clips = range(int(values.get("videoBatchSize") or 1))
    media = [Medium("video", extension, width, height, CLIP_SECONDS, text, entry.id, variant) for variant in clips]
    # The first and last frame (protocol 2.2, Seedance), or the cover of a 4K file (protocol 4.1).
    if values.get("return_last_frame"):
        media += [Medium("image", "png", width, height, 0.0, text, entry.id, variant) for variant in (0, 1)]
    elif entry.id == "veo3-api/get-4k-video":
        media.append(Medium("image", "jpg", width, height, 0.0, text, entry.id))
    elif entry.id in WITH_POSTER:
        media.append(Medium("image", "png", width, height, 0.0, text, entry.id))
    return media


def _songs(entry: Entry, values: dict[str, Any]) -> list[Medium]:
    media = []
    for take in range(TAKES):
        media.append(_sound(entry, values, variant=take))
        media.append(Medium("image", "jpg", 512, 512, 0.0, caption(values), entry.id, take))
    return media


def _sound(entry: Entry, values: dict[str, Any], variant: int = 0) -> Medium:
    extension = "wav" if entry.task == "audio-conversion" or entry.id.startswith("google/") else "mp3"
    text = caption(values)
    asked = float(values.get("duration") or values.get("duration_seconds") or 0)
    if not asked and entry.kind == "speech":
        asked = max(1.0, len(text) / CHARACTERS_PER_SECOND)
    seconds = min(asked or MAX_SOUND_SECONDS, MAX_SOUND_SECONDS)
    return Medium("audio", extension, 0, 0, round(seconds, 1), text, entry.id, variant)


def _count(entry: Entry, values: dict[str, Any]) -> int:
    if entry.id.startswith("midjourney/") and entry.task != "upscale":
        return GRID
    return next((max(1, int(values[name])) for name in COUNT_FIELDS if values.get(name)), 1)


def _picture_size(values: dict[str, Any]) -> tuple[int, int]:
    for name in RATIO_FIELDS:
        pixels = re.fullmatch(r"(\d{2,5})[x*](\d{2,5})", str(values.get(name, "")))
        if pixels:
            return min(int(pixels[1]), 4096), min(int(pixels[2]), 4096)
    edges = [EDGE_BY_TIER[str(values.get(name)).lower()] for name in TIER_FIELDS if _is_tier(values.get(name))]
    edge = edges[0] if edges else (512 if values.get("image_size") == "square" else 1024)
    return _fit(_ratio(values, 1.0), edge)


def _is_tier(value: object) -> bool:
    return str(value).lower() in EDGE_BY_TIER


def _ratio(values: dict[str, Any], default: float) -> float:
    """Read "16:9", "portrait_16_9" (which is 9:16) or "landscape"; anything else is the default."""
    for name in RATIO_FIELDS:
        text = str(values.get(name, ""))
        numbers = re.fullmatch(r"(\d+):(\d+)", text)
        if numbers:
            return int(numbers[1]) / int(numbers[2])
        shape, _, rest = text.partition("_")
        sides = re.fullmatch(r"(\d+)_(\d+)", rest)
        if shape in SHAPES and sides:
            long, short = max(map(int, sides.groups())), min(map(int, sides.groups()))
            return short / long if shape == "portrait" else long / short
        if shape in SHAPES:
            return SHAPES[shape]
    return default


def _fit(ratio: float, edge: int) -> tuple[int, int]:
    """Make the longer side `edge`; both sides even, which video needs."""
    width, height = (edge, edge / ratio) if ratio >= 1 else (edge * ratio, edge)
    return max(2, round(width / 2) * 2), max(2, round(height / 2) * 2)
