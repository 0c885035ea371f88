"""A chain whose blocks name the block below and the votes for it, as real ones do; some of its validators may be silent."""

import copy
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from nodeops.ledger.cometbft.blocks import Commit, Header, commit_hash, header_hash
from tests.unit.records.chain import Chain, Seat, vote

_NO_BLOCK = {"hash": "", "parts": {"total": 0, "hash": ""}}
_ABSENT = {"block_id_flag": 1, "validator_address": "", "timestamp": "0001-01-01T00:00:00Z", "signature": None}


class Linked(Chain):
    """It has the blocks that it was told to `grow`, and answers as the node of the seat `own`."""

    def __init__(self, powers: Sequence[int] = (1, 1, 1, 1), name: str = "battery-1", own: int = 0) -> None:
        super().__init__(powers, name)
        self.own, self.made = own, list[dict[str, Any]]()

    def grow(self, blocks: int, silent: Sequence[int] = (), newest_at: datetime | None = None) -> "Linked":
        """Add blocks, a second apart up to `newest_at`, or to now, for which some validators do not vote."""
        times = [(newest_at or datetime.now(UTC)) - timedelta(seconds=blocks - 1 - number) for number in range(blocks)]
        for time in times:
            self.commit(b"%d=1" % len(self.blocks))
            self.made.append(self._signed(f"{time:%Y-%m-%dT%H:%M:%S}.5Z", silent))
        return self

    def until(self, height: int) -> "Linked":
        """Return the same chain as a node shows it that has nothing above a height."""
        less = copy.copy(self)
        less.made, less.blocks = self.made[:height], self.blocks[:height]
        return less

    def as_of(self, own: int) -> "Linked":
        """Return the same chain as the node of another seat shows it."""
        other = copy.copy(self)
        other.own = own
        return other

    def signed_header(self, height: int) -> dict[str, Any]:
        return copy.deepcopy(self.made[height - 1])

    def _signed(self, time: str, silent: Sequence[int]) -> dict[str, Any]:
        height = len(self.blocks)
        header = {**self.header(height), "time": time, "last_block_id": _NO_BLOCK}
        if self.made:
            below = Commit.model_validate(self.made[-1]["commit"])
            header |= {"last_block_id": self.made[-1]["commit"]["block_id"], "last_commit_hash": commit_hash(below).hex()}
        block_id = {"hash": header_hash(Header.model_validate(header)).hex(), "parts": {"total": 1, "hash": "AB" * 32}}
        unsigned = {"height": str(height), "round": 0, "block_id": block_id}
        commit = Commit.model_validate({**unsigned, "signatures": []})
        votes = [self._vote(number, seat, commit, time, silent) for number, seat in enumerate(self.seats)]
        return {"header": header, "commit": {**unsigned, "signatures": votes}}

    def _vote(self, number: int, seat: Seat, commit: Commit, time: str, silent: Sequence[int]) -> dict[str, Any]:
        return _ABSENT if number in silent else vote(seat, commit, self.name, time)

    def _status(self) -> dict[str, Any]:
        status, newest, seat = super()._status(), self.made[-1], self.seats[self.own]
        sync = {"latest_block_hash": newest["commit"]["block_id"]["hash"], "latest_block_time": newest["header"]["time"]}
        sync |= {"latest_block_height": str(len(self.made)), "earliest_block_height": "1", "catching_up": False}
        [own] = [one for one in self._validators("1", "100")["validators"] if one["address"] == seat.address]
        return {**status, "sync_info": {**status["sync_info"], **sync}, "validator_info": own}

    def _dump_consensus_state(self) -> dict[str, Any]:
        """Show one peer, which has what this node has."""
        at = {"round_state": {"height": str(len(self.made) + 1)}}
        return {"peers": [{"node_address": f"{'0' * 40}@127.0.0.1:1", "peer_state": at}]}

    def _net_info(self) -> dict[str, Any]:
        return {"peers": []}
