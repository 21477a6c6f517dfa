"""A seccomp filter: the kernel refuses system calls that a decoder never needs.

The filter is a list of refused calls with an upper bound, not a list of allowed ones. An allow list would have to name
every call that any C library, allocator, BLAS or FFmpeg build makes on any kernel, and a missing one would break
decoding on machines that were never tested. Calls of newer kernels are not allowed by that: numbers above LAST_KNOWN
return ENOSYS, as on an older kernel, which C libraries handle. That includes the x32 calls, whose numbers start at
2^30. Calls of another architecture, such as 32-bit x86, whose numbers have other meanings, end the process.
"""

import ctypes
import errno
import os
import platform
import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from model_core.media.sandbox.confinement.libc import buffer, call

Numbers = tuple[int | None, int | None]
"""Numbers of a call on x86_64 and aarch64; None where an architecture lacks it. From 424 on they are the same."""

LAST_KNOWN: Final = 462
"""The newest call that this list takes into account (mseal, Linux 6.10)."""

_NETWORK: Final = {
    **{"socket": (41, 198), "socketpair": (53, 199), "connect": (42, 203), "bind": (49, 200), "listen": (50, 201)},
    **{"accept": (43, 202), "accept4": (288, 242), "sendto": (44, 206), "recvfrom": (45, 207), "sendmsg": (46, 211)},
    **{"recvmsg": (47, 212), "sendmmsg": (307, 269), "recvmmsg": (299, 243), "shutdown": (48, 210)},
    **{"getsockname": (51, 204), "getpeername": (52, 205), "setsockopt": (54, 208), "getsockopt": (55, 209)},
}
_PROCESSES: Final = {
    **{"execve": (59, 221), "execveat": (322, 281), "fork": (57, None), "vfork": (58, None), "ptrace": (101, 117)},
    **{"process_vm_readv": (310, 270), "process_vm_writev": (311, 271), "process_madvise": (440, 440)},
    **{"process_mrelease": (448, 448), "kcmp": (312, 272), "unshare": (272, 97), "setns": (308, 268)},
    **{"kill": (62, 129), "tkill": (200, 130), "rt_sigqueueinfo": (129, 138), "rt_tgsigqueueinfo": (297, 240)},
    **{"pidfd_open": (434, 434), "pidfd_getfd": (438, 438), "pidfd_send_signal": (424, 424)},
    **{"setpgid": (109, 154), "setsid": (112, 157), "personality": (135, 92), "setpriority": (141, 140)},
    **{"sched_setparam": (142, 118), "sched_setscheduler": (144, 119), "sched_setaffinity": (203, 122)},
    **{"sched_setattr": (314, 274), "ioprio_set": (251, 30), "migrate_pages": (256, 238), "move_pages": (279, 239)},
}
_IDENTITIES: Final = {
    **{"setuid": (105, 146), "setgid": (106, 144), "setreuid": (113, 145), "setregid": (114, 143)},
    **{"setgroups": (116, 159), "setresuid": (117, 147), "setresgid": (119, 149), "setfsuid": (122, 151)},
    **{"setfsgid": (123, 152), "capset": (126, 91)},
}
_KERNEL: Final = {
    **{"bpf": (321, 280), "perf_event_open": (298, 241), "userfaultfd": (323, 282), "seccomp": (317, 277)},
    **{"io_uring_setup": (425, 425), "io_uring_enter": (426, 426), "io_uring_register": (427, 427)},
    **{"io_setup": (206, 0), "io_destroy": (207, 1), "io_getevents": (208, 4), "io_submit": (209, 2)},
    **{"io_cancel": (210, 3), "io_pgetevents": (333, 292), "add_key": (248, 217), "request_key": (249, 218)},
    **{"keyctl": (250, 219), "kexec_load": (246, 104), "kexec_file_load": (320, 294), "create_module": (174, None)},
    **{"init_module": (175, 105), "delete_module": (176, 106), "finit_module": (313, 273), "reboot": (169, 142)},
    **{"syslog": (103, 116), "acct": (163, 89), "swapon": (167, 224), "swapoff": (168, 225), "quotactl": (179, 60)},
    **{"quotactl_fd": (443, 443), "settimeofday": (164, 170), "clock_settime": (227, 112), "adjtimex": (159, 171)},
    **{"clock_adjtime": (305, 266), "sethostname": (170, 161), "setdomainname": (171, 162), "iopl": (172, None)},
    **{"ioperm": (173, None), "modify_ldt": (154, None), "vhangup": (153, 58), "uselib": (134, None)},
    **{"nfsservctl": (180, 42), "lookup_dcookie": (212, 18), "_sysctl": (156, None), "memfd_create": (319, 279)},
    **{"memfd_secret": (447, 447), "fanotify_init": (300, 262), "fanotify_mark": (301, 263)},
    **{"inotify_init": (253, None), "inotify_init1": (294, 26), "inotify_add_watch": (254, 27)},
    **{"lsm_set_self_attr": (460, 460), "vmsplice": (278, 75), "splice": (275, 76), "tee": (276, 77)},
    **{"copy_file_range": (326, 285), "sendfile": (40, 71), "sync": (162, 81), "syncfs": (306, 267)},
}
_SHARED_MEMORY_AND_MESSAGES: Final = {
    **{"shmget": (29, 194), "shmat": (30, 196), "shmctl": (31, 195), "shmdt": (67, 197), "semget": (64, 190)},
    **{"semop": (65, 193), "semctl": (66, 191), "semtimedop": (220, 192), "msgget": (68, 186), "msgsnd": (69, 189)},
    **{"msgrcv": (70, 188), "msgctl": (71, 187), "mq_open": (240, 180), "mq_unlink": (241, 181)},
    **{"mq_timedsend": (242, 182), "mq_timedreceive": (243, 183), "mq_notify": (244, 184)},
    **{"mq_getsetattr": (245, 185)},
}
_MOUNTS: Final = {
    **{"mount": (165, 40), "umount2": (166, 39), "pivot_root": (155, 41), "chroot": (161, 51)},
    **{"open_tree": (428, 428), "move_mount": (429, 429), "fsopen": (430, 430), "fsconfig": (431, 431)},
    **{"fsmount": (432, 432), "fspick": (433, 433), "mount_setattr": (442, 442), "statmount": (457, 457)},
    **{"listmount": (458, 458)},
}
_FILES: Final = {
    **{"creat": (85, None), "mkdir": (83, None), "mkdirat": (258, 34), "rmdir": (84, None), "unlink": (87, None)},
    **{"unlinkat": (263, 35), "rename": (82, None), "renameat": (264, 38), "renameat2": (316, 276)},
    **{"link": (86, None), "linkat": (265, 37), "symlink": (88, None), "symlinkat": (266, 36), "mknod": (133, None)},
    **{"mknodat": (259, 33), "chmod": (90, None), "fchmod": (91, 52), "fchmodat": (268, 53), "fchmodat2": (452, 452)},
    **{"chown": (92, None), "fchown": (93, 55), "lchown": (94, None), "fchownat": (260, 54), "truncate": (76, 45)},
    **{"utime": (132, None), "utimes": (235, None), "futimesat": (261, None), "utimensat": (280, 88)},
    **{"setxattr": (188, 5), "lsetxattr": (189, 6), "fsetxattr": (190, 7), "removexattr": (197, 14)},
    **{"lremovexattr": (198, 15), "fremovexattr": (199, 16), "name_to_handle_at": (303, 264)},
    **{"open_by_handle_at": (304, 265)},
}
REFUSED: Final[Mapping[str, Numbers]] = {
    **_NETWORK, **_PROCESSES, **_IDENTITIES, **_KERNEL, **_SHARED_MEMORY_AND_MESSAGES, **_MOUNTS, **_FILES,
}  # fmt: skip
"""Calls that return EPERM, whatever their arguments."""

