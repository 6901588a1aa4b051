"""Taking from the present process, for good, what somebody else's metric must not have. Linux only.

Two mechanisms of the kernel do it, and both work for an ordinary user in an ordinary container, where there
are no namespaces to be had: Landlock names the files that can still be opened (Linux 5.13, landlock(7)), and
a seccomp filter names the system calls that can still be made (through libseccomp, seccomp_rule_add(3)). Both
are lists of what is allowed; what is not on them is refused. Resource limits, a user of its own where the
process is root, and dying with the parent complete it.

All of it holds for the calling thread and for what that one starts: call `confine` in a process of one
thread, before anything is imported that might start another. Afterwards no thread and no process can start.
"""

import ctypes
import errno
import os
import platform
import resource
import signal
import socket
import sys
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

LIBC = ctypes.CDLL(None, use_errno=True)

# prctl(2), capabilities(7), unshare(2)
PR_SET_PDEATHSIG = 1
PR_SET_KEEPCAPS = 8
PR_SET_NO_NEW_PRIVS = 38
CAPABILITY_VERSION_3 = 0x20080522
CAP_DAC_READ_SEARCH = 1 << 2
TO_BECOME_ANOTHER = 1 << 0 | 1 << 6 | 1 << 7  # CAP_CHOWN, CAP_SETGID, CAP_SETUID
CLONE_NEWIPC, CLONE_NEWNET = 0x08000000, 0x40000000
# Users that nobody is, as systemd's DynamicUser takes them: one for each run.
FIRST_USER, LAST_USER = 61184, 65519

# landlock(7): a right is a bit; each version of the interface knows more of them.
WRITE_FILE, READ_FILE, READ_DIR, REMOVE_FILE = 1 << 1, 1 << 2, 1 << 3, 1 << 5
MAKE_REG, TRUNCATE = 1 << 8, 1 << 14
RIGHTS_KNOWN_TO = {1: (1 << 13) - 1, 2: (1 << 14) - 1, 3: (1 << 15) - 1, 5: (1 << 16) - 1}
BIND_AND_CONNECT_TCP = 0b11  # from version 4
ABSTRACT_SOCKETS_AND_SIGNALS = 0b11  # from version 6
CREATE_RULESET, ADD_RULE, RESTRICT_SELF = 444, 445, 446  # the same numbers on every architecture
PATH_BENEATH = 1

# seccomp.h of libseccomp
ALLOW, KILL_PROCESS, ERRNO = 0x7FFF0000, 0x80000000, 0x00050000
BAD_ARCHITECTURE_ATTRIBUTE = 2
EQUAL = 4

# What an interpreter, NumPy and pandas need in one thread, with files. Not here, and so refused: sockets,
# processes, threads, signals to others, others' memory, memory that no limit counts (memfd, pipes, System V),
# changes of owner, mode, limits or priority, namespaces, mounts, io_uring, bpf, keys, performance counters.
CALLS = """
read readv pread64 preadv preadv2 write writev pwrite64 pwritev pwritev2 lseek open openat close close_range
dup dup2 dup3 stat fstat lstat newfstatat statx statfs fstatfs access faccessat faccessat2 readlink readlinkat
getcwd chdir fchdir getdents getdents64 unlink unlinkat rename renameat renameat2 ftruncate fsync fdatasync
fadvise64 flock umask
mmap munmap mprotect mremap madvise brk msync mincore membarrier
futex rseq set_robust_list get_robust_list set_tid_address arch_prctl restart_syscall sched_yield
sched_getaffinity sched_getparam sched_getscheduler sched_get_priority_max sched_get_priority_min getcpu
rt_sigaction rt_sigprocmask rt_sigreturn sigaltstack rt_sigpending rt_sigsuspend rt_sigtimedwait pause
alarm setitimer getitimer nanosleep clock_nanosleep clock_gettime clock_getres gettimeofday time times
poll ppoll select pselect6 getrandom uname sysinfo getrusage getrlimit getpriority
getpid getppid gettid getuid geteuid getgid getegid getresuid getresgid getgroups getpgrp getpgid getsid
exit exit_group
""".split()  # noqa: SIM905 - more lines than columns
# The argument `place` must be one of these values. fcntl could also make the kernel signal another process
# (F_SETOWN) or enlarge pipes, ioctl much more; prlimit64 and tgkill could reach other processes.
FCNTL = (0, 1, 2, 3, 4, 5, 6, 7, 1030)  # F_DUPFD to F_SETLKW, F_DUPFD_CLOEXEC
IOCTL = (0x5401, 0x541B, 0x5450, 0x5451)  # TCGETS (which isatty asks), FIONREAD, FIONCLEX, FIOCLEX


class CannotConfineError(Exception):
    """This machine cannot take away what must be; the message tells its operator what is missing."""


@dataclass(frozen=True)
class Limits:
    """seconds: of processor time. memory: bytes of address space. file: bytes of one file."""

    seconds: float
    memory: int
    file: int


