"""The protocol families: KIE's several generations of endpoints, each a small adapter without a network."""

from generation.kie.families.base import Family
from generation.kie.families.gpt4o_image import Gpt4oImage
from generation.kie.families.market import Market
from generation.kie.families.veo import Veo

FAMILIES: dict[str, Family] = {family.name: family for family in (Market(), Veo(), Gpt4oImage())}
