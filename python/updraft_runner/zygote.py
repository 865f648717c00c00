"""The parent: forks one process per attempt, reaps it, reports how it ended.

It imports nothing of the user's (but for modules named in the
configuration), has one thread, and ends when the other side of the control
socket does. Everything heavy goes between an attempt and Go directly, over a
socket of its own that only passes through here as a descriptor.
"""
from __future__ import annotations

import gc
import importlib
import os
import select
import signal
import socket
import sys
from typing import Any, Callable, ContextManager, Optional

from updraft_runner import child, frames, shim

# How long the first attempt is waited for before everything is imported that it and those
# after it may need, in milliseconds.
_FIRST_ATTEMPT = 1000
# How long a process that waits for an attempt is kept when there is none, in milliseconds.
_SPARE = 5000
# prctl(2): the signal a process gets when its parent dies.
_PR_SET_PDEATHSIG = 1
# prctl(2): orphans below this process become its children.
_PR_SET_CHILD_SUBREAPER = 36


def _libc() -> Any:
    try:
        import ctypes
        return ctypes.CDLL(None, use_errno=True).prctl
    except (ImportError, OSError, AttributeError):
        return None


Compiled = Callable[[], ContextManager[None]]


class Zygote:
    """The state of the parent: the children alive, by attempt and by pid."""

    def __init__(self, control: Any, strict: bool, compiled: Compiled) -> None:
        self.control = control
        self.compiled = compiled
        self.warm = False
        self.warming = shim.warming()
        self.pid = os.getpid()
        self.prctl = _libc()
        # Whether what attempts leave behind ends with them (where that can be told).
        self.strict = strict and sys.platform == "linux" and self.prctl is not None
        if self.strict:
            self.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
        self.buffer = bytearray()
        self.fds: list[int] = []
        # The process that the next attempt gets, forked before it is asked for, and the
        # socket by which it is told.
        self.spare: Optional[tuple[int, Any]] = None
        self.idle: set[int] = set()  # those that were forked so and have no attempt
        self.by_pid: dict[int, int] = {}
        self.by_attempt: dict[int, int] = {}
        self.wake_read, self.wake_write = os.pipe()
        for fd in (self.wake_read, self.wake_write):
            os.set_blocking(fd, False)

    def serve(self) -> None:
        """Works until the control socket closes; then no child is left."""
        signal.set_wakeup_fd(self.wake_write, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        # A service manager signals every process of the service; the end of
        # this one is decided by Go, which closes the control socket.
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
        poll = select.poll()
        poll.register(self.control, select.POLLIN)
        poll.register(self.wake_read, select.POLLIN)
        alive, began = True, False
        while alive:
            ready = poll.poll(self.patience(began))
            if not ready and self.warm:
                self.dismiss()
            elif not ready:
                began = True
                self.warm_up()
            for fd, _ in ready:
                if fd == self.wake_read:
                    os.read(self.wake_read, 4096)
                else:
                    alive = self.read()
            self.reap()
        self.dismiss()
        for pid in self.by_pid:
            _kill_group(pid, signal.SIGKILL)

    def patience(self, began: bool) -> Optional[int]:
        """How long to wait for something to do, in milliseconds."""
        if self.warm:
            return _SPARE if self.spare and not self.by_pid else None
        return 0 if self.by_pid or began else _FIRST_ATTEMPT

    def warm_up(self) -> None:
        """Imports some of what attempts may need, when there is nothing else to do: the first
        attempts do not wait for it, nor for this to see that they have ended, and those after
        them have it for nothing."""
        with self.compiled():
            self.warm = bool(next(self.warming, True))
        if self.warm:
            gc.collect()
            gc.freeze()

    def read(self) -> bool:
        data, fds, _, _ = socket.recv_fds(self.control, 1 << 16, 64)
        self.fds.extend(fds)
        if not data:
            return False
        self.buffer += data
        for frame in frames.split(self.buffer):
            if frame["op"] == "spawn":
                self.spawn(frame)
            elif frame["op"] == "signal":
                pid = self.by_attempt.get(frame["id"])
                if pid is not None:
                    _kill_group(pid, frame["signal"])
        return True

    def spawn(self, frame: dict[str, Any]) -> None:
        channel, output = self.fds.pop(0), self.fds.pop(0)
        argv, env, bare = frame.get("exec"), frame.get("env"), bool(frame.get("bare"))
        try:
            pid = 0 if argv else self.hand_over(channel, output)
            if pid == 0:
                pid = self.fork(lambda: child.forked(channel, output, argv, env, bare))
        except OSError as error:
            frames.send(self.control, {"op": "failed", "id": frame["id"], "error": str(error)})
            return
        finally:
            os.close(channel)
            os.close(output)
        self.by_pid[pid] = frame["id"]
        self.by_attempt[frame["id"]] = pid
        frames.send(self.control, {"op": "started", "id": frame["id"], "pid": pid})
        if self.warm and not argv:
            self.provide()

    def provide(self) -> None:
        """Forks the process of the next attempt: it does not wait for that then."""
        here, there = socket.socketpair()
        try:
            self.spare = self.fork(lambda: _wait(there, here)), here
            self.idle.add(self.spare[0])
        except OSError:
            here.close()  # the next attempt forks, and says why it cannot
        finally:
            there.close()

    def hand_over(self, channel: int, output: int) -> int:
        """Gives an attempt to the process that waits for one, and says which it is; 0 if
        there is none."""
        if self.spare is None:
            return 0
        (pid, here), self.spare = self.spare, None
        try:
            socket.send_fds(here, [b"!"], [channel, output])
        except OSError:
            return 0  # it was killed
        finally:
            here.close()
        self.idle.discard(pid)
        return pid

    def dismiss(self) -> None:
        """Ends the process that waits for an attempt."""
        if self.spare is not None:
            self.spare[1].close()
            self.spare = None

    def fork(self, run: Callable[[], None]) -> int:
        """Forks a process of an attempt, which runs something that never returns."""
        # Blocked until the child has its own handler: a SIGTERM that comes
        # while it still ignores the signal as we do would be lost.
        signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
        try:
            pid = os.fork()
            if pid == 0:
                self.become(run)
        finally:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGTERM])
        return pid

    def become(self, run: Callable[[], None]) -> None:
        """The child's side of the fork; never returns."""
        try:
            os.setsid()
            if self.prctl is not None:
                self.prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0)
                if os.getppid() != self.pid:
                    os._exit(1)
            signal.set_wakeup_fd(-1)
            for fd in [self.control.detach(), self.wake_read, self.wake_write] + self.fds:
                os.close(fd)
            run()
        finally:
            os._exit(1)

    def reap(self) -> None:
        while self.by_pid or self.idle or self.strict:
            pid = _exited()
            if pid is None:
                return
            if pid in self.by_pid:
                # While the leader is a zombie its number cannot belong to
                # anyone else: what it left behind in its group ends now.
                _kill_group(pid, signal.SIGKILL)
            done, status, usage = os.wait4(pid or -1, os.WNOHANG)
            if done == 0:
                return
            if self.strict:
                self.end_strays(done)
            attempt = self.by_pid.pop(done, None)
            if attempt is None:
                self.forget(done)
                continue
            del self.by_attempt[attempt]
            # ru_maxrss is bytes on macOS and kibibytes elsewhere.
            size = usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024)
            frames.send(self.control, {
                "op": "exited", "id": attempt, "max_rss": size,
                "code": os.WEXITSTATUS(status) if os.WIFEXITED(status) else -1,
                "signal": os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0,
            })


    def forget(self, pid: int) -> None:
        """Notes the end of a process that had no attempt."""
        self.idle.discard(pid)
        if self.spare is not None and self.spare[0] == pid:
            self.dismiss()

    def end_strays(self, done: Any) -> None:
        """Ends the children that are no attempts: what an attempt that is done
        started in sessions of their own. Their ends are noticed like all others."""
        try:
            with open("/proc/self/task/%d/children" % self.pid) as listing:
                found = [int(pid) for pid in listing.read().split()]
        except OSError:
            return  # a kernel that does not list them
        for pid in found:
            if pid not in self.by_pid and pid not in self.idle and pid != done:
                _kill_group(pid, signal.SIGKILL)


