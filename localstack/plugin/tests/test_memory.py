"""Memory limits, without LocalStack."""

import subprocess
import sys
import time
from pathlib import Path

from updraft_localstack import processes
from updraft_localstack.memory.cgroup import Cgroup
from updraft_localstack.memory.watch import Watch, resident

MEGABYTE = 1024 * 1024
GREEDY = (
    "all = bytearray(400 * 1024 * 1024)\nfor i in range(0, len(all), 4096): all[i] = 1\nimport time; time.sleep(30)"
)


def folder_of(base: Path) -> Path:
    (folder,) = [f for f in base.iterdir() if f.is_dir()]
    return folder


def test_version_1_files(tmp_path):
    (tmp_path / "memory").mkdir()
    limit = Cgroup("x", 128 * MEGABYTE, tmp_path)
    folder = folder_of(tmp_path / "memory/updraft")
    assert (folder / "memory.limit_in_bytes").read_text() == str(128 * MEGABYTE)
    assert (folder / "memory.memsw.limit_in_bytes").read_text() == str(128 * MEGABYTE)
    (folder / "memory.max_usage_in_bytes").write_text("4096\n")
    (folder / "memory.oom_control").write_text("oom_kill_disable 0\nunder_oom 0\noom_kill 0\n")
    assert (limit.peak(), limit.killed()) == (4096, False)
    (folder / "memory.oom_control").write_text("oom_kill_disable 0\nunder_oom 0\noom_kill 1\n")
    assert limit.killed()


def test_version_2_files(tmp_path):
    (tmp_path / "cgroup.controllers").write_text("cpu memory\n")
    limit = Cgroup("x", 128 * MEGABYTE, tmp_path)
    assert (tmp_path / "cgroup.subtree_control").read_text() == "+memory"
    assert (tmp_path / "updraft/cgroup.subtree_control").read_text() == "+memory"
    folder = folder_of(tmp_path / "updraft")
    assert (folder / "memory.max").read_text() == str(128 * MEGABYTE)
    assert (folder / "memory.swap.max").read_text() == "0"
    assert limit.peak() == 0  # no memory.peak in an older kernel
    (folder / "memory.events").write_text("low 0\nhigh 0\nmax 7\noom 1\noom_kill 1\n")
    assert limit.killed()


def test_watch_kills_what_takes_too_much():
    limit = Watch(100 * MEGABYTE)
    process = processes.start([sys.executable, "-c", GREEDY], {}, limit)
    assert process.wait(20) == -9
    assert limit.killed()
    assert limit.peak() > 100 * MEGABYTE


def test_watch_counts_what_a_process_starts():
    limit = Watch(100 * MEGABYTE)
    program = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {GREEDY!r}])"
    process = processes.start([sys.executable, "-c", program], {}, limit)
    assert process.wait(20) == -9
    assert limit.killed()


def test_watch_leaves_others_alone():
    limit = Watch(100 * MEGABYTE)
    process = processes.start(["/bin/sleep", "0.3"], {}, limit)
    assert process.wait(20) == 0
    limit.remove()
    assert not limit.killed()
    assert 0 < limit.peak() < 100 * MEGABYTE


def test_no_memory_of_a_process_that_has_ended():
    process = subprocess.Popen(["/bin/true"])
    process.wait()
    assert resident(process.pid) == 0


def test_end_ends_what_was_started_too(tmp_path):
    file = tmp_path / "pid"
    process = processes.start(["/bin/sh", "-c", f"sleep 60 & echo $! > {file}; wait"], {"PATH": "/bin:/usr/bin"}, None)
    deadline = time.monotonic() + 10
    while not file.exists() or not file.read_text().strip():
        assert time.monotonic() < deadline
        time.sleep(0.01)
    child = Path(f"/proc/{file.read_text().strip()}")
    assert child.exists()
    processes.end(process)
    while child.exists() and "Z" not in (child / "stat").read_text().split()[2]:
        assert time.monotonic() < deadline
        time.sleep(0.01)
