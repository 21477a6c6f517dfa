"""Which container a scored video is written into."""

from typing import Final

from model_core.media.types import MediaError, VideoInfo

OUTPUT_SUFFIXES: Final = (".mp4", ".m4v", ".mov", ".mkv", ".wmv")

_HOLDERS: Final = {
    ".mp4": ("h264", "hevc", "av1", "vp9", "mpeg4", "mpeg1video", "mpeg2video"),
    ".mov": (
        *("prores", "dnxhd", "mjpeg", "qtrle", "rawvideo", "dvvideo", "cfhd"),
        *("svq1", "svq3", "h263", "png", "cinepak", "jpeg2000"),
    ),
    ".mkv": ("vp8", "theora", "ffv1", "rv40"),
    ".wmv": ("wmv1", "wmv2", "wmv3", "vc1", "msmpeg4v2", "msmpeg4v3", "flv1"),
}
_SUFFIX_OF: Final = {codec: suffix for suffix, codecs in _HOLDERS.items() for codec in codecs}


def output_suffix(info: VideoInfo) -> str:
    """The container that can hold the video's packets beside AAC sound.

    ``.mp4`` wherever it can, as browsers play it and its times are exact; VP9 and AV1 too, for ``.webm`` holds no
    AAC. ``.mov`` for the codecs of editing programs and old cameras, ``.mkv`` for the free ones that MP4 lacks,
    ``.wmv`` for Windows Media and old Flash. Times in the last two are rounded to milliseconds.

    Raises:
        MediaError: code ``codec``, for a codec that none of them holds; probe refuses such a video already.
    """
    suffix = _SUFFIX_OF.get(info.video_codec)
    if suffix is None:
        detail = f"The video's codec, {info.video_codec}, cannot be combined with new sound. Convert it to H.264 first."
        raise MediaError(detail, "codec")
    return suffix
