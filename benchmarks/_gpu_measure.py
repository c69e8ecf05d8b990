"""One job of `gpu.py` in a process of its own: its seconds and memory, or what it does to a device.

What it does is counted by looking at every operation that PyTorch carries out. Bytes:

    Σ over operations that are no views of (bytes of its arguments + bytes of its results)

on the device: each argument read once and each result written once, as they are where nothing is
fused. One that a library passes over several times, such as a transform, counts once. Between two
events of the job the profiler says, besides, how many kernels that were and how long they took.
"""

from __future__ import annotations

import faulthandler
import json
import os
import resource
import shutil
import sys
import time
import traceback
import warnings
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from _gpu_phases import Answer, Job, prepare, work
from _record import machine
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from pdenet.events import Event
from pdenet.likelihood.fit.workers import Workers

__all__ = ["FORMULA", "Counts", "child"]

FORMULA = "sum over operations that are no views of bytes of arguments + bytes of results"
ROOT = Path(__file__).resolve().parent.parent
SLICE = 1.0
"""Seconds of a job that the profiler sees, at least, if it has events."""
UNPAID = (
    *("empty", "empty_like", "empty_strided", "new_empty", "_efficientzerotensor"),
    *("_unsafe_view", "detach", "lift_fresh", "alias"),
)
"""Operations that move nothing, beside views."""
WAITS = ("_local_scalar_dense", "nonzero")
"""Operations that the host needs the result of."""
LARGE = {"cuda": 2**31, "cpu": 2**27}
"""Bytes of the array whose copy measures the bandwidth: beyond every cache."""


