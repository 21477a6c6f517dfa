"""What a worker tells Prometheus."""

import socket
import sys
import urllib.request
from collections.abc import Callable
from types import SimpleNamespace

import pytest
from prometheus_client import CollectorRegistry, generate_latest
from structlog.testing import capture_logs

from jobs.infra import metrics_server as server
from tests.conftest import MakeSettings
from worker import metrics
from worker.metrics import GpuMemory


def value(name: str, **labels: str) -> float | None:
    return metrics.REGISTRY.get_sample_value(name, labels)


def growth(name: str, act: Callable[[], None], **labels: str) -> float:
    """How much a sample grows by ``act``: the registry is the process's, and other tests count too."""
    before = value(name, **labels) or 0.0
    act()
    return (value(name, **labels) or 0.0) - before


def test_what_becomes_of_jobs_is_counted() -> None:
    assert growth("v2m_jobs_ended_total", lambda: metrics.job_ended("completed"), status="completed", code="") == 1
    failed = {"status": "failed", "code": "timeout"}
    assert growth("v2m_jobs_ended_total", lambda: metrics.job_ended("failed", "timeout"), **failed) == 1
    assert growth("v2m_jobs_requeued_total", lambda: metrics.job_requeued("crash"), reason="crash") == 1
    assert growth("v2m_job_seconds_sum", lambda: metrics.job_seconds(40.0)) == 40
    assert growth("v2m_job_seconds_bucket", lambda: metrics.job_seconds(1700.0), le="1800.0") == 1
    assert growth("v2m_job_seconds_bucket", lambda: metrics.job_seconds(1700.0), le="1200.0") == 0


def test_the_model_that_is_loaded_is_named() -> None:
    metrics.model_loaded("mine 1", "stable-audio-3", 12.5)
    assert value("v2m_model_load_seconds") == 12.5
    assert value("v2m_model_info", model="mine 1", kind="stable-audio-3") == 1
    metrics.model_loaded("other 1", "embedded-score", 1.5)
    assert value("v2m_model_info", model="mine 1", kind="stable-audio-3") is None


def test_steps_of_progress_become_the_seconds_of_stages() -> None:
    now = 100.0
    told: dict[str, float] = {}
    stages = metrics.Stages(told.__setitem__, lambda: now)
    for stage, at in (("probe", 100), ("curve", 101), ("curve", 105), ("generate", 111), ("render", 131)):
        now = float(at)
        stages.at(stage)
    now = 132.0
    stages.at("generate")  # some bars again
    now = 140.0
    stages.at("render")
    now = 142.0
    assert told == {}
    assert stages.end() == told == {"probe": 1, "curve": 10, "generate": 28, "render": 3}
    told.clear()
    assert stages.end() == told == {}


def test_a_job_without_a_step_has_no_stages() -> None:
    told: dict[str, float] = {}
    metrics.Stages(told.__setitem__).end()
    assert told == {}


def test_stage_seconds_are_a_histogram() -> None:
    def one_job() -> None:
        stages = metrics.Stages(clock=iter((0.0, 3.0, 3.0)).__next__)
        stages.at("curve")
        stages.end()

    assert growth("v2m_stage_seconds_sum", one_job, stage="curve") == 3
    assert growth("v2m_stage_seconds_bucket", one_job, stage="curve", le="2.5") == 0
    assert growth("v2m_stage_seconds_bucket", one_job, stage="curve", le="5.0") == 1


def fake_torch(*, in_use: bool) -> SimpleNamespace:
    cuda = SimpleNamespace(
        is_initialized=lambda: in_use,
        device_count=lambda: 2,
        memory_allocated=lambda index: 10 + index,
        memory_reserved=lambda index: 20 + index,
        max_memory_allocated=lambda index: 30 + index,
        get_device_properties=lambda index: SimpleNamespace(total_memory=80 + index),
    )
    return SimpleNamespace(cuda=cuda)


def gpu_samples() -> dict[tuple[str, str], float]:
    registry = CollectorRegistry()
    registry.register(GpuMemory())
    return {(s.name, s.labels["device"]): s.value for family in registry.collect() for s in family.samples}


def test_the_memory_of_a_gpu_in_use_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", fake_torch(in_use=True))
    kinds = ("allocated", "reserved", "highest", "total")
    assert gpu_samples() == {
        (f"v2m_gpu_memory_{kind}_bytes", f"cuda:{index}"): base + index
        for kind, base in zip(kinds, (10, 20, 30, 80), strict=True)
        for index in range(2)
    }


@pytest.mark.parametrize(
    "torch", [None, SimpleNamespace(), SimpleNamespace(cuda=SimpleNamespace()), fake_torch(in_use=False)]
)
def test_a_gpu_that_nobody_uses_is_left_alone(torch: object, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also while torch is only half imported."""
    monkeypatch.setitem(sys.modules, "torch", torch)
    assert gpu_samples() == {}


def test_metrics_are_off_unless_they_have_a_port(make_settings: MakeSettings) -> None:
    assert metrics.serve(make_settings()) is None


def test_metrics_can_be_fetched(make_settings: MakeSettings) -> None:
    port = metrics.serve(make_settings(worker_metrics_port=0))
    assert port is not None
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
        text = answer.read().decode()
    assert "v2m_jobs_requeued_total" in text
    assert "process_resident_memory_bytes" in text


def test_a_port_in_use_is_one_warning_and_no_error() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken, capture_logs() as events:
        port = taken.getsockname()[1]
        assert server.serve(CollectorRegistry(), "127.0.0.1", port) is None
    assert events == [
        {
            "event": "metrics_not_served", "log_level": "warning", "host": "127.0.0.1", "port": port,
            "error": "Address already in use",
        }
    ]  # fmt: skip


def test_a_server_that_is_closed_frees_its_port() -> None:
    first = server.serve(CollectorRegistry(), "127.0.0.1", 0)
    assert first is not None
    first.close()
    second = server.serve(CollectorRegistry(), "127.0.0.1", first.port)
    assert second is not None
    second.close()
    assert second.port == first.port


def test_everything_is_told_in_the_format_of_prometheus() -> None:
    assert b"# TYPE v2m_stage_seconds histogram" in generate_latest(metrics.REGISTRY)