def confine(*, readable: Iterable[Path], scratch: Path, limits: Limits, parent: int) -> None:
    """Leave this process some files and folders to read, the folder `scratch` to write into, and its limits.

    `scratch` is flat: no folders, links or sockets can be made in it. The process is killed when the thread
    of the process `parent` that started it ends. Raises CannotConfineError; the process must then end, since
    a part may be in force and a part not.
    """
    if sys.platform != "linux" or platform.machine() not in ("x86_64", "aarch64"):
        raise CannotConfineError(
            f"Linux on x86_64 or aarch64 is needed, not {sys.platform} {platform.machine()}"
        )
    if len(list(Path("/proc/self/task").iterdir())) != 1:
        raise CannotConfineError("the process has more than one thread: the others would stay free")
    readable = [path for path in readable if path.exists()]
    _limit(limits)
    _become_nobody([*readable, scratch], owned=scratch)
    _die_with(parent)
    _check(LIBC.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "no_new_privs")
    _restrict_files(readable, scratch)
    _restrict_calls()
    _prove(parent)


def _check(result: int, what: str) -> int:
    if result < 0:
        raise CannotConfineError(f"{what}: {os.strerror(ctypes.get_errno())}")
    return result


def _limit(limits: Limits) -> None:
    for kind, value in {
        resource.RLIMIT_AS: limits.memory,
        resource.RLIMIT_FSIZE: limits.file,
        resource.RLIMIT_NOFILE: 64,
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_MEMLOCK: 0,
        resource.RLIMIT_MSGQUEUE: 0,
        resource.RLIMIT_NPROC: 0,
        resource.RLIMIT_SIGPENDING: 64,
    }.items():
        _, allowed = resource.getrlimit(kind)
        least = value if allowed == resource.RLIM_INFINITY else min(value, allowed)
        resource.setrlimit(kind, (least, least))
    # SIGXCPU first, so that it can be told where the metric was; SIGKILL a second later.
    seconds = int(limits.seconds) + 1
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + 1))
    # Should memory run out all the same, the kernel is to choose this process.
    with suppress(OSError):  # a wish: some containers keep /proc read-only
        Path("/proc/self/oom_score_adj").write_text("1000", encoding="ascii")


class _CapabilityHeader(ctypes.Structure):
    _fields_ = (("version", ctypes.c_uint32), ("pid", ctypes.c_int))


class _CapabilitySets(ctypes.Structure):
    _fields_ = tuple((name, ctypes.c_uint32) for name in ("effective", "permitted", "inheritable"))


def _become_nobody(needed: Iterable[Path], owned: Path) -> None:
    """Give up all privileges; as root, become a user of one's own in an empty network.

    One privilege is kept where the interpreter lies in a folder that is closed to others, such as /root: to
    read in spite of a file's mode. Which files, Landlock decides.
    """
    header, sets = _CapabilityHeader(CAPABILITY_VERSION_3, 0), (_CapabilitySets * 2)()
    _check(LIBC.capget(ctypes.byref(header), sets), "capget")
    # A container's root may be without the privileges of one: then it is an ordinary user already.
    root = os.geteuid() == 0 and sets[0].effective & TO_BECOME_ANOTHER == TO_BECOME_ANOTHER
    user = FIRST_USER + os.getpid() % (LAST_USER - FIRST_USER)
    if root:
        LIBC.unshare(
            CLONE_NEWNET | CLONE_NEWIPC
        )  # a second wall where it is to be had; the first is seccomp's
        os.chown(owned, user, user)
        os.setgroups([])
        os.setresgid(user, user, user)
        os.setresuid(user, 0, 0)  # access(2) asks for the real user
    closed = not all(os.access(path, os.R_OK) for path in needed)
    if root:
        _check(LIBC.prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0), "PR_SET_KEEPCAPS")
        os.setresuid(user, user, user)
    kept = sets[0].permitted & CAP_DAC_READ_SEARCH if closed else 0
    sets = (_CapabilitySets * 2)(_CapabilitySets(kept, kept, 0))
    _check(LIBC.capset(ctypes.byref(header), sets), "capset")


def _die_with(parent: int) -> None:
    # After the change of user, which clears it.
    _check(LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0), "PR_SET_PDEATHSIG")
    if os.getppid() != parent:
        os._exit(1)


class _RulesetAttributes(ctypes.Structure):
    _fields_ = tuple((name, ctypes.c_uint64) for name in ("files", "network", "scoped"))


class _PathBeneath(ctypes.Structure):
    _pack_ = 1
    _fields_ = (("allowed", ctypes.c_uint64), ("folder", ctypes.c_int32))


