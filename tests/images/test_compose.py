"""docker-compose.yml fits the images, the proxy and the settings."""

import re
from ipaddress import ip_network
from typing import Any

import pytest
import yaml

from jobs.infra.settings import Settings
from tests.images.conftest import DOCKERFILE
from tests.images.dockerfile import parse, stage
from tests.processes import ROOT

TEXT = (ROOT / "docker-compose.yml").read_text()


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    """The file as Docker reads it."""
    read: dict[str, Any] = yaml.safe_load(TEXT)
    return read


def test_every_service_is_built_from_a_target_that_exists(compose: dict[str, Any]) -> None:
    built = {name: service["build"] for name, service in compose["services"].items() if "build" in service}
    assert built.keys() == {"api", "worker", "worker-gpu"}
    for name, build in built.items():
        assert (build["context"], build["dockerfile"], build["target"]) == (".", DOCKERFILE, name)
        assert stage(parse((ROOT / DOCKERFILE).read_text()), build["target"])


def test_only_the_proxy_publishes_a_port(compose: dict[str, Any]) -> None:
    published = {name: service["ports"] for name, service in compose["services"].items() if "ports" in service}
    assert published == {"proxy": ["8443:443"]}
    listens = re.findall(r"^\s*listen (\d+) ssl;", (ROOT / "docker/nginx.conf").read_text(), re.MULTILINE)
    assert listens == ["443"]


def test_the_api_trusts_the_network_that_it_shares_with_the_proxy_alone(compose: dict[str, Any]) -> None:
    services = compose["services"]
    assert {name for name, service in services.items() if "edge" in service.get("networks", [])} == {"api", "proxy"}
    (config,) = compose["networks"]["edge"]["ipam"]["config"]
    assert services["api"]["environment"]["V2M_TRUSTED_PROXIES"] == config["subnet"]
    assert ip_network(config["subnet"]).is_private


def test_the_profile_gpu_reserves_the_device(compose: dict[str, Any]) -> None:
    service = compose["services"]["worker-gpu"]
    assert service["profiles"] == ["gpu"]
    (device,) = service["deploy"]["resources"]["reservations"]["devices"]
    assert (device["driver"], device["capabilities"]) == ("nvidia", ["gpu"])
    assert not any("profiles" in compose["services"][name] for name in ("redis", "api", "proxy", "worker"))


def test_every_variable_is_a_setting(compose: dict[str, Any]) -> None:
    for service in compose["services"].values():
        for name in service.get("environment", {}):
            field = name.removeprefix("V2M_").lower()
            assert name == "REDIS_URL" or field in Settings.model_fields, name


def test_its_files_are_there(compose: dict[str, Any]) -> None:
    mounted = [volume.split(":")[0] for volume in compose["services"]["proxy"]["volumes"]]
    assert mounted == ["./docker/nginx.conf", "./docker/tls"]
    assert (ROOT / "docker/nginx.conf").is_file()
