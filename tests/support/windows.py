"""Code for a child process in which what only POSIX has is absent, and files behave as on Windows.

What differs by platform inside of portalocker and platformdirs is theirs: they are imported before.
"""

POSIX_MODULES = ("fcntl", "grp", "posix_ipc", "pty", "pwd", "resource", "syslog", "termios", "tty")
"""Modules that Windows' Python does not have."""

POSIX_CALLS = {
    "os": (
        "O_DIRECTORY", "O_NOCTTY", "O_NOFOLLOW", "O_NONBLOCK", "chown", "fork", "forkpty",
        "geteuid", "getpgid", "getuid", "killpg", "mkfifo", "register_at_fork", "setsid", "wait",
    ),
    "signal": ("SIGALRM", "SIGHUP", "SIGKILL", "SIGUSR1", "pthread_sigmask", "sigwait"),
}  # fmt: skip
"""Names in modules that Windows' Python does not have."""

WITHOUT_POSIX = f"""
import platformdirs
import portalocker

import os
import signal
import sys

sys.modules.update(dict.fromkeys({POSIX_MODULES!r}))
for module, names in {POSIX_CALLS!r}.items():
    for name in names:
        delattr(sys.modules[module], name)
"""
"""Takes away what only POSIX has, before anything else is imported."""

AS_ON_WINDOWS = """
import errno
import os
import re
import shutil
import sys

from rangebar_polars._disk import locked_file

locked_file.LOCK_BESIDE = True
shutil._use_fd_functions = False  # it opens folders

FORBIDDEN = re.compile(r'[<>:"|?*\\\\\\x00-\\x1f]|[. ]$')
RESERVED = re.compile(r"(con|prn|aux|nul|com[0-9]|lpt[0-9])([.].*)?", re.IGNORECASE)
broken = []

def is_open(path):
    for number in os.listdir("/proc/self/fd"):
        try:
            if os.readlink(f"/proc/self/fd/{number}") == path:
                return True
        except OSError:
            pass
    return False

def refuse(number, event, path):
    broken.append(f"{event} {path}")
    raise OSError(number, "as on Windows", path)

def check(event, arguments):
    if event not in ("open", "os.mkdir", "os.rename", "os.remove", "os.rmdir"):
        return
    paths = arguments[:2] if event == "os.rename" else arguments[:1]
    for path in paths:
        if not isinstance(path, (str, os.PathLike)) or not os.fspath(path).startswith(folder):
            continue
        path = os.fspath(path)
        for part in path.removeprefix(folder).split("/"):
            if FORBIDDEN.search(part) or RESERVED.fullmatch(part):
                refuse(errno.EINVAL, event, path)
        if len(path.removeprefix(folder)) > 180:
            refuse(errno.ENOENT, event, path)
        if event == "open" and os.path.isdir(path):
            refuse(errno.EACCES, event, path)
        if event in ("os.rename", "os.remove") and is_open(path):
            # Another thread may wait for the lock, and then it removes the file.
            if not path.endswith(".lock"):
                broken.append(f"{event} {path}")
            raise PermissionError(errno.EACCES, "as on Windows", path)

sys.addaudithook(check)
"""
"""Refuses below `folder` what Windows refuses of files, and lists it in `broken`."""
