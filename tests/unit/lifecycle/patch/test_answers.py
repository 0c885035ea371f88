"""What apt says, read: lines as Debian 12 and 13 print them."""

from nodeops.lifecycle.patch.answers import Offer, Size, offers, removals, security_above, sizes

SIMULATION = """\
Inst libpam0g [1.5.2-6+deb12u2] (1.5.2-6+deb12u3 Debian-Security:12/oldstable-security [amd64])
Conf libpam0g (1.5.2-6+deb12u3 Debian-Security:12/oldstable-security [amd64])
Inst libpam-modules-bin [1.5.2-6+deb12u2] (1.5.2-6+deb12u3 Debian-Security:12/x [amd64]) [libpam-modules:amd64 on x:amd64]
Inst openssl [3.5.6-1] (3.5.9-1~deb13u1 Debian:13.2/stable, Debian:13-updates/stable-updates [amd64]) []
Inst libc6:i386 [2.41-1] (2.41-2 Debian-Security:13/stable-security [i386])
Inst linux-image-6.1.0-28-amd64 (6.1.119-1 Debian-Security:12/stable-security [amd64])
Inst local [1] (2  [all])
Remv exim4 [4.96-15]
Purg old [1]
"""

POLICY = """\
openssl:
  Installed: 3.5.6-1
  Candidate: 3.5.9-1~deb13u1
  Version table:
     3.5.9-1~deb13u1 500
        500 http://mirror/debian trixie/main amd64 Packages
     3.5.7-1~deb13u3 500
        500 http://mirror/debian-security trixie-security/main amd64 Packages
 *** 3.5.6-1 500
        500 http://mirror/debian trixie/main amd64 Packages
        100 /var/lib/dpkg/status
tzdata:
  Installed: 2026b-0+deb12u1
  Candidate: 2026f-0+deb12u1
  Version table:
     2026f-0+deb12u1 500
        500 http://mirror/debian bookworm-updates/main amd64 Packages
 *** 2026b-0+deb12u1 500
        500 http://mirror/debian-security bookworm-security/main amd64 Packages
        100 /var/lib/dpkg/status
libc6:i386:
  Installed: 2.41-1
  Version table:
     2.41-2 500
        500 http://mirror/debian-security trixie-security/main i386 Packages
 *** 2.41-1 100
        100 /var/lib/dpkg/status
"""

SHOWN = """\
Package: libpcre2-8-0
Version: 10.42-1+deb12u2
Installed-Size: 685
Description: a text
 Size: 7 is no field
Size: 261628

Package: meta
Version: 1
Size: 900
"""


def test_what_would_be_installed_is_read():
    assert offers(SIMULATION)[0] == Offer(
        "libpam0g", "1.5.2-6+deb12u2", "1.5.2-6+deb12u3", "Debian-Security:12/oldstable-security"
    )
    assert [one.name for one in offers(SIMULATION)] == [
        "libpam0g", "libpam-modules-bin", "openssl", "libc6:i386", "linux-image-6.1.0-28-amd64", "local",
    ]  # fmt: skip
    assert [one.security for one in offers(SIMULATION)] == [True, True, False, True, True, False]
    assert [one.installed for one in offers(SIMULATION)][-2:] == ["", "1"]


def test_what_would_be_removed_is_read():
    assert removals(SIMULATION) == ["exim4", "old"]


def test_a_point_release_above_a_patch_of_security_hides_no_hole():
    assert security_above(POLICY) == {"openssl", "libc6:i386"}


def test_sizes_are_bytes():
    assert sizes(SHOWN) == {"libpcre2-8-0=10.42-1+deb12u2": Size(261628, 685 * 1024), "meta=1": Size(900, 0)}


def test_an_answer_of_nothing_is_nothing():
    assert (offers(""), removals(""), security_above(""), dict(sizes(""))) == ([], [], set(), {})
