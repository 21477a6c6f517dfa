"""The GPU memory of this process, read when somebody asks: a collector for Prometheus."""

import sys
from collections.abc import Iterator
from typing import Any, Final

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

_ALLOCATED: Final = "v2m_gpu_memory_allocated_bytes"
_RESERVED: Final = "v2m_gpu_memory_reserved_bytes"
_HIGHEST: Final = "v2m_gpu_memory_highest_bytes"
_TOTAL: Final = "v2m_gpu_memory_total_bytes"
_TOLD: Final = {
    _ALLOCATED: "Held by tensors.",
    _RESERVED: "Held by torch, for tensors and in reserve.",
    _HIGHEST: "The most that tensors have held since the worker started.",
    _TOTAL: "What the GPU has, whoever uses it.",
}


class GpuMemory(Collector):
    """One sample a GPU of each kind, where this process uses one; otherwise nothing.

    Asking must cost no memory, so torch is not imported for it, and a GPU that nobody has used is left alone.
    """

    def describe(self) -> list[GaugeMetricFamily]:
        """The kinds, without samples."""
        return list(_families().values())

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """The samples as they are now."""
        cuda = _cuda_in_use()
        if cuda is None:
            return
        families = _families()
        for index in range(cuda.device_count()):
            device = [f"cuda:{index}"]
            families[_ALLOCATED].add_metric(device, cuda.memory_allocated(index))
            families[_RESERVED].add_metric(device, cuda.memory_reserved(index))
            families[_HIGHEST].add_metric(device, cuda.max_memory_allocated(index))
            families[_TOTAL].add_metric(device, cuda.get_device_properties(index).total_memory)
        yield from families.values()


def _families() -> dict[str, GaugeMetricFamily]:
    return {name: GaugeMetricFamily(name, told, labels=["device"]) for name, told in _TOLD.items()}


def _cuda_in_use() -> Any | None:
    """torch.cuda, once this process has used a GPU through it."""
    cuda = getattr(sys.modules.get("torch"), "cuda", None)
    # While the worker's own thread is still importing torch, some of its functions are missing.
    is_initialized = getattr(cuda, "is_initialized", None)
    return cuda if is_initialized is not None and is_initialized() else None
