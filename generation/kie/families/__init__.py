"""The protocol families: KIE's several generations of endpoints, each a small adapter without a network."""

from generation.kie.families.aleph import Aleph
from generation.kie.families.base import Family
from generation.kie.families.flux_kontext import FluxKontext
from generation.kie.families.gemini_omni import GeminiOmni
from generation.kie.families.gpt4o_image import Gpt4oImage
from generation.kie.families.luma import Luma
from generation.kie.families.market import Market
from generation.kie.families.midjourney import Midjourney
from generation.kie.families.runway import Runway
from generation.kie.families.suno import Suno
from generation.kie.families.suno_at_once import SunoAtOnce
from generation.kie.families.suno_tools import SunoCover, SunoLyrics, SunoMidi, SunoMp4, SunoVocalRemoval, SunoWav
from generation.kie.families.suno_voice import SunoPhrase, SunoVoice
from generation.kie.families.veo import Veo

_ALL: tuple[Family, ...] = (
    Aleph(),
    FluxKontext(),
    GeminiOmni(),
    Gpt4oImage(),
    Luma(),
    Market(),
    Midjourney(),
    Runway(),
    Suno(),
    SunoAtOnce(),
    SunoCover(),
    SunoLyrics(),
    SunoMidi(),
    SunoMp4(),
    SunoPhrase(),
    SunoVocalRemoval(),
    SunoVoice(),
    SunoWav(),
    Veo(),
)
FAMILIES: dict[str, Family] = {family.name: family for family in _ALL}
