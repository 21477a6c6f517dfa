"""Prometheus metrics of a worker."""

import socket
import sys
import urllib.request
from collections.abc import Callable
from types import SimpleNamespace

import pytest
from prometheus_client import CollectorRegistry, generate_latest
from structlog.testing import capture_logs

from jobs.infra.monitoring import serve_metrics
from tests.conftest import MakeSettings
from worker import metrics
from worker.metrics import GpuMemory


def value(name: str, **labels: str) -> float | None:
    return metrics.REGISTRY.get_sample_value(name, labels)


def growth(name: str, act: Callable[[], None], **labels: str) -> float:
    """Increase of a sample during ``act``. The registry belongs to the process, and other tests count too."""
    before = value(name, **labels) or 0.0
    act()
    return (value(name, **labels) or 0.0) - before


def test_outcomes_of_jobs_are_counted() -> None:
    assert growth("v2m_jobs_ended_total", lambda: metrics.count_ended("completed"), status="completed", code="") == 1
    failed = {"status": "failed", "code": "timeout"}
    assert growth("v2m_jobs_ended_total", lambda: metrics.count_ended("failed", "timeout"), **failed) == 1
    assert growth("v2m_jobs_requeued_total", lambda: metrics.count_requeued("crash"), reason="crash") == 1
    assert growth("v2m_job_seconds_sum", lambda: metrics.observe_job(40.0)) == 40
    assert growth("v2m_job_seconds_bucket", lambda: metrics.observe_job(1700.0), le="1800.0") == 1
    assert growth("v2m_job_seconds_bucket", lambda: metrics.observe_job(1700.0), le="1200.0") == 0


def test_loaded_model_is_named() -> None:
    metrics.set_model("mine 1", "stable-audio-3", 12.5)
    assert value("v2m_model_load_seconds") == 12.5
    assert value("v2m_model_info", model="mine 1", kind="stable-audio-3") == 1
    metrics.set_model("other 1", "embedded-score", 1.5)
    assert value("v2m_model_info", model="mine 1", kind="stable-audio-3") is None


def test_steps_of_progress_give_the_seconds_of_each_stage() -> None:
    now = 100.0
    observed: dict[str, float] = {}
    timer = metrics.StageTimer(observed.__setitem__, lambda: now)
    for stage, at in (("probe", 100), ("curve", 101), ("curve", 105), ("generate", 111), ("render", 131)):
        now = float(at)
        timer.enter(stage)
    now = 132.0
    timer.enter("generate")  # a part is inpainted
    now = 140.0
    timer.enter("render")
    now = 142.0
    assert observed == {}
    assert timer.end() == observed == {"probe": 1, "curve": 10, "generate": 28, "render": 3}
    observed.clear()
    assert timer.end() == observed == {}


def test_job_without_a_step_has_no_stages() -> None:
    observed: dict[str, float] = {}
    metrics.StageTimer(observed.__setitem__).end()
    assert observed == {}


def test_stage_seconds_are_a_histogram() -> None:
    def one_job() -> None:
        timer = metrics.StageTimer(clock=iter((0.0, 3.0, 3.0)).__next__)
        timer.enter("curve")
        timer.end()

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


def test_memory_of_a_gpu_in_use(monkeypatch: pytest.MonkeyPatch) -> None:
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
def test_unused_gpu_is_not_initialized(torch: object, monkeypatch: pytest.MonkeyPatch) -> None:
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


def test_port_in_use_is_one_warning_and_no_error() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken, capture_logs() as events:
        port = taken.getsockname()[1]
        assert serve_metrics(CollectorRegistry(), "127.0.0.1", port) is None
    assert events == [
        {
            "event": "metrics_not_served", "log_level": "warning", "host": "127.0.0.1", "port": port,
            "error": "Address already in use",
        }
    ]  # fmt: skip


def test_server_that_is_closed_frees_its_port() -> None:
    first = serve_metrics(CollectorRegistry(), "127.0.0.1", 0)
    assert first is not None
    first.close()
    second = serve_metrics(CollectorRegistry(), "127.0.0.1", first.port)
    assert second is not None
    second.close()
    assert second.port == first.port


def test_metrics_have_the_format_of_prometheus() -> None:
    assert b"# TYPE v2m_stage_seconds histogram" in generate_latest(metrics.REGISTRY)
