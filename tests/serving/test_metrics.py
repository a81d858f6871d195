"""The files in which workers keep their counts."""

from __future__ import annotations

import os
import subprocess
import sys

from emoscope.serving.metrics import FILE_BYTES, FILES, FOLDER_VARIABLE, reserve_files

COUNT = """
from emoscope.serving.metrics import Metrics
metrics = Metrics()
for route in range(50):
    for status in (200, 404, 422, 429, 500):
        metrics.count_response(f"/v1/route/{route}", status, 0.1)
metrics.count_batch(3, 100, 200, 0.1)
metrics.count_cached(1, 2)
print(metrics.exposition().decode())
"""


def test_files_of_counts_never_need_more_space(tmp_path):
    """They are mapped into memory: a page without space on the disk would end the process."""
    environment = os.environ | {FOLDER_VARIABLE: str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", COUNT], env=environment, capture_output=True, text=True, check=True)
    assert 'emoscope_requests_total{route="/v1/route/49",status="500"} 1.0' in done.stdout
    files = {path.name.rsplit("_", 1)[0]: path.stat() for path in tmp_path.iterdir()}
    assert files.keys() == set(FILES)
    for stat in files.values():
        assert stat.st_size == FILE_BYTES
        assert stat.st_blocks * 512 >= FILE_BYTES


FILL = """
import resource, signal, sys
from pathlib import Path
from emoscope.serving.metrics import reserve_files
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, resource.RLIM_INFINITY))
try:
    reserve_files(Path(sys.argv[1]))
except OSError:
    print("no space")
"""


def test_file_without_space_is_removed(tmp_path):
    """The metrics of all workers would be an error as long as it is there."""
    done = subprocess.run([sys.executable, "-c", FILL, tmp_path], capture_output=True, text=True, check=True)
    assert done.stdout == "no space\n"
    assert list(tmp_path.iterdir()) == []


def test_counts_of_an_earlier_process_with_the_same_number_are_kept(tmp_path):
    reserve_files(tmp_path)
    (file, *_) = tmp_path.iterdir()
    file.write_bytes(b"counts")
    reserve_files(tmp_path)
    assert file.read_bytes() == b"counts"