UNKNOWN: Final[Mapping[str, Numbers]] = {"clone3": (435, 435), "openat2": (437, 437)}
"""Calls that return ENOSYS. A filter cannot read their arguments, which are in memory. The C library then makes the
older call, whose arguments are checked."""


@dataclass(frozen=True)
class Rule:
    """A call that is allowed depending on the low half of one argument.

    Attributes:
        numbers: numbers of the call.
        argument: index of the argument, from 0.
        only: allowed values; empty allows every value.
        needs: bits of which at least one must be set, or 0.
        without: bits of which none may be set.
        error: name of the errno that is returned otherwise.
    """

    numbers: Numbers
    argument: int
    only: tuple[int, ...] = field(default=())
    needs: int = 0
    without: int = 0
    error: str = "EPERM"


_CLONE_THREAD: Final = 0x0001_0000
_CLONE_NAMESPACES: Final = 0x7E02_0000
_WRITING: Final = 0o3 | 0o100 | 0o1000  # O_WRONLY and O_RDWR, O_CREAT, O_TRUNC
_THREAD_NAMES: Final = (15, 16, 0x53564D41)  # PR_SET_NAME, PR_GET_NAME, PR_SET_VMA
_HARMLESS_FCNTLS: Final = (0, 1, 2, 3, 4, 1030)  # duplicates and flags; F_SETOWN could send signals to others
_HARMLESS_IOCTLS: Final = (0x5401, 0x5413, 0x541B, 0x5421, 0x5450, 0x5451)  # TCGETS to FIOCLEX


