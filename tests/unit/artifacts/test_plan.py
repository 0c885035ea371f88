"""Which source is taken, what the cache may answer, and what a host can run: decided without touching anything."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nodeops.artifacts.plan import (
    FromUrl,
    GoBuild,
    Manifest,
    answers,
    architecture,
    check_program,
    checked_version,
    origin,
    parse_override,
    recipe,
)
from nodeops.core.errors import InputError
from nodeops.document.profile import load_profile

SUM = "a" * 64
URL = {"source": "url", "url": "https://files.example/cometbft", "sha256": SUM}
FILE = {"source": "file", "path": "/srv/cometbft", "sha256": SUM}
PROFILE = load_profile("cometbft")
KNOWN = sorted(PROFILE.releases)[0]
ELF = b"\x7fELF\x02\x01" + bytes(12)


def test_a_known_version_is_built_from_the_module_the_profile_pins() -> None:
    wanted = recipe(PROFILE, KNOWN, None)
    assert wanted == GoBuild(PROFILE.releases[KNOWN], KNOWN) == recipe(PROFILE, KNOWN, {"source": "go"})


def test_an_override_brings_versions_the_profile_does_not_know() -> None:
    assert recipe(PROFILE, "v9.9.9", URL) == FromUrl(source="url", url=URL["url"], sha256=SUM)


def test_an_unknown_version_lists_the_known_ones_and_the_way_out() -> None:
    with pytest.raises(InputError) as caught:
        recipe(PROFILE, "v9.9.9", None)
    assert KNOWN in caught.value.allowed
    assert "ledger_artifact" in caught.value.hint


@pytest.mark.parametrize(
    ("override", "names"),
    [
        ({}, "source"),
        ({"source": "ipfs"}, "ipfs"),
        ({"source": "url", "url": "https://a.example/b"}, "sha256"),
        ({"source": "file", "path": "/a"}, "sha256"),
        ({**URL, "sha256": "A" * 64}, "sha256"),
        ({**URL, "sha256": "a" * 63}, "sha256"),
        ({**URL, "sha256": 5}, "sha256"),
        ({**URL, "mirror": "x"}, "mirror"),
        ({**URL, "url": "ftp://a.example/b"}, "https, http or file"),
        ({**URL, "url": "https://"}, "names no host"),
        ({**URL, "url": "https://me:secret@a.example/b"}, "user name or password"),
        ({**FILE, "path": ""}, "path"),
        ({**FILE, "path": "downloads/cometbft"}, "absolute"),
        ({**FILE, "url": "https://a.example/b"}, "url"),
    ],
)
def test_a_wrong_override_is_refused_by_key_and_never_printed_whole(override: dict[str, object], names: str) -> None:
    with pytest.raises(InputError) as caught:
        parse_override(override)
    assert names in str(caught.value)
    assert "secret" not in str(caught.value)


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.dictionaries(st.sampled_from(["source", "url", "path", "sha256", "x"]), st.one_of(st.text(), st.integers(), st.none())))
def test_any_override_is_read_or_refused(override: dict[str, object]) -> None:
    try:
        parse_override(override)
    except InputError:
        return


@pytest.mark.parametrize("version", ["", "..", "v1/../../x", "v1\n", "latest", "-1", "v" + "1" * 60])
def test_a_version_that_could_leave_the_cache_is_refused(version: str) -> None:
    with pytest.raises(InputError):
        checked_version(version)


@pytest.mark.parametrize(
    ("given_name", "expected"), [("amd64", "amd64"), ("x86_64", "amd64"), ("arm64", "arm64"), ("aarch64", "arm64")]
)
def test_both_names_of_a_machine_are_understood(given_name: str, expected: str) -> None:
    assert architecture(given_name) == expected


def test_an_unknown_machine_is_refused() -> None:
    with pytest.raises(InputError, match="riscv64"):
        architecture("riscv64")


@pytest.mark.parametrize(
    ("head", "arch", "problem"),
    [
        (ELF + (62).to_bytes(2, "little"), "amd64", ""),
        (ELF + (183).to_bytes(2, "little"), "arm64", ""),
        (ELF + (183).to_bytes(2, "little"), "amd64", "a program for arm64"),
        (ELF + (3).to_bytes(2, "little"), "amd64", "another machine (ELF 3)"),
        (b"\x1f\x8b" + bytes(18), "amd64", "not a 64-bit Linux program"),
        (b"#!/bin/sh\n" + bytes(10), "amd64", "not a 64-bit Linux program"),
        (b"\x7fELF\x01\x01" + bytes(14), "amd64", "not a 64-bit Linux program"),
        (b"", "amd64", "not a 64-bit Linux program"),
    ],
)
def test_only_a_program_for_the_hosts_machine_is_taken(head: bytes, arch: str, problem: str) -> None:
    if not problem:
        check_program(head, arch, "here")
        return
    with pytest.raises(InputError) as caught:
        check_program(head, arch, "here")
    assert problem in caught.value.what


def test_a_token_in_a_url_is_not_recorded() -> None:
    source = FromUrl(source="url", url="https://a.example/b?signature=token#x", sha256=SUM)
    assert origin(source) == "https://a.example/b"


def _manifest(source: str, **other: object) -> Manifest:
    base = {"platform": "cometbft", "version": KNOWN, "target": "linux-amd64", "binary": "cometbft", "size": 1, "when": "now"}
    return Manifest.model_validate({**base, "source": source, "origin": "x", "sha256": SUM, **other})


def test_the_cache_answers_by_content_for_given_checksums_and_by_pinned_source_for_builds() -> None:
    built = GoBuild(PROFILE.releases[KNOWN], KNOWN)
    from_go = _manifest("go", origin=built.origin, sum=built.release.sum)
    by_url, other_url = recipe(PROFILE, KNOWN, URL), recipe(PROFILE, KNOWN, {**URL, "sha256": "b" * 64})
    cases = [
        (from_go, built, True),
        (_manifest("go", origin=built.origin, sum="h1:other"), built, False),
        (_manifest("url"), built, False),
        (_manifest("url"), by_url, True),
        (_manifest("url"), other_url, False),
        (from_go, by_url, True),
        (_manifest("file"), by_url, True),
    ]
    assert [answers(manifest, wanted) for manifest, wanted, _ in cases] == [expected for _, _, expected in cases]
