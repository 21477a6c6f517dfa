"""The checks of output files that all commands share, and how results get to their place."""

import os
from pathlib import Path

import pytest

from cli.files import NAME_LIMIT, check_outputs, check_video, named_after, new_file
from cli.terminal import OutputError
from model_core.errors import InputError


@pytest.fixture
def video(tmp_path: Path) -> Path:
    path = tmp_path / "in.mp4"
    path.write_bytes(b"video")
    return path


def reason(video: Path, *, force: bool = False, **outputs: Path) -> str:
    """The refusal of outputs, by the names of their options; "" when all are accepted."""
    try:
        check_outputs({f"--{name}": path for name, path in outputs.items()}, video, force=force)
    except InputError as error:
        return f"{error.field}: {error.detail}"
    return ""


@pytest.mark.parametrize("other", ["wav", "midi", "report", "picture", "json"])
def test_two_outputs_never_share_a_file(
    video: Path, tmp_path: Path, other: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "link").symlink_to(tmp_path)
    (tmp_path / "x.lnk").symlink_to("x.mp4")
    x = tmp_path / "x.mp4"
    for same in (x, Path("x.mp4"), Path("sub/../x.mp4"), tmp_path / "link" / "x.mp4", Path("x.lnk")):
        told = reason(video, force=True, output=x, **{other: same})
        assert told == f"--{other}: {same} is already the file of --output. Use another name."


def test_no_output_replaces_the_input(video: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "link.mp4").symlink_to(video)
    os.link(video, tmp_path / "hard.mp4")
    for name in ("output", "wav", "report", "out"):
        for same in (video, Path("in.mp4"), Path("./in.mp4"), tmp_path / "link.mp4", tmp_path / "hard.mp4"):
            assert "is the input video" in reason(video, force=True, **{name: same})


def test_an_existing_file_needs_force(video: Path, tmp_path: Path) -> None:
    (tmp_path / "old.mp4").write_bytes(b"old")
    old = tmp_path / "old.mp4"
    assert reason(video, output=old) == f"--output: {old} already exists. Use another name, or --force to overwrite it."
    assert reason(video, output=old, force=True) == ""
    assert reason(video, report=Path("/dev/null")) == ""


@pytest.mark.parametrize(
    ("option", "name", "good"),
    [("wav", "a.mp3", "a.WAV"), ("midi", "a.wav", "a.midi"), ("report", "a.mp4", "a.json"),
     ("picture", "a.jpg", "a.png"), ("json", "a", "a.json")],
)  # fmt: skip
def test_a_suffix_of_another_format_is_refused(video: Path, tmp_path: Path, option: str, name: str, good: str) -> None:
    assert f"{name} must end in ." in reason(video, force=False, **{option: tmp_path / name})
    assert reason(video, force=False, **{option: tmp_path / good}) == ""


def test_folders_are_told_apart(video: Path, tmp_path: Path) -> None:
    assert reason(video, output=tmp_path / "new" / "er" / "x.mp4") == "", "missing folders are created"
    assert reason(video, output=tmp_path) == f"--output: {tmp_path} is a folder. Name a file."
    assert reason(video, output=video / "x.mp4") == f"--output: {video} is not a folder"
    assert "cannot create files in the folder /proc: " in reason(video, output=Path("/proc/x.mp4"))
    assert "cannot create files in the folder /proc: " in reason(video, output=Path("/proc/none/x.mp4"))
    if os.geteuid():
        (tmp_path / "closed").mkdir(mode=0o500)
        assert "Permission denied" in reason(video, output=tmp_path / "closed" / "x.mp4")


@pytest.mark.parametrize("letter", ["x", "é"])
def test_the_longest_names_work_and_longer_ones_are_refused(video: Path, tmp_path: Path, letter: str) -> None:
    longest = tmp_path / (letter * ((NAME_LIMIT - 4) // len(letter.encode())) + ".mp4")
    assert reason(video, output=longest) == ""
    with new_file(longest) as file:
        file.write_bytes(b"new")
    assert longest.read_bytes() == b"new"
    assert "the limit is 255" in reason(video, output=longest.with_name(letter + letter + longest.name))
    beside = named_after(longest, "-scored-2.mp4")
    assert NAME_LIMIT - 1 <= len(os.fsencode(beside.name)) <= NAME_LIMIT
    assert beside.name.endswith(f"{letter}-scored-2.mp4")
    assert named_after(video, "-scored.mp4").name == "in-scored.mp4"


def test_a_result_is_whole_or_not_there(tmp_path: Path) -> None:
    target, link = tmp_path / "sub" / "x.json", tmp_path / "link.json"
    link.symlink_to(target)
    with new_file(link) as file:
        file.write_text("first")
        assert not target.exists()
    assert (target.read_text(), link.is_symlink()) == ("first", True)

    def fill() -> None:
        with new_file(target) as file:
            file.write_text("half")
            raise OSError(28, "No space left on device")

    with pytest.raises(OutputError, match=r"cannot write .*x\.json: No space left on device"):
        fill()
    assert target.read_text() == "first"
    assert [path.name for path in target.parent.iterdir()] == ["x.json"]


def test_a_device_is_written_to_and_not_replaced() -> None:
    with new_file(Path("/dev/null")) as file:
        file.write_text("gone")
    assert Path("/dev/null").is_char_device()


def test_what_is_no_video_file_is_told(tmp_path: Path) -> None:
    for path, told in (
        (tmp_path, "is a folder"),
        (tmp_path / "none", "there is no file"),
        (Path("/dev/null"), "regular"),
    ):
        with pytest.raises(InputError, match=told):
            check_video(path)
