"""Messages out of a stream, however it is cut into pieces; and what is no such stream."""

import pytest

from nodeops.log_host.frames import MOST_BYTES, Frames

MESSAGES = [b"<13>1 a", b"x" * MOST_BYTES, b"12 34", b"\n\x00", b"<13>1 the end"]
STREAM = b"".join(b"%d %s" % (len(one), one) for one in MESSAGES)


@pytest.mark.parametrize("size", [1, 2, 7, 4096, len(STREAM)])
def test_messages_are_whole_however_they_come(size):
    frames, found = Frames(), []
    for start in range(0, len(STREAM), size):
        found += frames.feed(STREAM[start : start + size])
    assert found == MESSAGES


BAD = {
    "no length": b"<13>1 2026-11-29 a line as it was before RFC 5425\n",
    "nothing but digits": b"1234567",
    "a length that begins with nought": b"05 hello",
    "nought": b"0 ",
    "too long": b"%d x" % (MOST_BYTES + 1),
    "negative": b"-1 x",
    "HTTP": b"GET / HTTP/1.1\r\n",
    "other digits": "٣ abc".encode(),
    "a blank": b" 5 hello",
    "behind a good one": b"2 ok<13>",
}


@pytest.mark.parametrize("data", BAD.values(), ids=BAD)
@pytest.mark.parametrize("at_once", [True, False])
def test_what_no_sender_sends_ends_the_connection(data, at_once):
    frames = Frames()
    with pytest.raises(ValueError, match="without its length"):
        for piece in [data] if at_once else [data[at : at + 1] for at in range(len(data))]:
            frames.feed(piece)
