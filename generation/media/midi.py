"""Notes that were read from a recording: as a standard MIDI file, and as the shapes of a piano roll.

Instruments are `{"name", "notes": [{"pitch": 0…127, "start", "end" in seconds, "velocity": 0…1}]}`.
"""

import io
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from typing import Any

from mido import Message, MetaMessage, MidiFile, MidiTrack, second2tick  # type: ignore[import-untyped]

TICKS_PER_BEAT = 480
TEMPO = 500_000  # microseconds a beat: 120 beats a minute, which makes a second of sound a second of MIDI
DRUMS = 9
HIGHEST = 127
# General MIDI's programs for the words that occur in names of stems; the first that occurs counts.
PROGRAMS = {
    "bass": 33,
    "acoustic guitar": 25,
    "guitar": 27,
    "electric piano": 4,
    "piano": 0,
    "keyboard": 4,
    "organ": 16,
    "string": 48,
    "violin": 40,
    "brass": 61,
    "trumpet": 56,
    "sax": 65,
    "flute": 73,
    "woodwind": 71,
    "choir": 52,
    "voc": 53,
    "voice": 53,
    "synth": 81,
}
_PERCUSSION = re.compile(r"drum|percussion|kick|snare|cymbal|hi-hat", re.IGNORECASE)
_NAMES = ("C", "C♯", "D", "D♯", "E", "F", "F♯", "G", "G♯", "A", "A♯", "B")

# The roll's picture, in its own units
ROW, MOST_NOTES, COLOURS = 5, 20_000, 8
WIDTH, LEAST_SECOND, MOST_SECOND, MARK_WIDTH = 720, 24, 160, 60


@dataclass(frozen=True)
class Note:
    pitch: int
    start: float
    end: float
    velocity: float


@dataclass(frozen=True)
class Instrument:
    name: str
    notes: tuple[Note, ...]


def read(data: Any) -> list[Instrument]:
    """The instruments of stored notes; what is no note is left out."""
    listed = data.get("instruments") if isinstance(data, dict) else data
    found = [item for item in listed if isinstance(item, dict)] if isinstance(listed, list) else []
    return [
        Instrument(str(item.get("name") or f"Instrument {number}"), tuple(_notes(item.get("notes"))))
        for number, item in enumerate(found, start=1)
    ]


def _notes(listed: Any) -> Iterator[Note]:
    for item in listed if isinstance(listed, list) else []:
        try:
            start, end = float(item["start"]), float(item["end"])
            pitch, velocity = int(item["pitch"]), float(item.get("velocity", 1))
        except (TypeError, ValueError, KeyError, OverflowError):
            continue
        if 0 <= pitch <= HIGHEST and 0 <= start < end < 24 * 3600:
            yield Note(pitch, start, end, min(max(velocity, 0.0), 1.0))


# As a file


def to_file(instruments: list[Instrument]) -> bytes:
    """A standard MIDI file: a track for the tempo and one for each instrument."""
    file = MidiFile(ticks_per_beat=TICKS_PER_BEAT)
    file.tracks.append(MidiTrack([MetaMessage("set_tempo", tempo=TEMPO)]))
    # The tenth channel is for percussion; beyond sixteen they are shared.
    melodic = (channel for number in count() if (channel := number % 16) != DRUMS)
    for instrument in instruments:
        drums = bool(_PERCUSSION.search(instrument.name))
        file.tracks.append(_track(instrument, DRUMS if drums else next(melodic)))
    out = io.BytesIO()
    file.save(file=out)
    return out.getvalue()


def _track(instrument: Instrument, channel: int) -> MidiTrack:
    # The format knows Latin-1 only.
    name = instrument.name.encode("latin-1", "replace").decode("latin-1")
    track = MidiTrack([MetaMessage("track_name", name=name)])
    if channel != DRUMS:
        track.append(Message("program_change", channel=channel, program=_program(instrument.name)))
    strokes = []
    for note in instrument.notes:
        velocity = max(1, round(note.velocity * HIGHEST))
        strokes.append((_tick(note.end), 0, Message("note_off", channel=channel, note=note.pitch)))
        strokes.append((_tick(note.start), 1, Message("note_on", channel=channel, note=note.pitch, velocity=velocity)))
    last = 0
    for tick, _, message in sorted(strokes, key=lambda stroke: stroke[:2]):
        track.append(message.copy(time=tick - last))
        last = tick
    return track


def _tick(seconds: float) -> int:
    return int(second2tick(seconds, TICKS_PER_BEAT, TEMPO))


def _program(name: str) -> int:
    return next((program for word, program in PROGRAMS.items() if word in name.lower()), 0)


# As a picture


@dataclass(frozen=True)
class Voice:
    """An instrument in the roll: the outline of its notes, and what a table says of it."""

    name: str
    colour: int
    path: str
    notes: int
    lowest: str
    highest: str


@dataclass(frozen=True)
class Roll:
    """A piano roll: its size in its own units, the seconds of its marks, and the instruments."""

    width: int
    height: int
    seconds: float
    marks: list[tuple[int, str]]
    voices: list[Voice]

    @property
    def notes(self) -> int:
        return sum(voice.notes for voice in self.voices)

    @property
    def length(self) -> str:
        minutes, seconds = divmod(int(self.seconds), 60)
        return f"{minutes} min {seconds} s" if minutes else f"{seconds} s"


def roll(instruments: list[Instrument]) -> Roll | None:
    """The piano roll of all instruments together; None where there is no note."""
    notes = [note for instrument in instruments for note in instrument.notes]
    if not notes:
        return None
    top, bottom = max(note.pitch for note in notes) + 1, min(note.pitch for note in notes) - 1
    seconds = max(note.end for note in notes)
    # A short piece fills the page, a long one is wider and is scrolled.
    second = min(max(WIDTH / seconds, LEAST_SECOND), MOST_SECOND)
    left, voices = MOST_NOTES, []
    for number, instrument in enumerate(item for item in instruments if item.notes):
        voices.append(_voice(instrument, number % COLOURS, top, second, left))
        left = max(0, left - len(instrument.notes))
    width = max(int(seconds * second) + 1, WIDTH)
    return Roll(width, (top - bottom + 1) * ROW, seconds, _marks(seconds, second), voices)


def _marks(seconds: float, second: float) -> list[tuple[int, str]]:
    step = next(step for step in (1, 5, 10, 30, 60, 600, 86400) if step * second >= MARK_WIDTH and seconds / step <= 60)
    return [(int(at * second), f"{at // 60}:{at % 60:02}") for at in range(0, int(seconds) + 1, step)]


def _voice(instrument: Instrument, colour: int, top: int, second: float, most: int) -> Voice:
    pitches = [note.pitch for note in instrument.notes]
    path = "".join(_outline(note, top, second) for note in instrument.notes[:most])
    return Voice(instrument.name, colour, path, len(pitches), pitch_name(min(pitches)), pitch_name(max(pitches)))


def _outline(note: Note, top: int, second: float) -> str:
    width = max(1.0, (note.end - note.start) * second - 0.5)
    return f"M{note.start * second:.1f} {(top - note.pitch) * ROW}h{width:.1f}v{ROW - 1}h-{width:.1f}z"


def pitch_name(pitch: int) -> str:
    """60 is C4."""
    return f"{_NAMES[pitch % 12]}{pitch // 12 - 1}"
