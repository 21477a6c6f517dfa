"""Picture and music encoders by name, and the preparation of their inputs. Each one registers in its own file.

picture_encoder("dinov2-base", weights=Path("models/mine/encoders/picture"))
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Generic, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray
from scipy.signal import resample_poly

from model_core.curves.event_curve import EventCurve
from model_core.curves.video import FrameEncoder
from model_core.errors import ModelError
from model_core.registry import Registry


class MusicEncoder(Protocol):
    """Music -> event curve."""

    @property
    def name(self) -> str:
        """Name for curves and reports."""
        ...

    def curve(self, audio: NDArray[np.float32], sample_rate: int) -> EventCurve:
        """Standardized fine event curve of mono (N,) or multi-channel (C, N) audio."""
        ...


_EncoderT_co = TypeVar("_EncoderT_co", covariant=True)


@dataclass(frozen=True)
class EncoderEntry(Generic[_EncoderT_co]):
    """A registered encoder.

    Attributes:
        load: called with a folder or file of weights and torch's device. Without weights it uses the published ones,
            from the hub's cache or the hub. ModelError when they cannot be fetched or do not fit.
        keep_weights: copies weights into a folder, as config.json and safetensors; called with their source and that
            folder, with the same errors. None for an encoder whose weights are in the package, or that has none.
    """

    load: Callable[[Path | None, str], _EncoderT_co]
    keep_weights: Callable[[Path | None, Path], None] | None = None


PICTURE_ENCODERS: Final = Registry[EncoderEntry[FrameEncoder]]("picture encoder", "model_core.encoders")
MUSIC_ENCODERS: Final = Registry[EncoderEntry[MusicEncoder]]("music encoder", "model_core.encoders")


def picture_encoder(name: str, weights: Path | None = None, device: str = "cpu") -> FrameEncoder:
    """Load the picture encoder ``name``; see EncoderEntry.load. ModelError for an unknown name."""
    return PICTURE_ENCODERS.get(name).load(weights, device)


def music_encoder(name: str, weights: Path | None = None, device: str = "cpu") -> MusicEncoder:
    """Load the music encoder ``name``; see EncoderEntry.load. ModelError for an unknown name."""
    return MUSIC_ENCODERS.get(name).load(weights, device)


def has_weights(name: str) -> bool:
    """Return True when a model folder needs weights of this encoder. ModelError for an unknown name."""
    return _entry(name).keep_weights is not None


def keep_encoder(name: str, source: str | None, out: Path) -> None:
    """Copy an encoder's weights into the folder ``out``; does nothing for an encoder without weights of its own.

    Args:
        name: name of a picture or a music encoder.
        source: local folder or file with the weights; None uses the published ones.
        out: created if needed. Nothing is written to it before the weights are read and found to fit.

    Raises:
        ModelError: unknown name, weights that cannot be fetched or do not fit, or a source for an encoder without any.
    """
    keep = _entry(name).keep_weights
    if keep is not None:
        keep(None if source is None else Path(source).expanduser(), out)
    elif source is not None:
        raise ModelError(f"{name}: this encoder takes no weights, so {source} cannot be used. Leave the option out.")


def _entry(name: str) -> EncoderEntry[FrameEncoder] | EncoderEntry[MusicEncoder]:
    return PICTURE_ENCODERS.get(name) if name in PICTURE_ENCODERS else MUSIC_ENCODERS.get(name)


def check_pictures(rgb: NDArray[np.uint8], size: int) -> None:
    """Raise ValueError unless ``rgb`` is uint8 of shape (N, size, size, 3)."""
    if rgb.dtype != np.uint8 or rgb.shape[1:] != (size, size, 3):
        raise ValueError(f"rgb must be uint8 of shape (N, {size}, {size}, 3), not {rgb.dtype} {rgb.shape}")


def resample_mono(audio: NDArray[np.float32], sample_rate: int, target_rate: int) -> NDArray[np.float32]:
    """Convert mono (N,) or multi-channel (C, N) audio at ``sample_rate`` to mono at ``target_rate``, both in Hz."""
    mono = audio.mean(axis=0) if audio.ndim == 2 else audio
    if sample_rate == target_rate:
        return mono
    divisor = int(np.gcd(sample_rate, target_rate))
    return np.asarray(resample_poly(mono, target_rate // divisor, sample_rate // divisor))
