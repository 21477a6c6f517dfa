"""Errors of uploads: videos that cannot be used, and limits of a key."""

from model_core.errors import InputError
from model_core.options import PROMPT_MAX_CHARS
from service.errors.problem import LATER_S, SOON_S, Problem, RetryableProblem
from service.errors.requests import InvalidRequest


class UploadTooLarge(Problem):
    """The video, or the whole request, is larger than `limit` bytes."""

    kind = "upload_too_large"
    title = "Upload too large"
    status = 413
    remedy = "Send a smaller file, for example with a lower resolution."

    def __init__(self, limit: int) -> None:
        """`limit` is in bytes."""
        super().__init__(f"The video is larger than {limit} bytes, the maximum.", field="video", limit=limit)


class TooLong(Problem):
    """The prompt has more than `limit` characters, or the video is longer than `limit` seconds."""

    kind = "too_long"
    title = "Input too long"
    status = 422
    remedy = "Shorten the input in `field`."

    def __init__(self, detail: str, field: str, limit: float) -> None:
        super().__init__(detail, field=field, limit=limit)


class VideoProblem(Problem):
    """A video that cannot be used."""

    def __init__(self, detail: str) -> None:
        super().__init__(detail, field="video")


class NotAVideo(VideoProblem):
    """The file is not in a known video format."""

    kind = "not_a_video"
    title = "Not a video"
    status = 415
    remedy = "Send MP4, MOV, MKV, WebM or another common format."


class Playlist(VideoProblem):
    """The file is a playlist, which names other files. Those are not opened."""

    kind = "playlist"
    title = "Playlist"
    status = 415
    remedy = "Send the video itself."


class EmptyFile(VideoProblem):
    """The video has 0 bytes."""

    kind = "empty_file"
    title = "Empty file"
    status = 422
    remedy = "Check that the file is complete and send it again."


class NoVideoStream(VideoProblem):
    """The file has no video stream, for example only sound."""

    kind = "no_video_stream"
    title = "No video stream"
    status = 422
    remedy = "Send a file with pictures."


class NoFrames(VideoProblem):
    """The file has a video stream without pictures."""

    kind = "no_frames"
    title = "No pictures"
    status = 422
    remedy = "Record or export the video again."


class TooLargePicture(VideoProblem):
    """The pictures have more pixels than allowed. The limit is slightly above 4K."""

    kind = "too_large_picture"
    title = "Pictures too large"
    status = 422
    remedy = "Scale the video down."


class Codec(VideoProblem):
    """No supported container can hold the video's codec together with new sound."""

    kind = "codec"
    title = "Unsupported codec"
    status = 422
    remedy = "Convert the video to H.264."


class Unreadable(VideoProblem):
    """The video is damaged, incomplete, or in a codec that cannot be decoded. `detail` says which."""

    kind = "unreadable"
    title = "Unreadable video"
    status = 422
    remedy = "Send the complete file, or convert it first."


class Budget(VideoProblem):
    """Reading the video takes too much time or memory, or the video has too many pictures."""

    kind = "budget"
    title = "Video too expensive"
    status = 422
    remedy = "Convert the video first: shorter, smaller, or with fewer pictures per second."


class TooManyJobs(RetryableProblem):
    """The key has `limit` open jobs (queued or in progress), the maximum."""

    kind = "too_many_jobs"
    title = "Too many open jobs"
    status = 429
    remedy = "Wait for one of the jobs to end, or cancel one."

    def __init__(self, limit: int) -> None:
        detail = f"This key has {limit} open {_plural('job', limit)}, the maximum. Wait for one to end, or cancel one."
        super().__init__(detail, LATER_S, limit=limit)


class TooManyUploads(RetryableProblem):
    """The key has `limit` running uploads, the maximum."""

    kind = "too_many_uploads"
    title = "Too many uploads"
    status = 429
    remedy = "Wait for one of the uploads to finish, then try again after `Retry-After`."

    def __init__(self, limit: int) -> None:
        detail = f"This key has {limit} running {_plural('upload', limit)}, the maximum. Wait for one to finish."
        super().__init__(detail, SOON_S, limit=limit)


_BY_CODE: dict[str, type[VideoProblem]] = {
    one.kind: one
    for one in (
        *(NotAVideo, Playlist, EmptyFile, NoVideoStream, NoFrames),
        *(TooLargePicture, Codec, Unreadable, Budget),
    )
}


def from_input_error(error: InputError, max_duration_s: float) -> Problem:
    """The problem for an input that the model or the probe rejects. ``max_duration_s``: longest video, in seconds."""
    if error.code == "too_long":
        limit = PROMPT_MAX_CHARS if error.field == "prompt" else max_duration_s
        return TooLong(error.detail, error.field, limit)
    if error.code in _BY_CODE:
        return _BY_CODE[error.code](error.detail)
    return InvalidRequest([{"field": error.field, "detail": error.detail}])


def _plural(noun: str, number: int) -> str:
    return noun if number == 1 else f"{noun}s"
