"""Lines as CometBFT v0.38.21 wrote them, and a reader for them."""

from datetime import UTC, datetime

from nodeops.document.profile import load_profile
from nodeops.logs.lines import Reader

LOG = load_profile("cometbft").log
START = datetime(2026, 11, 25, 13, 11, 23, tzinfo=UTC).timestamp()

COMMITTED = (
    b"I[2026-11-25|13:11:23.123] committed state                              module=state height=62 num_txs=0 app_hash=00000000"
)
DIALLED = (
    b'E[2026-11-25|13:11:24.000] dialing failed (attempts: 3): auth failure: secret conn failed: EOF module=pex addr={"ip":"::1"}'
)
RECEIVED = b"D[2026-11-25|13:11:25.500] Receive                                      module=p2p peer=39ab chId=32 msg=8FA0"
LONG_TEXT = b"I[2026-11-25|13:11:26.001] Completed ABCI Handshake - CometBFT and App are synced module=consensus appHeight=0"
TRACE = b"goroutine 1 [running]:"


def reader() -> Reader:
    """Return a reader of CometBFT's log on a host whose clock is set to UTC."""
    return Reader(LOG, UTC)