def _restrict_files(readable: Iterable[Path], scratch: Path) -> None:
    version = LIBC.syscall(CREATE_RULESET, None, 0, 1)
    if version < 1:
        raise CannotConfineError(
            f"Landlock: {os.strerror(ctypes.get_errno())}; Linux 5.13 or later is needed, with `landlock`"
            " among the security modules (CONFIG_LSM or `lsm=` on the kernel's command line), and a container"
            " runtime that lets its system calls through (Docker from 20.10.10)"
        )
    rights = RIGHTS_KNOWN_TO[max(known for known in RIGHTS_KNOWN_TO if known <= version)]
    attributes = _RulesetAttributes(rights)
    attributes.network = BIND_AND_CONNECT_TCP if version >= 4 else 0
    attributes.scoped = ABSTRACT_SOCKETS_AND_SIGNALS if version >= 6 else 0
    size = 24 if version >= 6 else 16 if version >= 4 else 8
    ruleset = _check(
        LIBC.syscall(CREATE_RULESET, ctypes.byref(attributes), size, 0), "landlock_create_ruleset"
    )
    for path in readable:
        _allow(ruleset, path, READ_FILE | (READ_DIR if path.is_dir() else 0))
    _allow(ruleset, Path(os.devnull), READ_FILE | WRITE_FILE)
    written = READ_FILE | READ_DIR | WRITE_FILE | MAKE_REG | REMOVE_FILE | TRUNCATE
    _allow(ruleset, scratch, written & rights)
    _check(LIBC.syscall(RESTRICT_SELF, ruleset, 0), "landlock_restrict_self")
    os.close(ruleset)


def _allow(ruleset: int, path: Path, rights: int) -> None:
    folder = os.open(path, os.O_PATH | os.O_CLOEXEC)
    rule = _PathBeneath(rights, folder)
    _check(LIBC.syscall(ADD_RULE, ruleset, PATH_BENEATH, ctypes.byref(rule), 0), f"landlock_add_rule {path}")
    os.close(folder)


class _Comparison(ctypes.Structure):
    _fields_ = (
        ("argument", ctypes.c_uint),
        ("operator", ctypes.c_int),
        ("value", ctypes.c_uint64),
        ("unused", ctypes.c_uint64),
    )


def _restrict_calls() -> None:
    try:
        library = ctypes.CDLL("libseccomp.so.2")
    except OSError as error:
        raise CannotConfineError("libseccomp is not installed (Debian package libseccomp2)") from error
    library.seccomp_init.restype = ctypes.c_void_p
    library.seccomp_load.argtypes = [ctypes.c_void_p]
    library.seccomp_attr_set.argtypes = [ctypes.c_void_p, ctypes.c_int, ctypes.c_uint32]
    library.seccomp_rule_add_array.argtypes = [
        ctypes.c_void_p, ctypes.c_uint32, ctypes.c_int, ctypes.c_uint, ctypes.POINTER(_Comparison)
    ]  # fmt: skip
    rules = library.seccomp_init(ERRNO | errno.EPERM)
    if not rules:
        raise CannotConfineError("seccomp_init failed")

    def add(action: int, call: str, **places: int) -> None:
        number = library.seccomp_syscall_resolve_name(call.encode())
        if number < 0:  # this architecture, or this version of the library, does not know it
            return
        compared = [_Comparison(int(place[3:]), EQUAL, value) for place, value in places.items()]
        given = (_Comparison * len(compared))(*compared)
        result = library.seccomp_rule_add_array(rules, action, number, len(compared), given)
        if result < 0:
            raise CannotConfineError(f"seccomp, {call}: {os.strerror(-result)}")

    library.seccomp_attr_set(rules, BAD_ARCHITECTURE_ATTRIBUTE, KILL_PROCESS)
    for call in CALLS:
        add(ALLOW, call)
    for command in FCNTL:
        add(ALLOW, "fcntl", arg1=command)
    for command in IOCTL:
        add(ALLOW, "ioctl", arg1=command)
    add(ALLOW, "prlimit64", arg0=0, arg2=0)  # reads one's own limits
    add(ALLOW, "tgkill", arg0=os.getpid())  # abort() signals itself
    add(ERRNO | errno.ENOSYS, "clone3")  # the C library then tries clone, which is refused
    result = library.seccomp_load(rules)
    if result < 0:
        raise CannotConfineError(
            f"seccomp_load: {os.strerror(-result)}; the kernel needs CONFIG_SECCOMP_FILTER, and a container"
            " runtime that lets seccomp(2) through"
        )
    library.seccomp_release(ctypes.c_void_p(rules))


def _prove(parent: int) -> None:
    """Try what must not succeed, so that a wall that does not stand is found here and not by a metric."""
    attempts: dict[str, Callable[[], object]] = {
        "listing /": lambda: list(Path("/").iterdir()),
        "reading the parent's environment": lambda: Path(f"/proc/{parent}/environ").read_bytes(),
        "opening a socket": socket.socket,
        "starting a process": os.fork,
        "signalling the parent": lambda: os.kill(parent, 0),
        "raising a limit": lambda: resource.setrlimit(resource.RLIMIT_CORE, (0, 0)),
    }
    for attempt, act in attempts.items():
        try:
            act()
        except (PermissionError, ValueError):
            continue
        except OSError as error:
            raise CannotConfineError(f"{attempt} failed in an unexpected way: {error}") from error
        raise CannotConfineError(f"{attempt} is still possible")