def child(job: Job, kind: str, out: Path, limit: float) -> None:
    """Do a job and write out.json, and the answer as out.npz. kind: "time", "count", "bandwidth" or
    "machine".

    What is raised is written too; after `limit` seconds the process ends with the stacks of all
    threads in out.log.
    """
    log = os.open(f"{out}.log", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    for stream in (1, 2):
        os.dup2(log, stream)
    warnings.filterwarnings("ignore", "Warning: Profiler clears events")
    faulthandler.enable()
    faulthandler.dump_traceback_later(limit, exit=True)
    found: dict[str, Any] = {}
    try:
        if kind == "machine":
            found = machine()
        elif kind == "bandwidth":
            found = bandwidth(torch.device(job.device))
        else:
            answer = timed(job, found) if kind == "time" else counted(job, found)
            np.savez(f"{out}.npz", **answer)  # type: ignore[arg-type]
    except BaseException:
        found["failed"] = traceback.format_exc().replace(f"{ROOT}/", "")
    Path(f"{out}.part").write_text(json.dumps(found), encoding="utf-8")
    os.replace(f"{out}.part", f"{out}.json")
    faulthandler.cancel_dump_traceback_later()


def timed(job: Job, found: dict[str, Any]) -> Answer:
    """Seconds of a job and its peak memory; on a GPU after a tiny one, which loads what is loaded
    once."""
    prepare(job)
    found["threads"] = torch.get_num_threads()
    cuda = torch.device(job.device).type == "cuda"
    if cuda and job.small.case != job.case:
        started = time.perf_counter()
        prepare(job.small)
        work(job.small, _silent)
        _wait(job.device)
        found["seconds_of_a_first_tiny_job"] = _rounded(time.perf_counter() - started)
        shutil.rmtree(job.small.folder, ignore_errors=True)
    if cuda:
        torch.cuda.reset_peak_memory_stats()
    started, busy = time.perf_counter(), time.process_time()
    answer = work(job, _silent)
    _wait(job.device)
    found["seconds"] = _rounded(time.perf_counter() - started)
    found["cpu_seconds"] = _rounded(time.process_time() - busy)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 2**10
    found["peak_bytes"] = torch.cuda.max_memory_allocated() if cuda else peak
    return answer


def counted(job: Job, found: dict[str, Any]) -> Answer:
    """What a job asks of its device: operations, bytes, waits of the host, kernels."""
    prepare(job)
    counter, busy = Counts(torch.device(job.device).type), time.process_time()
    part = _Slice(counter)
    seen = Workers.map

    def here(workers: Workers, function: Any, pieces: Iterable[slice]) -> list[Any]:
        """In this thread: a mode does not see what others do."""
        return [function(piece) for piece in pieces]

    try:
        Workers.map = here  # type: ignore[method-assign]
        with counter:
            answer = work(job, part)
    finally:
        Workers.map = seen  # type: ignore[method-assign]
        found["cpu_seconds"] = _rounded(time.process_time() - busy)
        found["bytes"] = counter.bytes
        found["operations"] = counter.operations
        found["waits"] = dict(counter.waits.most_common())
        found["most_frequent"] = dict(counter.names.most_common(8))
        if counter.device == "cuda":
            found["profiled"] = part.summary()
    return answer


def bandwidth(device: torch.device) -> dict[str, Any]:
    """Bytes read and written per second by a large copy, and the time of an operation on few
    numbers, which is that of starting it; medians."""
    large = torch.rand(LARGE[device.type] // 8, dtype=torch.float64, device=device)
    copy, few = torch.empty_like(large), large[:64].clone()
    moved = 2 * large.numel() * 8

    def seconds(function: Any, times: int) -> float:
        function()
        _wait(device)
        started = time.perf_counter()
        for _ in range(times):
            function()
        _wait(device)
        return (time.perf_counter() - started) / times

    copies = sorted(seconds(lambda: copy.copy_(large), 3) for _ in range(7))
    starts = sorted(seconds(lambda: few.add_(1.0), 500) for _ in range(7))
    waits = sorted(seconds(lambda: float(few[0]), 200) for _ in range(7))
    return {
        "bytes": moved,
        "bytes_per_second": moved / copies[3],
        "operation_us": _rounded(1e6 * starts[3]),
        "number_to_the_host_us": _rounded(1e6 * waits[3]),
    }


class Counts(TorchDispatchMode):
    """Operations on a device, bytes by `FORMULA`, and what makes the host wait for the device."""

    def __init__(self, device: str) -> None:
        super().__init__()
        self.device = device
        self.operations, self.bytes = 0, 0
        self.names, self.waits = Counter[str](), Counter[str]()
        self._known: dict[Any, tuple[str, bool]] = {}

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> object:
        result = func(*args, **(kwargs or {}))
        name, moves = self._known.get(func) or self._learn(func)
        given, made = _tensors(args), _tensors((result,))
        here = [x for x in given + made if x.device.type == self.device]
        if here and made and moves:
            self.operations += 1
            self.names[name] += 1
            self.bytes += sum(map(_size, here))
        if name in WAITS and here:
            self.waits[name] += 1
        elif "copy" in name and len({x.device.type for x in given + made}) > 1:
            self.waits["copies between devices"] += 1
        return result

    def _learn(self, func: Any) -> tuple[str, bool]:
        """The name of an operation, and whether it reads and writes numbers."""
        name = func.overloadpacket.__name__
        aliases = [argument.alias_info for argument in func._schema.arguments]
        view = any(alias is not None and not alias.is_write for alias in aliases)
        self._known[func] = name, not view and name not in UNPAID
        return self._known[func]


class _Slice:
    """Listens to a job, and profiles the device from its first event to one that is at least
    `SLICE` seconds later."""

    def __init__(self, counter: Counts) -> None:
        self._counter, self._profile = counter, None
        self._done: dict[str, Any] = {}
        self._started, self._first = 0.0, 0

    def __call__(self, event: Event) -> None:
        if self._counter.device != "cuda" or self._done:
            return
        if self._profile is None:
            cuda = torch.profiler.ProfilerActivity.CUDA
            self._profile = torch.profiler.profile(activities=[cuda])
            torch.cuda.synchronize()
            self._profile.start()
            self._started, self._first = time.perf_counter(), self._counter.operations
        elif time.perf_counter() - self._started > SLICE:
            self.summary()

    def summary(self) -> dict[str, Any]:
        """Operations, kernels, seconds of kernels, and calls that wait for the device."""
        if self._done or self._profile is None:
            return self._done  # a job without events has none
        torch.cuda.synchronize()
        operations = self._counter.operations - self._first
        seconds = time.perf_counter() - self._started
        self._profile.stop()
        kernels, calls = list[float](), Counter[str]()
        for event in self._profile.profiler.kineto_results.events():
            if event.device_type() == torch.autograd.DeviceType.CUDA:
                kernels.append(event.duration_ns() / 1e9)
            else:
                calls[event.name()] += 1
        self._done = {
            "seconds": _rounded(seconds),
            "operations": operations,
            "kernels": len(kernels),
            "kernel_seconds": _rounded(sum(kernels)),
            "median_kernel_us": _rounded(1e6 * sorted(kernels)[len(kernels) // 2])
            if kernels
            else 0,
            "calls": dict(calls.most_common(6)),
        }
        return self._done


def _tensors(values: Iterable[Any]) -> list[Tensor]:
    """Those among values and their lists."""
    found: list[Tensor] = []
    for value in values:
        if isinstance(value, Tensor):
            found.append(value)
        elif isinstance(value, list | tuple):
            found += [part for part in value if isinstance(part, Tensor)]
    return found


def _size(x: Tensor) -> int:
    """Bytes that are read of a tensor: those of its numbers, or of its memory where it repeats
    them."""
    return min(x.numel() * x.element_size(), x.untyped_storage().nbytes())


def _wait(device: str | torch.device) -> None:
    """Until the device has done all that it was asked for."""
    if torch.device(device).type == "cuda":
        torch.cuda.synchronize()


def _silent(event: Event) -> None:
    """Nobody listens."""


def _rounded(value: float) -> float:
    return float(f"{value:.4g}")


if __name__ == "__main__":
    sys.exit("this is a part of benchmarks/gpu.py")
