"""Facts that are only judged, because what is right is for a person to say: accounts, passwords, unowned files."""

from collections.abc import Callable, Mapping

from nodeops.hardening.audit.observe import Host

# Whether it is good (None: cannot be seen), what was expected, what was found; None when it does not apply.
Answer = tuple[bool | None, str, str] | None
_FIRST_USER_ID = 1000
_NO_SHELLS = ("/usr/sbin/nologin", "/sbin/nologin", "/bin/false", "/usr/bin/false", "/bin/sync")


def _rows(host: Host, path: str) -> list[list[str]]:
    return [line.split(":") for line in (host.text(path) or "").splitlines() if line.count(":") >= 3]


def _named(expected: str, names: list[str]) -> Answer:
    return not names, expected, ", ".join(names) or "none"


def no_empty_passwords(host: Host) -> Answer:
    """Judge whether an account can be used without a password."""
    return _named("no account has an empty password", [row[0] for row in _rows(host, "/etc/shadow") if row[1] == ""])


def only_root_is_zero(host: Host) -> Answer:
    """Judge whether another account has root's number."""
    return _named("only root has user id 0", [row[0] for row in _rows(host, "/etc/passwd") if row[2] == "0" and row[0] != "root"])


def system_accounts_have_no_shell(host: Host) -> Answer:
    """Judge whether an account that no person uses can log in."""
    rows = [row for row in _rows(host, "/etc/passwd") if len(row) == 7 and row[0] != "root"]
    found = [row[0] for row in rows if int(row[2]) < _FIRST_USER_ID and row[6] not in _NO_SHELLS]
    return _named("accounts of the system have no shell", found)


def no_duplicate_ids(host: Host) -> Answer:
    """Judge whether two accounts or groups share a number or a name."""
    found = []
    for path in ("/etc/passwd", "/etc/group"):
        for column in (0, 2):
            values = [row[column] for row in _rows(host, path)]
            found += sorted({f"{path}: {value}" for value in values if values.count(value) > 1})
    return _named("no two accounts or groups share a name or a number", found)


def passwords_are_shadowed(host: Host) -> Answer:
    """Judge whether a password hash stands where everyone can read it."""
    return _named("password hashes are in /etc/shadow only", [row[0] for row in _rows(host, "/etc/passwd") if row[1] != "x"])


def root_password_is_locked(host: Host) -> Answer:
    """Judge whether root can log in with a password."""
    found = [row[0] for row in _rows(host, "/etc/shadow") if row[0] == "root" and not row[1].startswith(("!", "*"))]
    return _named("root has no password that works", found)


def shadow_group_is_empty(host: Host) -> Answer:
    """Judge whether an account may read all password hashes."""
    found = [row[3] for row in _rows(host, "/etc/group") if row[0] == "shadow" and row[3]]
    return _named("nobody is in the group shadow", found)


def _mount_has(host: Host, path: str, *options: str) -> Answer:
    expected = f"{path} is mounted with {', '.join(options)}"
    if host.container:
        return None, expected, "the mounts are those of the container"
    if path not in host.mounts:
        return None, expected, "it is no filesystem of its own"
    missing = sorted(set(options) - set(host.mounts[path]))
    return not missing, expected, f"missing: {', '.join(missing)}" if missing else "it is"


def shared_memory_runs_nothing(host: Host) -> Answer:
    """Judge the mount options of /dev/shm."""
    return _mount_has(host, "/dev/shm", "nodev", "nosuid", "noexec")  # noqa: S108 - looked at, not written


def temporary_folders_are_safe(host: Host) -> Answer:
    """Judge the mount options of /tmp and /var/tmp; the worse of the two counts."""
    answers = [_mount_has(host, path, "nodev", "nosuid") for path in ("/tmp", "/var/tmp")]  # noqa: S108 - looked at
    return min(filter(None, answers), key=lambda answer: {False: 0, None: 1, True: 2}[answer[0]], default=None)


CHECKS: Mapping[str, Callable[[Host], Answer]] = {
    function.__name__: function
    for function in (
        no_empty_passwords,
        only_root_is_zero,
        system_accounts_have_no_shell,
        no_duplicate_ids,
        passwords_are_shadowed,
        root_password_is_locked,
        shadow_group_is_empty,
        shared_memory_runs_nothing,
        temporary_folders_are_safe,
    )
}
