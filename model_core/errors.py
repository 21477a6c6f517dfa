"""The errors that model_core raises on purpose."""


class InputError(ValueError):
    """What the caller gave cannot be used. Names the field, and says the limit or the cause in plain words.

    Attributes:
        field: which input is at fault: ``video``, ``prompt`` or the name of an option.
        detail: one sentence for the person who sent it.
        code: a stable word for programs, such as ``too_long``.
    """

    def __init__(self, field: str, detail: str, code: str = "invalid") -> None:
        super().__init__(f"{field}: {detail}")
        self.field = field
        self.detail = detail
        self.code = code


class CanceledError(Exception):
    """The caller asked to stop; raised from the progress callback and passed through."""


class ModelError(RuntimeError):
    """A model folder is missing, damaged or of another version than the code."""


class DeviceMemoryError(RuntimeError):
    """The memory of the device that a model runs on does not hold the work; says what to do about it."""