def rules(pid: int) -> tuple[Rule, ...]:
    """Rules for partly allowed calls: threads but not processes, signals to ``pid`` only, files for reading."""
    return (
        Rule((56, 220), 0, needs=_CLONE_THREAD, without=_CLONE_NAMESPACES),  # clone
        Rule((234, 131), 0, only=(pid,)),  # tgkill: needed by abort()
        Rule((302, 261), 0, only=(0,)),  # prlimit64: of this process only
        Rule((157, 167), 0, only=_THREAD_NAMES),  # prctl
        Rule((16, 29), 1, only=_HARMLESS_IOCTLS, error="ENOTTY"),  # ioctl
        Rule((72, 25), 1, only=_HARMLESS_FCNTLS),  # fcntl
        Rule((2, None), 1, without=_WRITING, error="EACCES"),  # open
        Rule((257, 56), 2, without=_WRITING, error="EACCES"),  # openat
    )


_PR_SET_SECCOMP: Final = 22
_MODE_FILTER: Final = 2
_ARCHITECTURES: Final = {"x86_64": (0, 0xC000_003E), "aarch64": (1, 0xC000_00B7)}  # column of Numbers, AUDIT_ARCH
_KILL, _ERRNO, _ALLOW = 0x8000_0000, 0x0005_0000, 0x7FFF_0000
_LOAD, _EQUAL, _ABOVE, _ANY_BIT, _RETURN = 0x20, 0x15, 0x25, 0x45, 0x06  # BPF on 32-bit words
_NUMBER_AT, _ARCHITECTURE_AT, _ARGUMENTS_AT = 0, 4, 16  # in struct seccomp_data


def restrict() -> None:
    """Load the filter for this process; OSError where the kernel or the architecture does not support it."""
    code = program(platform.machine(), os.getpid())
    instructions = buffer(code)
    header = struct.pack("@HP", len(code) // 8, ctypes.addressof(instructions))
    call("prctl", _PR_SET_SECCOMP, _MODE_FILTER, buffer(header), 0, 0)


def program(machine: str, pid: int) -> bytes:
    """The filter as BPF instructions of eight bytes. Every block ends with an answer or falls through to the next."""
    if machine not in _ARCHITECTURES:
        raise OSError(errno.ENOSYS, f"no list of system calls for {machine}", "seccomp")
    column, architecture = _ARCHITECTURES[machine]
    code = [
        _step(_LOAD, _ARCHITECTURE_AT),
        _step(_EQUAL, architecture, 1, 0),
        _step(_RETURN, _KILL),
        _step(_LOAD, _NUMBER_AT),
        _step(_ABOVE, LAST_KNOWN, 0, 1),
        _refuse("ENOSYS"),
    ]
    for rule in rules(pid):
        if (number := rule.numbers[column]) is not None:
            answer = _check_argument(rule)
            code += [_step(_EQUAL, number, 0, len(answer)), *answer]
    for number in _numbers(UNKNOWN, column):
        code += [_step(_EQUAL, number, 0, 1), _refuse("ENOSYS")]
    for number in _numbers(REFUSED, column):
        code += [_step(_EQUAL, number, 0, 1), _refuse("EPERM")]
    return b"".join((*code, _step(_RETURN, _ALLOW)))


def _check_argument(rule: Rule) -> list[bytes]:
    """Instructions that answer one call by its argument."""
    code = [_step(_LOAD, _ARGUMENTS_AT + 8 * rule.argument)]
    for value in rule.only:
        code += [_step(_EQUAL, value, 0, 1), _step(_RETURN, _ALLOW)]
    if rule.only:
        return [*code, _refuse(rule.error)]
    if rule.needs:
        code += [_step(_ANY_BIT, rule.needs, 1, 0), _refuse(rule.error)]
    return [*code, _step(_ANY_BIT, rule.without, 0, 1), _refuse(rule.error), _step(_RETURN, _ALLOW)]


def _numbers(calls: Mapping[str, Numbers], column: int) -> list[int]:
    return [number for numbers in calls.values() if (number := numbers[column]) is not None]


def _refuse(error: str) -> bytes:
    return _step(_RETURN, _ERRNO | getattr(errno, error))


def _step(operation: int, operand: int, if_true: int = 0, if_false: int = 0) -> bytes:
    """One instruction; the jumps are numbers of instructions to skip."""
    return struct.pack("=HBBI", operation, if_true, if_false, operand)
