"""A keyword of sshd is good when it is for everyone and in every Match block; values as `sshd -T` of Debian 12 prints them."""

import pytest

from nodeops.hardening.audit.judge_sshd import SshdSeen, judge_sshd
from nodeops.hardening.controls.settings import Sshd
from nodeops.hardening.host.sshd_config import Block

BLOCK = Block("/etc/ssh/sshd_config.d/70-site.conf", 3, ("Address", "0.0.0.0/0,::/0"))
HARDENED = {
    "passwordauthentication": ["no"],
    "kbdinteractiveauthentication": ["no"],
    "authenticationmethods": ["publickey"],
    "permitrootlogin": ["no"],
    "maxauthtries": ["3"],
    "logingracetime": ["60"],
    "ciphers": ["chacha20-poly1305@openssh.com,aes256-gcm@openssh.com"],
    "hostkey": ["/etc/ssh/ssh_host_ed25519_key", "/etc/ssh/ssh_host_rsa_nodeops_key"],
}
FACTOR = {"passwordauthentication": "password", "kbdinteractiveauthentication": "keyboard-interactive"}
BOUND = {"maxauthtries": "at_most", "logingracetime": "at_most", "ciphers": "within", "authenticationmethods": "key_first"}


def judged(key, everyone=None, block=None, **options):
    setting = Sshd(kind="sshd", key=key, value=HARDENED[key][0], bound=BOUND.get(key, "exact"), factor=FACTOR.get(key))
    seen = SshdSeen({**HARDENED, **(everyone or {})}, {} if block is None else {BLOCK: block}, **options)
    return judge_sshd(setting, {key: HARDENED[key][:1]}, seen)


@pytest.mark.parametrize("key", HARDENED)
def test_ours_is_good_with_blocks_that_say_nothing_of_it(key):
    assert judged(key).good and judged(key, block={"x11forwarding": ["yes"]}).good


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("passwordauthentication", "yes"),
        ("authenticationmethods", "any"),
        ("authenticationmethods", "publickey password"),
        ("authenticationmethods", "publickey,password keyboard-interactive"),
        ("permitrootlogin", "yes"),
        ("permitrootlogin", "prohibit-password"),
        ("maxauthtries", "6"),
        ("logingracetime", "0"),
        ("ciphers", "aes256-gcm@openssh.com,3des-cbc"),
    ],
)
def test_what_is_looser_is_found_for_everyone_and_in_a_block_with_its_place(key, value):
    assert judged(key, {key: [value]}).good is False
    fact = judged(key, block={key: [value]})
    assert fact.good is False
    assert "Match Address 0.0.0.0/0,::/0 (/etc/ssh/sshd_config.d/70-site.conf line 3)" in fact.actual


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("maxauthtries", "2"),
        ("logingracetime", "20"),
        ("ciphers", "aes256-gcm@openssh.com"),
        ("authenticationmethods", "publickey,keyboard-interactive:pam"),
        ("authenticationmethods", "publickey,publickey publickey,password"),
    ],
)
def test_what_is_stricter_is_good(key, value):
    assert judged(key, {key: [value]}).good and judged(key, block={key: [value]}).good


TWO_FACTORS = {"authenticationmethods": ["publickey,keyboard-interactive"]}
ON = {"kbdinteractiveauthentication": ["yes"]}


@pytest.mark.parametrize(
    ("everyone", "block", "good"),
    [
        (ON, None, False),
        ({**ON, **TWO_FACTORS}, None, True),
        # On for everyone because one block needs it: whom the block does not name must still bring a key.
        (ON, TWO_FACTORS, True),
        (ON, {**ON, **TWO_FACTORS}, True),
        ({**ON, "authenticationmethods": ["any"]}, TWO_FACTORS, False),
        ({}, {**ON, "authenticationmethods": ["keyboard-interactive"]}, False),
        (TWO_FACTORS, ON, True),
    ],
)
def test_a_method_that_only_follows_a_key_may_be_on(everyone, block, good):
    assert judged("kbdinteractiveauthentication", everyone, block).good is good


def test_what_all_have_in_common_is_said_in_the_same_short_words():
    for options in ({"reads_ours": False}, {"current": False}):
        said = {(fact.expected, fact.actual) for fact in (judged(key, **options) for key in HARDENED)}
        assert len(said) == 1 and all(len(text) < 80 for text in said.pop())
    assert judged("ciphers", {"error": ["line 3: bad"]}).actual == "line 3: bad"


def test_of_a_long_list_only_what_is_too_much_is_shown():
    many = ",".join(f"cipher{number}" for number in range(30))
    assert len(judged("ciphers", {"ciphers": [many]}).actual) < 120


@pytest.mark.parametrize(
    ("found", "good"),
    [(["ops", "admins"], True), (["admins"], True), (["ops", "admins", "users"], False), (["users"], False)],
)
def test_a_group_more_is_a_way_in_more(found, good):
    setting = Sshd(kind="sshd", key="AllowGroups", value="ops admins")
    ours = {"allowgroups": ["ops", "admins"]}
    assert judge_sshd(setting, ours, SshdSeen({"allowgroups": found}, {})).good is good
    assert judge_sshd(setting, ours, SshdSeen(ours, {BLOCK: {"allowgroups": found}})).good is good


def test_an_option_of_the_command_line_that_decides_is_named():
    fact = judged("passwordauthentication", {"passwordauthentication": ["yes"]}, options="-o PasswordAuthentication=yes")
    assert fact.good is False and fact.actual.endswith("sshd is started with -o PasswordAuthentication=yes")
    other = judged("passwordauthentication", reads_ours=False, options="-f /etc/ssh/other")
    assert other.good is False and other.actual == "it is started with -f /etc/ssh/other"
    assert judged("passwordauthentication", options="-o Port=2222").good
