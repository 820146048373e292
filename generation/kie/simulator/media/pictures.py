"""Soft gradients with the prompt written on them."""

import io
import random
from collections.abc import Iterator
from pathlib import Path

from PIL import Image, ImageDraw, ImageFilter, ImageFont

from generation.kie.simulator.media.medium import Medium

PALETTES = (
    ("#0b1d51", "#725cad", "#8ccdeb", "#ffe3a9", "#f08a5d"),
    ("#1a2a6c", "#b21f1f", "#fdbb2d", "#ff7e5f", "#2b1055"),
    ("#0f2027", "#2c7744", "#a8e063", "#f7f3c6", "#136a8a"),
    ("#2d1b4e", "#e94f87", "#f9c58d", "#6b5b95", "#88b7d5"),
    ("#003049", "#d62828", "#f77f00", "#fcbf49", "#669bbc"),
    ("#0d3b66", "#3aafa9", "#def2f1", "#f4d35e", "#ee964b"),
    ("#22223b", "#4a4e69", "#c9ada7", "#f2e9e4", "#9a8c98"),
    ("#10002b", "#5a189a", "#c77dff", "#ff9e00", "#ff4d6d"),
)
GRID = (3, 5)
WIDE_FONTS = (
    "/usr/share/fonts/opentype/noto/NotoSansCJK-Regular.ttc",
    "/usr/share/fonts/truetype/noto/NotoSansCJK-Regular.ttc",
)
WESTERN_FONT = "/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf"
FIRST_EAST_ASIAN = "\u2e80"
MAX_LINES = 4
FOOTNOTE = "made by the KIE simulator"


def picture(medium: Medium) -> bytes:
    """Draw a picture and encode it in the medium's format."""
    size = (medium.width, medium.height)
    image = _with_lights(_mesh(medium).resize(size, Image.Resampling.BICUBIC), medium)
    image.paste("white", mask=_writing(medium))
    buffer = io.BytesIO()
    options = {"png": {"compress_level": 2}, "jpg": {"quality": 90}, "webp": {"quality": 85, "method": 2}}
    name = {"jpg": "JPEG"}.get(medium.extension, medium.extension.upper())
    image.save(buffer, name, **options[medium.extension])
    return buffer.getvalue()


def frames(medium: Medium, count: int) -> Iterator[bytes]:
    """Yield raw RGB frames in which the colours drift and come back to where they started."""
    size = (medium.width, medium.height)
    start, end = _mesh(medium), _mesh(medium._replace(variant=medium.variant + 1))
    writing = _writing(medium)
    for number in range(count):
        there_and_back = 1 - abs(2 * number / count - 1)
        eased = there_and_back * there_and_back * (3 - 2 * there_and_back)
        image = Image.blend(start, end, eased).resize(size, Image.Resampling.BICUBIC)
        image.paste("white", mask=writing)
        yield image.tobytes()


def _mesh(medium: Medium) -> Image.Image:
    """A few pixels of a palette, in order from top to bottom; enlarging them makes the gradient."""
    chance = random.Random(medium._replace(extension="", width=0, height=0, seconds=0).digest)
    colours = PALETTES[random.Random(medium.caption).randrange(len(PALETTES))]
    mesh = Image.new("RGB", GRID)
    draw = ImageDraw.Draw(mesh)
    for y in range(GRID[1]):
        for x in range(GRID[0]):
            draw.point((x, y), fill=colours[min(4, max(0, y + chance.choice((-1, 0, 0, 1))))])
    shade = Image.linear_gradient("L").resize(GRID).point(lambda level: max(0, level - 96))
    mesh.paste("black", mask=shade)
    return mesh


def _with_lights(image: Image.Image, medium: Medium) -> Image.Image:
    """Lay a few blurred discs of light over the gradient."""
    chance = random.Random(medium.digest)
    small = (max(2, medium.width // 8), max(2, medium.height // 8))
    glow = Image.new("L", small, 0)
    draw = ImageDraw.Draw(glow)
    for _ in range(7):
        x, y, radius = chance.uniform(0, small[0]), chance.uniform(0, small[1]), chance.uniform(0.04, 0.2)
        radius *= min(small)
        draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=chance.randrange(20, 80))
    glow = glow.filter(ImageFilter.GaussianBlur(min(small) / 40)).resize(image.size, Image.Resampling.BICUBIC)
    image.paste("white", mask=glow)
    return image


def _writing(medium: Medium) -> Image.Image:
    """A mask with the prompt at the bottom left and a footnote under it."""
    mask = Image.new("L", (medium.width, medium.height), 0)
    draw = ImageDraw.Draw(mask)
    unit = min(medium.width, medium.height)
    margin = max(2, unit // 16)
    font, small = _font(unit / 18), _font(unit / 36)
    lines = _wrap(draw, _writable(medium.caption), font, medium.width - 2 * margin)
    bottom = medium.height - margin
    footnote = f"{medium.label}  ·  {FOOTNOTE}" if medium.caption else FOOTNOTE
    draw.text((margin, bottom), footnote, fill=170, font=small, anchor="ld")
    step = unit / 18 * 1.3
    for number, line in enumerate(reversed(lines)):
        draw.text((margin, bottom - unit / 36 * 2.2 - number * step), line, fill=245, font=font, anchor="ld")
    return mask


def _wrap(draw: ImageDraw.ImageDraw, text: str, font: ImageFont.FreeTypeFont, width: float) -> list[str]:
    """Break a text into at most MAX_LINES lines; the rest is cut off with an ellipsis."""
    lines = [""]
    # Text without spaces (Chinese) breaks anywhere.
    words = text[:400].split() if " " in text else list(text[:400].replace("\n", " "))
    gap = " " if " " in text else ""
    for word in words:
        longer = f"{lines[-1]}{gap}{word}" if lines[-1] else word
        if draw.textlength(longer, font=font) <= width:
            lines[-1] = longer
        elif len(lines) == MAX_LINES:
            lines[-1] += " …"
            break
        else:
            lines.append(word)
    return [line for line in lines if line]


def _writable(text: str) -> str:
    """Leave a text out when no font here can write it; boxes would look broken."""
    if any(Path(path).exists() for path in WIDE_FONTS):
        return text
    return "" if any(letter >= FIRST_EAST_ASIAN for letter in text) else text


def _font(size: float) -> ImageFont.FreeTypeFont:
    for path in (*WIDE_FONTS, WESTERN_FONT):
        if Path(path).exists():
            return ImageFont.truetype(path, max(6, size))
    font = ImageFont.load_default(max(6, size))
    assert isinstance(font, ImageFont.FreeTypeFont)
    return font
