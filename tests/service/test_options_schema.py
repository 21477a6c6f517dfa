"""What the OpenAPI document says of the options."""

from typing import cast

import httpx
import pytest

from model_core.options import ScoreOptions


@pytest.fixture
def options(client: httpx.Client) -> dict[str, dict[str, object]]:
    schemas = client.get("/openapi.json").json()["components"]["schemas"]
    (name,) = [name for name in schemas if name.startswith("ScoreOptions")]
    properties: dict[str, dict[str, object]] = schemas[name]["properties"]
    return properties


def test_every_option_is_explained_with_a_range_and_an_example_that_works(
    options: dict[str, dict[str, object]],
) -> None:
    assert set(options) == set(ScoreOptions.model_fields)
    for name, schema in options.items():
        assert schema["description"]
        numbers = [
            form
            for form in [schema, *cast("list[dict[str, object]]", schema.get("anyOf", []))]
            if form.get("type") in ("integer", "number")
        ]
        assert all("minimum" in form and {"maximum", "exclusiveMaximum"} & set(form) for form in numbers), name
        examples = schema["examples"]
        assert isinstance(examples, list)
        for example in examples:
            assert getattr(ScoreOptions.model_validate({name: example}), name) == example
