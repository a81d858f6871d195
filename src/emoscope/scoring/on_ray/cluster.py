"""A Ray cluster: how to connect to it, and how many workers it has room for."""

from __future__ import annotations

import logging
import os
import socket
from collections.abc import Callable
from typing import Any

import ray
from ray.exceptions import RayError

from emoscope.classifier import MAX_PROCESSES
from emoscope.errors import ModelError, first_line, temporary
from emoscope.scoring.model import CORES, Workers


def connect(address: str | None) -> bool:
    """Connect to a cluster, or start Ray on this machine alone; an existing connection is kept.

    Args:
        address: address of a cluster; None for that in RAY_ADDRESS, and without it for this machine.

    Returns:
        Whether the connection is new, and so has to be closed by the caller.

    Raises:
        ModelError: there is no such cluster.
    """
    if ray.is_initialized():
        return False
    address = address or os.environ.get("RAY_ADDRESS") or "local"
    options: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.ERROR}
    if address == "local":
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
        options |= {"include_dashboard": False, "_node_ip_address": "127.0.0.1"}
    elif address != "auto":
        _check_reachable(address)
    try:
        ray.init(address, **options)
    except (ConnectionError, RuntimeError, ValueError, RayError) as error:
        raise ModelError(f"no Ray cluster at {address} ({first_line(error)})") from None
    return True


def worker_places(workers: Workers, *, spare: int = 0) -> tuple[int, int]:
    """Number of workers on the connected cluster, and number of cores of each.

    Args:
        workers: the workers to start.
        spare: number of cores of each machine that are left free, unless `workers` says how many cores to use.

    Raises:
        ModelError: the cluster has no room for a worker, and `workers` does not say how many there are to be.
    """
    nodes: Callable[[], list[dict[str, Any]]] = ray.nodes
    machines = [machine["Resources"] for machine in nodes() if machine["Alive"]]
    sizes = [(int(machine.get("CPU", 0)), int(machine.get("GPU", 0))) for machine in machines]
    if workers.gpus:
        shares = [(cores - spare) // gpus for cores, gpus in sizes if gpus]
        each = workers.cores or max(1, min(MAX_PROCESSES + 1, *shares or [1]))
        places = sum(gpus for _, gpus in sizes)
    else:
        each = workers.cores or max(1, min([CORES, *(cores - spare for cores, _ in sizes if cores)]))
        places = sum(cores // each for cores, _ in sizes)
    if not places and not workers.count:
        raise ModelError(
            f"the cluster has no room for a worker with {each} cores and {workers.gpus} GPUs, its machines have "
            f"(cores, GPUs): {sizes}; if machines start on demand, give the number of workers"
        )
    return workers.count or places, each


def _check_reachable(address: str) -> None:
    """Check that something answers at an address: Ray itself would try for minutes."""
    host, _, port = address.rpartition("://")[2].rpartition(":")
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=10).close()
    except (OSError, ValueError) as error:
        failed = ModelError(f"no Ray cluster at {address} ({error}); allowed: host:6379, ray://host:10001, auto")
        raise temporary(failed) if isinstance(error, OSError) else failed from None
