"""Notes as a MIDI file that any program reads, and as the shapes of a piano roll."""

import io
from typing import Any

import mido
import pytest

from generation.media import midi


def instrument(name: str = "Piano", *notes: tuple[int, float, float]) -> dict[str, Any]:
    return {"name": name, "notes": [{"pitch": p, "start": s, "end": e, "velocity": 1} for p, s, e in notes]}


def played(*instruments: dict[str, Any]) -> mido.MidiFile:
    return mido.MidiFile(file=io.BytesIO(midi.to_file(midi.read({"instruments": list(instruments)}))))


def test_seconds_stay_seconds() -> None:
    file = played(instrument("Piano", (60, 0, 0.5), (64, 1.5, 61.25)))
    assert file.length == pytest.approx(61.25, abs=0.002)


def test_a_note_that_is_struck_again_ends_before_it_begins_anew() -> None:
    strokes = [m.type for m in played(instrument("Piano", (60, 0, 1), (60, 1, 2))).tracks[1] if "note_" in m.type]
    assert strokes == ["note_on", "note_off", "note_on", "note_off"]


def test_every_instrument_has_a_track_a_name_and_a_sound_of_its_own() -> None:
    file = played(
        instrument("Bass", (30, 0, 1)), instrument("Percussion", (40, 0, 1)), instrument("Flöte 笛", (70, 0, 1))
    )
    names = [message.name for track in file.tracks for message in track if message.type == "track_name"]
    programs = [(m.channel, m.program) for track in file.tracks for m in track if m.type == "program_change"]
    assert names == ["Bass", "Percussion", "Flöte ?"]
    assert programs == [(0, 33), (1, 0)]


def test_more_instruments_than_channels_share_them_and_leave_the_drums_alone() -> None:
    file = played(*[instrument(f"Synth {number}", (60, 0, 1)) for number in range(20)])
    channels = [m.channel for track in file.tracks for m in track if m.type == "note_on"]
    assert len(channels) == 20
    assert midi.DRUMS not in channels


@pytest.mark.parametrize(
    "data",
    [
        None,
        [],
        {},
        {"instruments": None},
        {"instruments": [None, {"notes": [None, {"pitch": 300, "start": 0, "end": 1}]}]},
    ],
)
def test_what_is_no_note_is_left_out(data: Any) -> None:
    assert midi.roll(midi.read(data)) is None
    assert midi.to_file(midi.read(data)).startswith(b"MThd")


def test_a_short_piece_fills_the_page_and_a_long_one_is_wider() -> None:
    short, long = (midi.roll(midi.read([instrument("Piano", (60, 0, end))])) for end in (5, 240))
    assert short
    assert long
    assert short.width == midi.WIDTH + 1
    assert long.width == 240 * midi.LEAST_SECOND + 1
    assert [words for _, words in long.marks][:3] == ["0:00", "0:05", "0:10"]


def test_a_hostile_number_of_notes_is_drawn_in_part_and_counted_whole() -> None:
    many = instrument("Piano", *[(60, number / 100, number / 100 + 0.01) for number in range(midi.MOST_NOTES + 5)])
    roll = midi.roll(midi.read([many, instrument("Bass", (30, 0, 1))]))
    assert roll
    assert [voice.notes for voice in roll.voices] == [midi.MOST_NOTES + 5, 1]
    assert [voice.path.count("M") for voice in roll.voices] == [midi.MOST_NOTES, 0]


def test_pitches_are_named_as_musicians_do() -> None:
    assert [midi.pitch_name(pitch) for pitch in (60, 61, 21)] == ["C4", "C♯4", "A0"]
