"""Errors of model_core that callers handle."""


class InputError(ValueError):
    """An input cannot be used; the message names the field and the limit or cause.

    Attributes:
        field: name of the input: ``video``, ``prompt`` or an option.
        detail: cause in words that follow the field's name, for the sender.
        code: stable identifier for programs, such as ``too_long``.
    """

    def __init__(self, field: str, detail: str, code: str = "invalid") -> None:
        super().__init__(f"{field}: {detail}")
        self.field = field
        self.detail = detail
        self.code = code


class CanceledError(Exception):
    """The caller canceled the work; raised by the progress callback and passed through."""


class ModelError(RuntimeError):
    """A model folder is missing, damaged or of another version than the code."""


class DeviceMemoryError(RuntimeError):
    """The device has too little memory for the work; the message says what to do."""
