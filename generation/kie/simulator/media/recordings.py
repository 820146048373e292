"""Clips and sounds, encoded by ffmpeg."""

import random
import subprocess
from pathlib import Path

import imageio_ffmpeg

from generation.kie.simulator.media.medium import Medium
from generation.kie.simulator.media.pictures import frames

FRAMES_PER_SECOND = 15
# A pentatonic scale has no wrong notes.
PENTATONIC = (220.0, 246.94, 277.18, 329.63, 369.99, 440.0, 493.88, 554.37)
CHORD_NOTES = 4
BEAT_SECONDS = 0.4


def clip(medium: Medium, target: Path) -> None:
    """Write an H.264 clip that browsers play while it still loads (faststart)."""
    count = round(medium.seconds * FRAMES_PER_SECOND)
    source = ["-f", "rawvideo", "-pix_fmt", "rgb24", "-s", f"{medium.width}x{medium.height}"]
    source += ["-r", str(FRAMES_PER_SECOND), "-i", "-"]
    encode = ["-c:v", "libx264", "-preset", "veryfast", "-crf", "22", "-pix_fmt", "yuv420p"]
    _ffmpeg([*source, *encode, "-movflags", "+faststart"], target, b"".join(frames(medium, count)))


def sound(medium: Medium, target: Path) -> None:
    """Write a broken chord that fades out."""
    chance = random.Random(medium.digest)
    bar = CHORD_NOTES * BEAT_SECONDS
    notes = [
        f"0.2*sin(2*PI*{chance.choice(PENTATONIC)}*t)*exp(-2.2*mod(t+{bar - number * BEAT_SECONDS:.2f},{bar}))"
        for number in range(CHORD_NOTES)
    ]
    source = ["-f", "lavfi", "-i", f"aevalsrc=exprs='{'+'.join(notes)}':s=44100:d={medium.seconds}"]
    fade = min(1.0, medium.seconds / 2)
    shape = ["-af", f"afade=t=out:st={medium.seconds - fade}:d={fade}"]
    codec = ["-c:a", "libmp3lame", "-b:a", "128k"] if medium.extension == "mp3" else ["-c:a", "pcm_s16le"]
    _ffmpeg([*source, *shape, *codec], target, b"")


def _ffmpeg(arguments: list[str], target: Path, stdin: bytes) -> None:
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-hide_banner", "-loglevel", "error", "-y", "-threads", "1"]
    # The arguments are ours; a prompt reaches ffmpeg only as pixels.
    subprocess.run([*command, *arguments, str(target)], input=stdin, check=True, timeout=60)
