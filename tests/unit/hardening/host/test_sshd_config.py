"""Files of the SSH server: what is for everyone, what each Match block says, whom a block can let in."""

from fnmatch import fnmatch

import pytest

from nodeops.hardening.host.sshd_config import (
    MAIN,
    Account,
    Block,
    blocks,
    concerns,
    flat,
    for_everyone,
    listed,
    options_of,
    read,
)

FILES = {
    MAIN: "Include /etc/ssh/sshd_config.d/*.conf\nport=22\nUsePAM yes # so\nMatch user git\n\tAllowTcpForwarding no\n",
    "/etc/ssh/sshd_config.d/00-nodeops.conf": "PasswordAuthentication no\n",
    "/etc/ssh/sshd_config.d/70-site.conf": 'PasswordAuthentication yes\nmatch Address 10.0.0.0/8 User "a,b"\nX11Forwarding yes\n',
    "/etc/ssh/more.conf": "PermitRootLogin yes\nMatch Address 192.0.2.1\nX11Forwarding yes\n",
}


def included(pattern):
    return [(path, text) for path, text in sorted(FILES.items()) if fnmatch(path, pattern)]


def lines():
    return list(read(included))


def test_a_match_ends_with_its_file_and_the_first_value_counts():
    found = lines()
    everyone = for_everyone(found)
    assert {key: line.value.split(" #")[0] for key, line in everyone.items()} == {
        "passwordauthentication": "no",
        "port": "22",
        "usepam": "yes",
    }
    assert [(str(block), [line.key for line in inside]) for block, inside in blocks(found).items()] == [
        ("Match Address 10.0.0.0/8 User a,b (/etc/ssh/sshd_config.d/70-site.conf line 2)", ["x11forwarding"]),
        ("Match user git (/etc/ssh/sshd_config line 4)", ["allowtcpforwarding"]),
    ]


def test_what_is_included_in_a_block_is_for_that_block(monkeypatch):
    monkeypatch.setitem(FILES, MAIN, "Match User git\nInclude more.conf\nMatch all\nInclude more.conf\n")
    found = [(line.key, line.block.criteria) for line in lines()]
    assert found == [
        ("permitrootlogin", ("User", "git")),
        ("x11forwarding", ("User", "git", "Address", "192.0.2.1")),
        ("permitrootlogin", ("all",)),
        ("x11forwarding", ("Address", "192.0.2.1")),
    ]


def test_a_file_that_includes_itself_ends(monkeypatch):
    monkeypatch.setitem(FILES, MAIN, f"UsePAM yes\nInclude {MAIN}\n")
    assert len(lines()) == 16


def test_one_flat_file_says_the_same_without_ours():
    assert flat([line for line in lines() if "nodeops" not in line.file]).splitlines() == [
        "PasswordAuthentication yes",
        "port 22",
        "UsePAM yes # so",
        "Match Address 10.0.0.0/8 User a,b",
        "X11Forwarding yes",
        "Match user git",
        "AllowTcpForwarding no",
    ]


ACCOUNTS = [
    Account("root", frozenset({"root"}), True),
    Account("ops", frozenset({"ops", "sudo"}), True),
    Account("backup", frozenset({"backup"}), False),
]


@pytest.mark.parametrize(
    ("criteria", "told"),
    [
        ("all", True),
        ("Address 10.0.0.0/8", True),
        ("User root", True),
        ("user ops Address 10.0.0.1", True),
        ("Group sudo Address 10.0.0.1", True),
        ("LocalPort 2222", True),
        # Programs have no shell, and they tunnel without one: from anywhere that is a way in.
        ("User backup", True),
        ("User backup Address *", True),
        ("User backup Address 0.0.0.0/0,::/0", True),
        ("User backup Address 0.0.0.0/0", True),
        ("User backup Address ::/0", True),
        ("User backup Address 0.0.0.0/1,128.0.0.0/1", True),
        ("User backup Address *.*.*.*,!192.0.2.1", True),
        ("User backup Address *:*", True),
        ("User backup Address 10.0.0.1", False),
        ("User backup Address 10.0.0.0/8,!*", False),
        ("User backup Address 2001:db8::/32,192.0.2.*", False),
        ("Group=backup Address=10.0.0.1", False),
        ("User * Address 10.0.0.1", True),
        ("User *,!ops,!root Address 10.0.0.1", False),
        # Nobody of that name yet.
        ("User bob Address 10.0.0.1", True),
    ],
)
def test_a_block_that_can_open_a_way_in_is_told(criteria, told):
    assert concerns(Block(MAIN, 1, tuple(criteria.split())), ACCOUNTS) is told


@pytest.mark.parametrize(
    ("title", "options"),
    [
        ("sshd: /usr/sbin/sshd -D [listener] 0 of 10-100 startups", ""),
        ("/usr/sbin/sshd -D -e -p 2222 -E /var/log/sshd -u0 -4", ""),
        (f"sshd: /usr/sbin/sshd -D -f {MAIN} [listener] 1 of 10-100 startups", ""),
        ("sshd: /usr/sbin/sshd -D -f /etc/ssh/other [listener] 0 of 10-100 startups", "-f /etc/ssh/other"),
        (
            "sshd: /usr/sbin/sshd -D -o PasswordAuthentication=yes -oPermitRootLogin=yes [listener] 0 of 10-100 startups",
            "-o PasswordAuthentication=yes -o PermitRootLogin=yes",
        ),
        ("sshd: /usr/sbin/sshd -De -4o Ciphers aes256-ctr -g 30 -p 22", "-o Ciphers aes256-ctr -g 30"),
    ],
)
def test_options_of_a_command_line_that_decide_are_read(title, options):
    assert " ".join(options_of(title)) == options


@pytest.mark.parametrize(
    ("patterns", "name", "there"),
    [("a,b", "b", True), ("a*", "abc", True), ("a?", "abc", False), ("*,!b", "b", False), ("!b", "a", False), ("a b", "b", True)],
)
def test_patterns_are_sshds(patterns, name, there):
    assert listed(patterns, name) is there
