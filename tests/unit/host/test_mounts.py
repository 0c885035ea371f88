"""The kernel's table of mounts is read whatever names are in it."""

import os

from hypothesis import given
from hypothesis import strategies as st

from nodeops.host.mounts import Mount, mount_of, parsed, place

TABLE = (
    b"27 1 253:0 / / rw,relatime - ext4 /dev/vda rw\n"
    b"40 27 0:35 /sub\\040dir /mnt/a\\040b\\012c\\134040 rw shared:7 master:1 - tmp-fs none rw,size=1m\n"
    b"41 27 0:36 / /x\n"
    b"half a li"
)


def test_names_are_as_they_are_on_disk():
    assert parsed(TABLE) == {27: Mount(27, "/", "/", "ext4"), 40: Mount(40, "/sub dir", "/mnt/a b\nc\\040", "tmp-fs")}


@given(st.binary())
def test_no_table_is_a_fault(table):
    parsed(table)


def test_the_same_folder_has_one_place(tmp_path):
    handle = os.open(tmp_path, os.O_PATH)
    try:
        assert place(handle, str(tmp_path)).endswith(str(tmp_path).removeprefix(mount_of(handle).point).strip("/"))
    finally:
        os.close(handle)
