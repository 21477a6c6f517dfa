"""Flags for the options of a score. They come from ScoreOptions, so a new option needs no code here."""

import functools
import inspect
import re
import typing
from collections.abc import Callable
from typing import Annotated, Any, Final

import typer
from pydantic import ValidationError
from pydantic.fields import FieldInfo

from cli.terminal import user_errors
from model_core.errors import InputError
from model_core.options import ScoreOptions

_PARAMETER: Final = "options"


def with_option_flags(command: Callable[..., None]) -> Callable[..., None]:
    """Replace the parameter ``options: ScoreOptions`` of a command by one flag for each option.

    Invalid values end the command with status 2 and one line on stderr.
    """
    signature = inspect.signature(command)
    parameters: list[inspect.Parameter] = []
    for parameter in signature.parameters.values():
        parameters += _flags() if parameter.name == _PARAMETER else [parameter]

    @functools.wraps(command)
    def run(**values: Any) -> None:
        given = {name: values.pop(name) for name in ScoreOptions.model_fields}
        with user_errors():
            options = _parse_options(given)
        command(**values, options=options)

    run.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
    run.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters} | {"return": None}
    return run


def _flags() -> list[inspect.Parameter]:
    return [
        inspect.Parameter(
            name,
            inspect.Parameter.POSITIONAL_OR_KEYWORD,
            default=field.default,
            annotation=Annotated[_value_type(field), typer.Option(help=_help(field))],
        )
        for name, field in ScoreOptions.model_fields.items()
    ]


def _value_type(field: FieldInfo) -> Any:
    """Type of a flag: that of the field without pydantic's validators."""
    types = [
        typing.get_args(one)[0] if typing.get_origin(one) is Annotated else one
        for one in typing.get_args(field.annotation) or (field.annotation,)
    ]
    return functools.reduce(lambda left, right: left | right, types)


def _help(field: FieldInfo) -> str:
    """Description of the field, with other options named as flags."""
    return re.sub(r"`(\w+)`", lambda match: f"--{match[1].replace('_', '-')}", field.description or "")


def _parse_options(values: dict[str, Any]) -> ScoreOptions:
    try:
        return ScoreOptions.model_validate(values)
    except ValidationError as error:
        first = error.errors()[0]
        raise InputError(str(first["loc"][0]), f"{first['msg']}, not {first['input']}") from error
