"""Who can log in with the keys that he has: values as `sshd -T -C` prints them, keys as ssh-keygen makes them."""

import base64
import subprocess

import pytest

from nodeops.hardening.controls.logins import Key, addresses, keys, refusal
from nodeops.hardening.host.sshd_config import MAIN, Account, Block

BOB = Account("bob", frozenset({"bob", "staff"}), True)
ROOT = Account("root", frozenset({"root"}), True)
STRONG, SHORT = Key("ssh-ed25519", 0, False), Key("ssh-rsa", 2048, False)
STOCK = {
    "permitrootlogin": ["without-password"],
    "pubkeyauthentication": ["yes"],
    "passwordauthentication": ["yes"],
    "kbdinteractiveauthentication": ["no"],
    "authenticationmethods": ["any"],
    "requiredrsasize": ["1024"],
    "pubkeyacceptedalgorithms": ["ssh-ed25519,rsa-sha2-512,rsa-sha2-256,ecdsa-sha2-nistp256"],
}


def test_keys_are_read_with_their_length(tmp_path):
    for kind, bits in (("rsa", 2048), ("ed25519", 256)):
        words = ["ssh-keygen", "-q", "-t", kind, "-b", str(bits), "-N", "", "-f", tmp_path / kind]
        subprocess.run(words, check=True, timeout=60)
    rsa, ed = ((tmp_path / f"{kind}.pub").read_text() for kind in ("rsa", "ed25519"))
    text = f"# {ed}\nno-pty,command=\"echo 'a b'\" {rsa}\n{ed}\nnonsense\ncommand=\"echo 'Please login as the user x'\" {ed}"
    assert keys(text) == [Key("ssh-rsa", 2048, True), Key("ssh-ed25519", 0, False)]


@pytest.mark.parametrize("blob", ["A" * 44, base64.b64encode(b"\xff" * 40).decode(), "=" * 44])
def test_a_damaged_key_is_no_fault_of_ours(blob):
    assert keys(f"ssh-rsa {blob}") == [Key("ssh-rsa", 0, False)]


@pytest.mark.parametrize(
    ("account", "own", "said", "reason"),
    [
        (BOB, [STRONG], {}, ""),
        (BOB, [SHORT], {}, ""),
        (BOB, [SHORT], {"requiredrsasize": ["3072"]}, "ssh-rsa of 2048 bits"),
        (BOB, [SHORT, STRONG], {"requiredrsasize": ["3072"]}, ""),
        (BOB, [Key("ssh-dss", 0, False)], {}, "ssh-dss"),
        (BOB, [], {}, "no key"),
        (ROOT, [STRONG], {}, ""),
        (ROOT, [STRONG], {"permitrootlogin": ["no"]}, "PermitRootLogin no"),
        (ROOT, [STRONG], {"permitrootlogin": ["forced-commands-only"]}, "PermitRootLogin"),
        (ROOT, [Key("ssh-ed25519", 0, True)], {"permitrootlogin": ["forced-commands-only"]}, ""),
        (BOB, [STRONG], {"allowgroups": ["ops", "sudo"]}, "AllowGroups ops sudo"),
        (BOB, [STRONG], {"allowgroups": ["ops", "st*"]}, ""),
        (BOB, [STRONG], {"denygroups": ["staff"]}, "DenyGroups"),
        (BOB, [STRONG], {"allowusers": ["al?ce", "bob@10.0.0.1"]}, ""),
        (BOB, [STRONG], {"denyusers": ["bob"]}, "DenyUsers"),
        (BOB, [STRONG], {"pubkeyauthentication": ["no"]}, "keys are switched off"),
        (BOB, [STRONG], {"authenticationmethods": ["publickey,password"]}, ""),
        (BOB, [STRONG], {"authenticationmethods": ["publickey,keyboard-interactive:pam"]}, "keyboard-interactive is asked for"),
        (BOB, [STRONG], {"authenticationmethods": ["publickey,keyboard-interactive publickey,password"]}, ""),
        (BOB, [STRONG], {"authenticationmethods": ["publickey,publickey"]}, "not accepted"),
        (BOB, [STRONG, STRONG], {"authenticationmethods": ["publickey,publickey"]}, ""),
    ],
)
def test_what_stands_in_the_way_is_named(account, own, said, reason):
    found = refusal(account, own, {**STOCK, **said})
    assert reason in found if reason else not found


def test_every_address_that_a_block_asks_for_is_a_context():
    asked = [("Address", "10.0.0.0/8,!10.1.0.0/16,fd00::/8"), ("User", "bob"), ("Address", "192.168.*")]
    assert addresses([Block(MAIN, 1, words) for words in asked]) == ["192.0.2.1", "10.0.0.0", "fd00::", "192.168.1"]
