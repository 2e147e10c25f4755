"""The machine under measure: what it is, and what it was busy with. Linux only."""

from __future__ import annotations

import os
import platform
import threading
import time
from collections.abc import Iterable
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")
_SAMPLE_SECONDS = 0.05


def describe() -> str:
    """Return the machine in one line: processor, cores, memory, system, Python."""
    processor = _value_of("/proc/cpuinfo", "model name") or platform.machine()
    memory = int((_value_of("/proc/meminfo", "MemTotal") or "0 kB").split()[0])
    return (
        f"{processor}, {os.cpu_count()} cores, {memory / 1_048_576:.0f} GB; "
        f"{platform.system()} {platform.release()}, Python {platform.python_version()}"
    )


def cpu_seconds(pid: int) -> float:
    """Return the processor time that a process has used; 0 when there is none."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    # utime and stime; then those of its children that were waited for.
    return sum(int(field) for field in fields[11:15]) / _TICKS


def family_cpu_seconds(pid: int) -> float:
    """Return the processor time of a process and its children, living and dead."""
    return cpu_seconds(pid) + sum(map(cpu_seconds, children_of(pid)))


def children_of(pid: int) -> list[int]:
    """Return the children of a process."""
    found = []
    for folder in Path("/proc").iterdir():
        if not folder.name.isdigit():
            continue
        try:
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[1]) == pid:
            found.append(int(folder.name))
    return found


def resident_mb(pid: int) -> float:
    """Return how much memory a process has in use, in MB; 0 when there is none."""
    return _status_mb(pid, "VmRSS")


def peak_mb(pid: int) -> float:
    """Return the most memory a process ever had in use, in MB."""
    # The kernel brings the peak up to date in steps.
    return max(_status_mb(pid, "VmHWM"), resident_mb(pid))


class Watch:
    """A thread that notes, twenty times a second, how busy the cores are.

    With a process, its resident memory too. Use as a context manager.
    """

    def __init__(self, pid: int = 0) -> None:
        """Watch the machine, and one process's memory."""
        self._pid = pid
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.samples: list[tuple[float, float, float, float]] = []
        """(wall clock, idle seconds, all seconds, resident MB) since some beginning."""

    def __enter__(self) -> Watch:
        """Begin."""
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        """End."""
        self._ended.set()
        self._thread.join()

    def busy(self, began: float, ended: float) -> float:
        """Return the busy share of all cores, 0 to 1, between two moments."""
        inner = [s for s in self.samples if began <= s[0] <= ended]
        if len(inner) < 2 or inner[-1][2] == inner[0][2]:
            return 0.0
        idle = inner[-1][1] - inner[0][1]
        return 1 - idle / (inner[-1][2] - inner[0][2])

    def resident_at(self, moment: float) -> float:
        """Return the process's resident MB at the last sample before a moment."""
        before = [s[3] for s in self.samples if s[0] <= moment]
        return before[-1] if before else 0.0

    def _run(self) -> None:
        while not self._ended.wait(_SAMPLE_SECONDS):
            idle, whole = _processor_times()
            memory = resident_mb(self._pid) if self._pid else 0.0
            self.samples.append((time.time(), idle, whole, memory))


def _processor_times() -> tuple[float, float]:
    """Return the seconds that all cores together were idle, and all seconds."""
    line = Path("/proc/stat").read_text().partition("\n")[0]
    # user nice system idle iowait irq softirq steal; guests are within user.
    times = [int(field) / _TICKS for field in line.split()[1:9]]
    return times[3] + times[4], sum(times)


def _status_mb(pid: int, name: str) -> float:
    value = _value_of(f"/proc/{pid}/status", name)
    return int(value.split()[0]) / 1024 if value else 0.0


def _value_of(path: str, name: str) -> str:
    return next(iter(_values_of(path, name)), "")


def _values_of(path: str, name: str) -> Iterable[str]:
    try:
        lines = Path(path).read_text().splitlines()
    except OSError:
        return
    for line in lines:
        key, _, value = line.partition(":")
        if key.strip() == name:
            yield value.strip()