def _wait(there: Any, here: Any) -> None:
    """In a new fork: takes the attempt that comes, and ends if none does."""
    here.close()
    try:
        child.rehearse()
    except BaseException:
        pass  # the attempt that comes says what is wrong
    data, fds, _, _ = socket.recv_fds(there, 1, 2)
    there.close()
    if data:
        child.forked(fds[0], fds[1], None, None, False)
    os._exit(0)


def _exited() -> Any:
    """The pid of a child that ended; 0 where that cannot be asked without
    reaping it; None when there is none."""
    if not hasattr(os, "waitid"):
        return 0
    try:
        found = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        return None
    return found.si_pid if found else None


def _kill_group(pid: int, number: int) -> None:
    try:
        os.killpg(pid, number)
    except ProcessLookupError:
        try:
            os.kill(pid, number)  # forked, but not yet a group of its own
        except ProcessLookupError:
            pass
    except PermissionError:
        pass  # macOS: a group of zombies only


def main(fd: int, compiled: Compiled) -> None:
    """Runs the parent on the control socket fd. In compiled, bytecode of what is imported
    is kept."""
    control = socket.socket(fileno=fd)
    hello = frames.receive(control)
    if hello is None:
        return
    problems = []
    for name in hello.get("pre_import") or []:
        try:
            importlib.import_module(name)
        except BaseException as error:  # an import may raise anything
            problems.append("%s: %s: %s" % (name, type(error).__name__, error))
    frames.send(control, {
        "op": "hello", "pid": os.getpid(), "executable": sys.executable,
        "version": ".".join(str(part) for part in sys.version_info[:3]), "problems": problems,
    })
    Zygote(control, bool(hello.get("strict")), compiled).serve()
